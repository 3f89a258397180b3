package sink_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/broker"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

func row(topic, key, value string) sink.Message {
	return sink.Message{Topic: topic, Key: []byte(key), Value: []byte(value)}
}

func send(t *testing.T, p *sink.Producer, messages ...sink.Message) {
	t.Helper()
	if _, err := p.Send(kafkatest.Context(t), messages); err != nil {
		t.Fatal(err)
	}
}

func wantLog(t *testing.T, k *kafkatest.Kafka, topic string, want ...string) {
	t.Helper()
	var got []string
	for _, r := range k.Read(t, topic) {
		got = append(got, r.Key+"="+r.Value)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log holds %v, want %v", got, want)
	}
}

// cutter loses the answer to a produce request: the connection breaks when it is to be read.
type cutter struct {
	net.Conn
	marker []byte
	left   *atomic.Int64
	cut    atomic.Bool
}

func (c *cutter) Write(b []byte) (int, error) {
	if bytes.Contains(b, c.marker) && c.left.Add(-1) >= 0 {
		c.cut.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *cutter) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b) // wait for the answer: the broker has stored the batch
	if c.cut.Load() {
		_ = c.Conn.Close()
		return 0, errors.New("the answer is lost")
	}
	return n, err
}

func TestALostAnswerNeitherDuplicatesNorReorders(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	left := &atomic.Int64{}
	left.Store(2)
	c, err := broker.New(broker.Options{Brokers: k.Brokers, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return &cutter{Conn: conn, marker: []byte("first"), left: left}, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p, err := sink.NewProducer(c, sink.ProducerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	next, err := p.Send(kafkatest.Context(t), []sink.Message{row(topic, "A", "first")})
	if err != nil || next[sink.TopicPartition{Topic: topic}] != 1 {
		t.Errorf("acknowledged %v (%v), want offset 1", next, err)
	}
	send(t, p, row(topic, "A", "second"))
	wantLog(t, k, topic, "A=first", "A=second")
	if r := p.Counters.Retries.Load(); r != 2 {
		t.Errorf("%d retries counted, want 2", r)
	}
}

// The original request is held up on its connection until its retry and a newer row are stored.
func TestALateOriginalIsDropped(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "rows", 1)
	release, handled := make(chan struct{}), make(chan struct{})
	var seen atomic.Bool
	k.Fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		if seen.Swap(true) {
			return nil, nil, false
		}
		k.Fake.SleepControl(func() { <-release })
		close(handled)
		return nil, nil, false
	})
	c, err := broker.New(broker.Options{Brokers: k.Brokers, RequestTimeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p, err := sink.NewProducer(c, sink.ProducerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	send(t, p, row(topic, "A", "1"))
	send(t, p, row(topic, "A", "2"))
	close(release)
	<-handled
	send(t, p, row(topic, "A", "3"))
	wantLog(t, k, topic, "A=1", "A=2", "A=3")
}

func TestSendOutlastsFaultsOfTheBroker(t *testing.T) {
	for _, fault := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.CorruptMessage,
	} {
		t.Run(fault.Message, func(t *testing.T) {
			k := kafkatest.StartFake(t, 1)
			topic := k.Create(t, "rows", 2)
			p := producer(t, k, sink.ProducerOptions{})
			k.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Partitions: []int32{0}, Err: fault, Count: 2})
			other := row(topic, "B", "1")
			other.Partition = 1
			send(t, p, row(topic, "A", "1"), other, row(topic, "A", "2"))
			send(t, p, row(topic, "A", "3"))
			if got := valuesOf(k.Read(t, topic), 0); !slices.Equal(got, []string{"1", "2", "3"}) {
				t.Errorf("partition 0 holds %v", got)
			}
			if got := valuesOf(k.Read(t, topic), 1); !slices.Equal(got, []string{"1"}) {
				t.Errorf("partition 1 holds %v", got)
			}
		})
	}
}

func TestSendFollowsAMovedLeader(t *testing.T) {
	k := kafkatest.StartFake(t, 3)
	topic := k.Create(t, "rows", 1)
	p := producer(t, k, sink.ProducerOptions{})
	for i := range 6 {
		if err := k.Fake.MoveTopicPartition(topic, 0, int32(i%3)); err != nil {
			t.Fatal(err)
		}
		send(t, p, messages(topic, 0, i*5, 5)...)
	}
	if got := valuesOf(k.Read(t, topic), 0); !slices.Equal(got, wantValues(0, 30)) {
		t.Errorf("the log holds %v", got)
	}
}

