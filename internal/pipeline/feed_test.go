package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/intake"
	"processor/internal/kafkatest"
	"processor/internal/row"
	"processor/internal/sink"
)

// fed is a world whose sources intake copies: records get any key and any partition of any source.
type fed struct {
	*world
	sources map[string]int // partitions by topic
	dice    *rand.Rand
	written int // records
}

// newFed makes a world with an output of so many partitions, and source topics with the given numbers.
func newFed(t testing.TB, partitions int, sources map[string]int, config ...map[string]string) *fed {
	t.Helper()
	w := newWorld(t, partitions)
	f := &fed{world: w, sources: map[string]int{}, dice: rand.New(rand.NewPCG(7, 8))}
	w.kafka.Create(t, "out.events", partitions, kafkatest.AppendTime)
	var list []Source
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		topic := w.kafka.Create(t, name, sources[name], config...)
		f.sources[topic] = sources[name]
		list = append(list, Source{Topic: topic})
	}
	w.change = func(o *Options) { o.Sources = slices.Clone(list) }
	return f
}

// also changes the options further.
func (f *fed) also(change func(*Options)) {
	before := f.change
	f.change = func(o *Options) { before(o); change(o) }
}

// scatter puts events into the sources, each anywhere.
func (f *fed) scatter(records []company.Record) {
	f.t.Helper()
	f.events = append(f.events, records...)
	byTopic := map[string][]kafkatest.Record{}
	topics := slices.Sorted(maps.Keys(f.sources))
	for _, r := range records {
		f.written++
		topic := topics[f.dice.IntN(len(topics))]
		byTopic[topic] = append(byTopic[topic], kafkatest.Record{
			Partition: int32(f.dice.IntN(f.sources[topic])), Key: fmt.Sprint("order-", f.dice.IntN(1000)), Value: string(r.Value),
		})
	}
	for _, topic := range topics {
		f.kafka.Produce(f.t, topic, byTopic[topic]...)
	}
}

// copied is one record in the topic of the copies.
type copied struct {
	partition int32
	key       string
	headers   map[string]string
}

// copies are the committed records of the topic of the copies, the marks left out.
func (w *world) copies() []copied {
	w.t.Helper()
	topic := w.prefix + "events"
	want := len(w.kafka.Read(w.t, topic))
	c := w.kafka.Client(w.t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	var list []copied
	for read := 0; read < want; {
		fetches := c.PollFetches(kafkatest.Context(w.t))
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			one := copied{partition: r.Partition, key: string(r.Key), headers: map[string]string{}}
			for _, h := range r.Headers {
				one.headers[h.Key] = string(h.Value)
			}
			if _, mark := one.headers["origin_seen"]; !mark {
				list = append(list, one)
			}
		})
	}
	return list
}

// onceEach fails unless every record of the sources is in the copies or in the dead letters, once.
func (f *fed) onceEach() {
	f.t.Helper()
	found := map[string]int{}
	for _, c := range f.copies() {
		found[c.headers["origin_topic"]+"/"+c.headers["origin_partition"]+":"+c.headers["origin_offset"]]++
		if want := int32(sink.Partition([]byte(c.key), f.partitions)); c.partition != want {
			f.t.Errorf("a record of %q is in partition %d, not %d", c.key, c.partition, want)
		}
	}
	undecodable := map[string]bool{"not_json": true, "unknown_type": true, "missing_field": true, "bad_field": true, "bad_amount": true, "bad_currency": true, "bad_time": true, "too_large": true, "too_deep": true}
	letters := f.kafka.Read(f.t, f.prefix+"dead-letters")
	byKey := map[string]string{}
	for key, reason := range f.reasons() {
		byKey[key] = reason
	}
	for _, l := range letters {
		if reason := byKey[l.Key]; undecodable[reason] {
			var at struct {
				Topic     string `json:"source_topic"`
				Partition int    `json:"partition"`
				Offset    int    `json:"offset"`
			}
			if err := json.Unmarshal([]byte(l.Key), &at); err != nil {
				f.t.Fatal(err)
			}
			found[fmt.Sprintf("%s/%d:%d", at.Topic, at.Partition, at.Offset)]++
		}
	}
	for at, n := range found {
		if n != 1 {
			f.t.Errorf("%s is there %d times", at, n)
		}
	}
	if len(found) != f.written {
		f.t.Errorf("%d of %d records are there", len(found), f.written)
	}
}

// reasons are those of the dead letters, by key.
func (w *world) reasons() map[string]string {
	w.t.Helper()
	want := len(w.kafka.Read(w.t, w.prefix+"dead-letters"))
	c := w.kafka.Client(w.t, kgo.ConsumeTopics(w.prefix+"dead-letters"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	reasons := map[string]string{}
	for read := 0; read < want; {
		fetches := c.PollFetches(kafkatest.Context(w.t))
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			for _, h := range r.Headers {
				if h.Key == "reason" {
					reasons[string(r.Key)] = string(h.Value)
				}
			}
		})
	}
	return reasons
}

