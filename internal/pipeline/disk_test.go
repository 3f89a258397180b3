package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"processor/internal/checkpoint"
	"processor/internal/company"
)

// brokenDisk is a disk in memory that takes no write while it is broken.
type brokenDisk struct {
	disk   *vfs.MemFS
	broken atomic.Pointer[error]
	failed chan struct{} // one for each save that failed and waits
	goOn   chan struct{} // one for each that is to be tried again
}

func newBrokenDisk() *brokenDisk {
	return &brokenDisk{disk: vfs.NewCrashableMem(), failed: make(chan struct{}), goOn: make(chan struct{})}
}

func (d *brokenDisk) String() string { return "a broken disk" }

// MaybeError makes brokenDisk an injector of errors.
func (d *brokenDisk) MaybeError(op errorfs.Op) error {
	switch cause := d.broken.Load(); {
	case cause == nil || op.Kind.ReadOrWrite() != errorfs.OpIsWrite:
		return nil
	case op.Kind == errorfs.OpLock: // as the real file system says it
		return &fs.PathError{Op: "open", Path: op.Path, Err: *cause}
	default:
		return *cause
	}
}

func (d *brokenDisk) breaks(cause error) { d.broken.Store(&cause) }

func (d *brokenDisk) heals() { d.broken.Store(nil) }

// open is the options' openDir.
func (d *brokenDisk) open(o checkpoint.Options) (*checkpoint.Dir, error) {
	o.FS = errorfs.Wrap(d.disk, d)
	return checkpoint.Open(o)
}

// wait is the options' diskWait.
func (d *brokenDisk) wait(ctx context.Context) error {
	select {
	case d.failed <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-d.goOn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitFailure waits until a save has failed.
func (d *brokenDisk) awaitFailure(r *running) {
	r.t.Helper()
	select {
	case <-d.failed:
	case err := <-r.ended:
		r.t.Fatalf("the service ended before a save failed: %v", err)
	}
}

// tryAgain has the save that failed tried again.
func (d *brokenDisk) tryAgain(r *running) {
	r.t.Helper()
	select {
	case d.goOn <- struct{}{}:
	case err := <-r.ended:
		r.t.Fatalf("the service ended before the save was tried again: %v", err)
	}
}

// running is a service that runs beside the test.
type running struct {
	t      *testing.T
	status atomic.Pointer[Status]
	stop   context.CancelFunc
	ended  chan error
}

// serves runs the service and waits until it has caught up.
func (w *world) serves(t *testing.T, o Options) *running {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(stop)
	r := &running{t: t, stop: stop, ended: make(chan error, 1)}
	o.Observer.Status = func(s Status) { r.status.Store(&s) }
	go func() { r.ended <- Run(ctx, o) }()
	r.until("it has caught up", func(s *Status) bool { return s.Ready() })
	return r
}

// until waits for a status.
func (r *running) until(what string, enough func(*Status) bool) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-r.ended:
			r.t.Fatalf("the service ended before %s: %v", what, err)
		case <-tick.C:
			if s := r.status.Load(); s != nil && enough(s) {
				return
			}
		}
	}
}

// end asks for a stop and gives what the service ends with.
func (r *running) end() error {
	r.stop()
	return <-r.ended
}

// onDisk is a world whose checkpoints lie on a disk that can break.
func onDisk(t *testing.T) (*world, *brokenDisk) {
	t.Helper()
	w, d := newWorld(t, 2), newBrokenDisk()
	w.change = func(o *Options) { o.openDir, o.diskWait = d.open, d.wait }
	return w, d
}

