package pipeline

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/broker"
	"processor/internal/kafkatest"
)

// throttles counts how often a broker told a client that it is over its quota.
type throttles struct{ atomic.Int64 }

func (n *throttles) OnBrokerThrottle(kgo.BrokerMetadata, time.Duration, bool) { n.Add(1) }

// A service whose brokers throttle it is slow and right. The in-process broker has no quotas.
func TestAThrottledService(t *testing.T) {
	if !kafkatest.Real() {
		t.Skip("needs a real broker: KAFKA_BROKERS, as in .ci/run kafka")
	}
	w := newWorld(t, 2)
	id := w.kafka.Topic("slow")
	c, err := broker.New(broker.Options{Brokers: w.kafka.Brokers, ClientID: id})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w.limit(id, 150_000)
	w.write(companyEvents(t, 400, "light"))
	w.change = func(o *Options) { o.Cluster = c }
	w.run()
	w.compare()

	seen := &throttles{}
	reader := w.kafka.Client(t, kgo.ClientID(id), kgo.WithHooks(seen), kgo.ConsumeTopics(w.prefix+"movements"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for ctx := kafkatest.Context(t); seen.Load() == 0; {
		if fetches := reader.PollFetches(ctx); fetches.Err() != nil {
			t.Fatalf("the quota does not bite: %v", fetches.Err())
		}
		reader.SetOffsets(map[string]map[int32]kgo.EpochOffset{w.prefix + "movements": {0: {Epoch: -1}, 1: {Epoch: -1}}})
	}
}

// limit gives a client id quotas for reading and writing, in bytes a second.
func (w *world) limit(clientID string, rate float64) {
	w.t.Helper()
	entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
	entity.Type, entity.Name = "client-id", &clientID
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	entry.Entity = append(entry.Entity, entity)
	for _, key := range []string{"consumer_byte_rate", "producer_byte_rate"} {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Value = key, rate
		entry.Ops = append(entry.Ops, op)
	}
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.Entries = append(request.Entries, entry)
	client := w.kafka.Client(w.t)
	defer client.Close()
	answer, err := request.RequestWith(kafkatest.Context(w.t), client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Entries[0].ErrorCode)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
