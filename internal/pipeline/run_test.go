package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/kafkatest"
	"processor/internal/replay"
	"processor/internal/row"
	"processor/internal/sink"
)

// world is one source topic with events, an output prefix and a checkpoint directory: what a
// service runs in, once or several times.
type world struct {
	t          testing.TB
	kafka      *kafkatest.Kafka
	topic      string
	partitions int
	prefix     string
	dir        string
	store      string // the default when empty
	clock      time.Time
	events     []company.Record
	metrics    *Metrics
	core       aggregate.Options
	change     func(*Options)
}

// the clock of the tests stands still, in front of every generated event and less than the
// horizon behind the first.
var testClock = time.Date(2025, 10, 15, 12, 0, 30, 0, time.UTC)

func newWorld(t testing.TB, partitions int) *world {
	t.Helper()
	k := kafkatest.Start(t, 1)
	return &world{
		t: t, kafka: k, partitions: partitions, prefix: k.Topic("out."), dir: t.TempDir(), clock: testClock, store: os.Getenv("PIPELINE_STORE"),
		topic: k.Create(t, "events", partitions, kafkatest.AppendTime), metrics: new(Metrics), core: testCore(),
	}
}

// testCore is the meaning that the tests' numbers have.
func testCore() aggregate.Options {
	return aggregate.Options{
		Currency: "USD", Zone: time.UTC, ReportingStart: event.NoTime, Coalesce: time.Hour, UsageGrace: 12 * time.Hour,
		Groupings: [][]string{{"region"}, {"plan_tier", "region"}}, Windows: aggregate.Windows,
	}
}

func companyEvents(t testing.TB, events int, mess string) []company.Record {
	t.Helper()
	o := company.Defaults()
	o.Events, o.Accounts = events, max(events/20, 10)
	o.End = event.At(o.Start.UTC().AddDate(0, 9, 0))
	var err error
	if o.Mess, err = company.ParseMess(mess); err != nil {
		t.Fatal(err)
	}
	return collected(t, o)
}

func collected(t testing.TB, o company.Options) []company.Record {
	t.Helper()
	records, err := company.Collect(o)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// write puts events into the source topic, each into the partition of its account.
func (w *world) write(records []company.Record) {
	w.t.Helper()
	w.events = append(w.events, records...)
	byPartition := map[int32][]kafkatest.Record{}
	for _, r := range records {
		p := int32(sink.Partition(r.Key, w.partitions))
		byPartition[p] = append(byPartition[p], kafkatest.Record{Partition: p, Key: string(r.Key), Value: string(r.Value)})
	}
	for _, list := range byPartition {
		w.kafka.Produce(w.t, w.topic, list...)
	}
}

func (w *world) options() Options {
	o := Options{
		Cluster: w.kafka.Cluster, Group: w.prefix + "group", Sources: []Source{{Topic: w.topic, KeyedByAccount: true}},
		Prefix: w.prefix, CreateTopics: true, FlushInterval: 20 * time.Millisecond, MetricsInterval: 50 * time.Millisecond,
		CheckpointStore: w.store, CheckpointDir: w.dir, CheckpointInterval: 100 * time.Millisecond,
		Core: w.core, Lateness: 10 * time.Minute, Clock: func() time.Time { return w.clock }, Metrics: w.metrics,
		StopWithin: 3 * time.Minute,
	}
	if os.Getenv("PIPELINE_LOG") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	if w.change != nil {
		w.change(&o)
	}
	return o
}

// run runs the service until it has caught up and stops it in order.
func (w *world) run() {
	w.t.Helper()
	if err := w.runUntil(w.options(), func(s Status) bool { return s.Ready() }); err != nil {
		w.t.Fatal(err)
	}
}

// runUntil runs the service and asks it to stop once the status is as wanted.
func (w *world) runUntil(o Options, enough func(Status) bool) error {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Minute)
	defer stop()
	o.Observer.Status = func(s Status) {
		if enough(s) {
			stop()
		}
	}
	err := Run(ctx, o)
	if ctx.Err() == context.DeadlineExceeded {
		w.t.Fatal("the service did not get there within two minutes")
	}
	return err
}

// rowTopics are those whose final rows a replay of the same events must give.
var rowTopics = []row.Topic{
	row.TopicMovements, row.TopicAccounts, row.TopicAccountMonths, row.TopicSignals, row.TopicMetrics, row.TopicSignalMetrics,
}

