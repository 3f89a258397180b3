package registry_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/avro"

	"processor/internal/companytest"
	"processor/internal/registry"
	"processor/internal/row"
	"processor/internal/row/wire"
)

// schemas is a registry that takes schemas: a number for each text, as Confluent's has it.
type schemas struct {
	*httptest.Server
	mu       sync.Mutex
	texts    []string
	subjects map[string][]int
	down     int    // so many requests get no answer
	refuses  string // a subject
	asked    int    // for a schema by its number
}

func newSchemas(t *testing.T) *schemas {
	t.Helper()
	s := &schemas{subjects: map[string][]int{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *schemas) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down > 0 {
		s.down--
		http.Error(w, "<html>", http.StatusBadGateway)
		return
	}
	var id int
	if _, err := fmt.Sscanf(r.URL.Path, "/schemas/ids/%d", &id); err == nil && r.Method == http.MethodGet {
		s.asked++
		if id < 1 || id > len(s.texts) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error_code":40403,"message":"Schema not found"}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": s.texts[id-1]})
		return
	}
	subject := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/subjects/"), "/versions")
	var body struct{ Schema, SchemaType string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPost || body.SchemaType != "AVRO" {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"error_code":42201,"message":"Invalid schema"}`))
		return
	}
	if subject == s.refuses {
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"error_code":409,"message":"Schema being registered is incompatible"}`))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]int{"id": s.number(subject, body.Schema)})
}

func (s *schemas) number(subject, text string) int {
	id := 0
	for i := range s.texts {
		if s.texts[i] == text {
			id = i + 1
		}
	}
	if id == 0 {
		s.texts = append(s.texts, text)
		id = len(s.texts)
	}
	s.subjects[subject] = append(s.subjects[subject], id)
	return id
}

func (s *schemas) rows(t *testing.T, tables []row.Table) *registry.Rows {
	t.Helper()
	client, err := registry.New(registry.Options{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	r, err := registry.NewRows(client, "out.", tables)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// What another reader decodes, with the schema that the record names, is the row; and it comes back.
func TestRowsWithTheSchemasOfARegistry(t *testing.T) {
	s := newSchemas(t)
	tables, rows := companytest.Rows(t)
	r := s.rows(t, tables)
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.subjects["out.account_months-value"]; len(got) != 1 || len(s.subjects) != 18 {
		t.Errorf("subjects: %v", s.subjects)
	}
	seen := map[row.Topic]bool{}
	for _, one := range rows {
		if seen[one.Topic] {
			continue
		}
		seen[one.Topic] = true
		key, value, err := r.Encode(one.Topic, one.Key, one.Value)
		if err != nil {
			t.Fatal(err)
		}
		if one.Topic == row.TopicDeadLetters {
			if string(value) != string(one.Value) {
				t.Error("a dead letter is not the record any more")
			}
			continue
		}
		var fields map[string]any
		schema := avro.MustParse(s.texts[binary.BigEndian.Uint32(value[1:])-1])
		if rest, err := schema.Decode(value[5:], &fields); err != nil || len(rest) > 0 || fields["version"] == nil {
			t.Errorf("%s: %v: %v", one.Topic, err, fields)
		}
		k, v, err := r.Decode(t.Context(), one.Topic, key, value)
		if want := strings.ReplaceAll(string(one.Value), ".123456789Z", ".123456Z"); err != nil || string(k) != string(one.Key) || string(v) != want {
			t.Errorf("%s: %v\n got %s\nwant %s", one.Topic, err, v, want)
		}
		if k, v, err = r.Encode(one.Topic, one.Key, nil); err != nil || v != nil || string(k) != string(key) {
			t.Errorf("%s: a tombstone became %q, %v", one.Topic, v, err)
		}
	}
	if s.asked != 0 {
		t.Errorf("the registry was asked %d times for schemas of our own", s.asked)
	}
}

// Rows that were written under other dimensions name another schema, which is asked for once.
func TestRowsOfAnEarlierSchema(t *testing.T) {
	s := newSchemas(t)
	before := s.rows(t, row.Tables([]string{"region"}, nil))
	after := s.rows(t, row.Tables([]string{"region", "tier"}, nil))
	for _, r := range []*registry.Rows{before, after} {
		if err := r.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	key := `{"account":"a"}`
	value := `{"account":"a","name":null,"status":"paying","mrr":"1.000000","committed_mrr":"1.000000","arr":"12.000000","usage_run_rate":"0.000000",` +
		`"first_paid_at":null,"last_class":null,"last_movement_at":null,"utilization":null,"utilization_reason":"not_defined","readiness_index":null,"gated":null,` +
		`"dim_region":"eu",%s"version":1,"known_at":null,"restated":false,"final":false,"deleted":false}`
	for range 3 {
		k, v, err := before.Encode(row.TopicAccounts, []byte(key), fmt.Appendf(nil, value, ""))
		if err != nil {
			t.Fatal(err)
		}
		if k, v, err = after.Decode(t.Context(), row.TopicAccounts, k, v); err != nil || string(k) != key || string(v) != fmt.Sprintf(value, `"dim_tier":null,`) {
			t.Fatalf("%s %s %v", k, v, err)
		}
	}
	if s.asked != 1 {
		t.Errorf("it was asked for %d times", s.asked)
	}
	_, _, err := after.Decode(t.Context(), row.TopicAccounts, []byte("\x00\x00\x00\x03\xe7\x02a"), nil)
	if !errors.Is(err, wire.ErrForm) {
		t.Errorf("a schema that nobody knows: %v", err)
	}
	if _, _, err = after.Decode(t.Context(), row.TopicAccounts, []byte(key), nil); !errors.Is(err, wire.ErrForm) {
		t.Errorf("a row in JSON: %v", err)
	}
}

// An outage makes a start wait, with pauses, for as long as it is wanted; what is refused is not tried again.
func TestRowsWaitForTheRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &schemas{subjects: map[string][]int{}, down: 3}
		r := s.inside(t)
		var told []error
		r.Waiting = func(err error) { told = append(told, err) }
		began := time.Now()
		if err := r.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(began); len(told) != 3 || waited != 7*time.Second { // 1, 2 and 4 s
			t.Errorf("told %v after %s", told, waited)
		}

		s.down = 1 << 30
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		told = nil
		if err := r.Open(ctx); !errors.Is(err, context.DeadlineExceeded) || len(told) < 100 || len(told) > 130 {
			t.Errorf("%v, told %d times", err, len(told))
		}

		s.down, s.refuses, told = 0, "out.metrics-value", nil
		err := r.Open(t.Context())
		if !errors.Is(err, registry.ErrRefused) || !strings.Contains(err.Error(), "out.metrics-value: Schema being registered is incompatible (409)") || told != nil {
			t.Errorf("%v, told %v", err, told)
		}
	})
}

// inside is a writer of rows whose requests do not leave the test.
func (s *schemas) inside(t *testing.T) *registry.Rows {
	t.Helper()
	client, err := registry.New(registry.Options{URL: "http://registry", Transport: direct{s}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.NewRows(client, "out.", row.Tables(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// direct answers requests without a network, which a test with a fake clock cannot have.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Result(), nil
}
