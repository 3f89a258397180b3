package row_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/row"
)

// The alerts topic is the alerts' memory: what is written is what is read, whatever names there are.
func TestAlertsComeBack(t *testing.T) {
	at := event.At(time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	a := alert.Alert{
		Key: alert.Key{Rule: `a "rule"`, Grouping: "plan_tier,region", Segment: "smb,e%2Cu"}, State: alert.Firing, Since: at,
		PendingSince: at - 1e9, FiredAt: at, ResolvedAt: event.NoTime,
		Value: money.Units(-5), Base: money.Units(100), Fall: money.Micros(1_050_000), Opening: money.Units(7),
		Explanation: alert.Explanation{
			Types:    []alert.Part{{Name: "seat", Before: money.Units(3), Now: money.Units(1)}},
			Accounts: []alert.Part{{Name: "a; b: c -> 50%", Before: money.Units(2)}, {Name: "ö%3B", Before: money.Units(1), Now: money.Micros(-1)}},
		},
	}
	var encoder row.Encoder
	value := encoder.Alert(nil, &a, "USD", row.Stamp{Version: 7, KnownAt: at})
	got, version, err := row.ReadAlert(value)
	if err != nil || version != 7 || !reflect.DeepEqual(got, a) {
		t.Errorf("got %+v, %d, %v\nwant %+v", got, version, err, a)
	}
	if key := string(encoder.AlertKey(nil, &a)); key != `{"rule":"a \"rule\"","grouping":"plan_tier,region","segment":"smb,e%2Cu"}` {
		t.Error(key)
	}
}

// A row is flat, names its rule's words and says what it suspects.
func TestAlertRow(t *testing.T) {
	at := event.At(time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))
	rule := &alert.Rule{
		Name: "slow", Metric: alert.MetricExpansion, Type: "seat", Interval: "30d", Comparison: alert.Previous, Severity: "warning",
		Threshold: money.Micros(200_000), Clear: money.Micros(100_000),
	}
	a := alert.Alert{
		Key: alert.Key{Rule: "slow", Grouping: "all", Segment: "all"}, State: alert.Suspect, Since: at, PendingSince: event.NoTime, FiredAt: event.NoTime,
		ResolvedAt: event.NoTime, By: rule, Value: money.Units(70), Base: money.Units(100), Fall: money.Micros(300_000), Opening: money.Units(5000),
		Explanation: alert.Explanation{Types: []alert.Part{{Name: "seat", Before: money.Units(100), Now: money.Units(70)}}},
	}
	var encoder row.Encoder
	got := string(encoder.Alert(nil, &a, "EUR", row.Stamp{Version: 1, KnownAt: at}))
	want := `{"rule":"slow","grouping":"all","segment":"all","state":"suspect","suspect":"data gap","severity":"warning","metric":"expansion_mrr","type":"seat",` +
		`"interval":"30d","comparison":"previous","threshold":"0.200000","clear_threshold":"0.100000","value":"70.000000","base":"100.000000","fall":"0.300000",` +
		`"opening_mrr":"5000.000000","since":"2026-03-05T12:00:00Z","pending_since":null,"fired_at":null,"resolved_at":null,` +
		`"types":"seat: 100.000000 -> 70.000000","segments":"","accounts":"",` +
		`"summary":"all: expansion_mrr of type seat over 30d is 70 EUR, 30 % under the one before (100 EUR); suspect: data gap",` +
		`"version":1,"known_at":"2026-03-05T12:00:00Z","restated":false,"final":false,"deleted":false}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	a.By, a.Deleted = nil, true
	if got := string(encoder.Alert(nil, &a, "EUR", row.Stamp{})); !strings.Contains(got, `"metric":null`) || !strings.HasSuffix(got, `"deleted":true}`) {
		t.Error(got)
	}
}

// What is no alert is an error with its reason, and never a panic.
func TestWhatIsNoAlert(t *testing.T) {
	for _, value := range []string{
		"", "{}", `{"value":"1"}`, `{"value":"1.000000","base":"0","fall":"0","opening_mrr":"0","since":"today"}`,
		`{"value":"0.000000","base":"0.000000","fall":"0.000000","opening_mrr":"0.000000","types":"seat"}`,
	} {
		if a, _, err := row.ReadAlert([]byte(value)); err == nil {
			t.Errorf("%q is %+v", value, a)
		}
	}
}
