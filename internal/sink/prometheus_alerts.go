package sink

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"processor/internal/alert"
	"processor/internal/event"
)

// AlertsReading is what Prometheus is shown of alerts.
type AlertsReading struct {
	Board   *alert.Board             // nil before the first evaluation, or without rules
	Targets map[string]Notifications // by kind of target: webhook, alertmanager
	Waiting int                      // registers that wait for slower shards
	Merged  int64                    // what shards said of minutes that counted early, because too much waited
}

// Notifications are what became of what was to be sent to one kind of target.
type Notifications struct {
	Sent, Failed, Dropped int64
	Waiting               int
}

// alertSeriesMax is how many segments of a rule have a series of their own: those that fire first.
const alertSeriesMax = 50

// Alerts shows the states of alerts, and of what is sent of them, to Prometheus. It reads them at every
// scrape.
type Alerts struct {
	read  func() AlertsReading
	clock func() time.Time
}

// NewAlerts is an exporter of what read returns; clock is time.Now when nil.
func NewAlerts(read func() AlertsReading, clock func() time.Time) *Alerts {
	if clock == nil {
		clock = time.Now
	}
	return &Alerts{read, clock}
}

var (
	alertDescription         = counted("alert_state", "Where an alert of this instance stands: 0 ok or resolved, 1 pending, 2 firing, -1 suspected to be a gap in the data.", "rule", "grouping", "segment")
	notificationsDescription = counted("notifications_total", "What became of alerts that were to be sent, by attempt: sent, failed (tried again), dropped (given up, or pushed out at the limit).", "target", "result")
	queuedDescription        = counted("notifications_queued", "Alerts that wait for a webhook, or that an Alertmanager is told of.", "target")
	alertsWaitingDescription = counted("alert_waiting_registers", "Figures of fast shards that wait for slow ones before alerts look at them.")
	alertsMergedDescription  = counted("alert_merged_total", "Minutes of a shard that alerts looked at before their time, because too many figures waited.")
)

// Describe sends every description.
func (*Alerts) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{alertDescription, notificationsDescription, queuedDescription, alertsWaitingDescription, alertsMergedDescription} {
		ch <- d
	}
}

// stateValue is a state as a number.
func stateValue(s alert.State) float64 {
	switch s {
	case alert.Pending:
		return 1
	case alert.Firing:
		return 2
	case alert.Suspect:
		return -1
	case alert.OK, alert.Resolved:
	}
	return 0
}

// Collect sends the current values.
func (a *Alerts) Collect(ch chan<- prometheus.Metric) {
	r := a.read()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for target, n := range r.Targets {
		counter(notificationsDescription, n.Sent, target, "sent")
		counter(notificationsDescription, n.Failed, target, "failed")
		counter(notificationsDescription, n.Dropped, target, "dropped")
		gauge(queuedDescription, float64(n.Waiting), target)
	}
	gauge(alertsWaitingDescription, float64(r.Waiting))
	counter(alertsMergedDescription, r.Merged)
	if r.Board != nil {
		collectStates(gauge, r.Board, event.At(a.clock()))
	}
}

// collectStates sends the alerts of this instance. Of a rule with many segments those that matter least
// are one segment "(other)", with the state that matters most among them.
func collectStates(gauge func(*prometheus.Desc, float64, ...string), board *alert.Board, now event.Time) {
	byRule := map[string][]alert.Alert{}
	for _, one := range board.At(now) {
		if board.Ours[one.Key] {
			byRule[one.Key.Rule] = append(byRule[one.Key.Rule], one)
		}
	}
	for rule, list := range byRule {
		slices.SortStableFunc(list, func(x, y alert.Alert) int { return cmp.Compare(urgency(y.State), urgency(x.State)) })
		used := names{otherSegment: true}
		for i, one := range list {
			segment, ok := used.label(one.Segment)
			if !ok || i >= alertSeriesMax {
				gauge(alertDescription, stateValue(one.State), rule, one.Grouping, otherSegment)
				break
			}
			gauge(alertDescription, stateValue(one.State), rule, one.Grouping, segment)
		}
	}
}

// urgency orders states by how much they matter.
func urgency(s alert.State) int {
	return slices.Index([]alert.State{alert.OK, alert.Resolved, alert.Suspect, alert.Pending, alert.Firing}, s)
}
