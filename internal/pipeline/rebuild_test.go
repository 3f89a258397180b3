package pipeline

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/company"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/kafkatest"
	"processor/internal/rollup"
	"processor/internal/row"
)

// rebuild runs the command, and fails the test when it does.
func (w *world) rebuild(from RebuildFrom) Rebuilt {
	w.t.Helper()
	done, err := Rebuild(kafkatest.Context(w.t), w.options(), from, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return done
}

// mustNotRebuild runs the command into a refusal, which leaves the checkpoint as it was.
func (w *world) mustNotRebuild(from RebuildFrom, kind error, says ...string) {
	w.t.Helper()
	_, err := Rebuild(kafkatest.Context(w.t), w.options(), from, false)
	if !errors.Is(err, kind) {
		w.t.Fatalf("got %v, want %v", err, kind)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			w.t.Errorf("the error does not say %q:\n%v", text, err)
		}
	}
}

// meanings are three that follow each other: dimensions come and go, the window of coalescing, the
// fiscal year and the rolling windows change.
func meanings() []func(*aggregate.Options) {
	return []func(*aggregate.Options){
		func(o *aggregate.Options) { o.Groupings = [][]string{{"region"}} },
		func(o *aggregate.Options) { o.Groupings, o.Coalesce = [][]string{{"plan_tier", "region"}}, 0 },
		func(o *aggregate.Options) {
			o.Groupings, o.FiscalYearStart, o.Windows = [][]string{{"region"}}, 4, aggregate.Windows[3:4]
		},
	}
}

// forgetLog deletes what the sources hold, so that only the checkpoint has it.
func (w *world) forgetLog() {
	w.t.Helper()
	for p, end := range w.sourceEnds() {
		w.kafka.DeleteRecords(w.t, w.topic, p, end)
	}
}

func (w *world) sourceEnds() map[int32]int64 {
	w.t.Helper()
	var all []broker.TopicPartition
	for p := range w.partitions {
		all = append(all, broker.TopicPartition{Topic: w.topic, Partition: int32(p)})
	}
	ends, err := consumer.EndOffsets(kafkatest.Context(w.t), w.kafka.Cluster, all)
	if err != nil {
		w.t.Fatal(err)
	}
	byPartition := map[int32]int64{}
	for tp, end := range ends {
		byPartition[tp.Partition] = end
	}
	return byPartition
}

// The kept records, counted anew under another meaning, give the rows of a replay under it, though
// the sources have forgotten them.
func TestRebuildFromTheCheckpoint(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	w.write(companyEvents(t, 500, "light"))
	for i, change := range meanings() {
		before := w.core
		change(&w.core)
		if i > 0 {
			w.mustRefuse(ErrRefused, "another meaning", "processor rebuild --from checkpoint --config FILE")
			done := w.rebuild(FromCheckpoint)
			if !done.Changed || done.Shards != 2 || done.Accounts == 0 || done.Records == 0 || len(done.Differences) == 0 {
				t.Errorf("rebuilt: %+v", done)
			}
			if again := w.rebuild(FromCheckpoint); again.Changed || len(again.Differences) > 0 || again.Records != done.Records {
				t.Errorf("the second time: %+v", again)
			}
			now := w.core
			w.core = before
			w.mustRefuse(ErrRefused, "another meaning")
			w.core = now
		}
		w.run()
		w.compare()
		w.oneGeneration()
		before2 := w.counts()
		w.run()
		if after := w.counts(); fmt.Sprint(after) != fmt.Sprint(before2) {
			t.Errorf("records before %v, after another run %v: the debt was not paid", before2, after)
		}
		if i == 0 {
			w.forgetLog()
			w.mustNotRebuild(FromLog, ErrOperator, "no longer hold their beginning", w.topic+"/0: offsets [0,", w.topic+"/1: offsets [0,",
				"processor rebuild --from checkpoint --config FILE")
		}
	}
}

// Rows that another meaning does not have are taken back: revaluations of a rate table that is gone,
// and a month that loses its only movement to the next one in another zone. Back under the first
// meaning they are there again.
func TestRebuildTakesBackRows(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	april := event.At(time.Date(2025, 4, 1, 0, 0, 0, 0, time.UTC))
	table := func(from event.Time, rate int64) aggregate.RateTable {
		return aggregate.RateTable{From: from, Rates: map[string]*big.Rat{"EUR": big.NewRat(rate, 10)}}
	}
	fx, march := `movements {"account":"acme","movement":"fx/2025-04-01"}`, `account_months {"account":"globex","month":"2025-03"}`
	for _, from := range []RebuildFrom{FromCheckpoint, FromLog} {
		t.Run(string(from), func(t *testing.T) {
			w := newWorld(t, 1)
			w.core.Groupings = nil
			euro := subscription("e1", "acme", "2025-03-01T00:00:00Z", 5)
			euro.Value = []byte(strings.Replace(string(euro.Value), `"USD"`, `"EUR"`, 1))
			w.write([]company.Record{euro, subscription("e2", "globex", "2025-03-31T22:30:00Z", 1)})
			for i := range 3 {
				w.core.Rates, w.core.Zone = []aggregate.RateTable{table(event.NoTime, 11), table(april, 12)}, time.UTC
				if i == 1 {
					w.core.Rates, w.core.Zone = w.core.Rates[:1], paris
				}
				if i > 0 {
					w.rebuild(from)
				}
				w.run()
				got := w.got()
				if there := i != 1; (got[fx] != "") != there || (got[march] != "") != there {
					t.Errorf("under meaning %d: revaluation %q, March %q; should they be there: %v", i, got[fx], got[march], there)
				}
				w.compare()
			}
		})
	}
}

