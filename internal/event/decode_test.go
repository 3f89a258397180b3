package event

import (
	"strings"
	"testing"
)

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

func TestSmoke(t *testing.T) {
	e := decodeText(t, envelopeOf("subscription.changed", `{"subscription":"sub_1","status":"active","items":[{"item":"seats","product":"core","plan":"team","quantity":"25","unit_price":"10.00","currency":"USD"}]}`))
	if !strings.Contains(e.Subscription.Items[0].Currency, "USD") {
		t.Fatal(e)
	}
}
