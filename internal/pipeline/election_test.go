package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"processor/internal/company"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// comparedLogs are logs whose comparisons with what was read are noted; found, if there is one, decides
// them instead of the brokers.
type comparedLogs struct {
	logs

	mu       sync.Mutex
	compared []consumer.Position
	found    func(consumer.Position, consumer.Mark) error
}

// Verify notes the position.
func (l *comparedLogs) Verify(ctx context.Context, p consumer.Position, applied consumer.Mark, compacted bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.compared = append(l.compared, p)
	if l.found != nil {
		return l.found(p, applied)
	}
	return l.logs.Verify(ctx, p, applied, compacted)
}

func (l *comparedLogs) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.compared)
}

// electing is a running service with one source partition, on brokers that can elect another leader.
func electing(t *testing.T, records []company.Record) (*world, *comparedLogs, *running) {
	t.Helper()
	k := kafkatest.StartFake(t, 3)
	w := &world{
		t: t, kafka: k, partitions: 1, prefix: k.Topic("out."), dir: t.TempDir(), clock: testClock,
		topic: k.Create(t, "events", 1, kafkatest.AppendTime), metrics: new(Metrics), core: testCore(),
	}
	w.write(records)
	l := &comparedLogs{logs: clusterLogs{k.Cluster}}
	w.change = func(o *Options) { o.logs = l }
	return w, l, w.serves(t, w.options())
}

// elects gives the source another leader.
func (w *world) elects() {
	w.t.Helper()
	node := w.kafka.Fake.LeaderFor(w.topic, 0)
	if err := w.kafka.Fake.MoveTopicPartition(w.topic, 0, (node+1)%3); err != nil {
		w.t.Fatal(err)
	}
}

// The first records of a new leader are applied once the log in front of them is the one that was read;
// without a new leader nothing is asked.
func TestANewLeadersLogIsCompared(t *testing.T) {
	t.Parallel() // it mostly waits
	records := companyEvents(t, 600, "none")
	w, l, service := electing(t, records[:10])
	records = records[10:]
	for i := range 3 {
		w.write(records[30*i : 30*i+15])
		before := w.positionsAre(service)
		compared := l.count()
		w.elects()
		w.write(records[30*i+15 : 30*i+30])
		w.positionsAre(service)
		if n := l.count() - compared; n != 1 || l.compared[l.count()-1].Next != before {
			t.Errorf("election %d: %d comparisons, the last at %+v; want one at %d", i, n, l.compared[l.count()-1], before)
		}
	}
	if err := service.end(); err != nil {
		t.Fatal(err)
	}
	w.compare()
}

// positionsAre waits until everything that was written is read, and gives the position.
func (w *world) positionsAre(r *running) int64 {
	read := int64(len(w.events))
	r.until("everything is read", func(*Status) bool { return w.positions() == read })
	return read
}

// An election that cuts off what was applied ends the service before a record of the new leader counts,
// also when its log reaches beyond the position (fault F27).
func TestATruncationWhileTheServiceRuns(t *testing.T) {
	w, l, service := electing(t, firstEvents)
	l.mu.Lock()
	l.found = func(p consumer.Position, applied consumer.Mark) error {
		return &consumer.ErrDiverged{Topic: p.Topic, Partition: p.Partition, Next: p.Next, Applied: applied, AgreesTo: 1}
	}
	l.mu.Unlock()
	w.elects()
	w.write(otherEvents)
	err := <-service.ended
	if !errors.Is(err, ErrOperator) {
		t.Fatalf("got %v, want %v", err, ErrOperator)
	}
	for _, text := range []string{"under a new leader", "exactly the offsets [1,2)", "Restore the partition from a replica", "docs/runbooks/source-changed.md"} {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error does not say %q:\n%v", text, err)
		}
	}
	w.remark(func(m *marker) {
		if m.Sources[0].Next > 2 {
			t.Errorf("the checkpoint went on to %d", m.Sources[0].Next)
		}
	})
}
