package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
	"processor/internal/row"
)

// reported are the rows of the vintage topic by key. Each key has one, final and never restated: that
// holds at any time and after any crash, so every comparison with replay looks at it.
func (w *world) reported() map[string]string {
	w.t.Helper()
	rows := map[string]string{}
	for _, r := range w.rows(row.TopicVintage) {
		if before, twice := rows[r.Key]; twice {
			w.t.Errorf("%s was reported twice:\n%s\n%s", r.Key, before, r.Value)
		}
		if !strings.HasSuffix(r.Value, `"restated":false,"final":true,"deleted":false}`) || strings.Contains(r.Key, `"rolling"`) {
			w.t.Errorf("a row of vintage that is not one: %s", r.Value)
		}
		rows[r.Key] = r.Value
	}
	return rows
}

// everyFinalRowWasReported holds the final rows of metrics against the vintage topic.
func (w *world) everyFinalRowWasReported(got map[string]string) {
	w.t.Helper()
	reported := w.reported()
	for name, value := range got {
		key, isMetric := strings.CutPrefix(name, "metrics ")
		if isMetric && strings.HasSuffix(value, `"final":true,"deleted":false}`) && reported[key] == "" {
			w.t.Errorf("%s is final and was not reported", key)
		}
	}
}

// month is the key of everybody's metrics in a month, and region that of a region's.
func month(name string) string {
	return fmt.Sprintf(`{"grouping":"all","segment":"all","interval_kind":"month","interval":%q}`, name)
}

func regionMonth(region, name string) string {
	return fmt.Sprintf(`{"grouping":"region","segment":%q,"interval_kind":"month","interval":%q}`, region, name)
}

// closing is the closing MRR that a row says.
func closing(t *testing.T, value string) string {
	t.Helper()
	if value == "" {
		return "no row"
	}
	var fields struct {
		Closing string `json:"closing_mrr"`
	}
	if err := json.Unmarshal([]byte(value), &fields); err != nil {
		t.Fatal(err)
	}
	return fields.Closing
}

// last is the last row of a key in the metrics topic.
func (w *world) last(key string) (value string) {
	w.t.Helper()
	for _, r := range w.kafka.Read(w.t, w.prefix+string(row.TopicMetrics)) {
		if r.Key == key {
			value = r.Value
		}
	}
	return value
}

// inRegion is an event that puts an account into a region.
func inRegion(id, account, at, region string) company.Record {
	return company.Record{Key: []byte(account), Value: fmt.Appendf(nil,
		`{"specversion":"1.0","id":%q,"source":"test","type":"account.changed","subject":%q,"time":%q,"data":{"attributes":{"region":%q}}}`,
		id, account, at, region)}
}

// runToClock runs the service until its watermark has followed the clock.
func (w *world) runToClock() {
	w.t.Helper()
	o := w.options()
	clock := wholeMinute(w.clock, o.Lateness)
	if err := w.runUntil(o, func(s Status) bool { return s.Ready() && s.Watermark >= clock }); err != nil {
		w.t.Fatal(err)
	}
}

// What was reported stays, whatever comes later: a correction, a restart, a lost checkpoint, a
// segment that goes and comes back.
func TestVintageIsWhatWasReported(t *testing.T) {
	w := newWorld(t, 2)
	august := month("2025-08")
	w.clock = time.Date(2025, 8, 31, 23, 59, 0, 0, time.UTC)
	w.write([]company.Record{
		inRegion("r1", "acme", "2025-08-01T00:00:00Z", "eu"),
		subscription("e1", "acme", "2025-08-02T00:00:00Z", 1),
	})
	w.runToClock()
	if value := w.reported()[august]; value != "" {
		t.Fatalf("an open month was reported: %s", value)
	}
	w.clock = time.Date(2025, 9, 2, 0, 0, 0, 0, time.UTC)
	w.runToClock()
	first := w.reported()
	if got := closing(t, first[august]); got != "10.000000" {
		t.Fatalf("August was reported with a closing MRR of %s, want 10", got)
	}
	if first[august] != w.last(august) {
		t.Errorf("vintage and metrics differ:\n%s\n%s", first[august], w.last(august))
	}
	stays := func(why string) {
		t.Helper()
		now := w.reported()
		for key, value := range first {
			if now[key] != value {
				t.Errorf("%s: %s was\n%s\nand is\n%s", why, key, value, now[key])
			}
		}
	}
	w.write([]company.Record{subscription("e2", "acme", "2025-08-20T00:00:00Z", 3)}) // late
	w.runToClock()
	stays("a late event")
	if value := w.last(august); closing(t, value) != "30.000000" || !strings.Contains(value, `"restated":true,"final":true`) {
		t.Errorf("the late event did not restate the metrics: %s", value)
	}
	w.runToClock()
	stays("a restart")
	w.dir = t.TempDir()
	w.runToClock()
	stays("a lost checkpoint")
	w.write([]company.Record{ // the segment goes
		revocation("v1", "acme", "2025-09-01T00:00:00Z", "r1"), inRegion("r2", "acme", "2025-08-01T00:00:00Z", "us"),
	})
	w.runToClock()
	eu := regionMonth("eu", "2025-08")
	if value := w.last(eu); !strings.Contains(value, `"deleted":true`) {
		t.Errorf("the segment eu is still there: %s", value)
	}
	stays("a deleted segment")
	if got := closing(t, w.reported()[regionMonth("us", "2025-08")]); got != "30.000000" {
		t.Errorf("a segment that came late was reported with %s, want the 30 that it had when it was first final", got)
	}
	w.write([]company.Record{ // and comes back, with another account
		inRegion("r3", "globex", "2025-08-01T00:00:00Z", "eu"), subscription("e3", "globex", "2025-08-05T00:00:00Z", 7),
	})
	w.runToClock()
	if got := closing(t, w.last(eu)); got != "70.000000" {
		t.Errorf("the segment eu closes with %s, want 70", got)
	}
	stays("a segment that came back")
	w.compare()
}

