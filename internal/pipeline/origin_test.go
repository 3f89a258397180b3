package pipeline

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/kafkatest"
)

// copyOf is a record as intake writes it, or a mark.
func copyOf(topic, partition, offset string, received, seen string) *consumer.Record {
	h := func(key, value string) consumer.Header {
		return consumer.Header{Key: []byte(key), Value: []byte(value)}
	}
	r := &consumer.Record{Time: int64(event.At(time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC))), Append: true}
	if seen != "" {
		r.Headers = append(r.Headers, h("origin_seen", seen))
	} else {
		r.Headers = append(r.Headers, consumer.Header{Key: []byte("origin_key")}, h("origin_received_at", received))
	}
	r.Headers = append(r.Headers, h("origin_topic", topic), h("origin_partition", partition), h("origin_offset", offset))
	return r
}

// instantOf is a time of the tests, on the 5th of March 2026.
func instantOf(t *testing.T, clock string) event.Time {
	t.Helper()
	at, ok := event.ParseTime([]byte("2026-03-05T" + clock + "Z"))
	if !ok {
		t.Fatal(clock)
	}
	return at
}

// The slowest source partition decides up to when the copies are complete; marks move it like records,
// and one that has nothing more follows the clock once its copies have been read.
func TestTheSlowestOriginDecides(t *testing.T) {
	at := func(clock string) event.Time { return instantOf(t, clock) }
	f := &feed{taken: []takenSource{{topic: "a", partitions: 2}}, partitions: 1, inflow: new(inflow)}
	src := &source{Position: consumer.Position{TopicPartition: consumer.TopicPartition{Topic: "events"}}, seen: event.NoTime}
	src.follow(f, true, nil)
	expect := func(step string, seen, watermark event.Time) {
		t.Helper()
		if got := src.watermark(10*time.Minute, at("23:00:00")); src.seen != seen || got != watermark {
			t.Errorf("%s: seen up to %s, watermark %s; want %s and %s", step, src.seen, got, seen, watermark)
		}
	}
	expect("at first", event.NoTime, 0)
	if src.arrive(copyOf("a", "0", "7", "2026-03-05T10:00:00Z", "")) {
		t.Error("a copy is taken for a mark")
	}
	if src.at != (event.Position{Topic: "a", Partition: 0, Offset: 7}) || src.received != at("10:00:00") {
		t.Errorf("it came in as %+v", src.arrival)
	}
	src.move(at("10:00:00"))
	expect("one of two", event.NoTime, 0)
	if !src.arrive(copyOf("a", "1", "3", "", "2026-03-05T09:00:00Z")) {
		t.Error("a mark is taken for a copy")
	}
	expect("the other one, by a mark", at("09:00:00"), at("08:50:00"))
	src.arrive(copyOf("a", "1", "4", "", "2026-03-05T13:00:00Z"))
	expect("a mark ahead of its append time, and the first decides", at("10:00:00"), at("09:50:00"))
	src.arrive(copyOf("a", "0", "8", "", ""))
	if src.received != at("12:00:00") {
		t.Errorf("received %s, want the append time of the copy", src.received)
	}
	src.move(at("11:00:00"))
	expect("the first moves", at("11:00:00"), at("10:50:00"))

	src.Next = 5
	f.inflow.latest = &standing{clock: at("14:00:00"), idle: []Partition{{"a", 0}}, ends: map[int32]int64{0: 6}}
	expect("idle, but not all is read", at("11:00:00"), at("10:50:00"))
	src.Next = 6
	expect("idle, and the other one decides", at("11:00:00"), at("11:50:00"))
	f.inflow.latest = &standing{clock: at("15:00:00"), idle: []Partition{{"a", 0}, {"a", 1}}, ends: map[int32]int64{0: 6}, whole: true}
	if src.caughtUp() {
		t.Error("caught up before it was looked at")
	}
	expect("both idle", at("11:00:00"), at("15:00:00"))
	if !src.caughtUp() {
		t.Error("not caught up")
	}

	src.arrive(copyOf("a", "2", "0", "", "2026-03-05T08:00:00Z")) // a partition that was added
	expect("a new one takes nothing back", at("11:00:00"), at("07:50:00"))

	again := &source{seen: src.seen}
	f.taken = []takenSource{{topic: "a", partitions: 2}, {topic: "b", partitions: 1}}
	again.follow(f, true, &place{Origins: append(src.origins.stored(), seenOrigin{Topic: "gone", Seen: 1})})
	if len(again.origins.list) != 3 || again.origins.byName[Partition{"a", 1}].seen != at("12:00:00") || again.origins.least != event.NoTime {
		t.Errorf("restored: %+v", again.origins)
	}
}

// What is acknowledged lies in front of the end that is waited for, though its transaction may not show
// yet: positions may be told before the copies in front of them.
func TestTheEndOfTheCopies(t *testing.T) {
	f := newFed(t, 1, map[string]int{"orders": 1}, kafkatest.AppendTime)
	c := f.kafka.Client(t, kgo.TransactionalID(f.kafka.Topic("other")))
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(kafkatest.Context(t), &kgo.Record{Topic: f.prefix + "events", Value: []byte("x")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	o := f.options()
	o.feed = &feed{taken: []takenSource{{topic: f.kafka.Topic("orders"), partitions: 1}}, partitions: 1, inflow: new(inflow)}
	held, s, err := o.feed.inflow.look(kafkatest.Context(t), &o, nil)
	if err != nil || s.ends[0] != 1 || !s.whole || len(s.idle) != 1 || len(held) != 1 {
		t.Errorf("got %+v, held %v (%v)", s, held, err)
	}
	f.scatter(firstEvents)
	if _, s, err = o.feed.inflow.look(kafkatest.Context(t), &o, nil); err != nil || s.whole || len(s.idle) != 0 {
		t.Errorf("got %+v (%v) though nothing was copied", s, err)
	}
	if _, s, err = o.feed.inflow.look(kafkatest.Context(t), &o, held); err != nil || !s.whole || len(s.idle) != 0 {
		t.Errorf("got %+v (%v): what came after the start does not count for it", s, err)
	}
	if err := c.EndTransaction(kafkatest.Context(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

// A record in the copies that intake did not write counts with its own place, and says nothing about a
// source.
func TestAStrangerAmongTheCopies(t *testing.T) {
	src := &source{Position: consumer.Position{TopicPartition: consumer.TopicPartition{Topic: "events", Partition: 1}}, seen: event.NoTime}
	src.follow(&feed{taken: []takenSource{{topic: "a", partitions: 1}}, inflow: new(inflow)}, true, nil)
	if src.arrive(&consumer.Record{Offset: 4, Time: 5, Key: []byte("acme")}) || src.at != (event.Position{Topic: "events", Partition: 1, Offset: 4}) || src.received != 5 {
		t.Errorf("it came in as %+v", src.arrival)
	}
	src.move(instantOf(t, "10:00:00"))
	if src.seen != event.NoTime {
		t.Errorf("it moved what is seen to %s", src.seen)
	}
}
