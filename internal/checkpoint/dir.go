package checkpoint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options say where the store is and what it belongs to.
type Options struct {
	// Dir is the directory; it is made when it does not exist.
	Dir string
	// Fingerprint describes the configuration's meaning in words, hash included. A directory that
	// was written for another one is refused with both texts.
	Fingerprint string
	// FS is the file system; nil is the disk.
	FS vfs.FS
	// Logger gets Pebble's own messages at level debug; nil drops them.
	Logger *slog.Logger
	// CacheBytes bounds the block cache; 0 is 64 MiB.
	CacheBytes int64
}

// Dir is a checkpoint store in a directory. Calls for different shards may run at the same time.
type Dir struct {
	dir      string
	meaning  uint64
	identity string
	gate     *gate
	lock     *pebble.Lock
	db       *pebble.DB
	witness  *witness
	changed  *bell         // rung when a flush or a compaction ends and when the gate shuts
	closing  chan struct{} // closed when Pebble's work is about to end
	metrics  counters

	mu     sync.RWMutex // held for reading during every call, for writing by Close
	closed bool

	shardsMu sync.Mutex
	shards   map[int]*shardState
}

// shardState is what is known of a shard's last save; mu lets one call at a time change the shard.
type shardState struct {
	mu     sync.Mutex
	loaded bool
	last   marker
}

// Open opens or makes the store. It refuses a directory that is in use (ErrLocked), that is not ours
// (ErrForeign), that means something else (ErrMeaning) and that is damaged (ErrCorrupt).
func Open(opts Options) (*Dir, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Dir{
		dir: opts.Dir, meaning: meaningHash(opts.Fingerprint),
		gate: &gate{FS: opts.FS}, changed: newBell(), closing: make(chan struct{}),
		shards: map[int]*shardState{},
	}
	d.gate.onShut = d.changed.ring
	if err := d.open(opts); err != nil {
		if cause := d.gate.err(); cause != nil {
			err = errors.Join(cause, err)
		}
		return nil, wrapDir("open", d.dir, errors.Join(explain(d.dir, err), d.release()))
	}
	return d, nil
}

func (o Options) check() error {
	var problems []error
	if o.Dir == "" {
		problems = append(problems, errors.New("checkpoint: Options.Dir is empty"))
	}
	if o.Fingerprint == "" {
		problems = append(problems, errors.New("checkpoint: Options.Fingerprint is empty"))
	}
	if len(o.Fingerprint) > formatMax/2 {
		problems = append(problems, fmt.Errorf("checkpoint: Options.Fingerprint has %d bytes, at most %d are kept",
			len(o.Fingerprint), formatMax/2))
	}
	if o.CacheBytes < 0 {
		problems = append(problems, fmt.Errorf("checkpoint: Options.CacheBytes is %d", o.CacheBytes))
	}
	return errors.Join(problems...)
}

// open goes from the outside in: the place, the lock, what the directory means, Pebble, the witness.
func (d *Dir) open(opts Options) error {
	if opts.FS == nil {
		dir, err := canonical(opts.Dir)
		if err != nil {
			return err
		}
		d.dir, d.gate.FS, d.gate.private = dir, vfs.Default, true
		if err := inspect(dir); err != nil {
			return err
		}
	}
	if err := makeDir(d.gate, d.dir); err != nil {
		return err
	}
	if err := d.takeLock(); err != nil {
		return err
	}
	if err := bindFormat(d.gate, d.dir, opts.Fingerprint); err != nil {
		return err
	}
	if err := d.gate.err(); err != nil {
		return err
	}
	var err error
	if d.identity, err = openIdentity(d.gate, d.dir); err != nil {
		return err
	}
	if d.db, err = pebble.Open(d.dir, d.pebbleOptions(opts)); err != nil {
		return err
	}
	if d.witness, err = openWitness(d.gate, d.dir); err != nil {
		return err
	}
	if err := d.settlePlan(); err != nil {
		return err
	}
	if err := d.compareWitness(); err != nil {
		return err
	}
	return d.gate.err()
}

