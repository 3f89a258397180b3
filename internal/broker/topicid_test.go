package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"processor/internal/broker"
	"processor/internal/kafkatest"
)

// identities of topics, as an independent client sees them.
func identities(t *testing.T, k *kafkatest.Kafka, names ...string) map[string]broker.TopicIdentity {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = &name
		req.Topics = append(req.Topics, rt)
	}
	client := k.Client(t)
	defer client.Close()
	answer, err := req.RequestWith(kafkatest.Context(t), client)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]broker.TopicIdentity{}
	for _, rt := range answer.Topics {
		out[*rt.Topic] = broker.TopicIdentity{Name: *rt.Topic, ID: rt.TopicID, Partitions: len(rt.Partitions)}
	}
	return out
}

func TestTopicIdentities(t *testing.T) {
	k := kafkatest.Start(t, 3)
	names := []string{k.Topic("absent")}
	for i := range 40 {
		names = append(names, k.Create(t, fmt.Sprint("topic-", i), 1+i%5))
	}
	got, err := k.Cluster.TopicIdentities(kafkatest.Context(t), names...)
	if err != nil {
		t.Fatal(err)
	}
	if absent := got[names[0]]; absent != (broker.TopicIdentity{Name: names[0]}) {
		t.Errorf("a topic that does not exist is %+v", absent)
	}
	want := identities(t, k, names[1:]...)
	ids := map[broker.TopicID]bool{}
	for _, name := range names[1:] {
		if got[name] != want[name] || got[name].ID == (broker.TopicID{}) {
			t.Errorf("%s is %+v, want %+v", name, got[name], want[name])
		}
		ids[got[name].ID] = true
	}
	if len(ids) != 40 {
		t.Errorf("%d different ids of 40 topics", len(ids))
	}
	if none, err := k.Cluster.TopicIdentities(kafkatest.Context(t)); err != nil || len(none) != 0 {
		t.Errorf("no names give %v (%v)", none, err)
	}
}

func TestOldBrokersHaveNoTopicIDs(t *testing.T) {
	k := kafkatest.StartFake(t, 1, kfake.MaxVersions(kversion.V2_7_0()))
	_, err := k.Cluster.TopicIdentities(kafkatest.Context(t), "any")
	if !errors.Is(err, broker.ErrNoTopicIDs) {
		t.Errorf("got %v", err)
	}
}

// Wherever an answer is cut or changed, reading it ends without a panic.
func FuzzReadIdentities(f *testing.F) {
	req := kmsg.NewPtrMetadataRequest()
	req.Version = 10
	answer := req.ResponseKind().(*kmsg.MetadataResponse)
	name := "topic"
	answer.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "host", Port: 9092}}
	answer.Topics = []kmsg.MetadataResponseTopic{{
		Topic: &name, TopicID: [16]byte{1, 2, 3},
		Partitions: []kmsg.MetadataResponseTopicPartition{{Partition: 0, Replicas: []int32{1}}, {Partition: 1}},
	}}
	good := slices.Concat([]byte{0, 0, 0, 1, 0}, answer.AppendTo(nil))
	if found, err := broker.ReadIdentities(good); err != nil || found[name] != (broker.TopicIdentity{Name: name, ID: [16]byte{1, 2, 3}, Partitions: 2}) {
		f.Fatalf("read %v (%v)", found, err)
	}
	for cut := range good {
		if _, err := broker.ReadIdentities(good[:cut]); err == nil {
			f.Errorf("an answer of %d of %d bytes is accepted", cut, len(good))
		}
	}
	f.Add(good)
	f.Fuzz(func(_ *testing.T, frame []byte) { _, _ = broker.ReadIdentities(frame) })
}
