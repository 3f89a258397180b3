package row_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
	"processor/internal/row"
)

// fields reads a JSON object and fails on nested values and on names that stand twice.
func fields(t *rapid.T, object []byte) (names []string, values map[string]any) {
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	values = map[string]any{}
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		t.Fatalf("no object: %s", object)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatalf("%v: %s", err, object)
		}
		value, err := d.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			t.Fatalf("%v is not flat (%v): %s", name, err, object)
		}
		if _, twice := values[name.(string)]; twice {
			t.Fatalf("%v stands twice: %s", name, object)
		}
		names, values[name.(string)] = append(names, name.(string)), value
	}
	return names, values
}

// check holds what is true of every row: a flat object that begins with the fields of its key and
// ends with the stamp, compact, in valid JSON.
func check(t *rapid.T, key, value []byte) map[string]any {
	keyNames, keyValues := fields(t, key)
	names, values := fields(t, value)
	for i, name := range keyNames {
		if names[i] != name || values[name] != keyValues[name] {
			t.Fatalf("the value does not begin with its key: %s %s", key, value)
		}
	}
	if end := strings.Join(names[len(names)-5:], " "); end != "version known_at restated final deleted" {
		t.Fatalf("ends with %q", end)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil || !bytes.Equal(compact.Bytes(), value) {
		t.Fatalf("not compact (%v): %s", err, value)
	}
	return values
}

// TestEveryRowIsFlat writes every kind of row with hostile strings and reads them back.
func TestEveryRowIsFlat(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "</script>", "\u2028é🙂"}))
		account, name, value := text.Draw(t, "account"), text.Draw(t, "name"), text.Draw(t, "value")
		w := row.Encoder{Dimensions: []string{"region", "cohort"}, Windows: aggregate.Windows}
		dims := &aggregate.Dims{Values: []string{value, ""}}
		stamp := row.Stamp{Version: rapid.Uint64().Draw(t, "version"), KnownAt: event.Time(rapid.Int64Range(0, 4e18).Draw(t, "known at"))}

		movement := &aggregate.MovementRow{Account: account, Movement: aggregate.Movement{Key: value, Dims: dims, Parts: &aggregate.Parts{}}}
		values := check(t, w.MovementKey(nil, movement), w.Movement(nil, movement, stamp))
		if values["account"] != account || values["movement"] != value || values["merged_into"] != nil || values["dim_cohort"] != nil {
			t.Fatalf("read back %v", values)
		}
		if got := values["dim_region"]; value == "" && got != nil || value != "" && got != value {
			t.Fatalf("dim_region of %q is %v", value, got)
		}
		state := &aggregate.AccountRow{
			Account: account, Name: name, Dims: dims, Windows: make([]aggregate.WindowSums, len(aggregate.Windows)),
			FirstPaidAt: event.NoTime, LastMovementAt: event.NoTime, MRR: money.Micros(rapid.Int64().Draw(t, "mrr")),
		}
		values = check(t, w.AccountKey(nil, state), w.Account(nil, state, stamp))
		if values["first_paid_at"] != nil || values["last_class"] != nil || values["mrr"] != state.MRR.String() {
			t.Fatalf("read back %v", values)
		}
		month := &aggregate.MonthRow{Account: account, Month: event.MonthOf(2026, 3), Dims: dims}
		if values = check(t, w.MonthKey(nil, month), w.Month(nil, month, stamp)); values["month"] != "2026-03" {
			t.Fatalf("read back %v", values)
		}
		metric := &rollup.Row{
			Segment: aggregate.Segment{Grouping: "region", Name: value}, Kind: aggregate.KindRolling, Interval: "30d",
			ExpansionRate: rollup.Ratio{Reason: rollup.ZeroBase}, CLV: rollup.Ratio{Reason: rollup.NotDefined}, NRRBand: rollup.BandGood,
		}
		values = check(t, w.MetricKey(nil, metric), w.Metric(nil, metric, stamp))
		if values["expansion_rate"] != nil || values["expansion_rate_reason"] != "zero_base" || values["clv_reason"] != "not_defined" ||
			values["arpa_reason"] != nil || values["nrr_band"] != "good" || values["share_band"] != nil || values["primary_driver"] != nil {
			t.Fatalf("read back %v", values)
		}
		letter := &row.DeadLetter{Topic: account, Partition: 3, Offset: 7, Reason: event.ReasonNotJSON, Value: []byte(value)}
		values = check(t, w.DeadLetterKey(nil, letter), w.DeadLetterRow(nil, letter, stamp))
		if values["value"] != value || values["offset"] != json.Number("7") {
			t.Fatalf("read back %v", values)
		}
	})
}
