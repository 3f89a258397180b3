package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"processor/internal/broker"
	"processor/internal/checkpoint"
)

// disk is the checkpoint directory of one run. A write that fails ends the store in it, not the
// service: it is opened anew and the save is made again, while the loop goes on.
type disk struct {
	open func() (*checkpoint.Dir, error)

	mu    sync.RWMutex // held for writing while the directory is opened anew
	dir   *checkpoint.Dir
	cause error // why dir is nil
}

func openDisk(open func() (*checkpoint.Dir, error)) (*disk, error) {
	dir, err := open()
	if err != nil {
		return nil, err
	}
	return &disk{open: open, dir: dir}, nil
}

// use admits a call; done ends it.
func (d *disk) use() (dir *checkpoint.Dir, done func(), err error) {
	d.mu.RLock()
	if d.dir == nil {
		defer d.mu.RUnlock()
		return nil, nil, fmt.Errorf("%w: %w", checkpoint.ErrReopen, d.cause)
	}
	return d.dir, d.mu.RUnlock, nil
}

// Load is checkpoint.Dir's.
func (d *disk) Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error) {
	dir, done, err := d.use()
	if err != nil {
		return nil, false, err
	}
	defer done()
	return dir.Load(ctx, shard, fn)
}

// Save is checkpoint.Dir's.
func (d *disk) Save(ctx context.Context, shard int, marker []byte, puts []checkpoint.Put) error {
	dir, done, err := d.use()
	if err != nil {
		return err
	}
	defer done()
	return dir.Save(ctx, shard, marker, puts)
}

// Close gives the directory back.
func (d *disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dir == nil {
		return nil
	}
	return d.dir.Close()
}

// Reopen closes the store, which a failed write has ended, and opens it again. That it cannot be
// opened yet, because the disk is still full, is told by the next Save. The error is for a directory
// that time does not heal.
func (d *disk) Reopen() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dir != nil {
		d.cause = d.dir.Close() // what the failed save has said already
		d.dir = nil
	}
	dir, err := d.open()
	for _, final := range []error{checkpoint.ErrCorrupt, checkpoint.ErrForeign, checkpoint.ErrMeaning, checkpoint.ErrLocked} {
		if errors.Is(err, final) {
			return err
		}
	}
	if err != nil {
		d.cause = err
		return nil // the next Save says so
	}
	d.dir = dir
	return nil
}

// holds makes sure that a directory that was opened anew has what this run saved there: a save holds
// only what changed since the one before, and on top of anything else it would be half a state.
// before is the marker of the last save, attempted the one of the save whose outcome is not known.
func (d *disk) holds(shard int, before, attempted []byte) error {
	dir, done, err := d.use()
	if err != nil {
		return nil // it is not open yet: the next Save says so
	}
	defer done()
	marker, found, err := dir.Marker(shard)
	switch {
	case errors.Is(err, checkpoint.ErrReopen):
		return nil
	case err != nil:
		return err
	case !found || !bytes.Equal(marker, before) && !bytes.Equal(marker, attempted):
		return fmt.Errorf("shard %d: the checkpoint directory does not hold what this run has saved there: it was emptied or exchanged", shard)
	}
	return nil
}

// retryMin and retryMax are how long a save waits for a disk that took no write.
const (
	retryMin = time.Second
	retryMax = 30 * time.Second
)

// saveShard saves one shard. A disk that takes no write is tried again for as long as the session
// works, which is held back only when keptMax of records wait to be saved (fault F13). At the end of
// the session the error of the last try is told.
func (s *session) saveShard(ctx context.Context, one *shardSave) error {
	wait := retryMin
	for try := 1; ; try++ {
		err := s.store.Save(ctx, one.shard.number, one.marker, one.puts)
		if err == nil {
			if try > 1 {
				s.options.Logger.InfoContext(ctx, "checkpoints are written again", "shard", one.shard.number, "tries", try)
			}
			one.shard.saved = one.marker
			return nil
		}
		if isFenced(err) {
			return err
		}
		s.options.Metrics.update(func(r *Reading) { r.CheckpointFailures++ })
		again, isDisk := s.store.(*disk)
		if !isDisk || !errors.Is(err, checkpoint.ErrReopen) || s.working.Err() != nil {
			return fmt.Errorf("checkpoint: %w", operatorError(err))
		}
		s.options.Logger.ErrorContext(ctx, "a checkpoint cannot be written; the last good one stays, processing goes on, and it is tried again",
			"shard", one.shard.number, "in", wait.String(), "error", err)
		if s.waitForDisk(wait) != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
		wait = min(2*wait, retryMax)
		if err := again.Reopen(); err != nil {
			return fmt.Errorf("checkpoint: %w", operatorError(err))
		}
		if err := again.holds(one.shard.number, one.shard.saved, one.marker); err != nil {
			return fmt.Errorf("checkpoint: %w", operatorError(err))
		}
	}
}

// waitForDisk waits before a save is tried again, at most until the session ends.
func (s *session) waitForDisk(wait time.Duration) error {
	if err := s.step("disk failed"); err != nil {
		return err
	}
	if s.options.diskWait != nil {
		return s.options.diskWait(s.working)
	}
	return broker.Sleep(s.working, wait)
}
