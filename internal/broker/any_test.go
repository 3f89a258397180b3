package broker_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/broker"
	"processor/internal/kafkatest"
)

// A broker that goes away while it is asked what any of them knows does not end a start: another one is
// asked. Trouble that lasts is told.
func TestAnotherBrokerAnswers(t *testing.T) {
	k := kafkatest.StartFake(t, 3)
	topic := k.Create(t, "known", 2)
	var lost atomic.Int64 // questions about that topic that get no answer; the client asks for itself too
	k.Fake.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		topics := r.(*kmsg.MetadataRequest).Topics
		if len(topics) == 1 && topics[0].Topic != nil && *topics[0].Topic == topic && lost.Add(-1) >= 0 {
			return nil, errors.New("the broker is killed"), true
		}
		return nil, nil, false
	})
	for _, test := range []struct {
		lost int64
		want bool
	}{{0, true}, {2, true}, {1 << 30, false}} {
		c, err := broker.New(broker.Options{Brokers: k.Brokers})
		if err != nil {
			t.Fatal(err)
		}
		lost.Store(test.lost)
		topics, err := c.Topics(kafkatest.Context(t), topic)
		if (err == nil) != test.want || test.want && len(topics[topic].Partitions) != 2 {
			t.Errorf("%d answers lost: %v, %v", test.lost, topics, err)
		}
		c.Close()
	}
}