// takeLock keeps out other processes and other Dirs of this one.
func (d *Dir) takeLock() error {
	lock, err := pebble.LockDirectory(d.dir, d.gate)
	var access *fs.PathError
	if errors.As(err, &access) {
		return err // the lock file could not be made, which says nothing about another process
	}
	if err != nil {
		return fmt.Errorf("%w (%w): stop the other process, or give this one its own directory", ErrLocked, err)
	}
	d.lock = lock
	return nil
}

// compareWitness refuses a state that is older than one that was durable.
func (d *Dir) compareWitness() error {
	for shard, save := range d.witness.saves {
		last, found, err := d.readMarker(d.db, shard)
		if err != nil {
			return err
		}
		if !found || last.save < save {
			return damaged("shard %d is at save %d, save %d was stored before", shard, last.save, save)
		}
	}
	return nil
}

// Close flushes, so that a store that was closed in order lies in checksummed tables and no longer in
// the log, and gives the lock back. After a failed write it only gives back what it holds.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	err := d.flush()
	if err = errors.Join(err, d.release()); err == nil {
		err = d.gate.err()
	}
	if err != nil {
		return wrapDir("close", d.dir, err)
	}
	return nil
}

// flush waits for the memory tables to be written, or for the gate to shut: Pebble itself waits for
// ever when a flush cannot succeed.
func (d *Dir) flush() error {
	shut := d.changed.next()
	if d.gate.err() != nil {
		return nil //nolint:nilerr // Close says what shut the gate
	}
	flushed, err := d.db.AsyncFlush()
	if err != nil {
		return err
	}
	for {
		select {
		case <-flushed:
			return nil
		case <-shut:
			shut = d.changed.next()
			if d.gate.err() != nil {
				return nil //nolint:nilerr // Close says what shut the gate
			}
		}
	}
}

// release gives back whatever was acquired, in the reverse order.
func (d *Dir) release() error {
	close(d.closing)
	var err error
	if d.witness != nil {
		err = d.witness.close()
	}
	if d.db != nil {
		broken := d.gate.err() != nil
		// Behind a shut gate Pebble cannot find the files that it believes to have written.
		if closeErr := d.db.Close(); !broken {
			err = errors.Join(err, closeErr)
		}
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// use admits a call, unless the store is closed or broken.
func (d *Dir) use() (done func(), err error) {
	d.mu.RLock()
	switch cause := d.gate.err(); {
	case d.closed:
		err = ErrClosed
	case cause != nil:
		err = fmt.Errorf("%w: %w", ErrReopen, cause)
	default:
		return d.mu.RUnlock, nil
	}
	d.mu.RUnlock()
	return nil, err
}

// reader is what a database and a snapshot of it have in common.
type reader interface {
	Get(key []byte) ([]byte, io.Closer, error)
}

// read returns a copy of the value under the key, checked.
func (d *Dir) read(from reader, fullKey []byte) (value []byte, found bool, err error) {
	stored, closer, err := from.Get(fullKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value, err = unseal(fullKey, stored)
	value = append([]byte(nil), value...)
	return value, err == nil, errors.Join(err, closer.Close())
}

// readMarker returns the stored marker of a shard.
func (d *Dir) readMarker(from reader, shard int) (last marker, found bool, err error) {
	value, found, err := d.read(from, markerKey(shard))
	if err != nil || !found {
		return marker{}, false, err
	}
	if last, err = decodeMarker(value); err != nil {
		return marker{}, false, err
	}
	if last.meaning != d.meaning {
		return marker{}, false, damaged("marker of shard %d has meaning %016x, the directory %016x",
			shard, last.meaning, d.meaning)
	}
	return last, true, nil
}

// state returns what is known of a shard, locked; the caller unlocks it.
func (d *Dir) state(shard int) (*shardState, error) {
	if shard < 0 || shard > shardMax {
		return nil, fmt.Errorf("shard %d is not between 0 and %d", shard, shardMax)
	}
	d.shardsMu.Lock()
	s := d.shards[shard]
	if s == nil {
		s = &shardState{}
		d.shards[shard] = s
	}
	d.shardsMu.Unlock()

	s.mu.Lock()
	if s.loaded {
		return s, nil
	}
	last, _, err := d.readMarker(d.db, shard)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	s.last, s.loaded = last, true
	return s, nil
}
