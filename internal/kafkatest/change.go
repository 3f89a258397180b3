package kafkatest

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/broker"
)

// Delete deletes a topic and waits until its name is free again.
func (k *Kafka) Delete(t testing.TB, topic string) {
	t.Helper()
	rt := kmsg.NewDeleteTopicsRequestTopic()
	rt.Topic = &topic
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Topics, req.TopicNames, req.TimeoutMillis = append(req.Topics, rt), []string{topic}, 30_000
	client := k.Client(t)
	defer client.Close()
	answer, err := req.RequestWith(Context(t), client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	k.awaitChange(t, "delete topic "+topic, topic, err, func(found broker.Topic) bool { return !found.Exists })
}

// AddPartitions makes a topic have so many partitions and waits until they can be used.
func (k *Kafka) AddPartitions(t testing.TB, topic string, count int) {
	t.Helper()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, int32(count)
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 30_000
	client := k.Client(t)
	defer client.Close()
	answer, err := req.RequestWith(Context(t), client)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	k.awaitChange(t, "add partitions to "+topic, topic, err, func(found broker.Topic) bool { return len(found.Partitions) == count })
	k.awaitLeaders(t, topic)
}

// awaitChange waits until the metadata show a change of a topic that was asked for; err is what the
// broker said to it.
func (k *Kafka) awaitChange(t testing.TB, change, topic string, err error, done func(broker.Topic) bool) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", change, err)
	}
	for ctx := Context(t); ; {
		topics, err := k.Cluster.Topics(ctx, topic)
		if err == nil && done(topics[topic]) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s: it does not show: %v", change, err)
		}
	}
}

// awaitMarkers waits until a transaction's end is in all its partitions: a broker answers before, and
// refuses to hand out the id again until then.
func (k *Kafka) awaitMarkers(t testing.TB, id string) {
	t.Helper()
	client := k.Client(t)
	defer client.Close()
	for ctx := Context(t); ; {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = &id, 30_000, -1, -1
		answer, err := req.RequestWith(ctx, client)
		if err == nil {
			err = kerr.ErrorForCode(answer.ErrorCode)
		}
		if err == nil {
			return
		}
		if ctx.Err() != nil || !errors.Is(err, kerr.ConcurrentTransactions) {
			t.Fatalf("wait for the end of the transaction of %s: %v", id, err)
		}
	}
}
