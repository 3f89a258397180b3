package config

import (
	"fmt"
	"io"
	"log/slog"
)

// mask stands wherever a secret would have been shown.
const mask = "***"

// Secret is text that no formatting, encoding or logging ever shows. Reveal is the only way out,
// so that a search for its callers finds every place where a secret is used.
type Secret string

// Reveal is the secret itself, for the library that needs it and for nothing else.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string { return mask }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return mask }

// Format hides the secret from every verb: without it, %d would print the text in its complaint.
func (s Secret) Format(f fmt.State, _ rune) {
	// The only failure is that of the writer behind fmt, which reports it to its own caller.
	_, _ = io.WriteString(f, mask)
}

// MarshalText hides the secret from encoders of text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON hides the secret from JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalYAML hides the secret from YAML.
func (s Secret) MarshalYAML() (any, error) { return mask, nil }

// LogValue hides the secret from log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }
