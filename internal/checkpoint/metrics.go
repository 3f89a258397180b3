package checkpoint

import (
	"sync/atomic"
	"time"
)

// Metrics is what the store has done since Open and what it occupies now.
type Metrics struct {
	Saves        uint64
	SaveFailures uint64
	SavedRecords uint64
	SavedBytes   uint64        // handed to Pebble: keys, values, checksums, markers
	SaveDuration time.Duration // of the last save
	SaveTotal    time.Duration
	LoadedBytes  uint64
	LoadDuration time.Duration // of the last load
	// WrittenBytes is what reached the disk, log and compactions included.
	WrittenBytes uint64
	DiskBytes    uint64
	// MemoryBytes is that of the memory tables and the block cache.
	MemoryBytes      uint64
	BackgroundErrors uint64
	// Broken says that the store must be closed and opened again.
	Broken bool
}

// counters are the parts of Metrics that Pebble does not count.
type counters struct {
	saves, saveFailures, savedRecords, savedBytes atomic.Uint64
	saveLast, saveTotal, loadLast                 atomic.Int64
	loadedBytes, backgroundErrors                 atomic.Uint64
}

func (c *counters) saved(size, records int, took time.Duration) {
	c.saves.Add(1)
	c.savedRecords.Add(uint64(records)) //nolint:gosec // a length
	c.savedBytes.Add(uint64(size))      //nolint:gosec // a length
	c.saveLast.Store(int64(took))
	c.saveTotal.Add(int64(took))
}

func (c *counters) loaded(size int, took time.Duration) {
	c.loadedBytes.Add(uint64(size)) //nolint:gosec // a length
	c.loadLast.Store(int64(took))
}

// Metrics returns the current figures; after Close those of Pebble are zero.
func (d *Dir) Metrics() Metrics {
	d.mu.RLock()
	defer d.mu.RUnlock()
	c := &d.metrics
	m := Metrics{
		Saves: c.saves.Load(), SaveFailures: c.saveFailures.Load(),
		SavedRecords: c.savedRecords.Load(), SavedBytes: c.savedBytes.Load(),
		SaveDuration: time.Duration(c.saveLast.Load()), SaveTotal: time.Duration(c.saveTotal.Load()),
		LoadedBytes: c.loadedBytes.Load(), LoadDuration: time.Duration(c.loadLast.Load()),
		BackgroundErrors: c.backgroundErrors.Load(), Broken: d.gate.err() != nil,
	}
	if d.closed {
		return m
	}
	p := d.db.Metrics()
	m.DiskBytes = p.DiskSpaceUsage()
	m.WrittenBytes = p.WAL.BytesWritten
	for _, level := range p.Levels {
		m.WrittenBytes += level.TableBytesFlushed + level.TableBytesCompacted
	}
	m.MemoryBytes = p.MemTable.Size + uint64(max(p.BlockCache.Size, 0)) //nolint:gosec // not negative
	return m
}