// oneGeneration makes sure that compaction leaves no register of an earlier meaning.
func (w *world) oneGeneration() {
	w.t.Helper()
	last := map[string]string{}
	for _, r := range w.kafka.Read(w.t, w.prefix+string(row.TopicPartials)) {
		last[r.Key] = r.Value
	}
	want := generationOf(meaning(&w.core, w.partitions))
	count, old := 0, 0
	for key, value := range last {
		if value == "" {
			continue
		}
		p, err := rollup.DecodePartial([]byte(key), []byte(value), want)
		if err != nil {
			w.t.Fatal(err)
		}
		if count++; p.Generation != want {
			old++
		}
	}
	if count == 0 || old > 0 {
		w.t.Errorf("%d of %d keys of the partials are of an earlier meaning", old, count)
	}
}

// A rebuild that is killed between any two of its steps leaves the old checkpoint or the new one, and
// is made again; so is the run after it, wherever it crashes.
func TestCrashesAroundARebuild(t *testing.T) {
	t.Parallel() // it mostly waits
	list := meanings()
	cases := []struct {
		rebuild, run string
		isNew        bool // the crashed rebuild left the new checkpoint
	}{
		{"read", "derived", false},
		{"staged", "published", false},
		{"switched", "sent again", true},
		{"switched", "saving", true},
		{"switched", "saved a shard", true},
		{"switched", "metrics published", true},
	}
	for _, c := range cases {
		t.Run(c.rebuild+", "+c.run, func(t *testing.T) {
			w := newWorld(t, 2)
			w.change = func(o *Options) { o.CheckpointInterval = 1 }
			records := companyEvents(t, 100, "none")
			w.write(records[:75])
			list[0](&w.core)
			w.run()
			old := w.core
			list[1](&w.core)
			o := w.options()
			o.step = (&crasher{point: c.rebuild, left: 1}).step
			if _, err := Rebuild(kafkatest.Context(t), o, FromCheckpoint, false); !errors.Is(err, errCrash) {
				t.Fatalf("got %v, want the crash", err)
			}
			if c.isNew {
				if done := w.rebuild(FromCheckpoint); done.Changed {
					t.Errorf("the checkpoint was not the new one: %+v", done)
				}
			} else {
				now := w.core
				w.core = old
				w.run() // the service could go on as before
				w.compare()
				w.core = now
				if done := w.rebuild(FromCheckpoint); !done.Changed {
					t.Errorf("the checkpoint was not the old one: %+v", done)
				}
			}
			w.write(records[75:])
			if !w.crashAt(c.run, 1) {
				t.Errorf("the run did not crash at %q", c.run)
			}
			w.run()
			w.compare()
			w.oneGeneration()
		})
	}
}

// Until every shard has sent its registers of the new meaning, no row of metrics is made from the few
// that a new event touches: half a generation has churn of customers that it never won.
func TestHalfAGenerationIsNotSummed(t *testing.T) {
	w := newWorld(t, 1)
	w.write([]company.Record{
		subscription("e1", "acme", "2025-03-01T00:00:00Z", 10), subscription("e2", "globex", "2025-03-02T00:00:00Z", 20),
	})
	w.run()
	w.core.Coalesce = 0
	w.rebuild(FromCheckpoint)
	w.change = func(o *Options) { o.FlushRecords, o.FlushInterval, o.MetricsInterval, o.fetchBytes = 1, 1, 1, 1 }
	w.write([]company.Record{subscription("e3", "acme", "2025-04-01T00:00:00Z", 0)}) // churn
	for i := range 20 {                                                              // in batches of their own
		w.write([]company.Record{subscription(fmt.Sprintf("n%d", i), "initech", fmt.Sprintf("2025-05-%02dT00:00:00Z", i+1), i+1)})
	}
	begun := len(w.kafka.Read(t, w.prefix+string(row.TopicMetrics)))
	w.run()
	w.compare()
	for _, r := range w.kafka.Read(t, w.prefix+string(row.TopicMetrics))[begun:] {
		if strings.Contains(r.Key, `"interval":"2025-03"`) && strings.Contains(r.Key, `"all"`) && closing(t, r.Value) != "300.000000" {
			t.Errorf("March closed with %s on the way", closing(t, r.Value))
		}
	}
}

