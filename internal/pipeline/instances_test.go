package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"processor/internal/company"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// instance is one of several services over the same topics, in this process.
type instance struct {
	t       *testing.T
	metrics *Metrics
	cancel  context.CancelFunc
	done    chan struct{}
	err     error

	mu     sync.Mutex
	status Status
}

// start runs an instance until stop.
func (w *world) start(t *testing.T) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in := &instance{t: t, metrics: new(Metrics), cancel: cancel, done: make(chan struct{})}
	o := w.options()
	o.Metrics = in.metrics
	o.Observer.Status = func(s Status) {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.status = s
	}
	go func() {
		defer close(in.done)
		in.err = Run(ctx, o)
	}()
	t.Cleanup(func() {
		cancel()
		<-in.done
	})
	return in
}

// stop asks for a graceful stop and waits for it.
func (in *instance) stop() {
	in.t.Helper()
	in.cancel()
	<-in.done
	if in.err != nil {
		in.t.Fatal(in.err)
	}
}

func (in *instance) now() Status {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.status
}

func (in *instance) loads() int64 { return in.metrics.Read().ShardLoads }

// awaitShards waits until the instances have so many shards each, all caught up.
func awaitShards(t *testing.T, counts map[*instance]int) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		there := true
		for in, n := range counts {
			s := in.now()
			there = there && s.Ready() && len(s.Shards) == n
			select {
			case <-in.done:
				t.Fatalf("an instance ended: %v", in.err)
			default:
			}
		}
		if there {
			return
		}
		select {
		case <-deadline:
			for in, n := range counts {
				t.Errorf("want %d shards: %+v", n, in.now())
			}
			t.FailNow()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// load writes records in the background, a few at a time.
func (w *world) load(records []company.Record) (wait func()) {
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		for slice := range slices.Chunk(records, 25) {
			w.write(slice)
		}
	}()
	return func() { <-loaded }
}

// eachDelivery runs a story of several instances. They are left out under the race detector: it makes a
// process with three services so slow that sessions end while they work.
func eachDelivery(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	if testing.Short() {
		t.Skip("several services in one process")
	}
	for _, d := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(d.String(), func(t *testing.T) {
			w := newWorld(t, 6)
			w.store = StoreKafka
			w.change = func(o *Options) { o.Delivery = d }
			test(t, w)
		})
	}
}

// From one instance to three and back to one, under load: the rows are those of a replay, and shards
// that stay where they are are never loaded again.
func TestScaling(t *testing.T) {
	t.Parallel() // it mostly waits
	eachDelivery(t, func(t *testing.T, w *world) {
		records := companyEvents(t, 480, "light")
		w.write(records[:120])
		a := w.start(t)
		awaitShards(t, map[*instance]int{a: 6})
		epochs := epochsOf(a)
		wait := w.load(records[120:240])
		b := w.start(t)
		awaitShards(t, map[*instance]int{a: 3, b: 3})
		wait()
		wait = w.load(records[240:360])
		c := w.start(t)
		awaitShards(t, map[*instance]int{a: 2, b: 2, c: 2})
		wait()
		if a.loads() != 6 || b.loads() != 3 || c.loads() != 2 {
			t.Errorf("scaling out loaded %d, %d and %d shards, want 6, 3 and 2", a.loads(), b.loads(), c.loads())
		}
		for shard, epoch := range epochsOf(a) {
			if epoch != epochs[shard] {
				t.Errorf("shard %d stayed and has epoch %d after %d", shard, epoch, epochs[shard])
			}
		}
		wait = w.load(records[360:])
		c.stop()
		awaitShards(t, map[*instance]int{a: 3, b: 3})
		wait()
		if a.loads() != 7 || b.loads() != 4 {
			t.Errorf("scaling in loaded %d and %d shards in all, want 7 and 4", a.loads(), b.loads())
		}
		a.stop()
		awaitShards(t, map[*instance]int{b: 6})
		w.awaitRead(t, b)
		b.stop()
		w.compare()
		if a.loads() != 7 || b.loads() != 7 {
			t.Errorf("in the end %d and %d shards were loaded, want 7 and 7", a.loads(), b.loads())
		}
		if w.options().Delivery == ExactlyOnce {
			w.eachOnce()
		}
	})
}

