package format_test

import (
	"bytes"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"processor/internal/event"
	"processor/internal/event/format"
	"processor/internal/event/mapping"
)

// seeds are the records of the stories in cmd/processor/testdata/decode.
func seeds(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("../../../cmd/processor/testdata/decode/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no stories: %v", err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(filepath.Clean(name))
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name == "records" {
				for line := range bytes.Lines(part.Data) {
					f.Add(bytes.TrimSpace(line))
				}
			}
		}
	}
}

func text(s string) *mapping.Node { return &mapping.Node{Shape: mapping.ShapeText, Text: s} }

func fields(pairs ...any) *mapping.Node {
	n := &mapping.Node{Shape: mapping.ShapeFields}
	for i := 0; i < len(pairs); i += 2 {
		v, ok := pairs[i+1].(*mapping.Node)
		if !ok {
			v = text(pairs[i+1].(string))
		}
		n.Fields = append(n.Fields, mapping.Entry{Name: pairs[i].(string), Value: v})
	}
	return n
}

var subscriptionRule = fields("type", "subscription.changed", "id", "$.uid", "source", "crm", "subject", "$.customer.number",
	"time", fields("path", "$.at", "time", "unix_ms"), "sequence", "$.version",
	"data", fields("subscription", "$.contract.id", "status", fields("path", "$.contract.state", "map", fields("1", "active", "3", "canceled"), "default", "active"),
		"items", fields("each", "$.contract.positions", "fields", fields("item", "@.pos", "product", "@.article.code", "quantity", "@.menge",
			"amount", fields("path", "@.total", "minor_units", "$.contract.ccy"), "currency", fields("path", "$.contract.ccy", "upper", "true")))))

var tables = fields("tables", fields(
	"public.subscriptions", fields("type", "subscription.changed", "subject", "$.account_id", "data", fields("subscription", "$.id", "status", fields("path", "$.state", "map", fields("live", "active")),
		"effective_at", "$.updated_at", "items", &mapping.Node{Shape: mapping.ShapeList, List: []*mapping.Node{fields("item", "seats", "product", "core", "quantity", "$.seats", "unit_price", "$.price", "currency", "USD")}})),
	"public.usage", fields("type", "usage.recorded", "subject", "$.account_id", "data", fields("subscription", "$.subscription_id", "item", "calls", "amount", "$.amount", "currency", "USD")),
	"app.outbox", fields("within", "$.payload", "type", "subscription.changed", "subject", "$.account", "data", fields("subscription", "$.id", "status", "$.status",
		"items", fields("each", "$.lines", "fields", fields("item", "@.sku", "product", "@.sku", "quantity", "@.n", "unit_price", fields("path", "@.cents", "minor_units", "2"), "currency", "USD")))),
))

// fuzz: no input breaks a decoder; it gives events, a rejection with a reason, or nothing; the same record is
// always the same; and its events are native.
func fuzz(f *testing.F, name string, n *mapping.Node) {
	f.Helper()
	seeds(f)
	maker, problems := format.Compile(name, n)
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	reused := maker(event.Options{})
	native := event.NewDecoder(event.Options{})
	f.Fuzz(func(t *testing.T, value []byte) {
		r := &event.Record{Value: value}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		events, rejection := reused.Read(r)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 16<<20+2000*uint64(len(value)) {
			t.Fatalf("%d bytes took %d bytes of memory", len(value), taken)
		}
		if len(events) > 0 && rejection != nil {
			t.Fatalf("%d events and %+v", len(events), rejection)
		}
		again, rejectionAgain := maker(event.Options{}).Read(r)
		if !reflect.DeepEqual(events, again) || !reflect.DeepEqual(rejection, rejectionAgain) {
			t.Fatalf("reused: %+v %+v, fresh: %+v %+v", events, rejection, again, rejectionAgain)
		}
		if rejection != nil && (rejection.Reason == "" || len(rejection.Detail) > 400) {
			t.Fatalf("rejected for %q, %d bytes of detail", rejection.Reason, len(rejection.Detail))
		}
		for _, e := range events {
			back, rejection := native.Decode(e.AppendNative(nil), nil)
			if rejection != nil || !bytes.Equal(back.AppendCanonical(nil), e.AppendCanonical(nil)) || back.Key() != e.Key() {
				t.Fatalf("%s is not native: %+v", e.AppendNative(nil), rejection)
			}
		}
	})
}

func FuzzStripe(f *testing.F)    { fuzz(f, format.Stripe, nil) }
func FuzzDebezium(f *testing.F)  { fuzz(f, format.Debezium, tables) }
func FuzzOpenMeter(f *testing.F) { fuzz(f, format.OpenMeter, nil) }
func FuzzMapping(f *testing.F)   { fuzz(f, format.Mapping, subscriptionRule) }

// FuzzDetect: looking at any record ends.
func FuzzDetect(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, value []byte) {
		d := format.Detect([]event.Record{{Value: value}, {Value: value, Headers: []event.Header{{Key: "ce_type", Value: value}}}}, event.Options{})
		if d.Records != 2 || d.Unknown < 0 {
			t.Fatalf("%+v", d)
		}
	})
}

func TestDetectedIsWhatAllRecordsAre(t *testing.T) {
	native := `{"specversion":"1.0","id":"1","source":"s","type":"charge.recorded","subject":"a","time":"2026-01-01T00:00:00Z"}`
	meter := `{"specversion":"1.0","id":"1","source":"s","type":"api-calls","subject":"a","data":{"value":1}}`
	stripe := `{"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{}}}`
	change := `{"before":null,"after":{},"source":{"table":"t"},"op":"c"}`
	enveloped := `{"schema":{"type":"struct"},"payload":` + change + `}`
	for want, list := range map[string][]string{
		format.Native:     {meter, native, `{"specversion":"1.0","type":"charge.recorded"}`}, // a mistake in a native topic is no meter
		format.OpenMeter:  {meter, meter},
		format.Stripe:     {stripe, `{"object":"billing.meter_event"}`},
		format.Debezium:   {change, enveloped},
		format.Avro:       {"\x00\x00\x00\x00\x01\x06abc"},
		format.JSONSchema: {"\x00\x00\x00\x00\x01{}"},
		"":                {stripe, change},
		" ":               {"{}", "x", "[]"},
	} {
		var records []event.Record
		for _, one := range list {
			records = append(records, event.Record{Value: []byte(one)})
		}
		if got := format.Detect(records, event.Options{}).Format; got != want && (want != " " || got != "") {
			t.Errorf("%q is %q, not %q", list, got, want)
		}
	}
}
