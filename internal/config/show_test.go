package config

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the generated files")

const everything = `
kafka:
  brokers: ["a:1", "b:2"]
  client_id: "id with: colon"
  sasl: {mechanism: plain, username: "true", password: p}
group: "30"
sources: [{topic: a, keyed_by_account: true}, {topic: b}]
output: {flush_interval: 1s500ms, tombstones: true, replication: 3}
reporting:
  currency: GBP
  time_zone: America/Argentina/Buenos_Aires
  rates: [{EUR: "1.10"}, {from: 2026-01-01, EUR: 1.2, JPY: "0.000000000000000001"}]
  start: 2025-02-01
  fiscal_year_start: 4
rules: {coalesce: 0m, day_factor: 30, lateness: 35d}
groupings: [[region], ["plan tier", cohort], ["# no comment"]]
windows: [365d, 1h]
limits: {max_record_bytes: 1500}
`

func TestShownConfigurationMeansTheSame(t *testing.T) {
	c, err := Load(written(t, everything), nil, ForRun)
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := c.WriteYAML(&shown); err != nil {
		t.Fatal(err)
	}
	again, err := Load(written(t, shown.String()), nil, ForRun)
	if err != nil {
		t.Fatalf("%v\n%s", err, shown.String())
	}
	c.Kafka.SASL.Password, again.Kafka.SASL.Password = "", ""
	sameZone := cmp.Comparer(func(a, b interface{ String() string }) bool { return a.String() == b.String() })
	if diff := cmp.Diff(c, again, cmpopts.IgnoreUnexported(Config{}), cmp.FilterPath(func(p cmp.Path) bool {
		return p.Last().String() == ".TimeZone"
	}, sameZone)); diff != "" {
		t.Errorf("reading what is shown gives another configuration:\n%s\n%s", diff, shown.String())
	}
}

func TestShownOrigins(t *testing.T) {
	path := written(t, "group: g\nreporting:\n  currency: EUR\n")
	c, err := Load(path, []string{"EXPANSION_HTTP_ADDRESS=127.0.0.1:1", "EXPANSION_OUTPUT_PREFIX=${P}", "P=p."}, ForShow)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Setting{
		"group":              {"group", "g", path + ":1:8"},
		"reporting.currency": {"reporting.currency", "EUR", path + ":3:13"},
		"http.address":       {"http.address", "127.0.0.1:1", "env EXPANSION_HTTP_ADDRESS"},
		"output.prefix":      {"output.prefix", "***", "env EXPANSION_OUTPUT_PREFIX"},
		"rules.usage_grace":  {"rules.usage_grace", "12h", "default"},
		"kafka.brokers":      {"kafka.brokers", nil, "not set"},
	}
	for _, s := range c.Settings() {
		if w, listed := want[s.Key]; listed && w != s {
			t.Errorf("got %v, want %v", s, w)
		}
		delete(want, s.Key)
	}
	if len(want) > 0 {
		t.Errorf("not shown: %v", want)
	}
}

func TestReplayShowsOnlyWhatItReads(t *testing.T) {
	c, err := Load(written(t, documented), nil, ForReplay)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Settings() {
		if strings.HasPrefix(s.Key, "kafka.") || strings.HasPrefix(s.Key, "output.") {
			t.Errorf("%s is shown, but replay left it aside", s.Key)
		}
	}
}

func TestReferenceIsCurrent(t *testing.T) {
	const path = "../../docs/reference/config.md"
	if *update {
		if err := os.WriteFile(path, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != Reference() {
		t.Errorf("%s is not what the table says; run: go test ./internal/config -run Reference -update", path)
	}
}
