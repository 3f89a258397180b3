package pipeline

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// crashingLogs end the run at one of their calls, which are all made while shards are opened: the fetches
// of the running service are none of them.
type crashingLogs struct {
	logs

	left atomic.Int64
}

func (l *crashingLogs) crash() error {
	if l.left.Add(-1) == 0 {
		return errCrash
	}
	return nil
}

func (l *crashingLogs) Starts(ctx context.Context, of []broker.TopicPartition) (map[broker.TopicPartition]int64, error) {
	if err := l.crash(); err != nil {
		return nil, err
	}
	return l.logs.Starts(ctx, of)
}

func (l *crashingLogs) Ends(ctx context.Context, of []broker.TopicPartition) (map[broker.TopicPartition]int64, error) {
	if err := l.crash(); err != nil {
		return nil, err
	}
	return l.logs.Ends(ctx, of)
}

func (l *crashingLogs) Read(
	ctx context.Context, tp broker.TopicPartition, from int64, fn func(*consumer.Record) error,
) (int64, error) {
	next, err := l.logs.Read(ctx, tp, from, fn)
	if crash := l.crash(); crash != nil { // behind it: half of a restart is done
		return next, crash
	}
	return next, err
}

func (l *crashingLogs) Verify(ctx context.Context, p consumer.Position, applied consumer.Mark, compacted bool) error {
	if err := l.crash(); err != nil {
		return err
	}
	return l.logs.Verify(ctx, p, applied, compacted)
}

// Ten starts in a row that crash, each a step further on its way, and events that come between them: the
// one that lives ends exact (fault F6).
func TestCrashesWhileStarting(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, delivery := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(delivery.String(), func(t *testing.T) {
			w := newWorld(t, 2)
			w.change = func(o *Options) { o.Delivery = delivery }
			records := companyEvents(t, 160, "light")
			w.write(records[:60])
			if !w.crashAt("published", 2) {
				t.Fatal("the first run did not crash")
			}
			for n := range 10 {
				w.write(records[60+10*n : 70+10*n])
				o := w.options()
				l := &crashingLogs{logs: clusterLogs{w.kafka.Cluster}}
				l.left.Store(int64(n + 1))
				o.logs = l
				if err := w.runUntil(o, func(s Status) bool { return s.Ready() }); !errors.Is(err, errCrash) {
					t.Fatalf("start %d: got %v, want the crash", n, err)
				}
			}
			w.run()
			w.compare()
			if delivery == ExactlyOnce {
				w.eachOnce()
			}
		})
	}
}
