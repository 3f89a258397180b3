package pipeline

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/replay"
	"processor/internal/row"
)

// looks is rules that look at every minute, though the events are those of a year ago.
func looks(rules []alert.Rule) func(*Options) {
	return func(o *Options) { o.Alerts, o.AlertsEvery = rules, time.Minute }
}

// testRules are rules that a made-up company breaks now and then.
func testRules() []alert.Rule {
	rule := func(name, grouping, interval string, wait time.Duration) alert.Rule {
		return alert.Rule{
			Name: name, Metric: alert.MetricExpansion, Grouping: grouping, Interval: interval, Comparison: alert.Previous,
			Threshold: money.Micros(200_000), Clear: money.Micros(100_000), For: wait, Severity: "warning", SilentAfter: 3 * 24 * time.Hour,
		}
	}
	seats := rule("seats", "all", "7d", 0)
	seats.Type = "seat"
	mean := rule("mean", "all", "week", 2*time.Hour)
	mean.Comparison, mean.Of = alert.TrailingMean, 3
	return []alert.Rule{rule("month", "region", "30d", 6*time.Hour), rule("week", "all", "7d", time.Hour), seats, mean}
}

// said are the alerts of the topic, each with the rows of its changes in their order and without what
// every sending changes.
func (w *world) said() map[string][]string {
	w.t.Helper()
	said := map[string][]string{}
	for _, r := range w.rows(row.TopicAlerts) {
		said[r.Key] = append(said[r.Key], plain(r.Value))
	}
	return said
}

// alertsOfReplay are those that the events give without Kafka.
func (w *world) alertsOfReplay() map[string][]string {
	w.t.Helper()
	a, err := replay.NewAlerts(replay.AlertOptions{Core: w.core, Lateness: 10 * time.Minute, Rules: testRules()})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range w.events {
		if err := a.Apply(e.Value); err != nil {
			w.t.Fatal(err)
		}
	}
	result, err := a.Finish(wholeMinute(w.clock, 10*time.Minute))
	if err != nil {
		w.t.Fatal(err)
	}
	said := map[string][]string{}
	var encoder row.Encoder
	for i := range result.Changes {
		one := &result.Changes[i]
		key := string(encoder.AlertKey(nil, one))
		said[key] = append(said[key], plain(string(encoder.Alert(nil, one, "USD", row.Stamp{}))))
	}
	return said
}

func compareAlerts(t *testing.T, got, want map[string][]string) {
	t.Helper()
	fired := 0
	for key, rows := range want {
		if !slices.Equal(got[key], rows) {
			t.Errorf("%s\n got %s\nwant %s", key, strings.Join(got[key], "\n     "), strings.Join(rows, "\n     "))
		}
		for _, r := range rows {
			fired += strings.Count(r, `"state":"firing"`)
		}
	}
	for key := range got {
		if want[key] == nil {
			t.Errorf("%s: got %s, want nothing", key, got[key])
		}
	}
	if fired < 3 {
		t.Errorf("%d alerts fired: the company is too calm to prove anything", fired)
	}
}

// batchings are ways in which the same log may reach the service.
var batchings = map[string]func(*Options){
	"as it is": func(*Options) {},
	"few records at a time": func(o *Options) {
		o.fetchBytes, o.FlushRecords, o.MetricsInterval = 8<<10, 10, time.Millisecond
	},
	"everything at once": func(o *Options) {
		o.FlushRecords, o.FlushInterval, o.MetricsInterval = 1<<20, time.Second, 2*time.Second
	},
}

// The same log gives the same alerts, minute by minute and whatever the batching, as `rules test` says.
func TestAlertsAreThoseOfTheLog(t *testing.T) {
	for name, batching := range batchings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.change = func(o *Options) { looks(testRules())(o); batching(o) }
			w.write(companyEvents(t, 1500, "light"))
			w.run()
			compareAlerts(t, w.said(), w.alertsOfReplay())
		})
	}
}

// Over several partitions each shard comes on at its own pace. A minute is looked at with what each of
// them had at its own minute, so the pace does not matter either.
func TestAlertsOfSeveralShards(t *testing.T) {
	t.Parallel()         // it mostly waits
	if testing.Short() { // the race detector makes it ten times slower
		t.Skip("run whole without -short")
	}
	var want map[string][]string
	for name, batching := range batchings {
		w := newWorld(t, 3)
		w.change = func(o *Options) { looks(testRules())(o); batching(o) }
		w.write(companyEvents(t, 1500, "none"))
		w.run()
		got := w.said()
		if want == nil {
			want = got
		}
		t.Run(name, func(t *testing.T) { compareAlerts(t, got, want) })
	}
}

// A restart goes on with the alerts of the topic: none is said twice, a fall that was pending has not to
// wait again, and one that fires is resolved by its own row.
func TestAlertsSurviveARestart(t *testing.T) {
	t.Parallel()         // it mostly waits
	if testing.Short() { // the race detector makes it ten times slower
		t.Skip("run whole without -short")
	}
	for _, delivery := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(delivery.String(), func(t *testing.T) { alertsOverRestarts(t, delivery) })
	}
}

func alertsOverRestarts(t *testing.T, delivery Delivery) {
	w := newWorld(t, 1)
	w.change = func(o *Options) { looks(testRules())(o); o.Delivery = delivery }
	events := companyEvents(t, 1500, "none")
	for begin, part := 0, 0; part < 6; part++ {
		end := (part + 1) * len(events) / 6
		w.write(events[begin:end])
		begin = end
		w.clock = timeOf(t, events[end-1].Value).Add(10 * time.Minute)
		if part == 5 {
			w.clock = testClock
		}
		w.run()
	}
	compareAlerts(t, w.said(), w.alertsOfReplay())
}

