package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Reading is a store of a service that does not run, opened to be read. It holds the directory's lock
// while it is open, so that no service writes under it, and changes nothing.
type Reading struct {
	// Meaning is what the store was written for (Options.Fingerprint).
	Meaning string

	dir *Dir
}

// OpenToRead opens a store that exists. It refuses one that a service has open (ErrLocked), one that
// is not ours (ErrForeign) and one that is damaged (ErrCorrupt).
func OpenToRead(name string, log *slog.Logger) (*Reading, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &Dir{
		dir: name, gate: &gate{FS: vfs.Default}, changed: newBell(), closing: make(chan struct{}), shards: map[int]*shardState{},
	}
	d.gate.onShut = d.changed.ring
	r := &Reading{dir: d}
	if err := r.open(Options{Logger: log}); err != nil {
		return nil, wrapDir("read", d.dir, errors.Join(explain(d.dir, err), d.release()))
	}
	return r, nil
}

// open goes the way of Dir.open, without making anything.
func (r *Reading) open(opts Options) (err error) {
	d := r.dir
	if d.dir, err = canonical(d.dir); err != nil {
		return err
	}
	if err := inspect(d.dir); err != nil {
		return err
	}
	if r.Meaning, err = readFormat(d.gate, d.dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no %s in it", ErrForeign, formatName)
	}
	if err != nil {
		return err
	}
	if err := d.takeLock(); err != nil {
		return err
	}
	d.meaning = meaningHash(r.Meaning)
	o := d.pebbleOptions(opts)
	o.ReadOnly = true
	if d.db, err = pebble.Open(d.dir, o); err != nil {
		return err
	}
	switch p, found, err := d.readPlan(); {
	case err != nil:
		return err
	case found && p.meaning == d.meaning:
		return errors.New("a rebuild of it was cut short: run processor rebuild, or processor run, once; either completes it")
	}
	return r.compareWitness()
}

// compareWitness refuses a state that is older than one that was durable.
func (r *Reading) compareWitness() error {
	saves, err := readWitness(r.dir.gate, r.dir.dir)
	if err != nil {
		return err
	}
	r.dir.witness = &witness{saves: saves}
	defer func() { r.dir.witness = nil }() // it has no file to close
	return r.dir.compareWitness()
}

// Load is Dir.Load.
func (r *Reading) Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error) {
	return r.dir.Load(ctx, shard, fn)
}

// Shards is Dir.Shards.
func (r *Reading) Shards() ([]int, error) { return r.dir.Shards() }

// Saved is when something was stored last, by the clock of the disk.
func (r *Reading) Saved() (time.Time, error) {
	info, err := r.dir.gate.Stat(r.dir.gate.PathJoin(r.dir.dir, witnessName))
	if err != nil {
		return time.Time{}, wrapDir("look at", r.dir.dir, err)
	}
	return info.ModTime(), nil
}

// Close gives the directory back.
func (r *Reading) Close() error {
	r.dir.mu.Lock()
	defer r.dir.mu.Unlock()
	if r.dir.closed {
		return nil
	}
	r.dir.closed = true
	if err := r.dir.release(); err != nil {
		return wrapDir("close", r.dir.dir, err)
	}
	return nil
}
