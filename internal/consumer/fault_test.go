package consumer_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// fetchUntil fetches one position until a batch satisfies enough.
func fetchUntil(t *testing.T, f *consumer.Fetcher, p consumer.Position, enough func(consumer.Batch) bool) consumer.Batch {
	t.Helper()
	for ctx := kafkatest.Context(t); ; {
		batches, err := f.Fetch(ctx, []consumer.Position{p})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if enough(b) {
				return b
			}
		}
	}
}

func failed(b consumer.Batch) bool { return b.Err != nil }

func TestRetentionPastThePositionIsAGap(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "short", 1)
	k.Produce(t, topic, numbered(0, 0, 20)...)
	k.DeleteRecords(t, topic, 0, 12)
	f := consumer.NewFetcher(own(t, k), consumer.FetcherOptions{})
	tp := consumer.TopicPartition{Topic: topic}

	b := fetchUntil(t, f, consumer.Position{TopicPartition: tp, Next: 5}, failed)
	var gap *consumer.ErrGap
	if !errors.As(b.Err, &gap) || *gap != (consumer.ErrGap{Topic: topic, Asked: 5, LogStart: 12, End: 20}) {
		t.Errorf("got %v, want the gap [5,12)", b.Err)
	}
	if b.Next != 5 || len(b.Records) != 0 {
		t.Errorf("the position moved to %d with %d records: a gap must not be skipped", b.Next, len(b.Records))
	}
	if !strings.Contains(b.Err.Error(), "[5,12)") {
		t.Errorf("%q does not name the range", b.Err)
	}

	b = fetchUntil(t, f, consumer.Position{TopicPartition: tp, Next: 21}, failed)
	if !errors.As(b.Err, &gap) || gap.Asked != 21 || gap.End != 20 {
		t.Errorf("got %v, want a position behind the end", b.Err)
	}
	got, next := drain(t, f, tp, 12)
	if !slices.Equal(values(got), wantValues(12, 8)) || next != 20 {
		t.Errorf("from the start of the log: %v up to %d", values(got), next)
	}
}

// Only what the answer says of the asked partition counts, wherever in the answer it stands.
func TestTheBordersOfAGapAreThoseOfItsPartition(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "short", 2)
	k.Produce(t, topic, numbered(0, 0, 20)...)
	k.DeleteRecords(t, topic, 0, 12)
	k.Fake.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		asked := r.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Timestamp
		other, ours := kmsg.NewListOffsetsResponseTopicPartition(), kmsg.NewListOffsetsResponseTopicPartition()
		other.Partition, other.Offset = 1, 900
		ours.Offset = map[int64]int64{-2: 12, -1: 20}[asked]
		answer := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		answer.Topics = []kmsg.ListOffsetsResponseTopic{
			{Topic: topic, Partitions: []kmsg.ListOffsetsResponseTopicPartition{other, ours}},
		}
		return answer, nil, true
	})
	f := consumer.NewFetcher(own(t, k), consumer.FetcherOptions{})
	at := consumer.Position{TopicPartition: consumer.TopicPartition{Topic: topic}, Next: 5}
	b := fetchUntil(t, f, at, failed)
	var gap *consumer.ErrGap
	if !errors.As(b.Err, &gap) || *gap != (consumer.ErrGap{Topic: topic, Asked: 5, LogStart: 12, End: 20}) {
		t.Errorf("got %v, want the gap from 5 to 12 of a log that ends at 20", b.Err)
	}
}

func TestReadRangeReportsAGap(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "short", 1)
	k.Produce(t, topic, numbered(0, 0, 5)...)
	k.DeleteRecords(t, topic, 0, 3)
	for _, from := range []int64{1, 6} {
		_, err := consumer.ReadRange(kafkatest.Context(t), own(t, k), topic, 0, from, func(*consumer.Record) error { return nil })
		var gap *consumer.ErrGap
		if !errors.As(err, &gap) || gap.Asked != from {
			t.Errorf("from %d: got %v, want a gap", from, err)
		}
	}
}

func TestFetchFollowsAMovedLeader(t *testing.T) {
	k := kafkatest.StartFake(t, 3)
	topic := k.Create(t, "moving", 1)
	f := consumer.NewFetcher(own(t, k), consumer.FetcherOptions{MaxWait: 20 * time.Millisecond})
	var got []read
	next := int64(0)
	for i := range 6 {
		k.Produce(t, topic, numbered(0, i*10, 10)...)
		if err := k.Fake.MoveTopicPartition(topic, 0, int32(i%3)); err != nil {
			t.Fatal(err)
		}
		var more []read
		more, next = drain(t, f, consumer.TopicPartition{Topic: topic}, next)
		got = append(got, more...)
	}
	if !slices.Equal(values(got), wantValues(0, 60)) {
		t.Errorf("got %v", values(got))
	}
}

