package consumer_test

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// stale commits a record of a partition that the reader has lost meanwhile, and gives the group's
// offset before and after.
func stale(t *testing.T, k *kafkatest.Kafka, topic string) (before, after int64) {
	t.Helper()
	name := k.Topic("naive")
	a := reader(t, k, kafka.ReaderConfig{Topic: topic, GroupID: name})
	held := map[int]kafka.Message{}
	for len(held) < 2 {
		if m := fetch(t, a); m.Offset == 0 {
			held[m.Partition] = m
		}
	}
	b := reader(t, k, kafka.ReaderConfig{Topic: topic, GroupID: name})
	lost := -1
	for {
		m := fetch(t, b)
		if err := b.CommitMessages(kafkatest.Context(t), m); err != nil {
			t.Fatal(err)
		}
		if lost = m.Partition; m.Offset == 19 {
			break
		}
	}
	offset := func() int64 {
		tp := consumer.TopicPartition{Topic: topic, Partition: int32(lost)}
		offsets, err := consumer.CommittedOffsets(kafkatest.Context(t), k.Cluster, name, []consumer.TopicPartition{tp})
		if err != nil {
			t.Fatal(err)
		}
		return offsets[tp]
	}
	before = offset()
	if err := a.CommitMessages(kafkatest.Context(t), held[lost]); err != nil {
		t.Errorf("the naive reader's late commit: %v", err)
	}
	return before, offset()
}

// P4: a member that lost a partition commits an old record of it, under its new generation: the group's
// offset goes back, without an error.
func TestPitfallP04ALateCommitGoesBack(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "in", 2)
	for p := range int32(2) {
		k.Produce(t, topic, numbered(p, 0, 20)...)
	}
	if before, after := stale(t, k, topic); before != 20 || after != 1 {
		t.Errorf("the naive reader's group went from %d to %d: want 20 to 1", before, after)
	}

	name, c, ctx := k.Topic("ours"), own(t, k), kafkatest.Context(t)
	gensA := generations(t, join(t, c, name, topic))
	alone := await(t, gensA, topic, 2)
	two := await(t, generations(t, join(t, c, name, topic)), topic, 1)
	one := await(t, gensA, topic, 1)
	lost := consumer.TopicPartition{Topic: topic, Partition: two.Partitions[topic][0]}
	if err := two.Commit(ctx, map[consumer.TopicPartition]int64{lost: 20}); err != nil {
		t.Fatal(err)
	}
	late := map[consumer.TopicPartition]int64{lost: 1}
	if err := alone.Commit(ctx, late); !errors.Is(err, consumer.ErrGenerationEnded) {
		t.Errorf("under the old generation: %v", err)
	}
	if err := one.Commit(ctx, late); err == nil {
		t.Error("under the new generation, which does not own the partition: no error")
	}
	offsets, err := consumer.CommittedOffsets(ctx, c, name, []consumer.TopicPartition{lost})
	if err != nil || offsets[lost] != 20 {
		t.Errorf("ours is at %d (%v), want 20", offsets[lost], err)
	}
}

// holdSync keeps the answers to a member's SyncGroup requests on their way, from the second on: the
// member has given its partitions up and does not know its new ones.
type holdSync struct {
	net.Conn
	m *syncMeter
	n bool // this connection has a held answer
}

type syncMeter struct {
	mu    sync.Mutex
	seen  int
	held  chan struct{} // closed when an answer is held
	let   chan struct{} // closed to let them go
	after int
}

func (h *holdSync) Write(b []byte) (int, error) {
	if len(b) >= 6 && protocol.ApiKey(binary.BigEndian.Uint16(b[4:])) == protocol.SyncGroup {
		h.m.mu.Lock()
		if h.m.seen++; h.m.seen == h.m.after+1 {
			h.n = true
		}
		h.m.mu.Unlock()
	}
	return h.Conn.Write(b)
}

func (h *holdSync) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if h.n {
		h.n = false
		close(h.m.held)
		<-h.m.let
	}
	return n, err
}

// P17: a Reader keeps a queue of records, and hands out those of partitions that are somebody else's by
// now for as long as it does not know its new ones.
func TestPitfallP17TheQueueOutlivesTheAssignment(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "in", 2)
	for p := range int32(2) {
		k.Produce(t, topic, numbered(p, 0, 40)...)
	}
	m := &syncMeter{held: make(chan struct{}), let: make(chan struct{}), after: 1}
	hold := over(func(c net.Conn) net.Conn { return &holdSync{Conn: c, m: m} })
	name := k.Topic("naive")
	a := reader(t, k, kafka.ReaderConfig{Topic: topic, GroupID: name, Dialer: &kafka.Dialer{DialFunc: hold, Timeout: 10 * time.Second}})
	t.Cleanup(func() { close(m.let) }) // before the reader is closed, which waits for it
	fetch(t, a)
	for ctx := kafkatest.Context(t); a.Stats().QueueLength < 79; { // both partitions are queued
		if ctx.Err() != nil {
			t.Fatalf("the queue holds %d records", a.Stats().QueueLength)
		}
	}
	b := reader(t, k, kafka.ReaderConfig{Topic: topic, GroupID: name})
	theirs := fetch(t, b).Partition // A is between two generations, B has its partition
	wait(t, "the member did not give up its partitions", m.held)
	stale := 0
	for range 79 {
		if fetch(t, a).Partition == theirs {
			stale++
		}
	}
	if stale == 0 {
		t.Error("the naive reader gives no record of the partition it lost")
	}

	// Ours has no queue: Fetch reads what it is asked for, and Done says before anyone else owns a
	// partition that it must not be asked for any more.
	name = k.Topic("ours")
	c := own(t, k)
	gensA := generations(t, join(t, c, name, topic))
	alone := await(t, gensA, topic, 2)
	await(t, generations(t, join(t, c, name, topic)), topic, 1)
	if !closed(alone.Done()) {
		t.Error("a partition has a new owner while the old generation goes on")
	}
}