// got are the latest rows of the output topics, without what every sending changes.
func (w *world) got() map[string]string {
	w.t.Helper()
	rows := map[string]string{}
	for _, topic := range rowTopics {
		versions := map[string]float64{}
		for _, r := range w.rows(topic) {
			if r.Value == "" {
				continue // the tombstone of a row
			}
			var fields map[string]any
			if err := json.Unmarshal([]byte(r.Value), &fields); err != nil {
				w.t.Fatalf("%s: %q: %v", topic, r.Value, err)
			}
			name := string(topic) + " " + r.Key
			version := fields["version"].(float64)
			if version < versions[name] {
				w.t.Errorf("%s: version %v after %v", name, version, versions[name])
			}
			versions[name] = version
			if fields["deleted"].(bool) {
				delete(rows, name)
				continue
			}
			rows[name] = plain(r.Value)
		}
	}
	return rows
}

// plain is a row without version, known_at and restated.
func plain(value string) string {
	at := strings.LastIndex(value, stampStart)
	end := strings.LastIndex(value, `,"final":`)
	return value[:at] + value[end:]
}

// want is what a replay of the same events gives.
func (w *world) want() map[string]string {
	w.t.Helper()
	run, err := replay.New(replay.Options{
		Core: w.core, Shards: w.partitions, AsOf: wholeMinute(w.clock, 10*time.Minute), Rows: rowTopics,
		ShardOf: func(account string, n int) int { return sink.Partition([]byte(account), n) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for i, e := range w.events {
		run.Apply("events", int64(i), e.Value)
	}
	var out bytes.Buffer
	if _, err := run.Finish(&out); err != nil {
		w.t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(out.String()) {
		var r struct {
			Topic string          `json:"topic"`
			Key   json.RawMessage `json:"key"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			w.t.Fatal(err)
		}
		rows[r.Topic+" "+string(r.Key)] = plain(string(r.Value))
	}
	return rows
}

// compare fails with the first few rows that differ.
func (w *world) compare() {
	w.t.Helper()
	got, want := w.got(), w.want()
	w.everyFinalRowWasReported(got)
	if len(want) == 0 {
		w.t.Fatal("replay gives no rows: the test proves nothing")
	}
	var wrong []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			wrong = append(wrong, fmt.Sprintf("%s\n got %s\nwant %s", key, got[key], want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s\n got %s\nwant nothing", key, got[key]))
		}
	}
	if len(wrong) > 0 {
		w.t.Fatalf("%d of %d rows differ from replay's:\n%s", len(wrong), len(want), strings.Join(wrong[:min(len(wrong), 4)], "\n"))
	}
}

func TestRunGivesTheRowsOfReplay(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, mess := range []string{"none", "light"} {
		t.Run(mess, func(t *testing.T) {
			w := newWorld(t, 3)
			w.write(companyEvents(t, 3000, mess))
			w.run()
			w.compare()
		})
	}
}

// A company with everything that the generator knows (moves between accounts, erasures, rewritten
// and withdrawn events, bad records) under a configuration with everything that changes a number.
func TestRunGivesTheRowsOfReplayWithEverything(t *testing.T) {
	t.Parallel() // it mostly waits
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	o := company.Defaults()
	o.Seed, o.Accounts, o.Events, o.Rare, o.Mess, o.Currencies = 9, 120, 2500, true, company.Whole, []string{"USD", "EUR", "JPY"}
	o.End = event.At(o.Start.UTC().AddDate(0, 9, 0))
	w := newWorld(t, 3)
	table := func(from event.Time, euro, yen string) aggregate.RateTable {
		rates := map[string]*big.Rat{}
		for currency, text := range map[string]string{"EUR": euro, "JPY": yen} {
			rates[currency], _ = new(big.Rat).SetString(text)
		}
		return aggregate.RateTable{From: from, Rates: rates}
	}
	w.core.Zone, w.core.FiscalYearStart = berlin, 4
	w.core.ReportingStart = event.At(time.Date(2025, 1, 20, 0, 0, 0, 0, berlin))
	w.core.ReactivationWithin = 60 * 24 * time.Hour
	w.core.Groupings = [][]string{{"region"}, {"cohort"}, {"plan_tier", "cs_model", "region"}}
	w.core.Rates = []aggregate.RateTable{
		table(event.NoTime, "1.1", "0.007"), table(event.At(time.Date(2025, 4, 1, 0, 0, 0, 0, berlin)), "1.2345678901", "0.0067"),
		table(event.At(time.Date(2025, 8, 1, 0, 0, 0, 0, berlin)), "0.95", "0.0071"),
	}
	w.write(collected(t, o))
	w.run()
	w.compare()
	keys := strings.Join(slices.Sorted(maps.Keys(w.got())), "\n")
	for _, kind := range []string{"event/", "transfer/", "usage/", "fx/"} {
		if !strings.Contains(keys, `"movement":"`+kind) {
			t.Errorf("no movement of the kind %s: the company is too small", kind)
		}
	}
	if w.metrics.Read().Rejections[event.ReasonConflictingDuplicate] == 0 {
		t.Error("no conflict: the mess is too small")
	}
}
