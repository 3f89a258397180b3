package sink_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// writer gives the naive writer, over a network that may hold or lose.
func writer(t *testing.T, k *kafkatest.Kafka, w *wire, wr *kafka.Writer) *kafka.Writer {
	t.Helper()
	transport := &kafka.Transport{Dial: w.dial}
	wr.Addr, wr.Transport = kafka.TCP(k.Brokers...), transport
	t.Cleanup(func() {
		_ = wr.Close()
		transport.CloseIdleConnections()
	})
	return wr
}

func valuesIn(t *testing.T, k *kafkatest.Kafka, topic string) []string {
	t.Helper()
	return valuesOf(k.Read(t, topic), 0)
}

// P5: a Writer repeats a batch whose answer is lost. The original may still be on its way, and lands
// behind a newer value, although both writes were acknowledged by all replicas: compaction keeps the old one.
func TestPitfallP05ALateOriginalBecomesTheLastValue(t *testing.T) {
	k := kafkatest.Start(t, 1)
	theirs, ours := k.Create(t, "theirs", 1), k.Create(t, "ours", 1)

	w := newWire()
	naive := writer(t, k, w, &kafka.Writer{Topic: theirs, RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond})
	release := w.hold(protocol.Produce)
	for _, value := range []string{"1", "2"} {
		must(t, naive.WriteMessages(kafkatest.Context(t), kafka.Message{Key: []byte("A"), Value: []byte(value)}))
	}
	release()
	if got := valuesIn(t, k, theirs); !slices.Equal(got, []string{"1", "2", "1"}) {
		t.Errorf("the naive writer's log is %v: want the late original at its end", got)
	}

	w = newWire()
	p, err := sink.NewProducer(w.cluster(t, k), sink.ProducerOptions{})
	must(t, err)
	release = w.hold(protocol.Produce)
	send(t, p, row(ours, "A", "1"))
	send(t, p, row(ours, "A", "2"))
	release()
	if got := valuesIn(t, k, ours); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("our log is %v", got)
	}
}

// P12: the zero value of a Writer asks for no acknowledgement: a refused record is lost without an error.
func TestPitfallP12TheZeroWriterLosesSilently(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "small", 1, map[string]string{"max.message.bytes": "200"})
	big := strings.Repeat("x", 1000)
	naive := writer(t, k, newWire(), &kafka.Writer{Topic: topic, BatchTimeout: time.Millisecond})
	if err := naive.WriteMessages(kafkatest.Context(t), kafka.Message{Key: []byte("A"), Value: []byte(big)}); err != nil {
		t.Errorf("the naive writer says %v: want nothing", err)
	}
	if got := valuesIn(t, k, topic); len(got) != 0 {
		t.Errorf("the record was stored: %d", len(got))
	}

	_, err := producer(t, k, sink.ProducerOptions{}).Send(kafkatest.Context(t), []sink.Message{row(topic, "A", big)})
	var refused *sink.ErrRefused
	if !errors.As(err, &refused) || !errors.Is(err, kafka.MessageSizeTooLarge) {
		t.Errorf("ours: %v", err)
	}
}
