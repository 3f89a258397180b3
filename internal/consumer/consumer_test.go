package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// read is a record as the tests compare it, with its bytes copied.
type read struct {
	offset     int64
	key, value string
	time       int64
	append     bool
}

func keep(records []consumer.Record) (out []read) {
	for _, r := range records {
		out = append(out, read{r.Offset, string(r.Key), string(r.Value), r.Time, r.Append})
	}
	return out
}

func values(records []read) (out []string) {
	for _, r := range records {
		out = append(out, r.value)
	}
	return out
}

// drain fetches one partition from an offset until it is at the last stable offset.
func drain(t *testing.T, f *consumer.Fetcher, tp consumer.TopicPartition, from int64) (records []read, next int64) {
	t.Helper()
	ctx := kafkatest.Context(t)
	for {
		batches, err := f.Fetch(ctx, []consumer.Position{{TopicPartition: tp, Next: from}})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if b.Err != nil {
				t.Fatal(b.Err)
			}
			records = append(records, keep(b.Records)...)
			if from = b.Next; from >= b.LastStable {
				return records, from
			}
		}
	}
}

func numbered(partition int32, from, n int) (out []kafkatest.Record) {
	for i := from; i < from+n; i++ {
		out = append(out, kafkatest.Record{Partition: partition, Key: fmt.Sprintf("k%d", i), Value: fmt.Sprintf("v%d", i), Time: time.UnixMilli(1_700_000_000_000 + int64(i))})
	}
	return out
}

func wantValues(from, n int) (out []string) {
	for i := from; i < from+n; i++ {
		out = append(out, fmt.Sprintf("v%d", i))
	}
	return out
}

// own gives a cluster for the code under test, apart from the one the helpers use.
func own(t *testing.T, k *kafkatest.Kafka, change ...func(*broker.Options)) *broker.Cluster {
	t.Helper()
	o := broker.Options{Brokers: k.Brokers}
	for _, f := range change {
		f(&o)
	}
	c, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestFetchReadsEveryPartitionInOrder(t *testing.T) {
	k := kafkatest.Start(t, 2)
	topic := k.Create(t, "orders", 4)
	for p := range int32(4) {
		k.Produce(t, topic, numbered(p, int(p)*100, 50)...)
	}
	f := consumer.NewFetcher(own(t, k), consumer.FetcherOptions{})
	positions := make([]consumer.Position, 4)
	for p := range positions {
		positions[p] = consumer.Position{TopicPartition: consumer.TopicPartition{Topic: topic, Partition: int32(p)}, Next: 10}
	}
	got := make([][]read, 4)
	for ctx := kafkatest.Context(t); slices.ContainsFunc(positions, func(p consumer.Position) bool { return p.Next < 50 }); {
		batches, err := f.Fetch(ctx, positions)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if b.Err != nil {
				t.Fatal(b.Err)
			}
			got[b.Partition] = append(got[b.Partition], keep(b.Records)...)
			positions[b.Partition].Next = b.Next
		}
	}
	for p := range got {
		if want := wantValues(p*100+10, 40); !slices.Equal(values(got[p]), want) {
			t.Errorf("partition %d: got %v, want %v", p, values(got[p]), want)
		}
		first := got[p][0]
		if want := (1_700_000_000_000 + int64(p*100+10)) * 1e6; first.offset != 10 || first.time != want || first.append {
			t.Errorf("partition %d starts with %+v, want offset 10, producer's time %d", p, first, want)
		}
	}
}

func TestFetchGivesTheBrokersTimeOfLogAppendTimeTopics(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "stamped", 1, kafkatest.AppendTime)
	before := time.Now().Add(-time.Minute).UnixNano()
	k.Produce(t, topic, numbered(0, 0, 3)...)
	got, _ := drain(t, consumer.NewFetcher(own(t, k), consumer.FetcherOptions{}), consumer.TopicPartition{Topic: topic}, 0)
	if len(got) != 3 {
		t.Fatalf("got %d records, want 3", len(got))
	}
	for _, r := range got {
		if !r.append || r.time < before || r.time != got[0].time {
			t.Errorf("record %+v: want one append time of the batch, after %d", r, before)
		}
	}
}

func TestFetchLeavesOutAbortedRecordsAndMarkers(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "txn", 1)
	k.Transact(t, topic, true, numbered(0, 0, 2)...)   // offsets 0-1, marker 2
	k.Transact(t, topic, false, numbered(0, 10, 3)...) // offsets 3-5, marker 6
	k.Produce(t, topic, numbered(0, 20, 1)...)         // offset 7
	k.Transact(t, topic, true, numbered(0, 30, 1)...)  // offset 8, marker 9
	k.Transact(t, topic, false, numbered(0, 40, 1)...) // offset 10, marker 11
	want := []string{"v0", "v1", "v20", "v30"}
	c := own(t, k)
	for from := range int64(12) {
		got, next := drain(t, consumer.NewFetcher(c, consumer.FetcherOptions{}), consumer.TopicPartition{Topic: topic}, from)
		wanted := want
		for i, offset := range []int64{0, 1, 7, 8} {
			if offset < from {
				wanted = want[i+1:]
			}
		}
		if !slices.Equal(values(got), wanted) || next != 12 {
			t.Errorf("from offset %d: got %v up to %d, want %v up to 12", from, values(got), next, wanted)
		}
	}
}

// onFetch calls back when a fetch request is written to the connection.
type onFetch struct {
	net.Conn
	call func()
}

func (c onFetch) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if len(b) > 6 && b[4] == 0 && b[5] == 1 { // the request's key, behind its length
		c.call()
	}
	return n, err
}

// A broker may hold a fetch request for a long time; the end of the context does not wait for it.
func TestFetchEndsPromptlyWhenCancelled(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "quiet", 1)
	ctx, cancel := context.WithCancel(kafkatest.Context(t))
	c := own(t, k, func(o *broker.Options) {
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			return onFetch{conn, cancel}, err
		}
	})
	f := consumer.NewFetcher(c, consumer.FetcherOptions{MaxWait: 25 * time.Second})
	done := make(chan error, 1)
	go func() {
		_, err := f.Fetch(ctx, []consumer.Position{{TopicPartition: consumer.TopicPartition{Topic: topic}}})
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	case <-time.After(15 * time.Second):
		t.Error("the caller waits as long as the broker")
		<-done
	}
}