// Any key and any number of partitions give the rows of a replay.
func TestAnyKeyGivesTheRowsOfReplay(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, mess := range []string{"none", "heavy"} {
		t.Run(mess, func(t *testing.T) {
			f := newFed(t, 2, map[string]int{"orders": 3}, kafkatest.AppendTime)
			f.also(func(o *Options) { o.fetchBytes = 100_000 })
			f.scatter(companyEvents(t, 2000, mess))
			f.run()
			f.compare()
			f.onceEach()
			f.run() // and nothing comes twice
			f.compare()
			f.onceEach()
		})
	}
}

// Sources of different numbers of partitions: what agrees with the service is read directly, the rest
// is copied into as many partitions.
func TestSourcesOfDifferentCounts(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	other := w.kafka.Create(t, "other", 3, kafkatest.AppendTime)
	stamped := w.kafka.Create(t, "stamped", 1) // by its producers
	w.change = func(o *Options) {
		o.Sources = append(o.Sources, Source{Topic: other, KeyedByAccount: true}, Source{Topic: stamped, KeyedByAccount: true})
	}
	w.kafka.Create(t, "out.events", 2, kafkatest.AppendTime)
	records := companyEvents(t, 1500, "light")
	w.write(records[:500])
	for topic, part := range map[string][]company.Record{other: records[500:1000], stamped: records[1000:]} {
		w.events = append(w.events, part...)
		partitions := map[string]int{other: 3, stamped: 1}[topic]
		var list []kafkatest.Record
		for _, r := range part {
			list = append(list, kafkatest.Record{
				Partition: int32(sink.Partition(r.Key, partitions)), Key: string(r.Key), Value: string(r.Value),
				Time: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
			})
		}
		w.kafka.Produce(t, topic, list...)
	}
	w.run()
	w.compare()
	list := w.copies()
	for _, c := range list {
		if c.headers["origin_topic"] == w.topic {
			t.Fatal("a source that could be read directly was copied")
		}
		if (c.headers["origin_received_at"] == "") != (c.headers["origin_topic"] == stamped) {
			t.Fatalf("received at %q of %s", c.headers["origin_received_at"], c.headers["origin_topic"])
		}
	}
	if len(list) < 900 {
		t.Errorf("%d copies", len(list))
	}
}

// How many partitions the copies get: those of the sources that are read directly, else the most of the
// others, and at a later start what there is.
func TestPartitionsOfTheCopies(t *testing.T) {
	t.Parallel() // it mostly waits
	cases := []struct {
		name   string
		direct int
		taken  []int
		want   int
	}{
		{"those of the direct source", 2, []int{3}, 2},
		{"the most of the copied ones", 0, []int{1, 3}, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.want)
			w.change = func(o *Options) {
				if c.direct == 0 {
					o.Sources = nil
				}
				for i := range c.taken {
					o.Sources = append(o.Sources, Source{Topic: w.kafka.Topic(fmt.Sprint("taken-", i))})
				}
			}
			for i, n := range c.taken {
				w.kafka.Create(t, fmt.Sprint("taken-", i), n, kafkatest.AppendTime)
			}
			first := subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)
			w.events = append(w.events, first)
			w.kafka.Produce(t, w.kafka.Topic("taken-0"), kafkatest.Record{Value: string(first.Value)})
			w.run()
			w.compare()
			// One more source, with more partitions, changes nothing about the number.
			more := w.kafka.Create(t, "more", 5, kafkatest.AppendTime)
			before := w.change
			w.change = func(o *Options) { before(o); o.Sources = append(o.Sources, Source{Topic: more, KeyedByAccount: true}) }
			second := subscription("e2", "globex", "2025-03-02T00:00:00Z", 2)
			w.events = append(w.events, second)
			w.kafka.Produce(t, more, kafkatest.Record{Key: "globex", Partition: int32(sink.Partition([]byte("globex"), 5)), Value: string(second.Value)})
			w.run()
			w.compare()
			topics, err := w.kafka.Cluster.Topics(kafkatest.Context(t), w.prefix+"events")
			if n := len(topics[w.prefix+"events"].Partitions); err != nil || n != c.want {
				t.Errorf("the copies have %d partitions (%v), want %d", n, err, c.want)
			}
		})
	}
}

// feedPoints are all places at which intake can be ended.
var feedPoints = []string{"opening", "opened", "fetched", "begun", "sent", "positioned", "committed"}