func TestTroubleIsReportedOnceItLasts(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "trouble", 2)
	k.Produce(t, topic, numbered(1, 0, 3)...)
	k.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Partitions: []int32{0}, Err: kerr.KafkaStorageError, Count: -1})
	f := consumer.NewFetcher(own(t, k), consumer.FetcherOptions{RetryFor: 200 * time.Millisecond, MaxWait: 10 * time.Millisecond})
	tps := []consumer.Position{{TopicPartition: consumer.TopicPartition{Topic: topic}}, {TopicPartition: consumer.TopicPartition{Topic: topic, Partition: 1}}}
	var healthy int
	for ctx := kafkatest.Context(t); ; {
		batches, err := f.Fetch(ctx, tps)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if b.Partition == 1 {
				healthy += len(b.Records)
				tps[1].Next = b.Next
				continue
			}
			var unavailable *consumer.ErrUnavailable
			if !errors.As(b.Err, &unavailable) || b.Next != 0 {
				t.Fatalf("got %v at %d, want unavailable at 0", b.Err, b.Next)
			}
			if unavailable.For < 200*time.Millisecond || healthy != 3 {
				t.Errorf("reported after %s with %d records of the healthy partition", unavailable.For, healthy)
			}
			return
		}
	}
}

// flipper changes one byte of a record's value in what the broker sends, so many times.
type flipper struct {
	net.Conn
	left *atomic.Int64
}

func (f flipper) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if i := bytes.Index(b[:n], []byte("precious")); i >= 0 && f.left.Add(-1) >= 0 {
		b[i] = 'P'
	}
	return n, err
}

func TestAChangedByteIsNeverDelivered(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "wire", 1)
	k.Produce(t, topic, numbered(0, 0, 2)...)
	k.Produce(t, topic, kafkatest.Record{Key: "k", Value: "precious"})
	for _, test := range []struct {
		flips   int64
		healing bool
	}{{2, true}, {1000, false}} { // the first answer comes with good batches, the second alone
		left := &atomic.Int64{}
		left.Store(test.flips)
		c := own(t, k, func(o *broker.Options) {
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return flipper{conn, left}, err
			}
		})
		f := consumer.NewFetcher(c, consumer.FetcherOptions{})
		b := fetchUntil(t, f, consumer.Position{TopicPartition: consumer.TopicPartition{Topic: topic}}, func(b consumer.Batch) bool { return b.Next == 2 || b.Next == 3 })
		got := keep(b.Records)
		if b.Next == 2 { // the good batches come without the broken one
			b = fetchUntil(t, f, consumer.Position{TopicPartition: b.TopicPartition, Next: 2}, func(b consumer.Batch) bool { return b.Err != nil || b.Next == 3 })
			got = append(got, keep(b.Records)...)
		}
		var corrupt *consumer.ErrCorrupt
		switch {
		case test.healing && (b.Err != nil || !slices.Equal(values(got), []string{"v0", "v1", "precious"})):
			t.Errorf("two flips: got %v and %v, want it fetched again", values(got), b.Err)
		case !test.healing && (!errors.As(b.Err, &corrupt) || corrupt.Offset != 2 || b.Next != 2 || !slices.Equal(values(got), []string{"v0", "v1"})):
			t.Errorf("every answer flipped: got %v, %v at %d, want a refusal at offset 2", values(got), b.Err, b.Next)
		}
	}
}

func TestABatchThatUnpacksTooLargeIsRefused(t *testing.T) {
	k := kafkatest.Start(t, 1)
	for _, codec := range []struct {
		name string
		kgo  kgo.CompressionCodec
	}{{"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()}, {"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()}} {
		t.Run(codec.name, func(t *testing.T) {
			topic := k.Create(t, "bomb-"+codec.name, 1)
			client := k.Client(t, kgo.ProducerBatchCompression(codec.kgo), kgo.ProducerBatchMaxBytes(8<<20))
			value := append(bytes.Repeat([]byte("0123456789abcdef"), 4<<16), "end"...)
			if err := client.ProduceSync(kafkatest.Context(t), &kgo.Record{Topic: topic, Value: value}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			c, at := own(t, k), consumer.Position{TopicPartition: consumer.TopicPartition{Topic: topic}}
			b := fetchUntil(t, consumer.NewFetcher(c, consumer.FetcherOptions{MaxUnpacked: 1 << 20}), at, failed)
			var large *consumer.ErrTooLarge
			if !errors.As(b.Err, &large) || large.Offset != 0 || b.Next != 0 {
				t.Errorf("4 MiB with room for 1: got %v at %d", b.Err, b.Next)
			}
			got, _ := drain(t, consumer.NewFetcher(c, consumer.FetcherOptions{}), at.TopicPartition, 0)
			if len(got) != 1 || got[0].value != string(value) {
				t.Errorf("with room: %d records", len(got))
			}
		})
	}
}
