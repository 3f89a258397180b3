package broker_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"processor/internal/broker"
	"processor/internal/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewReportsEveryProblem(t *testing.T) {
	_, err := broker.New(broker.Options{Brokers: []string{"kafka", "localhost:"}, RequestTimeout: -1})
	for _, want := range []string{`"kafka" is not host:port`, `"localhost:" is not host:port`, "request timeout is negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not contain %s", err, want)
		}
	}
	if _, err := broker.New(broker.Options{}); err == nil {
		t.Error("no brokers are accepted")
	}
}

func TestLeaderIsRememberedUntilForgotten(t *testing.T) {
	k := kafkatest.StartFake(t, 3)
	topic := k.Create(t, "led", 1)
	c, err := broker.New(broker.Options{Brokers: k.Brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, tp := kafkatest.Context(t), broker.TopicPartition{Topic: topic}
	before, err := c.Leader(ctx, tp)
	if err != nil {
		t.Fatal(err)
	}
	after := (before + 1) % 3
	if err := k.Fake.MoveTopicPartition(topic, 0, after); err != nil {
		t.Fatal(err)
	}
	if got, _ := c.Leader(ctx, tp); got != before {
		t.Errorf("leader %d, want the remembered %d", got, before)
	}
	c.Forget(tp)
	if got, err := c.Leader(ctx, tp); got != after {
		t.Errorf("leader %d (%v), want %d", got, err, after)
	}
	if _, err := c.Leader(ctx, broker.TopicPartition{Topic: topic, Partition: 7}); !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("a partition that does not exist: %v", err)
	}
}

func TestTransient(t *testing.T) {
	for _, err := range []error{io.EOF, kafka.NotLeaderForPartition, kafka.ConcurrentTransactions, kafka.KafkaStorageError} {
		if !broker.Transient(err) {
			t.Errorf("%v may pass", err)
		}
	}
	for _, err := range []error{nil, kafka.TopicAuthorizationFailed, kafka.MessageSizeTooLarge, kafka.SASLAuthenticationFailed, t.Context().Err()} {
		if broker.Transient(err) {
			t.Errorf("%v does not pass by itself", err)
		}
	}
}
