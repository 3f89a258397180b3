package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// written puts a configuration into a file and returns its path.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "processor.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// needed is the least that run accepts, before whatever a case adds.
const needed = "kafka: {brokers: [\"localhost:9092\"]}\ngroup: g\nsources: [{topic: events}]\n"

// documented is the example of the documentation.
const documented = `
reporting:
  currency: USD
  time_zone: America/New_York
  rates:
    - {EUR: "1.08", JPY: "0.0067"}
    - {from: 2026-01-01, EUR: "1.10", JPY: "0.0066"}
  start: 2025-02-01
rules: {coalesce: 60m}
groupings: [[region], [plan_tier, region]]
windows: [365d, 30d, 90d]
kafka: {brokers: ["localhost:9092"]}
group: expansion
sources: [{topic: billing.events, format: native, keyed_by_account: true}]
output: {prefix: "expansion.", delivery: exactly_once}
checkpoint: {store: dir, dir: ./state, interval: 10s}
`

func TestReplayReadsTheDocumentedExample(t *testing.T) {
	c, err := Load(written(t, documented), nil, ForReplay)
	if err != nil {
		t.Fatal(err)
	}
	wantRates := []RateTable{
		{Rates: []Rate{{"EUR", "1.08"}, {"JPY", "0.0067"}}},
		{From: Date{2026, time.January, 1}, Rates: []Rate{{"EUR", "1.10"}, {"JPY", "0.0066"}}},
	}
	if !reflect.DeepEqual(c.Reporting.Rates, wantRates) {
		t.Errorf("rates = %+v", c.Reporting.Rates)
	}
	if c.Reporting.TimeZone.String() != "America/New_York" || c.Reporting.Start != (Date{2025, time.February, 1}) {
		t.Errorf("reporting = %+v", c.Reporting)
	}
	if !reflect.DeepEqual(c.Groupings, []Grouping{{"region"}, {"plan_tier", "region"}}) {
		t.Errorf("groupings = %v", c.Groupings)
	}
	if want := []Window{{"30d", 30 * day}, {"90d", 90 * day}, {"365d", 365 * day}}; !reflect.DeepEqual(c.Windows, want) {
		t.Errorf("windows = %v, want from the shortest to the longest", c.Windows)
	}
	if c.Output.Delivery != "exactly_once" || c.Kafka.Brokers != nil {
		t.Errorf("replay took over sections that are not its own: %+v %+v", c.Output, c.Kafka)
	}
}

func TestRunRefusesWhatReplayPassesOver(t *testing.T) {
	_, err := Load(written(t, strings.Replace(documented, "delivery:", "format: avro, delivery:", 1)), nil, ForRun)
	want := "processor.yaml:15:40: schema_registry.url: is missing; output.format: avro registers the schemas of rows there"
	if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("got %v\nwant only %s", err, want)
	}
	if _, err := Load(written(t, documented), nil, ForRun); err != nil {
		t.Fatal(err)
	}
}

func TestReplayStillRefusesUnknownKeysEverywhere(t *testing.T) {
	text := "output: {prefx: a}\nsources: [{topc: a}]\nkafka: {tls: {enabld: true}}\nalerts: [{treshold: 1}]\n"
	_, err := Load(written(t, text), nil, ForReplay)
	for _, want := range []string{
		`1:10: output: unknown key "prefx"; did you mean "prefix"?`,
		`2:12: sources[]: unknown key "topc"; did you mean "topic"?`,
		`3:15: kafka.tls: unknown key "enabld"; did you mean "enabled"?`,
		`4:11: alerts[]: unknown key "treshold"; did you mean "threshold"?`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 4 {
		t.Errorf("more problems than unknown keys:\n%v", err)
	}
}

func TestDefaultsAreThoseOfTheTable(t *testing.T) {
	empty, err := Load(written(t, "# nothing yet\n"), nil, ForShow)
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	if !reflect.DeepEqual(c, empty) {
		t.Errorf("an empty file differs from Default:\n%+v\n%+v", empty, c)
	}
	got := []any{
		c.Reporting.Currency, c.Reporting.TimeZone, c.Reporting.FiscalYearStart, len(c.Windows), len(c.Groupings),
		c.Rules.Coalesce, c.Rules.UsageGrace, c.Rules.Lateness, c.Rules.DayFactor, c.Rules.Usage,
		c.Output.Prefix, c.Output.Delivery, c.Output.MetricsInterval, c.Checkpoint.Interval, c.HTTP.Address,
		c.Limits,
	}
	want := []any{
		"USD", time.UTC, 1, 6, 0,
		time.Hour, 12 * time.Hour, 10 * time.Minute, "365/12", "normalised",
		"expansion.", "exactly_once", time.Second, 10 * time.Second, "127.0.0.1:8080",
		Limits{MaxRecordBytes: 1 << 20, MaxDepth: 32, MaxItems: 1000, MaxAccountBytes: 16 << 20},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("defaults\n got %v\nwant %v", got, want)
	}
}

func TestEnvironmentWinsOverTheFile(t *testing.T) {
	env := []string{
		"EXPANSION_KAFKA_BROKERS=a:1, b:2",
		"EXPANSION_REPORTING_TIME_ZONE=Europe/Berlin",
		"EXPANSION_WINDOWS=7d,24h",
		"EXPANSION_GROUPINGS=[[region], [plan_tier, region]]",
		`EXPANSION_REPORTING_RATES=[{EUR: "1.08"}]`,
		"EXPANSION_GROUP=", // empty: not set
		"EXPANSION_SERVICE_HOST=10.0.0.1", "EXPANSION_PORT_8080_TCP_ADDR=10.0.0.1",
		"PATH=/bin",
	}
	c, err := Load(written(t, needed+"reporting: {time_zone: \"${UNSET}\"}\n"), env, ForRun)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c.Kafka.Brokers, []string{"a:1", "b:2"}) || c.Group != "g" {
		t.Errorf("brokers %v, group %q", c.Kafka.Brokers, c.Group)
	}
	if c.Reporting.TimeZone.String() != "Europe/Berlin" || c.Reporting.Rates[0].Rates[0].Value != "1.08" {
		t.Errorf("reporting = %+v", c.Reporting)
	}
	if len(c.Groupings) != 2 || len(c.Windows) != 2 || c.Windows[0].Name != "24h" {
		t.Errorf("groupings %v, windows %v", c.Groupings, c.Windows)
	}
}