// From the log, everything is read again, also what was rejected under the old meaning.
func TestRebuildFromTheLog(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	euro := subscription("x1", "initech", "2025-03-01T00:00:00Z", 5)
	euro.Value = []byte(strings.Replace(string(euro.Value), `"USD"`, `"EUR"`, 1))
	w.write(append(companyEvents(t, 200, "none"), euro))
	w.run()
	letters := len(w.kafka.Read(t, w.prefix+"dead-letters"))
	if letters == 0 {
		t.Fatal("the event in euros was not rejected")
	}
	w.core.Rates = []aggregate.RateTable{{From: event.NoTime, Rates: map[string]*big.Rat{"EUR": big.NewRat(11, 10)}}}
	w.core.Groupings = [][]string{{"region"}}
	dry, err := Rebuild(kafkatest.Context(t), w.options(), FromLog, true)
	if err != nil || !dry.Changed || dry.Records == 0 {
		t.Fatalf("dry run: %+v, %v", dry, err)
	}
	w.mustRefuse(ErrRefused, "another meaning") // nothing was changed
	if done := w.rebuild(FromLog); !done.Changed || done.Records != dry.Records || done.Shards != 2 {
		t.Errorf("rebuilt: %+v", done)
	}
	if again := w.rebuild(FromLog); again.Changed || again.Shards != 0 || again.Records != 0 {
		t.Errorf("the second time: %+v", again)
	}
	w.run()
	w.compare()
	w.oneGeneration()
	if done := w.rebuild(FromLog); !done.Changed || len(done.Differences) > 0 { // the same meaning, once more
		t.Errorf("under the same meaning: %+v", done)
	}
	w.run()
	w.compare()
	w.dir = t.TempDir()
	if done := w.rebuild(FromLog); done.Changed || done.Shards != 0 {
		t.Errorf("without a checkpoint: %+v", done)
	}
}

// What a rebuild cannot do it refuses, and leaves the checkpoint as it was.
func TestRebuildRefuses(t *testing.T) {
	t.Run("records that cannot be converted", func(t *testing.T) {
		w := newWorld(t, 1)
		rates := []aggregate.RateTable{{From: event.NoTime, Rates: map[string]*big.Rat{"EUR": big.NewRat(11, 10)}}}
		w.core.Rates = rates
		euro := subscription("x1", "initech", "2025-03-01T00:00:00Z", 5)
		euro.Value = []byte(strings.Replace(string(euro.Value), `"USD"`, `"EUR"`, 1))
		w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 10), euro})
		w.run()
		w.core.Rates = nil
		w.mustNotRebuild(FromCheckpoint, ErrOperator, "1 of the 2 kept records", `"x1"`, `"initech"`, "missing_rate", "reporting.rates")
		w.core.Rates = rates
		w.run()
		w.compare()
	})
	t.Run("another number of partitions", func(t *testing.T) {
		w := newWorld(t, 1)
		w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 10)})
		w.run()
		w.topic, w.prefix = w.kafka.Create(t, "wider", 2, kafkatest.AppendTime), w.kafka.Topic("wide.")
		for _, from := range []RebuildFrom{FromCheckpoint, FromLog} {
			w.mustNotRebuild(from, ErrRefused, "made over 1 partitions, the sources have 2", "no rebuild can follow that", "processor rescale --config FILE")
		}
		w.mustRefuse(ErrRefused, "made over 1 partitions, the sources have 2", "no rebuild can follow that", "processor rescale --config FILE")
	})
	t.Run("nothing there", func(t *testing.T) {
		w := newWorld(t, 1)
		w.mustNotRebuild(FromCheckpoint, ErrRefused, "there is no checkpoint", "checkpoint.dir")
	})
	t.Run("a service that runs", func(t *testing.T) {
		w := newWorld(t, 1)
		w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 10)})
		o := w.options()
		o.step = func(point string) error {
			if point == "published" {
				w.mustNotRebuild(FromCheckpoint, checkpoint.ErrLocked, "stop the service")
				return errCrash
			}
			return nil
		}
		if err := w.runUntil(o, func(Status) bool { return false }); !errors.Is(err, errCrash) {
			t.Error(err)
		}
	})
}

func TestDifferences(t *testing.T) {
	core := testCore()
	old := meaning(&core, 2)
	if list := differences(old, old); len(list) > 0 {
		t.Errorf("a meaning differs from itself: %v", list)
	}
	core.Groupings, core.Coalesce, core.Windows = [][]string{{"region"}}, 0, aggregate.Windows[:1]
	got := differences(old+"; Retired yes", meaning(&core, 3)+"; Novel 7")
	want := []Difference{
		{"partitions of the sources", "2", "3"},
		{"rules.coalesce", "1h0m0s", "0s"},
		{"groupings", "[[region], [plan_tier, region]]", "[[region]]"},
	}
	if !slices.Equal(got[:3], want) || got[3].Key != "windows" || got[4] != (Difference{"Novel", "-", "7"}) || got[5] != (Difference{"Retired", "yes", "-"}) {
		t.Errorf("got %v", got)
	}
	for _, p := range parts(old) { // what a person reads is a key of the configuration
		if _, known := configKeys[p.name]; !known {
			t.Errorf("%s has no key of the configuration", p.name)
		}
	}
}
