package event

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRejections decodes every line of testdata/rejections: a reason, a detail (- for none) and
// the data of the type that the file is named after; in envelope.txt the whole record.
func TestRejections(t *testing.T) {
	files, err := filepath.Glob("testdata/rejections/*.txt")
	if err != nil || len(files) != 8 {
		t.Fatalf("files %q, error %v", files, err)
	}
	seen := map[Reason]bool{}
	decoder := NewDecoder(Options{}) // one for all: a record leaves nothing behind for the next
	for _, file := range files {
		kind := strings.TrimSuffix(filepath.Base(file), ".txt")
		for _, line := range numberedLinesOf(t, file) {
			reason, rest, _ := strings.Cut(line.text, " ")
			detail, record, _ := strings.Cut(rest, " ")
			if kind != "envelope" {
				record = envelopeOf(kind, record)
			}
			e, rejection := decoder.Decode([]byte(record), nil)
			if detail == "-" {
				detail = ""
			}
			if e != nil || rejection == nil || rejection.Reason != Reason(reason) || rejection.Detail != detail {
				t.Errorf("%s:%d: %+v, want %s %s for\n%s", file, line.number, rejection, reason, detail, record)
			}
			seen[Reason(reason)] = true
		}
	}
	for _, reason := range []Reason{
		ReasonNotJSON, ReasonUnknownType, ReasonMissingField, ReasonBadField, ReasonBadAmount, ReasonBadCurrency, ReasonBadTime,
	} {
		if !seen[reason] {
			t.Errorf("no line for %s", reason)
		}
	}
}