// Crashes at every step of intake, and of the ledger beside it, leave every record once, and the rows
// of a replay.
func TestCrashesOfIntakeLeaveEachRecordOnce(t *testing.T) {
	t.Parallel() // it mostly waits
	f := newFed(t, 2, map[string]int{"orders": 3}, kafkatest.AppendTime)
	f.also(func(o *Options) { o.FlushRecords, o.CheckpointInterval, o.fetchBytes = 50, 1, 1 })
	events, rounds := 1500, 2*len(feedPoints)
	if testing.Short() { // the race detector makes it ten times slower
		events, rounds = 500, len(feedPoints)
	}
	records := companyEvents(t, events, "light")
	crashes := map[string]int{}
	for i, slice := range slices.Collect(slices.Chunk(records, len(records)/rounds+1)) {
		f.scatter(slice)
		point := feedPoints[i%len(feedPoints)]
		if f.crashAt("intake "+point, 1+f.dice.IntN(3)) {
			crashes[point]++
		}
	}
	for _, point := range feedPoints {
		if crashes[point] == 0 && !testing.Short() {
			t.Errorf("no crash at %q: the point is never passed", point)
		}
	}
	f.run()
	f.compare()
	f.onceEach()
}

// What explain, dead letters and counters say is about the record as it was written first.
func TestOriginsAreKept(t *testing.T) {
	f := newFed(t, 2, map[string]int{"orders": 3}, kafkatest.AppendTime)
	good := changed("good", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"active",`+goodItem)
	conflict := changed("good", "2025-03-01T00:00:00Z", `"subscription":"s1","status":"paused",`+goodItem)
	c := f.kafka.Client(t)
	orders := f.kafka.Topic("orders")
	for i, r := range []kgo.Record{
		{Key: []byte("order-1"), Value: good.Value},
		{Key: []byte("order-2"), Value: []byte(`{"id":`)},
		{Key: []byte("order-3"), Value: conflict.Value, Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("42")}}},
	} {
		r.Topic, r.Partition = orders, 1
		if err := c.ProduceSync(kafkatest.Context(t), &r).FirstErr(); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	f.run()
	letters := f.letters()
	for offset, want := range map[int64]map[string]string{
		1: {"reason": "not_json", "key": "order-2", "value": `{"id":`},
		2: {"reason": "conflicting_duplicate", "key": "order-3", "value": string(conflict.Value), "trace": "42"},
	} {
		letter := letters[offset]
		want["source_topic"], want["partition"] = orders, "1"
		for name, value := range want {
			if letter[name] != value {
				t.Errorf("letter of offset %d: %s is %q, want %q", offset, name, letter[name], value)
			}
		}
		for name := range letter {
			if strings.HasPrefix(name, "origin_") {
				t.Errorf("letter of offset %d has %s", offset, name)
			}
		}
	}
	reading := f.metrics.Read()
	p := reading.Partitions[Partition{Topic: orders, Partition: 1}]
	if p.Read != 3 || p.Results[ResultCopied] != 2 || p.Results[ResultRejected] != 1 || p.Position != 3 || p.LagRecords != 0 {
		t.Errorf("counted %+v", p)
	}
	if reading.Rows[row.TopicEvents] == 0 || reading.Rejections["not_json"] != 1 {
		t.Errorf("rows %v, rejections %v", reading.Rows, reading.Rejections)
	}
	e, err := ExplainKept(t.Context(), f.dir, f.core, "acme", nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if want := (event.Position{Topic: orders, Partition: 1}); len(e.Rows) != 1 || len(e.Rows[0].Events) != 1 || e.Rows[0].Events[0].Position != want {
		t.Errorf("explained by %+v, want %+v", e.Rows, want)
	}
}

// Each record of a source has one result in intake and, copied, one in the ledger (invariant I3).
func TestCopiesAreConserved(t *testing.T) {
	f := newFed(t, 2, map[string]int{"orders": 3, "invoices": 2}, kafkatest.AppendTime)
	f.also(func(o *Options) { o.Decoder.IgnoreUnknownTypes = true })
	f.scatter(companyEvents(t, 1500, "heavy"))
	for range 5 {
		f.scatter([]company.Record{raw(`{"specversion":"1.0","id":"u","source":"test","type":"dog.barked","subject":"acme","time":"2025-03-01T00:00:00Z","data":{}}`)})
	}
	f.kafka.Transact(t, f.kafka.Topic("orders"), false, kafkatest.Record{Key: "x", Value: "aborted"})
	f.run()
	var read, results, copies, ledger, positions int64
	for at, p := range f.metrics.Read().Partitions {
		if _, source := f.sources[at.Topic]; !source {
			ledger += p.Read - p.Results[ResultSkipped]
			continue
		}
		read += p.Read
		positions += p.Position
		copies += p.Results[ResultCopied]
		for _, n := range p.Results {
			results += n
		}
	}
	if want := int64(f.written) + 2; read != want || results != want || positions != want { // aborted, and its marker
		t.Errorf("%d records: %d read, %d results, positions %d", want, read, results, positions)
	}
	if copies == 0 || copies != ledger {
		t.Errorf("%d copied, the ledger read %d", copies, ledger)
	}
	for at, p := range f.metrics.Read().Partitions {
		if _, source := f.sources[at.Topic]; source {
			f.written -= int(p.Results[ResultIgnored])
		}
	}
	f.onceEach()
}

// A source that is not the log any more that was copied ends the service, again and again, until a
// person has decided.
func TestAChangedSourceOfIntakeHalts(t *testing.T) {
	orders := func(f *fed) string { return f.kafka.Topic("orders") }
	cases := []struct {
		name   string
		breaks func(f *fed)
		says   []string
	}{
		{"recreated", func(f *fed) {
			f.kafka.Delete(t, orders(f))
			f.kafka.Create(t, "orders", 1, kafkatest.AppendTime)
			f.events = nil
			f.scatter(append(otherEvents, firstEvents...))
		}, []string{"was recreated", "ours was", "position 2 of", "--topic TOPIC --reset-offsets --to-earliest"}},
		{"retention", func(f *fed) {
			f.scatter(otherEvents)
			f.kafka.DeleteRecords(t, orders(f), 0, 4)
		}, []string{"lost offsets [2,4)", "--topic TOPIC:0 --reset-offsets --to-earliest"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := newFed(t, 2, map[string]int{"orders": 1}, kafkatest.AppendTime)
			f.scatter(firstEvents)
			f.run()
			c.breaks(f)
			for i, text := range c.says {
				c.says[i] = strings.ReplaceAll(text, "TOPIC", orders(f))
			}
			for range 2 {
				f.mustRefuse(ErrOperator, append(c.says, "docs/runbooks/source-changed.md", "--group "+intake.GroupOf(f.prefix+"group"))...)
			}
		})
	}
}

// A source is recreated, or deleted, while the service runs.
func TestASourceOfIntakeChangesMeanwhile(t *testing.T) {
	for name, says := range map[string]string{"recreated": "was recreated", "deleted": "does not exist any more"} {
		t.Run(name, func(t *testing.T) {
			f := newFed(t, 1, map[string]int{"orders": 1}, kafkatest.AppendTime)
			f.scatter(firstEvents)
			f.also(func(o *Options) { o.watchEvery = 50 * time.Millisecond })
			changed := false
			err := f.runUntil(f.options(), func(s Status) bool {
				if s.Ready() && !changed {
					changed = true
					f.kafka.Delete(t, f.kafka.Topic("orders"))
					if name == "recreated" {
						f.kafka.Create(t, "orders", 1, kafkatest.AppendTime)
						f.scatter(append(otherEvents, firstEvents...))
					}
				}
				return false
			})
			if !errors.Is(err, ErrOperator) || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Partitions that are added to a copied source are copied from their start.
func TestACopiedSourceMayGrow(t *testing.T) {
	t.Parallel() // it mostly waits
	f := newFed(t, 2, map[string]int{"orders": 1}, kafkatest.AppendTime)
	records := companyEvents(t, 600, "none")
	f.scatter(records[:300])
	f.run()
	f.kafka.AddPartitions(t, f.kafka.Topic("orders"), 3)
	f.sources[f.kafka.Topic("orders")] = 3
	f.scatter(records[300:])
	f.run()
	f.compare()
	f.onceEach()
}

// A lost checkpoint is made again from the copies, and the sources need not have anything any more.
func TestTheCopiesAreTheHistory(t *testing.T) {
	t.Parallel() // it mostly waits
	f := newFed(t, 2, map[string]int{"orders": 3}, kafkatest.AppendTime)
	f.scatter(companyEvents(t, 500, "light"))
	f.run()
	for at, p := range f.metrics.Read().Partitions {
		if _, source := f.sources[at.Topic]; source {
			f.kafka.DeleteRecords(t, at.Topic, at.Partition, p.Position)
		}
	}
	f.dir = t.TempDir()
	f.run()
	f.compare()
	f.core.Groupings = [][]string{{"region"}}
	if done := f.rebuild(FromLog); !done.Changed {
		t.Errorf("rebuilt %+v", done)
	}
	f.run()
	f.compare()
}

// Before the first start there is nothing to rebuild, and nothing is made.
func TestRebuildBeforeAnythingIsCopied(t *testing.T) {
	w := newWorld(t, 2)
	w.change = func(o *Options) { o.Sources[0].KeyedByAccount = false }
	w.rebuild(FromLog)
	topics, err := w.kafka.Cluster.Topics(kafkatest.Context(t), w.prefix+"events")
	if err != nil || topics[w.prefix+"events"].Exists {
		t.Errorf("a rebuild made topics (%v)", err)
	}
}