func TestEnvironmentNamesAreUnambiguous(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range envNames() {
		if seen[name] || serviceLink.MatchString(name) {
			t.Errorf("%s stands for two things", name)
		}
		seen[name] = true
	}
}

func TestReferences(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("from file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ value, want string }{
		{"${PASSWORD}", "from env"},
		{"${file:" + secret + "}", "from file"},
		{"a-${PASSWORD}-${PASSWORD}-b", "a-from env-from env-b"},
		{"$${PASSWORD}", "${PASSWORD}"},
		{"pa$$ word$", "pa$$ word$"},
	}
	for _, c := range cases {
		text := needed + "log: {level: info}\n"
		env := []string{
			"PASSWORD=from env", "EXPANSION_KAFKA_SASL_MECHANISM=plain",
			"EXPANSION_KAFKA_SASL_USERNAME=u", "EXPANSION_KAFKA_SASL_PASSWORD=" + c.value,
		}
		loaded, err := Load(written(t, text), env, ForRun)
		if err != nil {
			t.Errorf("%s: %v", c.value, err)
		} else if got := loaded.Kafka.SASL.Password.Reveal(); got != c.want {
			t.Errorf("%s = %q, want %q", c.value, got, c.want)
		}
	}
}

func TestRatesKeepTheirText(t *testing.T) {
	c, err := Load(written(t, "reporting: {rates: [{EUR: 1.000000000000000001, JPY: 0.10}]}\n"), nil, ForReplay)
	if err != nil {
		t.Fatal(err)
	}
	if want := []Rate{{"EUR", "1.000000000000000001"}, {"JPY", "0.10"}}; !reflect.DeepEqual(c.Reporting.Rates[0].Rates, want) {
		t.Errorf("rates = %v, want %v", c.Reporting.Rates[0].Rates, want)
	}
}

func TestRulesThatAreComputed(t *testing.T) {
	c, err := Load(written(t, "rules: {coalesce: 0, day_factor: 30, usage_grace: 1d12h, lateness: 90s, usage: normalised}\n"), nil, ForReplay)
	if err != nil {
		t.Fatal(err)
	}
	want := Rules{
		DayFactor: "30", Reactivation: "reactivation", Usage: "normalised",
		UsageGrace: 36 * time.Hour, Lateness: 90 * time.Second,
	}
	if c.Rules != want {
		t.Errorf("rules = %+v, want %+v", c.Rules, want)
	}
}

func TestAddressesThatNeedNoAuthentication(t *testing.T) {
	for _, address := range []string{"localhost:0", "127.0.0.9:80", "[::1]:8080"} {
		c, err := Load(written(t, needed), []string{"EXPANSION_HTTP_ADDRESS=" + address}, ForRun)
		if err != nil || c.HTTP.Address != address {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := Load(written(t, needed+"http: {address: \"0.0.0.0:80\", insecure: true}\n"), nil, ForRun); err != nil {
		t.Error(err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(documented)
	f.Add(needed)
	f.Add("a: &x [*x]\n<<: {b: !!str 1}\n? c\n: |\n  d\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := written(t, text)
		for _, purpose := range []Purpose{ForRun, ForReplay} {
			c, err := Load(path, nil, purpose)
			if (c == nil) == (err == nil) {
				t.Fatalf("Load gave %v and %v", c, err)
			}
		}
	})
}