// These records cannot stand in a text file: they are large, deep, or not text.
func TestRejectionsOfBytes(t *testing.T) {
	fine := envelopeOf("account.changed", `{"name":"x"}`)
	deep := func(brackets int) string { // the record's own bracket included
		return strings.TrimSuffix(fine, "}") + `,"more":` +
			strings.Repeat("[", brackets-1) + strings.Repeat("]", brackets-1) + "}"
	}
	item := `{"item":"%d","product":"p","unit_price":"1","currency":"USD"}`
	items := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(item, i)
		}
		return envelopeOf("subscription.changed", `{"subscription":"s","status":"active","items":[`+strings.Join(list, ",")+`]}`)
	}
	scheduled := func(n int) string {
		return strings.Replace(items(n), `"items"`, `"items":[],"schedule":[{"effective_at":"2026-04-01T00:00:00Z","items"`, 1)
	}
	long := func(n int) string { return strings.Repeat("i", n) }
	names := func(n int, last string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"n%d":0,`, i)
		}
		return strings.TrimSuffix(fine, "}") + `,"more":{` + b.String() + `"` + last + `":0}}`
	}
	tests := []struct {
		name, record string
		reason       Reason
		detail       string
	}{
		{"1 MiB", fine + strings.Repeat(" ", 1<<20-len(fine)), "", ""},
		{"1 MiB and a byte", fine + strings.Repeat(" ", 1<<20-len(fine)+1), ReasonTooLarge, ""},
		{"too large before not JSON", strings.Repeat("x", 1<<20+1), ReasonTooLarge, ""},
		{"1,000 items", items(1000), "", ""},
		{"1,001 items", items(1001), ReasonTooLarge, "data.items"},
		{"1,001 scheduled items", strings.TrimSuffix(scheduled(1001), "}}") + "}]}}", ReasonTooLarge, "data.schedule[0].items"},
		{"depth 32", deep(32), "", ""},
		{"depth 33", deep(33), ReasonTooDeep, ""},
		{"depth 33 in an array", strings.Repeat("[", 33) + strings.Repeat("]", 33), ReasonNotJSON, ""},
		{"not JSON after depth 33", deep(33) + "x", ReasonNotJSON, ""},
		{"duplicate name below depth 33", strings.Replace(deep(40), "[]", `{"a":1,"a":1}`, 1), ReasonNotJSON, ""},
		{"half a million brackets", strings.Repeat("[", 500_000), ReasonNotJSON, ""},
		{"half a million objects", strings.Repeat(`{"":`, 200_000), ReasonNotJSON, ""},
		{"too deep before the envelope", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), ReasonTooDeep, ""},
		{"many names", names(30_000, "other"), "", ""},
		{"many names, the first one twice", names(30_000, "n0"), ReasonNotJSON, ""},
		{"33 names, one twice", names(32, "n31"), ReasonNotJSON, ""},
		{"bad UTF-8 in a value", strings.Replace(fine, `"x"`, "\"\xff\"", 1), ReasonNotJSON, ""},
		{"overlong UTF-8", strings.Replace(fine, `"x"`, "\"\xc0\x80\"", 1), ReasonNotJSON, ""},
		{"a surrogate in UTF-8", strings.Replace(fine, `"x"`, "\"\xed\xa0\x80\"", 1), ReasonNotJSON, ""},
		{"bad UTF-8 in a name", strings.Replace(fine, `"name"`, "\"n\xe2\x82\"", 1), ReasonNotJSON, ""},
		{"bad UTF-8 after an escape", strings.Replace(fine, `"x"`, "\"\\n\xff\"", 1), ReasonNotJSON, ""},
		{"bad UTF-8 outside strings", fine + "\xff", ReasonNotJSON, ""},
		{"byte order mark", "\xef\xbb\xbf" + fine, ReasonNotJSON, ""},
		{"form feed as space", fine + "\f", ReasonNotJSON, ""},
		{"a NUL byte in a string", strings.Replace(fine, `"x"`, "\"\x00\"", 1), ReasonNotJSON, ""},
		{"a newline in a long string", strings.Replace(fine, `"x"`, "\"long before \n and after it\"", 1), ReasonNotJSON, ""},
		{"an escaped NUL", strings.Replace(fine, `"x"`, `"\u0000"`, 1), "", ""},
		{"id of 256 bytes", strings.Replace(fine, `"e1"`, `"`+long(256)+`"`, 1), "", ""},
		{"id of 257 bytes", strings.Replace(fine, `"e1"`, `"`+long(257)+`"`, 1), ReasonBadField, "id"},
		{"id of 257 bytes of 86 characters", strings.Replace(fine, `"e1"`, `"`+strings.Repeat("€", 85)+`12"`, 1), ReasonBadField, "id"},
		{"id of 256 bytes after unescaping", strings.Replace(fine, `"e1"`, `"`+strings.Repeat(`\u0041`, 256)+`"`, 1), "", ""},
		{"source", strings.Replace(fine, `"billing"`, `"`+long(257)+`"`, 1), ReasonBadField, "source"},
		{"subject", strings.Replace(fine, `"acme"`, `"`+long(257)+`"`, 1), ReasonBadField, "subject"},
		{"parent", strings.Replace(fine, `"name":"x"`, `"parent":"`+long(257)+`"`, 1), ReasonBadField, "data.parent"},
		{"item", strings.Replace(items(1), `"item":"0"`, `"item":"`+long(257)+`"`, 1), ReasonBadField, "data.items[0].item"},
		{"plan", strings.Replace(items(1), `"item":"0"`, `"item":"0","plan":"`+long(257)+`"`, 1), ReasonBadField, "data.items[0].plan"},
		{"long attribute name", strings.Replace(fine, `"name":"x"`, `"attributes":{"`+long(257)+`":1}`, 1), ReasonBadField, "data.attributes"},
	}
	decoder := NewDecoder(Options{})
	for _, test := range tests {
		e, rejection := decoder.Decode([]byte(test.record), nil)
		if test.reason == "" {
			if e == nil {
				t.Errorf("%s: %+v, want it accepted", test.name, rejection)
			}
			continue
		}
		if rejection == nil || rejection.Reason != test.reason || rejection.Detail != test.detail {
			t.Errorf("%s: %+v, want %s %q", test.name, rejection, test.reason, test.detail)
		}
	}
}

// A record's time can be told whatever else is wrong with it, as long as there is exactly one.
func TestRejectionTime(t *testing.T) {
	const at = "2026-03-05T10:00:00Z"
	tests := []struct {
		record string
		known  bool
	}{
		{`{"time":"` + at + `"}`, true},
		{`{"time":"` + at + `","id":"a","id":"b"}`, true},
		{`{"time":"` + at + `","id":"\ud800"}`, true},
		{"{\"time\":\"" + at + "\",\"id\":\"\xff\"}", true},
		{`{"time":"` + at + `","deep":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, true},
		{`{"time":"2026-03-05T12:00:00+02:00","id":1}`, true},
		{`{"time":"` + at + `","time":"` + at + `"}`, false},
		{`{"time":"` + at + `"`, false},
		{`{"time":"2026-03-05"}`, false},
		{`{"time":7}`, false},
		{`{}`, false},
		{`[{"time":"` + at + `"}]`, false},
	}
	decoder := NewDecoder(Options{})
	for _, test := range tests {
		_, rejection := decoder.Decode([]byte(test.record), nil)
		if rejection == nil || rejection.HasTime != test.known || test.known && rejection.Time.String() != at {
			t.Errorf("%s: %+v, want the time known: %t", test.record, rejection, test.known)
		}
	}
}

