// Package secret holds the one type for what must never be shown: passwords, tokens, keys. It knows no
// source of secrets, and nothing that takes one.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Mask stands wherever a secret would have been shown.
const Mask = "***"

// Text is text that no formatting, encoding or logging ever shows. Reveal is the only way out,
// so that a search for its callers finds every place where a secret is used.
type Text string

// Reveal is the secret itself, for the library that needs it and for nothing else.
func (s Text) Reveal() string { return string(s) }

// String hides the secret.
func (s Text) String() string { return Mask }

// GoString hides the secret from %#v.
func (s Text) GoString() string { return Mask }

// Format hides the secret from every verb: without it, %d would print the text in its complaint.
func (s Text) Format(f fmt.State, _ rune) {
	// The only failure is that of the writer behind fmt, which reports it to its own caller.
	_, _ = io.WriteString(f, Mask)
}

// MarshalText hides the secret from encoders of text.
func (s Text) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// MarshalJSON hides the secret from JSON.
func (s Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }

// MarshalYAML hides the secret from YAML.
func (s Text) MarshalYAML() (any, error) { return Mask, nil }

// LogValue hides the secret from log/slog.
func (s Text) LogValue() slog.Value { return slog.StringValue(Mask) }
