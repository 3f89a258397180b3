package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// scanned says whether the scanner takes the text for JSON, and what it read, for comparison with
// encoding/json: members and elements in order, numbers as text, strings as their content.
func scanned(t *tape, in []byte) (string, bool) {
	if !t.scan(in) || t.refused {
		return "", false
	}
	var b strings.Builder
	t.describe(&b, rootSlot)
	return b.String(), true
}

func (t *tape) describe(b *strings.Builder, s slot) {
	switch t.kind(s) {
	case kindObject:
		b.WriteString("{")
		for at, end := s+1, t.after(s); at < end; at = t.after(at + 1) {
			fmt.Fprintf(b, "%q ", t.text(at))
			t.describe(b, at+1)
		}
		b.WriteString("}")
	case kindArray:
		b.WriteString("[")
		for at, end := s+1, t.after(s); at < end; at = t.after(at) {
			t.describe(b, at)
		}
		b.WriteString("]")
	case kindString:
		fmt.Fprintf(b, "%q ", t.text(s))
	default:
		fmt.Fprintf(b, "%s ", t.text(s))
	}
}

// expected is the same by encoding/json, which is laxer: it takes duplicate names, bad UTF-8 and
// lone surrogates, so those are checked here.
func expected(in []byte) (string, bool) {
	if !json.Valid(in) || !utf8.Valid(in) || hasLoneSurrogate(in) {
		return "", false
	}
	decoder := json.NewDecoder(bytes.NewReader(in))
	decoder.UseNumber()
	var b strings.Builder
	if !describeTokens(decoder, &b) {
		return "", false
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", false
	}
	return b.String(), true
}

// describeTokens describes one value; false when an object has a name twice.
func describeTokens(decoder *json.Decoder, b *strings.Builder) bool {
	token, err := decoder.Token()
	if err != nil {
		return false
	}
	switch token := token.(type) {
	case json.Delim:
		b.WriteString(token.String())
		names := map[string]bool{}
		for decoder.More() {
			if token == '{' {
				name, _ := decoder.Token()
				if names[name.(string)] {
					return false
				}
				names[name.(string)] = true
				fmt.Fprintf(b, "%q ", name)
			}
			if !describeTokens(decoder, b) {
				return false
			}
		}
		end, err := decoder.Token()
		fmt.Fprintf(b, "%s", end)
		return err == nil
	case string:
		fmt.Fprintf(b, "%q ", token)
	case nil:
		b.WriteString("null ")
	default:
		fmt.Fprintf(b, "%v ", token)
	}
	return true
}

// hasLoneSurrogate looks for \u escapes of halves without their other half, in valid JSON.
func hasLoneSurrogate(in []byte) bool {
	high := false // the escape right before was a first half
	for i := 0; i < len(in); i++ {
		if in[i] != '\\' {
			if high {
				return true
			}
			continue
		}
		i++
		if in[i] != 'u' {
			if high {
				return true
			}
			continue
		}
		var r rune
		if _, err := fmt.Sscanf(string(in[i+1:i+5]), "%04x", &r); err != nil {
			return true
		}
		i += 4
		low := r >= 0xdc00 && r < 0xe000
		if high != low {
			return true
		}
		high = r >= 0xd800 && r < 0xdc00
	}
	return false
}

func FuzzScan(f *testing.F) {
	for _, sample := range samples(f) {
		f.Add([]byte(sample.record))
	}
	for _, text := range []string{
		`{"a":1,"\u0061":2}`, `["\ud83d\ude00","\ud83d","\\ud83d"]`, ` [ 1 , -0.0e+1 , true, null ] `, `{"a":{"b":{}}}`,
		`"plain and long enough for the fast path \"\\\/\b\f\n\r\t€"`, "\"\x80\"", "[1]x", "", `[1,]`, `{"a":1,}`, "[\"\x7f\"]", `-`, `[01]`,
	} {
		f.Add([]byte(text))
	}
	tape := &NewDecoder(Options{}).tape
	f.Fuzz(func(t *testing.T, in []byte) {
		got, gotOK := scanned(tape, in)
		want, wantOK := expected(in)
		if gotOK != wantOK || got != want {
			t.Errorf("%q\nis   %s %t\nwant %s %t", in, got, gotOK, want, wantOK)
		}
	})
}