func TestIgnoreUnknownTypes(t *testing.T) {
	record := []byte(envelopeOf("invoice.sent", "7"))
	if e, rejection := NewDecoder(Options{IgnoreUnknownTypes: true}).Decode(record, nil); e != nil || rejection != nil {
		t.Errorf("event %v, rejection %+v, want neither", e, rejection)
	}
	if _, rejection := NewDecoder(Options{}).Decode(record, nil); rejection == nil || rejection.Reason != ReasonUnknownType {
		t.Errorf("rejection %+v, want unknown_type", rejection)
	}
	headless := bytes.Replace(record, []byte(`"id"`), []byte(`"no"`), 1)
	if _, rejection := NewDecoder(Options{IgnoreUnknownTypes: true}).Decode(headless, nil); rejection == nil || rejection.Detail != "id" {
		t.Errorf("rejection %+v, want the envelope judged first", rejection)
	}
}

func TestOptions(t *testing.T) {
	small := NewDecoder(Options{MaxBytes: 400, MaxDepth: 4, MaxItems: 1})
	two := `{"subscription":"s","status":"active","items":[{"item":"a","product":"p","unit_price":"1","currency":"USD"},{"item":"b"}]}`
	for _, test := range []struct {
		record string
		want   Reason
	}{
		{envelopeOf("account.changed", `{"name":"`+strings.Repeat("x", 400)+`"}`), ReasonTooLarge},
		{envelopeOf("account.changed", `{"more":[[[]]]}`), ReasonTooDeep},
		{envelopeOf("subscription.changed", two), ReasonTooLarge},
	} {
		if _, rejection := small.Decode([]byte(test.record), nil); rejection == nil || rejection.Reason != test.want {
			t.Errorf("%s: %+v, want %s", test.record, rejection, test.want)
		}
	}
}

// The decoder keeps nothing of the caller's buffer, which the next record overwrites.
func TestDecodeCopies(t *testing.T) {
	record := []byte(envelopeOf("subscription.changed",
		`{"subscription":"s","status":"active","motion":"m","items":[{"item":"a\n","product":"p","plan":"team","unit_price":"1","currency":"USD"}]}`))
	e, _ := NewDecoder(Options{}).Decode(record, nil)
	before := e.AppendNative(nil)
	for i := range record {
		record[i] = 'Z'
	}
	if after := e.AppendNative(nil); !slices.Equal(before, after) {
		t.Errorf("after the buffer was overwritten:\n%s\nwant\n%s", after, before)
	}
}
