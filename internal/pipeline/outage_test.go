package pipeline

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/kafkatest"
)

// logTimes keeps when something was logged.
type logTimes struct {
	mu    sync.Mutex
	lines []time.Time
	text  strings.Builder
}

// Write is called once a line.
func (l *logTimes) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, time.Now())
	return l.text.Write(p)
}

// between counts the lines of a time.
func (l *logTimes) between(from, to time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.lines {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// footprint is what the process holds.
type footprint struct {
	heap       uint64
	goroutines int
}

func measure() footprint {
	synctest.Wait()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{m.HeapAlloc, runtime.NumGoroutine()}
}

// All brokers are gone for an hour. The service and a supervisor that starts it again after 10 s take no
// more memory at the end of it than at its beginning and say little; when the brokers are back everything
// goes on by itself, and no row is lost (fault F40). The hour is virtual.
func TestAnHourWithoutBrokers(t *testing.T) {
	if kafkatest.Real() {
		t.Skip("time is not real")
	}
	for _, delivery := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(delivery.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { hourWithoutBrokers(t, delivery) })
		})
	}
}

func hourWithoutBrokers(t *testing.T, delivery Delivery) {
	t.Cleanup(func() { pass(5 * time.Minute) }) // whatever waits for a deadline has ended then
	pass(time.Until(testClock))                 // a bubble begins in the year 2000
	k, disk, log := kafkatest.StartVirtual(t, 1), vfs.NewMem(), new(logTimes)
	w := &world{
		t: t, kafka: k, partitions: 2, prefix: k.Topic("out."), dir: "volume/checkpoint",
		topic: k.Create(t, "events", 2, kafkatest.AppendTime), metrics: new(Metrics), core: testCore(),
	}
	var status atomic.Pointer[Status]
	w.change = func(o *Options) {
		o.Delivery, o.Clock, o.FlushInterval, o.MetricsInterval, o.CheckpointInterval = delivery, time.Now, 0, 0, 0
		o.Observer.Status = func(s Status) { status.Store(&s) }
		o.Logger = slog.New(slog.NewTextHandler(log, nil))
		o.openDir = func(c checkpoint.Options) (*checkpoint.Dir, error) {
			c.FS = disk
			return checkpoint.Open(c)
		}
	}
	n := w.behind(broker.Options{})
	records := companyEvents(t, 200, "light")
	w.write(records[:100])
	supervised, starts := w.supervise(t)
	await(t, "it has caught up", func() bool { return w.positions() == int64(len(w.events)) })

	n.cut(true)
	w.write(records[100:])
	down := time.Now()
	pass(10 * time.Minute)
	first := measure()
	pass(50 * time.Minute)
	last := measure()
	lines := log.between(down, time.Now())
	n.cut(false)
	up := time.Now()
	await(t, "what was written meanwhile is read", func() bool { return w.positions() == int64(len(w.events)) })
	back := time.Since(up)
	supervised()
	w.clock = status.Load().Watermark.UTC().Add(10 * time.Minute)
	w.compare()

	t.Logf("an hour without brokers: %d starts, %d log lines, heap %d KiB after 10 minutes and %d KiB after 60, goroutines %d and %d; back after %s",
		*starts, lines, first.heap>>10, last.heap>>10, first.goroutines, last.goroutines, back)
	if lines > 3600/10 {
		t.Errorf("%d log lines in an hour, at most one in 10 s is wanted:\n%.1000s", lines, log.text.String())
	}
	// The heap is of the whole test, with the brokers and what other tests left to the collector: half a minute of
	// its events kept for an hour would be more than this.
	if last.heap > first.heap+32<<20 || last.goroutines > first.goroutines+20 {
		t.Errorf("it grew from %+v to %+v", first, last)
	}
	if back > 30*time.Second {
		t.Errorf("it needed %s to be back", back)
	}
}

// supervise starts the service again whenever it fails, as a supervisor does.
func (w *world) supervise(t *testing.T) (stop func(), starts *int) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	ended, starts := make(chan error, 1), new(int)
	go func() {
		for {
			*starts++
			err := Run(ctx, w.options())
			if err == nil || ctx.Err() != nil {
				ended <- err
				return
			}
			_ = broker.Sleep(ctx, 10*time.Second)
		}
	}()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it stopped with %v", err)
		}
	}, starts
}

// pass lets virtual time pass.
func pass(d time.Duration) { _ = broker.Sleep(context.Background(), d) }

// await polls a condition in virtual time, for an hour at most.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for begun := time.Now(); !condition(); {
		if time.Since(begun) > time.Hour {
			t.Fatalf("not within an hour: %s", what)
		}
		pass(100 * time.Millisecond)
	}
}
