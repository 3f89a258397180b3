package pipeline

import (
	"fmt"
	"strings"
	"time"

	"processor/internal/consumer"
)

// stalledAfter is for how long a partition may stand still although there is something to read, and
// how long a round of the loop may take.
const stalledAfter = 60 * time.Second

// stalledNamed is how many partitions that stand still are named.
const stalledNamed = 5

// Watchdog knows whether the service gets on with its work: the group does not, since heartbeats go
// on while the loop hangs. While no shard is open (joining, restoring) nothing is due. It is safe for
// use by several goroutines.
type Watchdog struct {
	clock    func() time.Time
	progress *consumer.Progress
}

// NewWatchdog is a watchdog with a clock; time.Now when nil.
func NewWatchdog(clock func() time.Time) *Watchdog {
	if clock == nil {
		clock = time.Now
	}
	return &Watchdog{clock: clock, progress: consumer.NewProgress(stalledAfter)}
}

// Live answers a supervisor's probe. It is nil while everything moves; the error names what stands still, for how long, and where.
func (w *Watchdog) Live() error {
	stuck := w.progress.Stuck(w.clock())
	if len(stuck) == 0 {
		return nil
	}
	var b strings.Builder
	for i, s := range stuck {
		if i == stalledNamed {
			fmt.Fprintf(&b, "; and %d more", len(stuck)-stalledNamed)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s at offset %d of %d for %s", s.TopicPartition, s.Next, s.End, s.For.Round(time.Second))
		if s.Stopped {
			b.WriteString(", the loop does not come by")
		}
	}
	return fmt.Errorf("no progress: %s", b.String())
}

// Stalled is how many source partitions stand still.
func (w *Watchdog) Stalled() int { return len(w.progress.Stuck(w.clock())) }

// passed notes that a round of the loop is through.
func (w *Watchdog) passed(shards []*shard) {
	now := w.clock()
	for _, s := range shards {
		for _, src := range s.sources {
			w.progress.Note(src.TopicPartition, src.Next, src.end, now)
		}
	}
}

// worked notes work of another kind than reading, such as sending rows again: the time that it takes
// is no standstill.
func (w *Watchdog) worked(shards []*shard) {
	w.left(shards)
	w.passed(shards)
}

// forget drops a shard that was being opened.
func (w *Watchdog) forget(topics []string, number int) {
	for _, topic := range topics {
		w.progress.Forget(consumer.TopicPartition{Topic: topic, Partition: int32(number)}) //nolint:gosec // a partition
	}
}

// left drops shards whose generation is over.
func (w *Watchdog) left(shards []*shard) {
	for _, s := range shards {
		for _, src := range s.sources {
			w.progress.Forget(src.TopicPartition)
		}
	}
}
