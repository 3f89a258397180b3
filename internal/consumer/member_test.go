package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

func join(t *testing.T, c *broker.Cluster, group string, topics ...string) *consumer.Member {
	t.Helper()
	m, err := consumer.NewMember(t.Context(), c, consumer.MemberOptions{
		Group: group, Topics: topics, Heartbeat: 50 * time.Millisecond, SessionTimeout: 6 * time.Second, RebalanceTimeout: 5 * time.Second,
		WatchInterval: 100 * time.Millisecond,
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

// generations follows a member in the background, as a program does, and hands out its generations.
func generations(t *testing.T, m *consumer.Member) <-chan *consumer.Generation {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	out := make(chan *consumer.Generation, 100)
	go func() {
		defer close(out)
		for {
			g, err := m.Next(ctx)
			if err != nil {
				return
			}
			out <- g
		}
	}()
	return out
}

// await takes generations until one has so many partitions of a topic.
func await(t *testing.T, gens <-chan *consumer.Generation, topic string, partitions int) *consumer.Generation {
	t.Helper()
	ctx := kafkatest.Context(t)
	for {
		select {
		case g, ok := <-gens:
			if !ok {
				t.Fatal("the membership ended")
			}
			if len(g.Partitions[topic]) == partitions {
				return g
			}
		case <-ctx.Done():
			t.Fatalf("no generation with %d partitions of %s", partitions, topic)
		}
	}
}

func TestTwoMembersShareTheNumbersAndOnlyTheOwnerCommits(t *testing.T) {
	k := kafkatest.Start(t, 2)
	a, b := k.Create(t, "a", 4), k.Create(t, "b", 4)
	group, c := k.Topic("group"), own(t, k)
	first := join(t, c, group, a, b)
	firstGens := generations(t, first)
	alone := await(t, firstGens, a, 4)
	if !slices.Equal(alone.Partitions[a], []int32{0, 1, 2, 3}) || !slices.Equal(alone.Partitions[b], alone.Partitions[a]) {
		t.Errorf("alone: %v, want all of both topics", alone.Partitions)
	}
	ctx := kafkatest.Context(t)
	all := []consumer.TopicPartition{{Topic: a, Partition: 0}, {Topic: a, Partition: 1}, {Topic: a, Partition: 2}, {Topic: a, Partition: 3}}
	if err := alone.Commit(ctx, map[consumer.TopicPartition]int64{all[0]: 20, all[3]: 23}); err != nil {
		t.Fatal(err)
	}

	second := join(t, c, group, a, b)
	two := await(t, generations(t, second), a, 2)
	one := await(t, firstGens, a, 2)
	for _, g := range []*consumer.Generation{one, two} {
		if !slices.Equal(g.Partitions[a], g.Partitions[b]) {
			t.Errorf("not co-partitioned: %v", g.Partitions)
		}
	}
	if both := append(slices.Clone(one.Partitions[a]), two.Partitions[a]...); len(both) != 4 || slices.Contains(one.Partitions[a], two.Partitions[a][0]) {
		t.Errorf("shared as %v and %v", one.Partitions, two.Partitions)
	}
	select {
	case <-alone.Done():
	case <-ctx.Done():
		t.Fatal("the first generation did not end")
	}

	// The former owner comes late: nothing may move back.
	for _, tp := range all {
		if err := alone.Commit(ctx, map[consumer.TopicPartition]int64{tp: 1}); !errors.Is(err, consumer.ErrGenerationEnded) {
			t.Errorf("late commit of %s: %v, want ErrGenerationEnded", tp, err)
		}
	}
	for _, tp := range all {
		owned := slices.Contains(two.Partitions[a], tp.Partition)
		if err := two.Commit(ctx, map[consumer.TopicPartition]int64{tp: 30}); (err == nil) != owned {
			t.Errorf("commit of %s by the owner of %v: %v", tp, two.Partitions[a], err)
		}
	}
	offsets, err := consumer.CommittedOffsets(ctx, c, group, all)
	if err != nil {
		t.Fatal(err)
	}
	want := map[consumer.TopicPartition]int64{all[0]: 20, all[3]: 23}
	for _, p := range two.Partitions[a] {
		want[consumer.TopicPartition{Topic: a, Partition: p}] = 30
	}
	if fmt.Sprint(offsets) != fmt.Sprint(want) {
		t.Errorf("committed %v, want %v", offsets, want)
	}
}

func TestAMemberThatLeavesHandsOverAtOnce(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "a", 3)
	group, c := k.Topic("group"), own(t, k)
	gone := join(t, c, group, topic)
	gens := generations(t, gone)
	await(t, gens, topic, 3)
	stays := generations(t, join(t, c, group, topic))
	if err := gone.Close(kafkatest.Context(t)); err != nil {
		t.Fatal(err)
	}
	await(t, stays, topic, 3)
	if _, err := gone.Next(kafkatest.Context(t)); !errors.Is(err, consumer.ErrClosed) {
		t.Errorf("Next after Close: %v", err)
	}
}

func TestMoreMembersThanPartitions(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "a", 1)
	group, c := k.Topic("group"), own(t, k)
	one, two := generations(t, join(t, c, group, topic)), generations(t, join(t, c, group, topic))
	ctx := kafkatest.Context(t)
	for owners := map[bool]bool{}; len(owners) < 2; { // one member with the partition, one without
		select {
		case g := <-one:
			owners[len(g.Partitions[topic]) == 1] = true
		case g := <-two:
			owners[len(g.Partitions[topic]) == 1] = true
		case <-ctx.Done():
			t.Fatal("the standby got no assignment")
		}
	}
}

func TestHeartbeatMustFitTheSession(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	if _, err := consumer.NewMember(t.Context(), own(t, k), consumer.MemberOptions{Group: "g", Topics: []string{"t"}, Heartbeat: time.Second, SessionTimeout: 2 * time.Second}); err == nil {
		t.Error("a heartbeat as long as half the session is accepted")
	}
	if _, err := consumer.NewMember(t.Context(), own(t, k), consumer.MemberOptions{Topics: []string{"t"}}); err == nil {
		t.Error("a group without a name is accepted")
	}
}
