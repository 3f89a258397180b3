package registry_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/avro"

	"processor/internal/event"
	"processor/internal/registry"
)

// server is a registry of a few schemas.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	answers  map[string]any // by path; a string is a whole body
	down     atomic.Bool
	requests atomic.Int64
	login    string
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{answers: map[string]any{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		user, password, _ := r.BasicAuth()
		s.mu.Lock()
		defer s.mu.Unlock()
		answer, found := s.answers[r.URL.Path]
		text, whole := answer.(string)
		switch {
		case s.down.Load():
			http.Error(w, "down", http.StatusServiceUnavailable)
		case s.login != "" && user+":"+password != s.login:
			http.Error(w, "who are you", http.StatusUnauthorized)
		case whole:
			_, _ = w.Write([]byte(text))
		case strings.HasPrefix(r.URL.Path, "/elsewhere"):
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error_code":404,"message":"HTTP 404 Not Found"}`))
		case !found:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error_code":40403,"message":"Schema not found"}`))
		default:
			_ = json.NewEncoder(w).Encode(answer)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) put(path string, answer any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = answer
}

// clock is a clock that a test moves.
type clock struct{ now atomic.Int64 }

func (c *clock) time() time.Time { return time.Unix(0, c.now.Load()) }

func (c *clock) pass(d time.Duration) { c.now.Add(int64(d)) }

func newClient(t *testing.T, s *server, change func(*registry.Options)) (*registry.Client, *clock) {
	t.Helper()
	c := new(clock)
	o := registry.Options{URL: s.URL, Timeout: 5 * time.Second, Clock: c.time}
	if change != nil {
		change(&o)
	}
	client, err := registry.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, c
}

const usageSchema = `{"type":"record","name":"Usage","namespace":"billing","fields":[
 {"name":"id","type":"string"},{"name":"source","type":"string"},{"name":"type","type":{"type":"enum","name":"Kind","symbols":["a"],"default":"a"}},
 {"name":"subject","type":"string"}]}`

// eventSchema is a native subscription event, as a producer would write it down.
const eventSchema = `{"type":"record","name":"Event","fields":[
 {"name":"id","type":"string"},{"name":"source","type":"string"},{"name":"type","type":"string"},{"name":"subject","type":"string"},
 {"name":"time","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"sequence","type":["null","long"],"default":null},
 {"name":"data","type":{"type":"record","name":"Subscription","fields":[
  {"name":"subscription","type":"string"},{"name":"status","type":{"type":"enum","name":"Status","symbols":["active","canceled"]}},
  {"name":"cancel_at","type":["null",{"type":"long","logicalType":"timestamp-millis"}],"default":null},
  {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
   {"name":"item","type":"string"},{"name":"product","type":"string"},{"name":"quantity","type":"int"},
   {"name":"unit_price","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":4}},{"name":"currency","type":"string"},
   {"name":"discounts","type":{"type":"array","items":{"type":"record","name":"Discount","fields":[{"name":"percent","type":"double"}]}}}
  ]}}}]}}]}`

func encoded(t *testing.T, id uint32, schema string, v any) []byte {
	t.Helper()
	s, err := avro.Parse(schema)
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), body...)
}

func subscription(percent float64, price *big.Rat) map[string]any {
	return map[string]any{
		"id": "e1", "source": "billing", "type": "subscription.changed", "subject": "acme", "time": time.UnixMicro(1_767_225_600_123_456), "sequence": int64(7),
		"data": map[string]any{"subscription": "s1", "status": "active", "cancel_at": time.UnixMilli(1_769_904_000_000), "items": []any{map[string]any{
			"item": "seats", "product": "core", "quantity": int32(10), "unit_price": price, "currency": "USD", "discounts": []any{map[string]any{"percent": percent}},
		}}},
	}
}

