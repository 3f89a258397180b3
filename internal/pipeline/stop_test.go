package pipeline

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// A stop at any point is one in order: positions are committed, and the run after it owes nothing.
func TestGracefulStop(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, d := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(d.String(), func(t *testing.T) { stopEverywhere(t, d, points[d]) })
	}
}

func stopEverywhere(t *testing.T, delivery Delivery, points []string) {
	w := newWorld(t, 2)
	records := companyEvents(t, 1500, "light")
	w.change = func(o *Options) { o.Delivery, o.fetchBytes = delivery, 1 }
	for i, slice := range slices.Collect(slices.Chunk(records, len(records)/len(points)+1)) {
		w.write(slice)
		ctx, stop := context.WithTimeout(context.Background(), 3*time.Minute)
		o := w.options()
		o.step = func(point string) error {
			if point == "sent again" {
				return errors.New("rows are sent again after a stop in order")
			}
			if point == points[i] {
				stop()
			}
			return nil
		}
		flushes := 0
		o.Observer.Status = func(s Status) {
			if flushes++; s.Ready() && flushes > 30 {
				stop()
			}
		}
		err := Run(ctx, o)
		if err != nil || ctx.Err() != context.Canceled {
			t.Fatalf("stop at %q: %v, %v", points[i], err, ctx.Err())
		}
		w.committedIsProgress()
	}
	w.run()
	w.committedIsProgress()
	w.compare()
	if got := w.lastWatermark(); !got.Equal(wholeMinute(testClock, w.options().Lateness).UTC()) {
		t.Errorf("the shards stopped at %s", got)
	}
}

// A stop that is asked for in the moment in which the rollup fails ends with that failure: it must not
// wait for a part that is gone.
func TestStopWhileTheRollupFails(t *testing.T) {
	w := newWorld(t, 1)
	w.write(companyEvents(t, 200, "light"))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	o := w.options()
	o.step = func(point string) error {
		if point == "metrics published" {
			stop()
			return errCrash
		}
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	select {
	case err := <-ended:
		if !errors.Is(err, errCrash) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it never ended")
	}
	w.change = nil
	w.run()
	w.compare()
}

// committedIsProgress holds the group's offsets, which lag tools read, against the progress rows.
func (w *world) committedIsProgress() {
	w.t.Helper()
	var all []broker.TopicPartition
	for p := range w.partitions {
		all = append(all, broker.TopicPartition{Topic: w.topic, Partition: int32(p)})
	}
	committed, err := consumer.CommittedOffsets(kafkatest.Context(w.t), w.kafka.Cluster, w.prefix+"group", all)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range w.progress() {
		for at, next := range positionsIn(r.Positions) {
			tp := broker.TopicPartition{Topic: w.topic, Partition: int32(r.Shard)}
			if at != tp.String() || committed[tp] != next {
				w.t.Errorf("shard %d: progress says %s:%d, the group %d", r.Shard, at, next, committed[tp])
			}
		}
	}
}

// What the ledger says last, at the stop, still becomes metrics.
func TestStopDrainsTheRollup(t *testing.T) {
	w := newWorld(t, 1)
	w.change = func(o *Options) { o.MetricsInterval, o.fetchBytes, o.FlushRecords = time.Hour, 1, 1 }
	for slice := range slices.Chunk(companyEvents(t, 500, "none"), 50) { // one write a fetch
		w.write(slice)
	}
	w.run()
	w.compare()
}

// A stop that is asked for before anything happened is a stop in order, too.
func TestStopBeforeTheWork(t *testing.T) {
	w := newWorld(t, 1)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Run(ended, w.options()); err != nil {
		t.Errorf("with an ended context: %v", err)
	}
	for _, phase := range []Phase{PhaseStarting, PhaseJoining, PhaseRestoring, PhaseCatchingUp} {
		if err := w.runUntil(w.options(), func(s Status) bool { return s.Phase == phase }); err != nil {
			t.Errorf("while %s: %v", phase, err)
		}
	}
}

// Another member takes half of the partitions and gives them back: what it held is read again from
// the checkpoint, and nothing is lost or counted twice.
func TestRebalance(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	records := companyEvents(t, 600, "light")
	w.write(records[:300])
	joined := make(chan struct{})
	left := make(chan struct{})
	go func() {
		defer close(left)
		<-joined
		member, err := consumer.NewMember(t.Context(), w.kafka.Cluster, consumer.MemberOptions{Group: w.prefix + "group", Topics: []string{w.topic}})
		if err != nil {
			t.Error(err)
			return
		}
		ctx := kafkatest.Context(t)
		for {
			generation, err := member.Next(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			if len(generation.Partitions[w.topic]) == 1 {
				break
			}
		}
		w.write(records[300:])
		if err := member.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	generations := 0
	whole := false
	var before Phase
	err := w.runUntil(w.options(), func(s Status) bool {
		if s.Phase == PhaseRestoring && before != PhaseRestoring {
			generations++
		}
		before = s.Phase
		if s.Ready() && generations == 1 {
			select {
			case <-joined:
			default:
				close(joined)
			}
		}
		select {
		case <-left:
			whole = s.Ready() && len(s.Shards) == 2
		default:
		}
		return whole && generations > 2
	})
	if err != nil {
		t.Fatal(err)
	}
	w.compare()
}