// timeOf is the time of an event.
func timeOf(t *testing.T, value []byte) time.Time {
	t.Helper()
	e, rejection := event.NewDecoder(event.Options{}).Decode(value, nil)
	if rejection != nil {
		t.Fatal(rejection.Reason)
	}
	return e.Time.UTC()
}

// An alert of a rule that is gone is taken back.
func TestAlertsOfARuleThatIsGone(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	w.change = looks(testRules())
	w.write(companyEvents(t, 1500, "none"))
	w.run()
	before := w.said()
	w.change = looks(testRules()[1:])
	w.run()
	after := w.said()
	taken := 0
	for key, rows := range before {
		var k struct{ Rule string }
		if err := json.Unmarshal([]byte(key), &k); err != nil {
			t.Fatal(err)
		}
		last := after[key][len(after[key])-1]
		if gone := strings.HasSuffix(last, `"deleted":true}`); gone != (k.Rule == "month") {
			t.Errorf("%s: the last row is %s", key, last)
		} else if gone {
			taken++
		}
		if k.Rule != "month" && len(after[key]) != len(rows) {
			t.Errorf("%s: it was said again: %s", key, after[key])
		}
	}
	if taken == 0 {
		t.Error("no alert of the rule was there: nothing is proven")
	}
}

// A rule that cannot be is refused before anything is read.
func TestAlertsThatCannotBe(t *testing.T) {
	w := newWorld(t, 1)
	rules := testRules()
	rules[0].Grouping = "channel"
	w.change = looks(rules)
	err := w.runUntil(w.options(), func(Status) bool { return true })
	if err == nil || !strings.Contains(err.Error(), "rule month: grouping [channel] is not among the groupings") {
		t.Error(err)
	}
}

// What was imported long after it happened is history: nobody is told what went wrong then. Looking begins
// a day before the end, in whatever way the history came.
func TestAlertsPassOverHistory(t *testing.T) {
	t.Parallel() // it mostly waits
	var want map[string][]string
	for name, batching := range batchings {
		w := newWorld(t, 2)
		w.change = func(o *Options) { o.Alerts = testRules(); batching(o) }
		w.write(companyEvents(t, 1500, "none"))
		w.run()
		got := w.said()
		if want == nil {
			want = got
		}
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		begin := event.At(w.clock.Add(-10*time.Minute - 25*time.Hour))
		for key, rows := range got {
			for _, r := range rows {
				if a, _, err := row.ReadAlert([]byte(strings.Replace(r, `,"final"`, `,"version":1,"final"`, 1))); err != nil || a.Since < begin {
					t.Errorf("%s: %s: %v", key, r, err)
				}
			}
		}
	}
}

// Crashes at every point, also right behind the alerts: what stands at the end is what stands without them,
// no row is lost, and under exactly_once none is said twice.
func TestAlertsAfterCrashes(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, delivery := range []Delivery{AtLeastOnce, ExactlyOnce} {
		if testing.Short() && delivery == ExactlyOnce { // the race detector makes it ten times slower
			continue
		}
		t.Run(delivery.String(), func(t *testing.T) {
			w := newWorld(t, 1)
			w.change = func(o *Options) {
				looks(testRules())(o)
				o.Delivery, o.FlushRecords, o.CheckpointInterval, o.fetchBytes, o.MetricsInterval = delivery, 50, 1, 1, time.Millisecond
			}
			places := append([]string{"alerts published"}, points[delivery]...)
			records := companyEvents(t, 1000, "none")
			crashed := false
			rest := records[900:] // a run that has nothing to read may stop before it has looked at its clock
			for i, slice := range slices.Collect(slices.Chunk(records[:900], 900/len(places)+1)) {
				w.write(slice)
				w.clock = timeOf(t, slice[len(slice)-1].Value).Add(10 * time.Minute)
				if w.crashAt(places[i%len(places)], 1) && places[i%len(places)] == "alerts published" {
					crashed = true
				}
			}
			if !crashed {
				t.Error("no crash behind an alert")
			}
			w.clock = testClock
			w.write(rest)
			w.run()
			w.compare()
			sameStanding(t, w.said(), w.alertsOfReplay())
			if delivery == ExactlyOnce {
				for key, rows := range w.said() {
					if len(slices.Compact(slices.Sorted(slices.Values(rows)))) != len(rows) {
						t.Errorf("%s is said twice: %s", key, rows)
					}
				}
			}
		})
	}
}

// sameStanding compares which alerts are on at the end.
func sameStanding(t *testing.T, got, want map[string][]string) {
	t.Helper()
	on := func(said map[string][]string) (keys []string) {
		for _, key := range slices.Sorted(maps.Keys(said)) {
			last := said[key][len(said[key])-1]
			if !strings.Contains(last, `"state":"ok"`) && !strings.Contains(last, `"state":"resolved"`) {
				keys = append(keys, key+" "+last[strings.Index(last, `"state"`):][:20])
			}
		}
		return keys
	}
	if g, w := on(got), on(want); len(w) == 0 || !slices.Equal(g, w) {
		t.Errorf("on at the end:\n got %q\nwant %q", g, w)
	}
}
