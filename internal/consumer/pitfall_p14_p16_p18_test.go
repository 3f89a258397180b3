package consumer_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// P14: no static membership and no cooperative rebalance: a member that joins ends the generation of all
// others, also for partitions that stay. Ours is the same underneath, so there is no contrast to show,
// but what the price is: a member keeps the low numbers it had, hears of the end before anyone else owns
// anything, and has its next generation without a session timeout in between, which is longer here than
// the test waits.
func TestPitfallP14EveryJoinStopsAll(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "in", 4)
	one := next(t, group(t, k, kafka.ConsumerGroupConfig{ID: k.Topic("naive"), Topics: []string{topic}}))
	ended := make(chan struct{})
	one.Start(func(ctx context.Context) {
		<-ctx.Done()
		close(ended)
	})
	group(t, k, kafka.ConsumerGroupConfig{ID: k.Topic("naive"), Topics: []string{topic}})
	wait(t, "the naive member's generation goes on", ended)

	long := func() <-chan *consumer.Generation {
		m, err := consumer.NewMember(t.Context(), own(t, k), consumer.MemberOptions{
			Group: k.Topic("ours"), Topics: []string{topic}, Heartbeat: 50 * time.Millisecond, SessionTimeout: 4 * time.Minute, RebalanceTimeout: 4 * time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close(kafkatest.Context(t)) })
		return generations(t, m)
	}
	gens := long()
	alone := await(t, gens, topic, 4)
	other := await(t, long(), topic, 2)
	if !closed(alone.Done()) {
		t.Error("another member owns partitions while the old generation goes on")
	}
	stays := await(t, gens, topic, 2)
	for _, p := range stays.Partitions[topic] {
		if !slices.Contains(alone.Partitions[topic], p) || slices.Contains(other.Partitions[topic], p) {
			t.Errorf("%v became %v and %v", alone.Partitions, stays.Partitions, other.Partitions)
		}
	}
}

// P16: a function that was started in a generation and does not end with it holds up the member's way
// into the next one; after the rebalance timeout it is out, and its partitions have two owners.
func TestPitfallP16SlowWorkLosesTheMembership(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "in", 2)
	config := kafka.ConsumerGroupConfig{ID: k.Topic("naive"), Topics: []string{topic}, RebalanceTimeout: time.Second}
	work, working := make(chan struct{}), make(chan struct{})
	next(t, group(t, k, config)).Start(func(context.Context) {
		close(working)
		<-work
	})
	t.Cleanup(func() { close(work) })
	<-working
	second := group(t, k, config)
	for g := next(t, second); len(g.Assignments[topic]) != 2; g = next(t, second) {
		_ = g // until the first member is out, whose work goes on
	}

	// Ours starts nothing but a watch of the end: a caller that works on is a member all the same, and the
	// other one gets its share and no more.
	busy, err := consumer.NewMember(t.Context(), own(t, k), consumer.MemberOptions{
		Group: k.Topic("ours"), Topics: []string{topic}, Heartbeat: 50 * time.Millisecond, SessionTimeout: 6 * time.Second, RebalanceTimeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close(kafkatest.Context(t)) })
	first, err := busy.Next(kafkatest.Context(t))
	for err == nil && len(first.Partitions[topic]) != 2 {
		first, err = busy.Next(kafkatest.Context(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	shared := await(t, generations(t, join(t, own(t, k), k.Topic("ours"), topic)), topic, 1) // nobody calls busy.Next
	if !closed(first.Done()) || len(shared.Partitions[topic]) != 1 {
		t.Errorf("the busy member was not told, or the other one has %v", shared.Partitions)
	}
}

// P18: partitions that are added to a topic are never read, unless one asks for it.
func TestPitfallP18AddedPartitionsAreNotRead(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "grows", 1)
	naive := next(t, group(t, k, kafka.ConsumerGroupConfig{ID: k.Topic("naive"), Topics: []string{topic}}))
	over := make(chan struct{})
	naive.Start(func(ctx context.Context) {
		<-ctx.Done()
		close(over)
	})
	c := own(t, k)
	gens := generations(t, join(t, c, k.Topic("ours"), topic))
	await(t, gens, topic, 1)
	ids, err := consumer.TopicIDs(kafkatest.Context(t), c, topic)
	if err != nil {
		t.Fatal(err)
	}
	watched := make(chan error, 1)
	go func() {
		watched <- consumer.WatchTopics(kafkatest.Context(t), c, 10*time.Millisecond, ids[topic])
	}()
	k.AddPartitions(t, topic, 3)
	await(t, gens, topic, 3)
	var changed *consumer.ErrTopicChanged
	if err := <-watched; !errors.As(err, &changed) || changed.Recreated() || changed.Was.Partitions != 1 || changed.Now.Partitions != 3 {
		t.Errorf("the watch says %v", err)
	}
	if closed(over) {
		t.Error("the naive member noticed")
	}
}

// P18 again, with the client's watch switched on: it counts for the first time when the generation has
// begun, so partitions that are added while a member joins are never read.
func TestPitfallP18PartitionsAddedDuringAJoin(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "grows", 1)
	held := func() (*syncMeter, func(net.Conn) net.Conn) {
		m := &syncMeter{held: make(chan struct{}), let: make(chan struct{})}
		return m, func(c net.Conn) net.Conn { return &holdSync{Conn: c, m: m} }
	}
	theirs, theirHold := held()
	naive := group(t, k, kafka.ConsumerGroupConfig{
		ID: k.Topic("naive"), Topics: []string{topic}, WatchPartitionChanges: true, PartitionWatchInterval: 100 * time.Millisecond,
		Dialer: &kafka.Dialer{DialFunc: over(theirHold), Timeout: 10 * time.Second},
	})
	ours, ourHold := held()
	gens := generations(t, join(t, own(t, k, through(ourHold)), k.Topic("ours"), topic))
	wait(t, "the naive member does not join", theirs.held)
	wait(t, "our member does not join", ours.held)
	k.AddPartitions(t, topic, 3) // both have been given one partition, and do not know it yet
	close(theirs.let)
	g := next(t, naive)
	ended := make(chan struct{})
	g.Start(func(ctx context.Context) {
		<-ctx.Done()
		close(ended)
	})
	close(ours.let)
	await(t, gens, topic, 1)
	await(t, gens, topic, 3)
	if closed(ended) || len(g.Assignments[topic]) != 1 {
		t.Error("the naive member noticed")
	}
}