func epochsOf(in *instance) map[int]uint64 {
	epochs := map[int]uint64{}
	for _, s := range in.now().Shards {
		epochs[s.Shard] = s.Epoch
	}
	return epochs
}

// A rolling restart of all instances under load.
func TestRollingRestart(t *testing.T) {
	t.Parallel() // it mostly waits
	eachDelivery(t, func(t *testing.T, w *world) {
		records := companyEvents(t, 450, "light")
		w.write(records[:90])
		running := []*instance{w.start(t), w.start(t)}
		awaitShards(t, map[*instance]int{running[0]: 3, running[1]: 3})
		for i := range running {
			wait := w.load(records[90+180*i : 270+180*i])
			running[i].stop()
			running[i] = w.start(t)
			awaitShards(t, map[*instance]int{running[0]: 3, running[1]: 3})
			wait()
		}
		running[0].stop()
		awaitShards(t, map[*instance]int{running[1]: 6})
		w.awaitRead(t, running[1])
		running[1].stop()
		w.compare()
	})
}

// An instance that crashes takes nothing with it: the other one goes on from its checkpoints.
func TestACrashOfOneOfTwo(t *testing.T) {
	t.Parallel() // it mostly waits
	eachDelivery(t, func(t *testing.T, w *world) {
		records := companyEvents(t, 300, "light")
		w.write(records[:100])
		a := w.start(t)
		awaitShards(t, map[*instance]int{a: 6})
		crash := make(chan struct{})
		before := w.change
		w.change = func(o *Options) {
			before(o)
			o.step = func(point string) error {
				select {
				case <-crash:
					if point == "derived" {
						return errCrash
					}
				default:
				}
				return nil
			}
		}
		b := w.start(t)
		w.change = before
		awaitShards(t, map[*instance]int{a: 3, b: 3})
		wait := w.load(records[100:])
		close(crash)
		<-b.done
		if !errors.Is(b.err, errCrash) {
			t.Fatalf("got %v", b.err)
		}
		awaitShards(t, map[*instance]int{a: 6})
		wait()
		w.awaitRead(t, a)
		a.stop()
		w.compare()
	})
}

// awaitRead waits until an instance that has all shards has read everything.
func (w *world) awaitRead(t *testing.T, in *instance) {
	t.Helper()
	await(t, "everything is read", func() bool {
		var next int64
		for _, p := range in.metrics.Read().Partitions {
			next += p.Position
		}
		return next == int64(len(w.events))
	})
}

// Whoever takes a shard's outlet from outside of the group ends the instance: the group still gives it
// the shard, so it cannot go on.
func TestAnOutletTakenFromOutside(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2).exactlyOnce()
	w.store = StoreKafka
	events := companyEvents(t, 200, "none")
	w.write(events[:100])
	a := w.start(t)
	awaitShards(t, map[*instance]int{a: 2})
	other, err := sink.NewTransactor(w.kafka.Cluster, sink.TransactorOptions{ID: w.prefix + "group-shard-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Open(kafkatest.Context(t)); err != nil {
		t.Fatal(err)
	}
	w.write(events[100:])
	<-a.done
	if !errors.Is(a.err, ErrFenced) {
		t.Fatalf("got %v", a.err)
	}
	w.run()
	w.compare()
}

// Two instances with a directory each share the shards by their ordinals, without a group.
func TestInstancesByOrdinal(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 5)
	records := companyEvents(t, 300, "light")
	dirs := []string{t.TempDir(), t.TempDir()}
	both := func() []*instance {
		var list []*instance
		for ordinal, dir := range dirs {
			w.change = func(o *Options) { o.CheckpointDir, o.Instances, o.Ordinal = dir, len(dirs), ordinal }
			list = append(list, w.start(t))
		}
		awaitShards(t, map[*instance]int{list[0]: 3, list[1]: 2})
		return list
	}
	w.write(records[:100])
	first := both()
	wait := w.load(records[100:200])
	first[1].stop()
	wait()
	first[0].stop()
	w.write(records[200:])
	second := both()
	if s := epochsOf(second[1]); len(s) != 2 || s[1] != 2 || s[3] != 2 {
		t.Errorf("the shards of ordinal 1 and their epochs: %v", s)
	}
	second[0].stop()
	second[1].stop()
	w.compare()
	w.committedIsProgress()
}
