package consumer_test

import (
	"maps"
	"testing"
	"time"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

func joinAt(t *testing.T, k *kafkatest.Kafka, group, topic, address string) *consumer.Member {
	t.Helper()
	m, err := consumer.NewMember(t.Context(), own(t, k), consumer.MemberOptions{
		Group: group, Topics: []string{topic}, Address: address, Heartbeat: 50 * time.Millisecond, SessionTimeout: 6 * time.Second, RebalanceTimeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(kafkatest.Context(t)); err != nil {
			t.Error(err)
		}
	})
	return m
}

// Any instance can ask the group who has which partitions and where that one answers, from the first generation on
// and after each rebalance.
func TestOwners(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "a", 4)
	group, c := k.Topic("group"), own(t, k)
	ctx := kafkatest.Context(t)
	if found, _, err := consumer.Owners(ctx, c, group); err != nil || len(found) > 0 {
		t.Errorf("of a group that nobody joined: %v, %v", found, err)
	}
	first := generations(t, joinAt(t, k, group, topic, "http://a:1"))
	await(t, first, topic, 4)
	owners := func() map[int32]string {
		t.Helper()
		for ctx.Err() == nil {
			found, stable, err := consumer.Owners(ctx, c, group)
			if err != nil {
				t.Fatal(err)
			}
			if stable {
				return found
			}
		}
		t.Fatal("the group does not come to rest")
		return nil
	}
	if got, want := owners(), map[int32]string{0: "http://a:1", 1: "http://a:1", 2: "http://a:1", 3: "http://a:1"}; !maps.Equal(got, want) {
		t.Errorf("alone: %v", got)
	}
	second := generations(t, joinAt(t, k, group, topic, "http://b:2"))
	third := generations(t, joinAt(t, k, group, topic, "")) // tells nothing of itself
	counted := map[string]int{}
	for ctx.Err() == nil && !maps.Equal(counted, map[string]int{"http://a:1": 2, "http://b:2": 1, "": 1}) {
		counted = map[string]int{}
		for _, address := range owners() {
			counted[address]++
		}
	}
	if ctx.Err() != nil {
		t.Errorf("of three: %v", counted)
	}
	for _, gens := range []<-chan *consumer.Generation{first, second, third} {
		select {
		case <-gens:
		case <-ctx.Done():
			t.Fatal("a member has no generation")
		}
	}
}