// A crash at each step around the sending of a period that is final leaves a report of it, once, and
// a correction that comes after the crash changes it only where nobody was told yet.
func TestVintageOutlivesACrash(t *testing.T) {
	august := month("2025-08")
	cases := []struct {
		point string
		want  string // closing MRR in vintage
	}{
		{"derived", "30.000000"},           // nobody knows that the month is over
		{"published", ""},                  // the registers say so: it is reported as they are when they are first summed, before the correction or after it
		{"vintage published", "10.000000"}, // reported, and the metrics are not sent
		{"metrics published", "10.000000"},
	}
	for _, c := range cases {
		t.Run(c.point, func(t *testing.T) {
			w := newWorld(t, 2)
			w.clock = time.Date(2025, 8, 20, 0, 0, 0, 0, time.UTC)
			w.write([]company.Record{subscription("e1", "acme", "2025-08-02T00:00:00Z", 1)})
			w.runToClock()
			w.clock = time.Date(2025, 9, 2, 0, 0, 0, 0, time.UTC)
			o := w.options()
			o.step = func(point string) error {
				if point != c.point {
					return nil
				}
				switch point {
				case "derived":
					return errCrash
				case "published":
					for _, r := range w.progress() {
						if r.Watermark < "2025-09-01T12:00:00Z" {
							return nil
						}
					}
					return errCrash
				default:
					if w.reported()[august] == "" {
						return nil
					}
					return errCrash
				}
			}
			if err := w.runUntil(o, func(Status) bool { return false }); !errors.Is(err, errCrash) {
				t.Fatalf("got %v, want the crash", err)
			}
			w.write([]company.Record{subscription("e2", "acme", "2025-08-10T00:00:00Z", 3)})
			w.runToClock()
			if got := closing(t, w.reported()[august]); got != c.want && (c.want != "" || got != "10.000000" && got != "30.000000") {
				t.Errorf("reported with a closing MRR of %s, want %s", got, c.want)
			}
			if got := closing(t, w.last(august)); got != "30.000000" {
				t.Errorf("the metrics close with %s, want 30", got)
			}
			w.compare()
		})
	}
}

// While a shard reads again what an earlier run had read, its registers hold less than the watermark
// says: what is final then is not reported before the shard is back where it was.
func TestVintageWaitsForShardsThatReadAgain(t *testing.T) {
	day := event.Time(24 * time.Hour)
	m := &metrics{
		pipeline: &pipeline{partitions: 2, generation: 7},
		sums:     rollup.New(rollup.Options{Calendar: aggregate.NewCalendar(time.UTC, 1), Shards: 2}),
		waiting:  map[lane][]rollup.Partial{}, marks: [][]rollup.Partial{make([]rollup.Partial, 2), make([]rollup.Partial, 2)},
		parts: map[int]*ownPart{0: {vintage: vintage{}}, 1: {vintage: vintage{}}},
	}
	version := uint64(0)
	take := func(partition int, p rollup.Partial) {
		t.Helper()
		version++
		p.Version, p.Generation = version, 7
		if err := m.take(partition, &consumer.Record{Key: p.AppendKey(nil), Value: p.AppendValue(nil)}); err != nil {
			t.Fatal(err)
		}
	}
	say := func(shard int, seats int64, watermark event.Time) {
		t.Helper()
		r := &aggregate.Register{}
		r.Sums[aggregate.SumNew], r.Sums[aggregate.SumChange] = money.Units(seats), money.Units(seats)
		r.Counts[aggregate.CountNew], r.Counts[aggregate.CountEntries] = 1, 1
		take(0, rollup.Partial{
			Shard: shard, Segment: aggregate.Segment{Grouping: "all", Name: "all"}, Kind: aggregate.KindDay, Index: 10, Register: r,
		})
		for partition := range 2 {
			take(partition, rollup.Partial{Shard: shard, IsMark: true, Mark: rollup.Mark{Shards: 2, Watermark: watermark, CaughtUp: true}})
		}
	}
	final := func() []string {
		t.Helper()
		m.bringBackWithheld()
		var list []string
		for rows, err := range m.sums.Flush() {
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range m.firstFinal(rows) {
				if one.row.Kind == aggregate.KindDay {
					list = append(list, one.row.Interval+" "+one.row.Closing.String())
				}
			}
		}
		return list
	}
	say(0, 10, 12*day)
	say(1, 10, 10*day) // day 10 is still open
	if got := final(); len(got) != 0 {
		t.Fatalf("%v before the day's end", got)
	}
	say(0, 1, 5*day)   // shard 0 lost its checkpoint and begins anew
	say(1, 10, 12*day) // shard 1 goes on, so that the rollup is at day 12
	if got := final(); len(got) != 0 || !m.withheld {
		t.Fatalf("%v while shard 0 is behind itself", got)
	}
	say(0, 10, 12*day)
	if got := final(); fmt.Sprint(got) != "[1970-01-11 20.000000 1970-01-12 20.000000]" {
		t.Fatalf("%v once shard 0 is back", got)
	}
	if m.withheld {
		t.Error("still withheld")
	}
}
