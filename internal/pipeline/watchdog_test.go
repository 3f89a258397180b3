package pipeline

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// at is a source partition that stands somewhere.
func at(partition int32, next, end int64) *source {
	return &source{Position: consumer.Position{TopicPartition: broker.TopicPartition{Topic: "t", Partition: partition}, Next: next}, end: end}
}

func TestTheWatchdogKnowsAStandstillFromAnIdleTopic(t *testing.T) {
	now := testClock
	w := NewWatchdog(func() time.Time { return now })
	idle, moves, stands := at(0, 5, 5), at(1, 5, 1000), at(2, 5, 7)
	shards := []*shard{{sources: []*source{idle, moves}}, {sources: []*source{stands}}}
	live := func(stalled int, says string) {
		t.Helper()
		err := w.Live()
		if got := w.Stalled(); got != stalled || (err == nil) != (says == "") {
			t.Fatalf("%d stand still, want %d: %v", got, stalled, err)
		}
		if err != nil && err.Error() != says {
			t.Errorf("got  %v\nwant %s", err, says)
		}
	}
	round := func(took time.Duration) {
		now = now.Add(took)
		moves.Next++
		w.passed(shards)
	}
	live(0, "")
	round(0)
	round(59 * time.Second)
	live(0, "")
	round(time.Second)
	live(1, "no progress: t/2 at offset 5 of 7 for 1m0s")
	stands.Next++
	round(0)
	live(0, "")
	now = now.Add(time.Minute)
	live(3, "no progress: t/0 at offset 5 of 5 for 1m0s, the loop does not come by; "+
		"t/1 at offset 9 of 1000 for 1m0s, the loop does not come by; t/2 at offset 6 of 7 for 1m0s, the loop does not come by")
	w.worked(shards) // sending rows again
	live(0, "")
	now = now.Add(time.Hour)
	w.left(shards) // the partitions are another's
	live(0, "")

	var many shard
	for i := range int32(7) {
		many.sources = append(many.sources, at(i, 1, 2))
	}
	w.passed([]*shard{&many})
	now = now.Add(time.Minute)
	if err := w.Live(); err == nil || !strings.HasSuffix(err.Error(), "t/4 at offset 1 of 2 for 1m0s, the loop does not come by; and 2 more") {
		t.Errorf("got %v", err)
	}
}

// A loop that hangs is noticed, however well the group's heartbeats go on; one that gets on again is
// live again, and a service that stopped has nothing to do.
func TestALoopThatHangsIsNotLive(t *testing.T) {
	w := newWorld(t, 1)
	w.write(firstEvents)
	var clock atomic.Int64
	o := w.options()
	o.Watchdog = NewWatchdog(func() time.Time { return testClock.Add(time.Duration(clock.Load())) })
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var ready atomic.Bool
	o.Observer.Status = func(s Status) { ready.Store(s.Ready()) }
	hangs, goesOn, rounds := make(chan struct{}), make(chan struct{}), 0
	o.step = func(point string) error {
		if point != "applied" || !ready.Load() {
			return nil
		}
		switch rounds++; rounds {
		case 2: // one round is through since it was ready
			close(hangs)
			<-goesOn
		case 4: // another one
			close(hangs)
			<-goesOn
		}
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	<-hangs
	if err := o.Watchdog.Live(); err != nil {
		t.Errorf("it hangs since no time at all: %v", err)
	}
	clock.Add(int64(61 * time.Second))
	if err := o.Watchdog.Live(); err == nil || !strings.Contains(err.Error(), w.topic+"/0 at offset 2 of 2 for 1m1s, the loop does not come by") {
		t.Errorf("a minute later: %v", err)
	}
	hangs = make(chan struct{})
	goesOn <- struct{}{}
	<-hangs
	if err := o.Watchdog.Live(); err != nil {
		t.Errorf("it goes on: %v", err)
	}
	stop()
	goesOn <- struct{}{}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	clock.Add(int64(time.Hour))
	if err := o.Watchdog.Live(); err != nil {
		t.Errorf("it stopped in order: %v", err)
	}
}
