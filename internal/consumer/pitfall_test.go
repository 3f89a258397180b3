package consumer_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// The TestPitfall tests show, one by one, what goes wrong with the Kafka client's own Reader and
// ConsumerGroup, used as its documentation shows them, and that this package does not. P05 and P12 are of
// writing and lie in sink, P08 is of numbers and lies in money.

// reader gives the naive reader.
func reader(t *testing.T, k *kafkatest.Kafka, c kafka.ReaderConfig) *kafka.Reader {
	t.Helper()
	c.Brokers = k.Brokers
	if c.MaxWait == 0 {
		c.MaxWait = 100 * time.Millisecond
	}
	if c.GroupID != "" {
		c.StartOffset = kafka.FirstOffset
		c.HeartbeatInterval, c.RebalanceTimeout, c.JoinGroupBackoff = 100*time.Millisecond, 5*time.Second, 100*time.Millisecond
		if c.SessionTimeout == 0 {
			c.SessionTimeout = 6 * time.Second
		}
	}
	r := kafka.NewReader(c)
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// readFrom gives a naive reader of partition 0 at an offset.
func readFrom(t *testing.T, k *kafkatest.Kafka, topic string, offset int64, c kafka.ReaderConfig) *kafka.Reader {
	t.Helper()
	c.Topic = topic
	r := reader(t, k, c)
	if err := r.SetOffset(offset); err != nil {
		t.Fatal(err)
	}
	return r
}

func fetch(t *testing.T, r *kafka.Reader) kafka.Message {
	t.Helper()
	m, err := r.FetchMessage(kafkatest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// group gives the naive membership.
func group(t *testing.T, k *kafkatest.Kafka, c kafka.ConsumerGroupConfig) *kafka.ConsumerGroup {
	t.Helper()
	c.Brokers, c.StartOffset = k.Brokers, kafka.FirstOffset
	c.HeartbeatInterval, c.SessionTimeout, c.JoinGroupBackoff = 100*time.Millisecond, 6*time.Second, 100*time.Millisecond
	g, err := kafka.NewConsumerGroup(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func next(t *testing.T, g *kafka.ConsumerGroup) *kafka.Generation {
	t.Helper()
	for ctx := kafkatest.Context(t); ; {
		generation, err := g.Next(ctx)
		if err == nil {
			return generation
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// over dials, and wraps the connections.
func over(wrap func(net.Conn) net.Conn) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	}
}

func through(wrap func(net.Conn) net.Conn) func(*broker.Options) {
	return func(o *broker.Options) { o.Dial = over(wrap) }
}

// at is a position in partition 0.
func at(topic string, next int64) consumer.Position {
	return consumer.Position{TopicPartition: consumer.TopicPartition{Topic: topic}, Next: next}
}

// closed says whether a channel is closed now.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// wait is for a channel that must be closed.
func wait(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-kafkatest.Context(t).Done():
		t.Fatal(what)
	}
}
