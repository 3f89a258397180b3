package event

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// sample is one record of the canonical tables with what it must read as.
type sample struct {
	record, canonical string
}

// samples are all records of testdata/canonical: valid ones of every type with every field.
func samples(t testing.TB) (list []sample) {
	t.Helper()
	files, err := filepath.Glob("testdata/canonical/*.txt")
	if err != nil || len(files) != 3 {
		t.Fatalf("files %q, error %v", files, err)
	}
	for _, file := range files {
		var group []string
		for _, line := range numberedLinesOf(t, file) {
			canonical, last := strings.CutPrefix(line.text, "= ")
			if !last {
				group = append(group, line.text)
				continue
			}
			_, kind, _ := strings.Cut(canonical, `"type":"`)
			kind = strings.TrimSuffix(kind, `"}`)
			for _, data := range group {
				list = append(list, sample{record: envelopeOf(kind, data), canonical: canonical})
			}
			group = nil
		}
	}
	return list
}

func TestCanonical(t *testing.T) {
	types := map[Type]bool{}
	for _, sample := range samples(t) {
		e := decodeText(t, sample.record)
		types[e.Type] = true
		if got := string(e.AppendCanonical(nil)); got != sample.canonical {
			t.Errorf("%s\nis   %s\nwant %s", sample.record, got, sample.canonical)
		}
	}
	if len(types) != len(typeNames)-1 {
		t.Errorf("types %v, want all of them", types)
	}
}

// The canonical form is what encoding/json makes of the same values, names sorted, no escapes of
// HTML. (It escapes U+2028, which JSON does not require.)
func TestCanonicalIsSortedJSON(t *testing.T) {
	for _, sample := range samples(t) {
		var value any
		if err := json.Unmarshal([]byte(sample.canonical), &value); err != nil {
			t.Fatalf("%s: %v", sample.canonical, err)
		}
		var again bytes.Buffer
		encoder := json.NewEncoder(&again)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(value); err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(strings.TrimSpace(again.String()), `\u2028`, "\u2028")
		if want != sample.canonical {
			t.Errorf("%s\nsorted: %s", sample.canonical, want)
		}
	}
}

func TestCanonicalEnvelope(t *testing.T) {
	const want = `{"data":{},"sequence":-7,"time":"2026-03-05T10:00:00.000000001Z","type":"account.erased"}`
	for _, envelope := range []string{
		`{"id":"a","source":"b","type":"account.erased","subject":"c","time":"2026-03-05T10:00:00.000000001Z","sequence":-7,"data":{}}`,
		`{"data":{},"revision":9,"sequence":"-007","time":"2026-03-05T09:59:00.000000001-00:01","subject":"z","type":"account.erased","source":"y","id":"x"}`,
	} {
		if got := string(decodeText(t, envelope).AppendCanonical([]byte("> "))); got != "> "+want {
			t.Errorf("%s\nis   %s\nwant %s", envelope, got, want)
		}
	}
}

func TestAppendNative(t *testing.T) {
	for _, sample := range samples(t) {
		e := decodeText(t, sample.record)
		e.Sequence, e.Revision = -3, 4
		native := e.AppendNative(nil)
		if again := decodeText(t, string(native)); !reflect.DeepEqual(e, again) {
			t.Errorf("%s\nreads as %s", native, again.AppendNative(nil))
		}
	}
}

// Items are sorted for the core, and Sent tells the order they came in.
func TestItemsSorted(t *testing.T) {
	e := decodeText(t, envelopeOf("subscription.changed", `{"subscription":"s","status":"active","items":[
		{"item":"b","product":"p","unit_price":"2","currency":"USD"},
		{"item":"c","product":"p","unit_price":"3","currency":"USD"},
		{"item":"a","product":"p","unit_price":"1","currency":"USD"}]}`))
	items := e.Subscription.Items
	if items[0].Item != "a" || items[1].Item != "b" || items[2].Item != "c" || items[2].UnitPrice.String() != "3" {
		t.Errorf("items %v", items)
	}
	if want := []uint16{1, 2, 0}; !reflect.DeepEqual(e.Subscription.Sent, want) {
		t.Errorf("sent %v, want %v", e.Subscription.Sent, want)
	}
}
