package event

import (
	"reflect"
	"strings"
	"testing"
)

// ceHeaders are the headers of an event in binary mode, as "name=value" says or changes them.
func ceHeaders(changes ...string) []Header {
	list := []Header{
		{"ce_specversion", []byte("1.0")},
		{"ce_id", []byte("e1")},
		{"ce_source", []byte("billing")},
		{"ce_type", []byte("account.changed")},
		{"ce_subject", []byte("acme")},
		{"ce_time", []byte("2026-03-05T10:00:00Z")},
		{"trace", []byte("\xff")},
	}
	for _, change := range changes {
		name, value, given := strings.Cut(change, "=")
		changed := false
		for i := range list {
			if list[i].Key == name {
				list[i].Value, changed = []byte(value), true
				if !given {
					list[i].Value = nil
				}
			}
		}
		if !changed {
			list = append(list, Header{name, []byte(value)})
		}
	}
	return list
}

// An event is the same in both modes.
func TestBinaryMode(t *testing.T) {
	for _, sample := range samples(t) {
		want := decodeText(t, sample.record)
		_, data, _ := strings.Cut(sample.record, `"data":`)
		data = strings.TrimSuffix(data, "}")
		got, rejection := NewDecoder(Options{}).Decode([]byte(data), ceHeaders("ce_type="+want.Type.String()))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nreads as %+v, rejection %+v", data, got, rejection)
		}
	}
	e, rejection := NewDecoder(Options{}).Decode([]byte("{}"), ceHeaders("ce_sequence=-12", "ce_revision=3"))
	if e == nil || e.Sequence != -12 || e.Revision != 3 {
		t.Errorf("event %+v, rejection %+v, want sequence -12, revision 3", e, rejection)
	}
}

// A value that says it is an envelope is one, whatever headers a relay added.
func TestStructuredContentType(t *testing.T) {
	record := []byte(envelopeOf("account.erased", "{}"))
	for _, content := range []string{"application/cloudevents+json; charset=UTF-8", "Application/CloudEvents"} {
		e, rejection := NewDecoder(Options{}).Decode(record, append(ceHeaders("ce_id=other"), Header{"Content-Type", []byte(content)}))
		if e == nil || e.ID != "e1" {
			t.Errorf("%s: %+v, rejection %+v", content, e, rejection)
		}
	}
	e, _ := NewDecoder(Options{}).Decode([]byte("{}"), append(ceHeaders("ce_id=other"), Header{"content-type", []byte("application/json")}))
	if e == nil || e.ID != "other" {
		t.Errorf("binary: %+v", e)
	}
}

func TestBinaryRejections(t *testing.T) {
	tests := []struct {
		name, data string
		headers    []Header
		reason     Reason
		detail     string
	}{
		{"no data", "", ceHeaders(), ReasonMissingField, "data"},
		{"null data", " null ", ceHeaders(), ReasonMissingField, "data"},
		{"data of another kind", "[]", ceHeaders(), ReasonBadField, "data"},
		{"field of the data", `{"name":1}`, ceHeaders(), ReasonBadField, "data.name"},
		{"value is no JSON", `{"name":1`, ceHeaders("ce_id"), ReasonNotJSON, ""},
		{"header is no UTF-8", `{}`, ceHeaders("ce_subject=\xff"), ReasonNotJSON, ""},
		{"header twice", `{}`, append(ceHeaders(), Header{"ce_id", []byte("e2")}), ReasonNotJSON, ""},
		{"null header", `{}`, ceHeaders("ce_id"), ReasonMissingField, "id"},
		{"empty header", `{}`, ceHeaders("ce_source="), ReasonMissingField, "source"},
		{"time", `{}`, ceHeaders("ce_time=yesterday"), ReasonBadTime, "time"},
		{"revision", `{}`, ceHeaders("ce_revision=+1"), ReasonBadField, "revision"},
		{"negative revision", `{}`, ceHeaders("ce_revision=-1"), ReasonBadField, "revision"},
		{"sequence", `{}`, ceHeaders("ce_sequence=x"), ReasonBadField, "sequence"},
		{"version", `{}`, ceHeaders("ce_specversion=0.3"), ReasonBadField, "specversion"},
		{"type", `{}`, ceHeaders("ce_type=x"), ReasonUnknownType, "type"},
		{"too large", `{}`, ceHeaders("ce_id=" + strings.Repeat("x", 1<<20)), ReasonTooLarge, ""},
		{"too deep", strings.Repeat("[", 33) + strings.Repeat("]", 33), ceHeaders(), ReasonTooDeep, ""},
	}
	decoder := NewDecoder(Options{})
	for _, test := range tests {
		_, rejection := decoder.Decode([]byte(test.data), test.headers)
		if rejection == nil || rejection.Reason != test.reason || rejection.Detail != test.detail {
			t.Errorf("%s: %+v, want %s %q", test.name, rejection, test.reason, test.detail)
			continue
		}
		if known := test.reason != ReasonTooLarge && test.name != "time"; rejection.HasTime != known {
			t.Errorf("%s: time known: %t, want %t", test.name, rejection.HasTime, known)
		}
	}
}
