package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"processor/internal/checkpoint"
	"processor/internal/company"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// remark changes the markers of the stored checkpoint.
func (w *world) remark(change func(*marker)) {
	w.t.Helper()
	dir, err := checkpoint.Open(checkpoint.Options{Dir: w.dir, Fingerprint: meaning(&w.core, w.partitions)})
	if err != nil {
		w.t.Fatal(err)
	}
	for shard := range w.partitions {
		stored, found, err := dir.Load(w.t.Context(), shard, func(_, _ []byte) error { return nil })
		if err != nil || !found {
			w.t.Fatalf("shard %d: found %v, %v", shard, found, err)
		}
		m, err := decodeMarker(stored)
		if err != nil {
			w.t.Fatal(err)
		}
		change(m)
		if stored, err = m.encode(); err != nil {
			w.t.Fatal(err)
		}
		if err := dir.Save(w.t.Context(), shard, stored, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := dir.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// recreate deletes the source and creates it again, with other events in it.
func (w *world) recreate(records ...company.Record) {
	w.t.Helper()
	w.kafka.Delete(w.t, w.topic)
	w.kafka.Create(w.t, "events", w.partitions, kafkatest.AppendTime)
	w.events = nil
	w.write(records)
}

// id is the present id of the source.
func (w *world) id() string {
	w.t.Helper()
	ids, err := consumer.TopicIDs(kafkatest.Context(w.t), w.kafka.Cluster, w.topic)
	if err != nil {
		w.t.Fatal(err)
	}
	return ids[w.topic].ID.String()
}

var (
	firstEvents = []company.Record{
		subscription("e1", "acme", "2025-03-01T00:00:00Z", 1), subscription("e2", "globex", "2025-03-02T00:00:00Z", 2),
	}
	otherEvents = []company.Record{
		subscription("f1", "acme", "2025-03-01T00:00:00Z", 5), subscription("f2", "initech", "2025-03-02T00:00:00Z", 6),
		subscription("f3", "acme", "2025-04-01T00:00:00Z", 7),
	}
)

// A recreated source may be longer than the position: only its id tells (pitfall P3). It stays
// refused until the log is counted anew.
func TestARecreatedSourceIsCountedAnewOrNotAtAll(t *testing.T) {
	w := newWorld(t, 1)
	w.write(firstEvents)
	w.run()
	was := w.id()
	w.recreate(otherEvents...)
	for range 2 {
		w.mustRefuse(ErrOperator, w.topic+" was recreated", "its id is "+w.id(), "ours was "+was, "void is position 2 of "+w.topic+"/0",
			"Restore the topic with the id "+was, "processor rebuild --from log --config FILE", "docs/runbooks/source-changed.md")
	}
	if _, err := Rebuild(kafkatest.Context(t), w.options(), FromLog, false); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.compare()
	w.run()
	w.compare()
}

// A log that was cut and written anew may be longer than the position, too (fault F27); the last
// batch that was applied tells.
func TestATruncatedSource(t *testing.T) {
	w := newWorld(t, 1)
	w.write(firstEvents)
	w.run()
	w.recreate(otherEvents...)
	var epoch int32
	var sum uint32
	w.remark(func(m *marker) {
		m.Sources[0].ID = "" // the topic is the one that it was
		epoch, sum = m.Sources[0].Last.LeaderEpoch, m.Sources[0].Last.CRC
	})
	applied := consumer.Mark{LeaderEpoch: epoch, CRC: sum}
	w.mustRefuse(ErrOperator, "open shard 0", "in front of our position 2 is not what was read", "applied was the batch at "+applied.String(),
		"there is offset 0, leader epoch", "at least the offsets [0,2)", "Restore the partition from a replica",
		"processor rebuild --from log --config FILE", "docs/runbooks/source-changed.md")
}

func TestTheRangeOfATruncation(t *testing.T) {
	o := &Options{ConfigFile: "p.yaml"}
	err := o.divergedError(&consumer.ErrDiverged{
		Topic: "t", Partition: 3, Next: 90, Applied: consumer.Mark{Offset: 80, LeaderEpoch: 4, CRC: 0xabc}, AgreesTo: 71,
	})
	for _, text := range []string{"t/3", "offset 80, leader epoch 4, CRC 00000abc", "there is nothing", "exactly the offsets [71,90)", "--config p.yaml"} {
		if !errors.Is(err, ErrOperator) || !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q:\n%v", text, err)
		}
	}
}

// A marker from before ids and marks were kept is good, and has them from then on; so is one after
// everything that may happen to a service whose sources stay the same.
func TestUnchangedSourcesAreNeverRefused(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	events := companyEvents(t, 600, "light")
	next := func(n int) {
		t.Helper()
		w.write(events[:n])
		events = events[n:]
	}
	next(200)
	w.run()
	w.remark(func(m *marker) { m.Sources[0].ID, m.Sources[0].Last = "", nil })
	next(50)
	w.run()
	w.remark(func(m *marker) {
		if at := m.Sources[0]; at.ID != w.id() || at.Last == nil || at.Last.Offset >= at.Next {
			t.Errorf("the marker says %+v, last %+v; the id is %s", at, at.Last, w.id())
		}
	})
	for _, point := range []string{"applied", "published", "saved a shard", "saved"} {
		next(50)
		w.crashAt(point, 2)
	}
	w.kafka.Transact(t, w.topic, false, kafkatest.Record{Key: "acme", Value: "aborted"})
	w.run()
	w.core.Coalesce = 2 * time.Hour
	if _, err := Rebuild(kafkatest.Context(t), w.options(), FromCheckpoint, false); err != nil {
		t.Fatal(err)
	}
	w.run()
	if _, err := Rebuild(kafkatest.Context(t), w.options(), FromLog, false); err != nil {
		t.Fatal(err)
	}
	w.run()
	w.dir = t.TempDir()
	w.run()
	w.compare()
}

// Brokers without topic ids are said once; the marks are compared all the same.
func TestBrokersWithoutTopicIDs(t *testing.T) {
	k := kafkatest.StartFake(t, 1, kfake.MaxVersions(kversion.V2_7_0()))
	var log strings.Builder
	w := &world{
		t: t, kafka: k, partitions: 1, prefix: k.Topic("out."), dir: t.TempDir(), clock: testClock,
		topic: k.Create(t, "events", 1, kafkatest.AppendTime), metrics: new(Metrics), core: testCore(),
	}
	w.change = func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) }
	w.write(firstEvents)
	w.run()
	if n := strings.Count(log.String(), "can only be noticed by its offsets"); n != 1 {
		t.Errorf("%d log lines:\n%s", n, &log)
	}
	w.run()
	w.compare()
	w.recreate(otherEvents...)
	w.mustRefuse(ErrOperator, "is not what was read", "at least the offsets [0,2)")
}