// Nothing is known when a Send has to end: the next one settles that first.
func TestAnUnacknowledgedBatchIsSettledByTheNextSend(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "rows", 2)
	p := producer(t, k, sink.ProducerOptions{Deadline: 300 * time.Millisecond})
	fault := k.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.NotEnoughReplicasAfterAppend, Count: -1})
	_, err := p.Send(kafkatest.Context(t), []sink.Message{row(topic, "A", "1")})
	var open *sink.ErrUnacknowledged
	if !errors.As(err, &open) || open.Topic != topic || open.Records != 1 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want unacknowledged within the deadline", err)
	}
	if !strings.Contains(err.Error(), "Not Enough Replicas After Append") {
		t.Errorf("%q does not say what the broker answered", err)
	}
	fault.Remove()
	other := row(topic, "B", "1")
	other.Partition = 1
	next, err := p.Send(kafkatest.Context(t), []sink.Message{other})
	if err != nil || next[sink.TopicPartition{Topic: topic}] != 1 {
		t.Errorf("acknowledged %v (%v), want the open batch settled too", next, err)
	}
	send(t, p, row(topic, "A", "2"))
	if got := valuesOf(k.Read(t, topic), 0); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("the log holds %v", got)
	}
}

func TestARefusedBatchDoesNotBreakTheSequence(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 2, map[string]string{"max.message.bytes": "2000"})
	p := producer(t, k, sink.ProducerOptions{})
	send(t, p, row(topic, "A", "1"))
	big, other := row(topic, "big", strings.Repeat("x", 5000)), row(topic, "B", "1")
	other.Partition = 1
	next, err := p.Send(kafkatest.Context(t), []sink.Message{big, other})
	var refused *sink.ErrRefused
	if !errors.As(err, &refused) || refused.FirstKey != `"big"` || refused.Records != 1 || refused.Partition != 0 {
		t.Errorf("got %v, want a refusal with the key", err)
	}
	if len(next) != 1 || next[sink.TopicPartition{Topic: topic, Partition: 1}] != 1 {
		t.Errorf("acknowledged %v, want the other partition's row", next)
	}
	send(t, p, row(topic, "A", "2"))
	if got := valuesOf(k.Read(t, topic), 0); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("the log holds %v", got)
	}
	if ids := p.Counters.ProducerIDs.Load(); ids != 1 {
		t.Errorf("%d producer ids were needed, want 1", ids)
	}
}

func TestARecordLargerThanABatchIsRefusedBeforeAnythingIsSent(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "rows", 1)
	p := producer(t, k, sink.ProducerOptions{BatchBytes: 2000})
	_, err := p.Send(kafkatest.Context(t), []sink.Message{row(topic, "A", "1"), row(topic, "big", strings.Repeat("x", 2000))})
	var refused *sink.ErrRefused
	if !errors.As(err, &refused) || refused.FirstKey != `"big"` {
		t.Errorf("got %v, want a refusal", err)
	}
	wantLog(t, k, topic)
}

func TestALostSequenceStartsOverWithANewID(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "rows", 1)
	p := producer(t, k, sink.ProducerOptions{})
	send(t, p, row(topic, "A", "1"))
	k.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.UnknownProducerID})
	send(t, p, row(topic, "A", "2"))
	send(t, p, row(topic, "A", "3"))
	wantLog(t, k, topic, "A=1", "A=2", "A=3")
	if ids := p.Counters.ProducerIDs.Load(); ids != 2 {
		t.Errorf("%d producer ids, want 2", ids)
	}
}

// After an unknown outcome a new id could store the batch twice, so the caller must hear of it.
func TestALostSequenceAfterAnUnknownOutcomeIsReported(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "rows", 1)
	p := producer(t, k, sink.ProducerOptions{})
	send(t, p, row(topic, "A", "1"))
	k.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.RequestTimedOut},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.UnknownProducerID})
	_, err := p.Send(kafkatest.Context(t), []sink.Message{row(topic, "A", "2")})
	var open *sink.ErrUnacknowledged
	if !errors.As(err, &open) {
		t.Fatalf("got %v, want it reported", err)
	}
	send(t, p, row(topic, "A", "3"))
	wantLog(t, k, topic, "A=1", "A=2", "A=3")
}

func TestSendEndsWithItsContext(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "rows", 1)
	p := producer(t, k, sink.ProducerOptions{})
	send(t, p, row(topic, "A", "1"))
	release := make(chan struct{})
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { close(release) }) })
	ctx, cancel := context.WithCancel(kafkatest.Context(t))
	var seen atomic.Bool
	k.Fake.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		if seen.Swap(true) {
			return nil, nil, false
		}
		cancel()
		k.Fake.SleepControl(func() { <-release })
		return nil, nil, false
	})
	if _, err := p.Send(ctx, []sink.Message{row(topic, "A", "2")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	once.Do(func() { close(release) })
	send(t, p, row(topic, "A", "3"))
	wantLog(t, k, topic, "A=1", "A=2", "A=3")
}

func TestAMissingTopicIsNamed(t *testing.T) {
	k := kafkatest.Start(t, 1)
	p := producer(t, k, sink.ProducerOptions{Deadline: 3 * time.Second})
	_, err := p.Send(kafkatest.Context(t), []sink.Message{row(k.Topic("absent"), "A", "1")})
	if err == nil || !strings.Contains(err.Error(), k.Topic("absent")) || !strings.Contains(err.Error(), "Unknown Topic Or Partition") {
		t.Errorf("got %v, want the topic and what is wrong with it", err)
	}
}
