package pipeline

import (
	"errors"
	"testing"
	"time"

	"processor/internal/company"
	"processor/internal/kafkatest"
)

// What a start saves is not ahead of rows that are still to be sent: a second crash, before the first
// flush, would lose the registers and accounts that the first one left for the next slow flush.
func TestACrashAfterTheOpeningLosesNoRow(t *testing.T) {
	w := newWorld(t, 1).exactlyOnce()
	w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)})
	w.run()
	o := w.options()
	o.MetricsInterval, o.CheckpointInterval = time.Hour, time.Hour
	published := 0
	o.step = func(point string) error {
		if point != "published" {
			return nil
		}
		switch published++; published {
		case 1: // the one slow flush
			w.write([]company.Record{subscription("e2", "acme", "2025-04-01T00:00:00Z", 5)})
		default:
			if w.progress()[0].Rows > 0 && positionsIn(w.progress()[0].Positions)[w.topic+"/0"] == 2 {
				return errCrash
			}
		}
		return nil
	}
	if err := Run(kafkatest.Context(t), o); !errors.Is(err, errCrash) {
		t.Fatalf("got %v, want the crash behind a quick flush", err)
	}
	o = w.options()
	o.FlushInterval = time.Hour
	before := w.metrics.Read().ShardLoads
	o.step = func(point string) error {
		if point == "applied" && w.metrics.Read().ShardLoads > before {
			return errCrash
		}
		return nil
	}
	if err := Run(kafkatest.Context(t), o); !errors.Is(err, errCrash) {
		t.Fatalf("got %v, want the crash before the first flush", err)
	}
	last := w.start(t)
	awaitShards(t, map[*instance]int{last: 1})
	w.write([]company.Record{subscription("e3", "acme", "2025-05-01T00:00:00Z", 7)})
	for positionsIn(w.progress()[0].Positions)[w.topic+"/0"] < 3 {
		if last.now().Phase == PhaseStopping {
			t.Fatal("it stops")
		}
	}
	last.stop()
	w.compare()
	w.eachOnce()
}
