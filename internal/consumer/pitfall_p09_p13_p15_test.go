package consumer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// P9: heartbeats go on by themselves, so a program that hangs keeps its partitions, and may commit after
// any time. A group's coordinator will not help: Progress notices it.
func TestPitfallP09AHangingMemberKeepsItsPartitions(t *testing.T) {
	k := kafkatest.StartFake(t, 1, kfake.GroupMinSessionTimeout(time.Second))
	topic := k.Create(t, "in", 1)
	k.Produce(t, topic, numbered(0, 0, 300)...)
	beats := make(chan struct{}, 1000)
	k.Fake.ControlKey(int16(kmsg.Heartbeat), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		beats <- struct{}{}
		return nil, nil, false
	})
	r := reader(t, k, kafka.ReaderConfig{Topic: topic, GroupID: "g", SessionTimeout: time.Second})
	m := fetch(t, r)
	for range 15 { // one each 100 ms: the program hangs for longer than its session may be silent
		select {
		case <-beats:
		case <-kafkatest.Context(t).Done():
			t.Fatal("no heartbeats")
		}
	}
	if err := r.CommitMessages(kafkatest.Context(t), m); err != nil || r.Stats().Rebalances != 1 {
		t.Errorf("the naive reader commits after it hung: %v; want it to", err)
	}

	p, start := consumer.NewProgress(time.Minute), time.Unix(1_700_000_000, 0)
	p.Note(at(topic, 0).TopicPartition, 1, 300, start)
	if stuck := p.Stuck(start.Add(59 * time.Second)); len(stuck) != 0 {
		t.Errorf("within the limit: %+v", stuck)
	}
	if stuck := p.Stuck(start.Add(time.Minute)); len(stuck) != 1 || stuck[0].Next != 1 || !stuck[0].Stopped {
		t.Errorf("a loop that does not come by: %+v", stuck)
	}
}

// P13: ReadMessage commits before the record was worked on, so a crash loses it.
func TestPitfallP13ReadMessageCommitsFirst(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "in", 1)
	k.Produce(t, topic, numbered(0, 0, 3)...)
	name := k.Topic("g")
	crashed := reader(t, k, kafka.ReaderConfig{Topic: topic, GroupID: name})
	if m, err := crashed.ReadMessage(kafkatest.Context(t)); err != nil || m.Offset != 0 {
		t.Fatalf("read %d (%v)", m.Offset, err)
	}
	_ = crashed.Close() // before it did anything with the record
	if m := fetch(t, reader(t, k, kafka.ReaderConfig{Topic: topic, GroupID: name})); m.Offset != 1 {
		t.Errorf("after the crash the naive reader goes on at %d: want the record lost", m.Offset)
	}

	name, tp := k.Topic("ours"), at(topic, 0).TopicPartition
	c := own(t, k)
	await(t, generations(t, join(t, c, name, topic)), topic, 1)
	drain(t, consumer.NewFetcher(c, consumer.FetcherOptions{}), tp, 0)
	offsets, err := consumer.CommittedOffsets(kafkatest.Context(t), c, name, []consumer.TopicPartition{tp})
	if err != nil || len(offsets) != 0 {
		t.Errorf("reading moved the group to %v (%v)", offsets, err)
	}
}

// P15: Close of a Reader waits for the broker's answer to a fetch, however long that takes.
func TestPitfallP15CloseHangs(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "quiet", 1)
	answer := make(chan struct{})
	var once sync.Once
	let := func() { once.Do(func() { close(answer) }) }
	t.Cleanup(let)
	asked := make(chan struct{}, 100)
	k.Fake.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		asked <- struct{}{}
		k.Fake.SleepControl(func() { <-answer })
		return nil, nil, false
	})
	heard := func() {
		select {
		case <-asked:
		case <-kafkatest.Context(t).Done():
			t.Fatal("nobody fetches")
		}
	}

	r := kafka.NewReader(kafka.ReaderConfig{Brokers: k.Brokers, Topic: topic, MaxWait: 30 * time.Second})
	reading, stop := context.WithCancel(kafkatest.Context(t))
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = r.FetchMessage(reading)
	}()
	heard()
	closing, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		close(closing)
		_ = r.Close()
	}()
	<-closing

	ctx, cancel := context.WithCancel(kafkatest.Context(t))
	ended := make(chan error, 1)
	go func() {
		_, err := consumer.NewFetcher(own(t, k), consumer.FetcherOptions{MaxWait: 25 * time.Second}).Fetch(ctx, []consumer.Position{at(topic, 0)})
		ended <- err
	}()
	heard()
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ours ends with %v", err)
		}
	case <-kafkatest.Context(t).Done():
		t.Error("ours waits for the broker")
	}
	if closed(done) {
		t.Error("the naive reader closed while the broker was silent")
	}
	let()
	k.Produce(t, topic, numbered(0, 0, 1)...) // the broker answers, at last
	stop()
	wait(t, "the naive reader does not close at all", done)
	<-read
}
