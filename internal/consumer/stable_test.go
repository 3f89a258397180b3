package consumer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol/addoffsetstotxn"
	"github.com/segmentio/kafka-go/protocol/endtxn"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/txnoffsetcommit"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// moving is a transaction that moves a group's position.
type moving struct {
	t        *testing.T
	k        *kafkatest.Kafka
	id       string
	producer int64
	epoch    int16
	node     int32
}

func move(t *testing.T, k *kafkatest.Kafka, group string, tp consumer.TopicPartition, next int64, text string) *moving {
	t.Helper()
	ctx := kafkatest.Context(t)
	m := &moving{t: t, k: k, id: k.Topic("mover")}
	var err error
	if m.node, err = k.Cluster.TransactionCoordinator(ctx, m.id); err != nil {
		t.Fatal(err)
	}
	for m.producer = -1; m.producer < 0; { // right after a transaction the coordinator is busy
		a, err := k.Cluster.Ask(ctx, m.node, &initproducerid.Request{TransactionalID: m.id, TransactionTimeoutMs: 30_000, ProducerID: -1, ProducerEpoch: -1})
		if err != nil {
			t.Fatal(err)
		}
		m.producer, m.epoch = a.(*initproducerid.Response).ProducerID, a.(*initproducerid.Response).ProducerEpoch
	}
	if _, err := k.Cluster.Ask(ctx, m.node, &addoffsetstotxn.Request{TransactionalID: m.id, ProducerID: m.producer, ProducerEpoch: m.epoch, GroupID: group}); err != nil {
		t.Fatal(err)
	}
	node, err := k.Cluster.GroupCoordinator(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	a, err := k.Cluster.Ask(ctx, node, &txnoffsetcommit.Request{
		TransactionalID: m.id, GroupID: group, ProducerID: m.producer, ProducerEpoch: m.epoch, GenerationID: -1,
		Topics: []txnoffsetcommit.RequestTopic{{Name: tp.Topic, Partitions: []txnoffsetcommit.RequestPartition{{
			Partition: tp.Partition, CommittedOffset: next, CommittedLeaderEpoch: -1, CommittedMetadata: text,
		}}}},
	})
	if err != nil || a.(*txnoffsetcommit.Response).Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("move the position: %v, %+v", err, a)
	}
	return m
}

func (m *moving) end(commit bool) {
	m.t.Helper()
	_, err := m.k.Cluster.Ask(kafkatest.Context(m.t), m.node, &endtxn.Request{TransactionalID: m.id, ProducerID: m.producer, ProducerEpoch: m.epoch, Committed: commit})
	if err != nil {
		m.t.Fatal(err)
	}
}

// A position is told once it is decided, with the text beside it.
func TestStableOffset(t *testing.T) {
	k := kafkatest.Start(t, 3)
	tp := consumer.TopicPartition{Topic: k.Create(t, "in", 3), Partition: 1}
	group := k.Topic("g")
	expect := func(next int64, text string) {
		t.Helper()
		gotNext, gotText, err := consumer.StableOffset(kafkatest.Context(t), k.Cluster, group, tp)
		if err != nil || gotNext != next || gotText != text {
			t.Fatalf("got %d %q (%v), want %d %q", gotNext, gotText, err, next, text)
		}
	}
	expect(-1, "")
	move(t, k, group, tp, 5, "five").end(true)
	expect(5, "five")
	first := move(t, k, group, tp, 7, `{"seven":"ä"}`)
	node, err := k.Cluster.GroupCoordinator(kafkatest.Context(t), group)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.Cluster.StableOffset(kafkatest.Context(t), node, group, tp); !errors.Is(err, broker.ErrUnstable) {
		t.Errorf("under an open transaction: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := consumer.StableOffset(short, k.Cluster, group, tp); err == nil {
		t.Error("it did not wait for the transaction to end")
	}
	first.end(true)
	expect(7, `{"seven":"ä"}`)
	move(t, k, group, tp, 9, "nine").end(false)
	expect(7, `{"seven":"ä"}`)
	move(t, k, group, tp, 0, "").end(true)
	expect(0, "")
}

// Brokers that cannot say so are refused at once, and a malformed answer is an error.
func TestStableOffsetOfOtherBrokers(t *testing.T) {
	old := kafkatest.StartFake(t, 1, kfake.MaxVersions(kversion.V2_4_0()))
	topic := old.Create(t, "in", 1)
	if _, _, err := consumer.StableOffset(kafkatest.Context(t), old.Cluster, "g", consumer.TopicPartition{Topic: topic}); !errors.Is(err, broker.ErrNoStableOffsets) {
		t.Errorf("an old broker: %v", err)
	}
	k := kafkatest.StartFake(t, 1)
	topic = k.Create(t, "in", 1)
	k.Fake.ControlKey(int16(kmsg.OffsetFetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		return r.ResponseKind(), nil, true // about no topic at all
	})
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, _, err := consumer.StableOffset(short, k.Cluster, "g", consumer.TopicPartition{Topic: topic}); err == nil {
		t.Error("an answer about nothing was taken")
	}
}

// What a transaction wrote is waited for while it ends, and no longer than the patience when it does not.
func TestDecided(t *testing.T) {
	k := kafkatest.Start(t, 1)
	ctx := kafkatest.Context(t)
	tp := consumer.TopicPartition{Topic: k.Create(t, "state", 1), Partition: 0}
	k.Produce(t, tp.Topic, kafkatest.Record{Key: "a", Value: "1"})
	decided := func(patience time.Duration) bool {
		t.Helper()
		ok, err := consumer.Decided(ctx, k.Cluster, tp, patience)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !decided(0) {
		t.Error("a log without a transaction is not decided")
	}
	c := k.Client(t, kgo.TransactionalID(k.Topic("saver")))
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: tp.Topic, Key: []byte("a"), Value: []byte("2")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if decided(50 * time.Millisecond) {
		t.Error("an open transaction is decided")
	}
	ended := make(chan error, 1)
	go func() {
		if err := broker.Sleep(ctx, 50*time.Millisecond); err != nil {
			ended <- err
			return
		}
		ended <- c.EndTransaction(ctx, kgo.TryCommit)
	}()
	if !decided(time.Minute) {
		t.Error("a transaction that ends was not waited for")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
