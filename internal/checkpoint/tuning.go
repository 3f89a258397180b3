package checkpoint

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

const (
	cacheDefault = 64 << 20
	memTableSize = 16 << 20
	// Memory tables that wait for a flush and sublevels that wait for a compaction, before a save waits too.
	memTablesMax = 4
	sublevelsMax = 20
	// neverStop switches Pebble's own waiting off: it cannot be cancelled, ours can (see waitForRoom).
	neverStop = 1 << 20
	// idleAfterError keeps Pebble from repeating, without a pause, work that a shut gate makes impossible.
	idleAfterError = 2 * time.Millisecond
)

func (d *Dir) pebbleOptions(opts Options) *pebble.Options {
	if opts.CacheBytes == 0 {
		opts.CacheBytes = cacheDefault
	}
	o := &pebble.Options{
		FS:        d.gate,
		Lock:      d.lock,
		CacheSize: opts.CacheBytes,
		// Pinned, because a version that Pebble raises by itself could not be read by the last
		// release. This one has checksums in table footers and tells a torn log from a damaged one.
		FormatMajorVersion:          pebble.FormatTableFormatV6,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: neverStop,
		L0StopWritesThreshold:       neverStop,
		L0CompactionThreshold:       2,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                500,
		// Written back steadily, so that the fsync of a save does not wait for a compaction's pages.
		BytesPerSync:    512 << 10,
		WALBytesPerSync: 512 << 10,
		Logger:          pebbleLog{gate: d.gate, to: opts.Logger},
	}
	o.TargetFileSizes[0] = 4 << 20
	for i := range o.Levels {
		// A save reads what it replaces; the filter spares that read for records that are new.
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	o.EventListener = &pebble.EventListener{
		FlushEnd:      func(pebble.FlushInfo) { d.changed.ring() },
		CompactionEnd: func(pebble.CompactionInfo) { d.changed.ring() },
		BackgroundError: func(err error) {
			d.metrics.backgroundErrors.Add(1)
			opts.Logger.Debug("pebble: background error", "dir", d.dir, "error", err)
			if d.gate.err() != nil {
				select {
				case <-time.After(idleAfterError):
				case <-d.closing:
				}
			}
		},
		// Nothing is built on damaged records: the gate shuts, the last good state stays as it is.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			d.gate.shut(fmt.Errorf("%w: %v: %s", ErrCorrupt, info, remedy))
		},
	}
	return o
}

// pebbleLog takes Pebble's messages to debug. What Pebble calls fatal shuts the gate instead of
// ending the process.
type pebbleLog struct {
	gate *gate
	to   *slog.Logger
}

func (l pebbleLog) Infof(format string, args ...any) { l.debug(format, args) }

func (l pebbleLog) Errorf(format string, args ...any) { l.debug(format, args) }

func (l pebbleLog) Fatalf(format string, args ...any) {
	l.gate.shut(fmt.Errorf(format, args...))
}

func (l pebbleLog) debug(format string, args []any) {
	if l.to.Enabled(context.Background(), slog.LevelDebug) {
		l.to.Debug("pebble", "message", fmt.Sprintf(format, args...))
	}
}

// waitForRoom holds a save back while flushes or compactions are behind, which bounds the memory.
func (d *Dir) waitForRoom(ctx context.Context) error {
	for {
		changed := d.changed.next()
		if err := d.gate.err(); err != nil {
			return fmt.Errorf("%w: %w", ErrReopen, err)
		}
		m := d.db.Metrics()
		// By size, not by number: Pebble's tables start small, and five small ones are no reason for
		// it to flush, so that a wait for their number would never end.
		if m.MemTable.Size <= memTablesMax*memTableSize && m.Levels[0].Sublevels <= sublevelsMax {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d memory tables and %d sublevels: %w",
				m.MemTable.Count, m.Levels[0].Sublevels, ctx.Err())
		}
	}
}

// bell wakes everyone who waits, once per ring.
type bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

func newBell() *bell { return &bell{rung: make(chan struct{})} }

// next is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rung
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.rung)
	b.rung = make(chan struct{})
}
