package sink_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/sink"
)

var alertMinute = event.At(time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC))

// alertsReading has an alert of every state, one of another instance, and something sent.
func alertsReading() sink.AlertsReading {
	b := &alert.Board{Minute: alertMinute, Ours: map[alert.Key]bool{}}
	for i, state := range []alert.State{alert.OK, alert.Pending, alert.Firing, alert.Resolved, alert.Suspect} {
		key := alert.Key{Rule: "slow", Grouping: "region", Segment: string(state)}
		b.Alerts = append(b.Alerts, alert.Alert{Key: key, State: state})
		b.Ours[key] = i < 5
	}
	b.Alerts = append(b.Alerts, alert.Alert{Key: alert.Key{Rule: "slow", Grouping: "region", Segment: "of another"}, State: alert.Firing})
	return sink.AlertsReading{Board: b, Waiting: 3, Merged: 4, Targets: map[string]sink.Notifications{"webhook": {Sent: 5, Failed: 2, Dropped: 1, Waiting: 7}}}
}

func TestAlertsAreShown(t *testing.T) {
	at := func(after time.Duration) *sink.Alerts {
		return sink.NewAlerts(alertsReading, func() time.Time { return alertMinute.UTC().Add(after) })
	}
	var got []string
	for _, name := range []string{"alert_state", "notifications_total", "notifications_queued", "alert_waiting_registers", "alert_merged_total"} {
		got = append(got, series(t, at(time.Minute), "expansion_"+name)...)
	}
	for _, want := range []string{
		`expansion_alert_state{grouping="region",rule="slow",segment="ok"} 0`, `expansion_alert_state{grouping="region",rule="slow",segment="pending"} 1`,
		`expansion_alert_state{grouping="region",rule="slow",segment="firing"} 2`, `expansion_alert_state{grouping="region",rule="slow",segment="resolved"} 0`,
		`expansion_alert_state{grouping="region",rule="slow",segment="suspect"} -1`,
		`expansion_notifications_total{result="sent",target="webhook"} 5`, `expansion_notifications_total{result="failed",target="webhook"} 2`,
		`expansion_notifications_total{result="dropped",target="webhook"} 1`, `expansion_notifications_queued{target="webhook"} 7`,
		`expansion_alert_waiting_registers 3`, `expansion_alert_merged_total 4`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
	if strings.Contains(strings.Join(got, "\n"), "another") {
		t.Error("an alert of another instance is shown")
	}
	// The watermark lags: what looks like a fall may be what has not been read yet.
	got = series(t, at(2*time.Hour), "expansion_alert_state")
	if want := `expansion_alert_state{grouping="region",rule="slow",segment="firing"} -1`; !slices.Contains(got, want) {
		t.Errorf("no %s in\n%s", want, strings.Join(got, "\n"))
	}
}

// A rule over many segments does not make as many series: those that fire are there, the rest is one.
func TestAlertsHaveABound(t *testing.T) {
	b := &alert.Board{Minute: alertMinute, Ours: map[alert.Key]bool{}}
	for i := range 500 {
		key := alert.Key{Rule: "slow", Grouping: "cohort", Segment: fmt.Sprint(i)}
		state := alert.Pending
		if i == 499 {
			state = alert.Firing
		}
		b.Alerts = append(b.Alerts, alert.Alert{Key: key, State: state})
		b.Ours[key] = true
	}
	a := sink.NewAlerts(func() sink.AlertsReading { return sink.AlertsReading{Board: b} }, alertMinute.UTC)
	got := series(t, a, "expansion_alert_state")
	if n := len(got); n != 51 {
		t.Errorf("%d series", n)
	}
	for _, want := range []string{`segment="499"} 2`, `segment="(other)"} 1`} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("no %s in\n%s", want, strings.Join(got, "\n"))
		}
	}
}