// endsWhileRunning runs the service, changes something once it runs, and gives the error that ends it.
// The source is looked at as often as given.
func (w *world) endsWhileRunning(every time.Duration, change func()) error {
	w.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Minute)
	defer stop()
	o := w.options()
	o.watchEvery = every
	running := make(chan struct{}, 1)
	o.Observer.Status = func(s Status) {
		if s.Ready() {
			select {
			case running <- struct{}{}:
			default:
			}
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, o) }()
	select {
	case err := <-ended:
		w.t.Fatalf("the service ended before it ran: %v", err)
	case <-running:
	}
	change()
	err := <-ended
	if ctx.Err() != nil {
		w.t.Fatalf("the change was not noticed within a minute (%v)", err)
	}
	return err
}

// A source that changes while the service runs ends it, and what it then holds stays unread.
func TestASourceThatChangesWhileTheServiceRuns(t *testing.T) {
	cases := []struct {
		name   string
		every  time.Duration // long enough that a topic is seldom seen between its end and its new beginning
		change func(w *world)
		says   []string
	}{
		{"recreated", 5 * time.Second, func(w *world) { w.recreate(otherEvents...) }, []string{
			" was recreated: its id is ", "void is position ", "processor rebuild --from log --config FILE",
		}},
		{"grown", 20 * time.Millisecond, func(w *world) { w.kafka.AddPartitions(w.t, w.topic, 4) }, []string{
			"has 4 partitions now, it had 2", "another partition than before", "nothing was read of partitions [2,4)",
			"cannot change without a new start from the log", "processor rescale --config FILE --out NEWFILE",
		}},
		{"gone", 20 * time.Millisecond, func(w *world) { w.kafka.Delete(w.t, w.topic) }, []string{
			"does not exist any more", "nothing behind position ", "brokers' backup", "processor rebuild --from log --config FILE",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.write(firstEvents)
			was := w.id()
			err := w.endsWhileRunning(c.every, func() { c.change(w) })
			if !errors.Is(err, ErrOperator) {
				t.Fatalf("got %v, want %v", err, ErrOperator)
			}
			for _, text := range append(c.says, w.topic) {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q:\n%v", text, err)
				}
			}
			w.remark(func(m *marker) {
				if at := m.Sources[0]; at.ID != was || at.Next > 2 {
					t.Errorf("the checkpoint went on into the changed topic: %+v", at)
				}
			})
		})
	}
}