func TestAvroIsItsNativeTwin(t *testing.T) {
	s := newServer(t)
	s.put("/schemas/ids/9", map[string]any{"schema": eventSchema})
	client, _ := newClient(t, s, nil)
	d := registry.NewDecoder(client, registry.KindAvro, event.Options{})
	events, rejection, err := d.Decode(t.Context(), &event.Record{Value: encoded(t, 9, eventSchema, subscription(12.5, big.NewRat(199_999, 10_000)))})
	if err != nil || rejection != nil || len(events) != 1 {
		t.Fatalf("%v %+v %v", events, rejection, err)
	}
	want := `{"specversion":"1.0","id":"e1","source":"billing","type":"subscription.changed","subject":"acme","time":"2026-01-01T00:00:00.123456Z","sequence":7,` +
		`"data":{"cancel_at":"2026-02-01T00:00:00Z","effective_at":"2026-01-01T00:00:00.123456Z","items":[{"currency":"USD","discounts":[{"percent":"12.5"}],"family":"core",` +
		`"interval":{"count":1,"unit":"month"},"item":"seats","kind":"licensed","plan":"","product":"core","quantity":"10","unit_price":"19.9999"}],"status":"active","subscription":"s1"}}`
	if got := string(events[0].AppendNative(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhatCannotBeDecodedHasItsReason(t *testing.T) {
	s := newServer(t)
	s.put("/schemas/ids/1", map[string]any{"schema": eventSchema})
	s.put("/schemas/ids/2", map[string]any{"schema": `{"type":"record"`})
	s.put("/schemas/ids/3", map[string]any{"schema": `{"type":"object"}`, "schemaType": "JSON"})
	s.put("/schemas/ids/4", map[string]any{"schema": `syntax = "proto3";`, "schemaType": "PROTOBUF"})
	s.put("/schemas/ids/5", map[string]any{"schema": `{"type":"record","name":"E","fields":[{"name":"data","type":"gone.Data"}]}`, "references": []any{map[string]any{"name": "gone.Data", "subject": "gone", "version": 1}}})
	client, _ := newClient(t, s, nil)
	good := encoded(t, 1, eventSchema, subscription(10, big.NewRat(10, 1)))
	prefixed := func(id byte, body string) []byte { return append([]byte{0, 0, 0, 0, id}, body...) }
	native := `{"specversion":"1.0","id":"1","source":"s","type":"account.erased","subject":"a","time":"2026-01-01T00:00:00Z","data":{}}`
	for name, c := range map[string]struct {
		kind  string
		value []byte
		want  string // reason and detail; empty: an event; -: ignored
	}{
		"known":                         {registry.KindAvro, good, ""},
		"tombstone":                     {registry.KindAvro, nil, "-"},
		"not in the wire format":        {registry.KindAvro, []byte(native), "unknown_schema value"},
		"short":                         {registry.KindAvro, []byte{0, 0}, "unknown_schema value"},
		"unknown number":                {registry.KindAvro, prefixed(77, "x"), "unknown_schema value"},
		"no schema":                     {registry.KindAvro, prefixed(2, "x"), "undecodable_schema schema"},
		"missing reference":             {registry.KindAvro, prefixed(5, "x"), "undecodable_schema schema"},
		"JSON for Avro":                 {registry.KindAvro, prefixed(3, "{}"), "undecodable_schema schema"},
		"Protobuf":                      {registry.KindAvro, prefixed(4, "x"), "undecodable_schema schema"},
		"cut off":                       {registry.KindAvro, good[:len(good)-3], "undecodable_schema value"},
		"more behind it":                {registry.KindAvro, append(good[:len(good):len(good)], 0), "undecodable_schema value"},
		"a double with too many digits": {registry.KindAvro, encoded(t, 1, eventSchema, subscription(1.0/3, big.NewRat(10, 1))), "bad_amount data.items[0].discounts[0].percent"},
		"a percentage over 100":         {registry.KindAvro, encoded(t, 1, eventSchema, subscription(101, big.NewRat(10, 1))), "bad_amount data.items[0].discounts[0].percent"},
		"native JSON":                   {registry.KindJSON, prefixed(3, native), ""},
		"Avro for JSON":                 {registry.KindJSON, good, "undecodable_schema schema"},
		"bad JSON":                      {registry.KindJSON, prefixed(3, `{"id":`), "not_json"},
	} {
		events, rejection, err := registry.NewDecoder(client, c.kind, event.Options{}).Decode(t.Context(), &event.Record{Value: c.value})
		got := "-"
		switch {
		case err != nil:
			got = err.Error()
		case rejection != nil:
			got = strings.TrimSpace(string(rejection.Reason) + " " + rejection.Detail)
		case len(events) == 1:
			got = ""
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestReferencesAreRead(t *testing.T) {
	s := newServer(t)
	s.put("/schemas/ids/1", map[string]any{
		"schema": `{"type":"record","name":"E","fields":[{"name":"id","type":"string"},{"name":"data","type":"billing.Data"}]}`, "references": []any{map[string]any{"name": "billing.Data", "subject": "billing/data", "version": 3}},
	})
	s.put("/subjects/billing/data/versions/3", map[string]any{"schema": `{"type":"record","name":"billing.Data","fields":[{"name":"kind","type":"billing.Kind"}]}`, "references": []any{map[string]any{"name": "billing.Kind", "subject": "kind", "version": 1}}})
	s.put("/subjects/kind/versions/1", map[string]any{"schema": `{"type":"enum","name":"billing.Kind","symbols":["one_off"]}`})
	client, _ := newClient(t, s, nil)
	schema, err := client.Schema(t.Context(), 1)
	if err != nil || schema.Err != nil {
		t.Fatalf("%v, %v", err, schema)
	}
}

// An outage is never a rejection: nothing is decided, and the registry is left alone for a while.
func TestAnOutageDecidesNothing(t *testing.T) {
	s := newServer(t)
	s.put("/schemas/ids/1", map[string]any{"schema": eventSchema})
	s.down.Store(true)
	client, clock := newClient(t, s, nil)
	for range 5 {
		if _, err := client.Schema(t.Context(), 1); err == nil || errors.Is(err, registry.ErrUnknown) {
			t.Fatalf("the registry is down and the answer is %v", err)
		}
	}
	if n := s.requests.Load(); n != 1 {
		t.Errorf("%d requests within the pause", n)
	}
	s.down.Store(false)
	clock.pass(2 * time.Second)
	if _, err := client.Schema(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	s.down.Store(true)
	if _, err := client.Schema(t.Context(), 1); err != nil {
		t.Errorf("a schema that is kept needs no registry: %v", err)
	}
	if got := client.Read(); got != (registry.Reading{Answered: 1, Failed: 1, Schemas: 1}) {
		t.Errorf("counted %+v", got)
	}
}

func TestPausesGrowUpToABound(t *testing.T) {
	s := newServer(t)
	s.down.Store(true)
	client, clock := newClient(t, s, nil)
	for second := range 120 {
		_, err := client.Schema(t.Context(), 1)
		if err == nil {
			t.Fatalf("second %d: no error", second)
		}
		clock.pass(time.Second)
	}
	if n := s.requests.Load(); n < 6 || n > 9 { // after 0, 1, 3, 7, 15, 31, 61, 91 s
		t.Errorf("%d requests in two minutes", n)
	}
}

func TestAnUnknownNumberIsAskedForAgainLater(t *testing.T) {
	s := newServer(t)
	client, clock := newClient(t, s, nil)
	for range 3 {
		if _, err := client.Schema(t.Context(), 1); !errors.Is(err, registry.ErrUnknown) {
			t.Fatal(err)
		}
	}
	if s.requests.Load() != 1 {
		t.Errorf("%d requests", s.requests.Load())
	}
	s.put("/schemas/ids/1", map[string]any{"schema": eventSchema})
	clock.pass(31 * time.Second)
	if _, err := client.Schema(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	s := newServer(t)
	for id := range 5 {
		s.put(fmt.Sprintf("/schemas/ids/%d", id), map[string]any{"schema": `"string"`})
	}
	client, _ := newClient(t, s, func(o *registry.Options) { o.SchemaMax = 2 })
	for id := range uint32(5) {
		if _, err := client.Schema(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if got := client.Read().Schemas; got != 2 {
		t.Errorf("%d schemas are kept", got)
	}
	before := s.requests.Load()
	_, _ = client.Schema(t.Context(), 4)
	_, _ = client.Schema(t.Context(), 0)
	if got := s.requests.Load() - before; got != 1 {
		t.Errorf("%d requests for the last and the first", got)
	}
}

// What is no answer of a registry says nothing about a schema: the address or the login is wrong.
func TestAWrongServerIsNoUnknownSchema(t *testing.T) {
	s := newServer(t)
	s.login = "user:secret"
	for name, change := range map[string]func(*registry.Options){
		"no login":     nil,
		"wrong login":  func(o *registry.Options) { o.Username, o.Password = "user", "other" },
		"no such path": func(o *registry.Options) { o.URL += "/elsewhere"; o.Username, o.Password = "user", "secret" },
		"wrong address": func(o *registry.Options) {
			o.URL += "/nowhere"
			o.Username, o.Password = "user", "secret"
			s.put("/nowhere/schemas/ids/1", "<html>")
		},
	} {
		client, _ := newClient(t, s, change)
		_, err := client.Schema(t.Context(), 1)
		if err == nil || errors.Is(err, registry.ErrUnknown) || strings.Contains(err.Error(), "other") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.put("/schemas/ids/1", map[string]any{"schema": usageSchema})
	client, _ := newClient(t, s, func(o *registry.Options) { o.Username, o.Password = "user", "secret" })
	if _, err := client.Schema(t.Context(), 1); err != nil {
		t.Error(err)
	}
}