// A disk that takes no write while the service runs costs no row and holds nothing up (faults F13, F17,
// F19): the last good checkpoint stays, the failures are counted, and when the disk is well again the next
// save has everything.
func TestABrokenDiskIsWaitedOut(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
		t.Run(cause.Error(), func(t *testing.T) {
			w, d := onDisk(t)
			records := companyEvents(t, 120, "light")
			w.write(records[:60])
			service := w.serves(t, w.options())
			d.breaks(cause)
			d.awaitFailure(service)
			w.write(records[60:])
			read := int64(len(w.events))
			service.until("the events of the broken disk are counted", func(*Status) bool { return w.positions() == read })
			if failures := w.metrics.Read().CheckpointFailures; failures != 1 {
				t.Errorf("%d failures are counted, want 1", failures)
			}
			d.keepsTheLastGood(t, w)
			d.tryAgain(service) // the disk is still broken: it cannot even be opened
			d.awaitFailure(service)
			saved := service.status.Load().Shards[0].Saved
			d.heals()
			d.tryAgain(service)
			service.until("a checkpoint is saved again", func(s *Status) bool {
				return s.Shards[0].Saved.After(saved) || w.metrics.Read().Checkpoints > 8
			})
			if err := service.end(); err != nil {
				t.Fatal(err)
			}
			w.compare()
			w.run()
			w.compare()
		})
	}
}

// positions are how many records the service says to have read.
func (w *world) positions() (n int64) {
	for _, p := range w.metrics.Read().Partitions {
		n += p.Position
	}
	return n
}

// keepsTheLastGood opens what a power cut would leave of the disk now.
func (d *brokenDisk) keepsTheLastGood(t *testing.T, w *world) {
	t.Helper()
	left := d.disk.CrashClone(vfs.CrashCloneCfg{})
	dir, err := checkpoint.Open(checkpoint.Options{Dir: w.dir, Fingerprint: meaning(&w.core, w.partitions), FS: left})
	if err != nil {
		t.Fatalf("the last good checkpoint: %v", err)
	}
	for shard := range w.partitions {
		if _, found, err := dir.Load(t.Context(), shard, func(_, _ []byte) error { return nil }); err != nil || !found {
			t.Errorf("the last good checkpoint of shard %d: found %v, %v", shard, found, err)
		}
	}
	if err := dir.Close(); err != nil {
		t.Error(err)
	}
}

// A stop does not wait for a disk that stays broken: it ends with the disk's error, and the run after it
// goes on from the last good checkpoint.
func TestAStopDoesNotWaitForTheDisk(t *testing.T) {
	t.Parallel() // it mostly waits
	w, d := onDisk(t)
	records := companyEvents(t, 400, "light")
	w.write(records[:200])
	service := w.serves(t, w.options())
	d.breaks(syscall.ENOSPC)
	d.awaitFailure(service)
	w.write(records[200:])
	if err := service.end(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("it ended with %v", err)
	}
	d.heals()
	w.run()
	w.compare()
}

// A directory that was emptied or exchanged while it could not be written is not gone on with: a save
// holds what changed, which is half a state on top of nothing (fault F21).
func TestAnEmptiedDirectoryIsNotSavedInto(t *testing.T) {
	w, d := onDisk(t)
	w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1), subscription("e2", "globex", "2025-03-01T00:00:00Z", 2)})
	service := w.serves(t, w.options())
	d.breaks(syscall.EIO)
	d.awaitFailure(service)
	d.disk = vfs.NewCrashableMem()
	d.heals()
	d.tryAgain(service)
	if err := <-service.ended; err == nil || !strings.Contains(err.Error(), "was emptied or exchanged") {
		t.Errorf("it ended with %v", err)
	}
	w.write([]company.Record{subscription("e3", "acme", "2025-04-01T00:00:00Z", 3)})
	w.run()
	w.compare()
}

// A disk on which a save takes for ever holds no row up (fault F20), and there is one save at a time.
func TestASlowDiskHoldsNothingUp(t *testing.T) {
	w := newWorld(t, 2)
	records := companyEvents(t, 120, "light")
	w.write(records[:40])
	o := w.options()
	slow, fast := make(chan struct{}, 100), make(chan struct{})
	o.step = func(point string) error {
		if point == "saving" {
			slow <- struct{}{}
			<-fast
		}
		return nil
	}
	service := w.serves(t, o)
	<-slow
	for slice := range 4 {
		w.write(records[40+20*slice : 60+20*slice])
		read := int64(len(w.events))
		service.until("what came during the save is counted", func(*Status) bool { return w.positions() == read })
	}
	if n := len(slow); n != 0 {
		t.Errorf("%d more saves were begun meanwhile", n)
	}
	close(fast)
	if err := service.end(); err != nil {
		t.Fatal(err)
	}
	w.compare()
}
