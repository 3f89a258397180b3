package event

import (
	"os"
	"strings"
	"testing"
)

type line struct {
	number int
	text   string
}

// numberedLinesOf are the lines of a table without comments and blank lines.
func numberedLinesOf(t testing.TB, file string) (lines []line) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, content := range strings.Split(string(text), "\n") {
		if content != "" && !strings.HasPrefix(content, "#") {
			lines = append(lines, line{number: i + 1, text: content})
		}
	}
	return lines
}

// decodeText decodes a structured record with the default options.
func decodeText(t testing.TB, record string) *Event {
	t.Helper()
	e, rejection := NewDecoder(Options{}).Decode([]byte(record), nil)
	if rejection != nil {
		t.Fatalf("decode %s: %s %s", record, rejection.Reason, rejection.Detail)
	}
	return e
}

// envelopeOf is a record of the given type and data, with an envelope that is fine.
func envelopeOf(kind, data string) string {
	return `{"specversion":"1.0","id":"e1","source":"billing","type":"` + kind +
		`","subject":"acme","time":"2026-03-05T10:00:00Z","data":` + data + `}`
}
