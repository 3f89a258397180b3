package sink_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"processor/internal/broker"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func own(t testing.TB, k *kafkatest.Kafka) *broker.Cluster {
	t.Helper()
	c, err := broker.New(broker.Options{Brokers: k.Brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func producer(t testing.TB, k *kafkatest.Kafka, o sink.ProducerOptions) *sink.Producer {
	t.Helper()
	p, err := sink.NewProducer(own(t, k), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func messages(topic string, partition int32, from, n int) (out []sink.Message) {
	for i := from; i < from+n; i++ {
		out = append(out, sink.Message{
			Topic: topic, Partition: partition, Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "v%d", i), Time: 1_700_000_000_000_000_000,
		})
	}
	return out
}

func valuesOf(records []kafkatest.Record, partition int32) (out []string) {
	for _, r := range records {
		if r.Partition == partition {
			out = append(out, r.Value)
		}
	}
	return out
}

func wantValues(from, n int) (out []string) {
	for i := from; i < from+n; i++ {
		out = append(out, fmt.Sprintf("v%d", i))
	}
	return out
}

func TestSendStoresInOrderAndReportsOffsets(t *testing.T) {
	for _, codec := range []sink.Compression{sink.None, sink.LZ4, sink.Zstd} {
		t.Run(fmt.Sprint(codec), func(t *testing.T) {
			k := kafkatest.Start(t, 2)
			topic := k.Create(t, "rows", 3)
			p := producer(t, k, sink.ProducerOptions{BatchBytes: 1000, Compression: codec})
			var all []sink.Message
			for i := range 100 {
				for part := range int32(3) {
					all = append(all, messages(topic, part, i, 1)...)
				}
			}
			for _, half := range [][]sink.Message{all[:150], all[150:]} {
				if _, err := p.Send(kafkatest.Context(t), half); err != nil {
					t.Fatal(err)
				}
			}
			next, err := p.Send(kafkatest.Context(t), messages(topic, 1, 100, 200))
			if err != nil {
				t.Fatal(err)
			}
			tp := sink.TopicPartition{Topic: topic, Partition: 1}
			if len(next) != 1 || next[tp] != 300 {
				t.Errorf("acknowledged %v, want only %s up to 300", next, tp)
			}
			got := k.Read(t, topic)
			for part, n := range []int{100, 300, 100} {
				if v := valuesOf(got, int32(part)); !slices.Equal(v, wantValues(0, n)) {
					t.Errorf("partition %d holds %v", part, v)
				}
			}
			if r := p.Counters.Records.Load(); r != 500 {
				t.Errorf("counted %d records, want 500", r)
			}
			if b := p.Counters.Batches.Load(); b < 9 {
				t.Errorf("%d batches for records that fill 9 of 1000 bytes", b)
			}
		})
	}
}

func TestSendKeepsTombstonesHeadersAndTimes(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	const at = int64(1_700_000_000_123)
	send(t, producer(t, k, sink.ProducerOptions{}),
		sink.Message{Topic: topic, Key: []byte("gone"), Value: nil, Time: at * 1e6},
		sink.Message{Topic: topic, Key: []byte("empty"), Value: []byte{}, Time: (at + 5) * 1e6},
		sink.Message{Topic: topic, Value: []byte("v"), Time: (at - 7) * 1e6, Headers: []sink.Header{{Key: "h", Value: []byte("x")}, {Key: "n"}}})
	client := k.Client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var got []string
	for len(got) < 3 {
		fetches := client.PollFetches(kafkatest.Context(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			got = append(got, fmt.Sprintf("%v %v %d %v", r.Key == nil, r.Value == nil, r.Timestamp.UnixMilli()-at, r.Headers))
		})
	}
	want := []string{"false true 0 []", "false false 5 []", "true false -7 [{h [120]} {n []}]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
