package pipeline

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/company"
)

// What an output topic refuses for good ends the service with the topic and the reason, not with endless
// repetition, and nothing is saved behind it: once it is mended the next run has everything (faults F32, F41).
func TestARefusedRowEndsTheService(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, delivery := range []Delivery{AtLeastOnce, ExactlyOnce} {
		for _, refusal := range []*kerr.Error{kerr.MessageTooLarge, kerr.TopicAuthorizationFailed} {
			t.Run(delivery.String()+"/"+refusal.Message, func(t *testing.T) {
				w := onNodes(t, delivery)
				records := companyEvents(t, 100, "light")
				w.write(records[:50])
				service := w.serves(t, w.options())
				denied := w.prefix + "movements"
				fault := w.kafka.Fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: denied, Err: refusal, Count: -1})
				w.write(records[50:])
				err := <-service.ended
				if err == nil || !strings.Contains(err.Error(), denied+"/") || !strings.Contains(err.Error(), "key") {
					t.Errorf("it ended with %v; want the topic and the key", err)
				}
				fault.Remove()
				w.run()
				w.compare()
			})
		}
	}
}

// The clock of the machine jumps to and fro, while the service runs and between two runs: the watermark
// never goes back, and the rows are those of the furthest that the clock ever said (fault F45).
func TestTheClockJumps(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	records := companyEvents(t, 400, "light")
	var now atomic.Pointer[time.Time]
	now.Store(&testClock)
	w.change = func(o *Options) { o.Clock = func() time.Time { return *now.Load() } }
	furthest := testClock.Add(90 * time.Minute)
	w.write(records[:200])
	o := w.options()
	o.Watchdog = NewWatchdog(func() time.Time { return testClock })
	service := w.serves(t, o)
	at := wholeMinute(testClock, o.Lateness)
	for i, jump := range []time.Duration{-time.Hour, time.Hour, -3 * time.Hour, 90 * time.Minute, -24 * time.Hour} {
		jumped := testClock.Add(jump)
		now.Store(&jumped)
		w.write(records[200+40*i : 240+40*i])
		at = max(at, wholeMinute(jumped, o.Lateness))
		read := int64(len(w.events))
		service.until("the shards have followed", func(s *Status) bool { return w.positions() == read && s.Watermark >= at })
		if got := service.status.Load().Watermark; got != at {
			t.Errorf("after a jump of %s the watermark is %s, want %s", jump, got, at)
		}
	}
	if err := service.end(); err != nil {
		t.Fatal(err)
	}
	w.clock = furthest
	w.compare()
	w.run() // by a clock that is a day behind
	w.compare()
}

// A second service over the same directory is refused and does not disturb the first (fault F44b).
func TestASecondServiceOverTheSameDirectory(t *testing.T) {
	w := newWorld(t, 1)
	w.write(firstEvents)
	service := w.serves(t, w.options())
	second := w.options()
	second.Group, second.Prefix, second.Metrics = w.prefix+"second", w.kafka.Topic("second."), new(Metrics)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := Run(ctx, second)
	if err == nil || !strings.Contains(err.Error(), w.dir) || !strings.Contains(err.Error(), "is in use") || !strings.Contains(err.Error(), "stop the other process") {
		t.Errorf("the second ended with %v", err)
	}
	w.write([]company.Record{subscription("e3", "acme", "2025-04-01T00:00:00Z", 3)})
	service.until("the first goes on", func(*Status) bool { return w.positions() == 3 })
	if err := service.end(); err != nil {
		t.Fatal(err)
	}
	w.compare()
}
