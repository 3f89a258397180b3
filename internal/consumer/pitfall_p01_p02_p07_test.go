package consumer_test

import (
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// P1: a Reader with ReadCommitted hands out aborted records, and the markers as records.
func TestPitfallP01AbortedRecordsAreRead(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "txn", 1)
	k.Transact(t, topic, true, numbered(0, 0, 1)...)  // offset 0, marker 1
	k.Transact(t, topic, false, numbered(0, 1, 1)...) // offset 2, marker 3
	k.Produce(t, topic, numbered(0, 2, 1)...)         // offset 4

	r := readFrom(t, k, topic, 0, kafka.ReaderConfig{IsolationLevel: kafka.ReadCommitted})
	var theirs []string
	for range 5 {
		theirs = append(theirs, string(fetch(t, r).Value))
	}
	if theirs[0] != "v0" || theirs[2] != "v1" || theirs[4] != "v2" || len(theirs[1]) != 6 || len(theirs[3]) != 6 {
		t.Errorf("the naive reader gives %q: want the aborted v1 and two markers among them", theirs)
	}

	got, _ := drain(t, consumer.NewFetcher(own(t, k), consumer.FetcherOptions{}), at(topic, 0).TopicPartition, 0)
	if !slices.Equal(values(got), []string{"v0", "v2"}) {
		t.Errorf("ours gives %v", values(got))
	}
}

// P2: a Reader never compares the checksum of a batch.
func TestPitfallP02ChangedBytesAreRead(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "wire", 1)
	k.Produce(t, topic, kafkatest.Record{Key: "k", Value: "precious"})
	left := &atomic.Int64{}
	left.Store(1000)
	flip := func(c net.Conn) net.Conn { return flipper{c, left} }

	r := readFrom(t, k, topic, 0, kafka.ReaderConfig{Dialer: &kafka.Dialer{DialFunc: over(flip), Timeout: 10 * time.Second}})
	if m := fetch(t, r); string(m.Value) != "Precious" {
		t.Errorf("the naive reader gives %q, want the changed value", m.Value)
	}

	b := fetchUntil(t, consumer.NewFetcher(own(t, k, through(flip)), consumer.FetcherOptions{}), at(topic, 0), failed)
	var corrupt *consumer.ErrCorrupt
	if !errors.As(b.Err, &corrupt) || len(b.Records) != 0 || b.Next != 0 {
		t.Errorf("ours gives %d records and %v", len(b.Records), b.Err)
	}
}

// P7: MaxBytes of a Reader bounds what is sent, not what is unpacked.
func TestPitfallP07DecompressionIsUnbounded(t *testing.T) {
	const size = 32 << 20
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "bomb", 1)
	client := k.Client(t, kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(2*size), kgo.BrokerMaxWriteBytes(4*size))
	if err := client.ProduceSync(kafkatest.Context(t), &kgo.Record{Topic: topic, Value: make([]byte, size)}).FirstErr(); err != nil {
		t.Fatal(err)
	}

	r := readFrom(t, k, topic, 0, kafka.ReaderConfig{MinBytes: 1, MaxBytes: 64 << 10})
	if m := fetch(t, r); len(m.Value) != size {
		t.Errorf("the naive reader, bounded to 64 KiB, gives %d bytes: want all 32 MiB", len(m.Value))
	}

	f := consumer.NewFetcher(own(t, k), consumer.FetcherOptions{PartitionMaxBytes: 64 << 10, MaxUnpacked: 1 << 20})
	b := fetchUntil(t, f, at(topic, 0), failed)
	var large *consumer.ErrTooLarge
	if !errors.As(b.Err, &large) || large.Limit != 1<<20 || b.Next != 0 {
		t.Errorf("ours, bounded to 1 MiB: %v", b.Err)
	}
}
