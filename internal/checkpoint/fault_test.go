package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// failer fails operation number at, and those after it when the fault stays.
type failer struct {
	kind  errorfs.OpReadWrite
	cause error
	at    int64
	stays bool
	count atomic.Int64
	hits  atomic.Int64
}

func (f *failer) String() string { return fmt.Sprintf("operation %d: %v", f.at, f.cause) }

func (f *failer) MaybeError(op errorfs.Op) error {
	// Errors of Lock are told apart from a lock that is held in TestLock.
	if op.Kind.ReadOrWrite() != f.kind || op.Kind == errorfs.OpLock {
		return nil
	}
	n := f.count.Add(1)
	if n == f.at || f.stays && n > f.at {
		f.hits.Add(1)
		return f.cause
	}
	return nil
}

// live runs the whole story with a restart in the middle until something fails, and returns how many
// steps were begun and acknowledged.
func live(fsys vfs.FS, steps []step) (begun, acked int, err error) {
	for from := 0; from < len(steps); from += 4 {
		d, err := openOn(fsys)
		if err != nil {
			return begun, acked, err
		}
		for i := from; i < min(from+4, len(steps)); i++ {
			begun = i + 1
			if err = steps[i].apply(context.Background(), d); err != nil {
				break
			}
			acked = i + 1
		}
		if err = errors.Join(err, d.Close()); err != nil {
			return begun, acked, err
		}
	}
	return begun, acked, nil
}

// Every write fails once, or from then on, with a full disk and with a broken one. The program lives,
// the error names its cause, and on the disk is what was acknowledged or the step in flight.
func TestEveryWriteFails(t *testing.T) {
	steps := story()
	want := states(steps)
	for _, cause := range []error{syscall.ENOSPC, syscall.EIO} {
		for _, stays := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v stays %v", cause, stays), func(t *testing.T) {
				reported := 0
				for at := int64(1); ; at++ {
					f := &failer{kind: errorfs.OpIsWrite, cause: cause, at: at, stays: stays}
					disk := vfs.NewCrashableMem()
					begun, acked, err := live(errorfs.Wrap(disk, f), steps)
					if f.hits.Load() == 0 {
						break
					}
					if err != nil {
						reported++
						wantIs(t, err, cause, testDir)
					} else if stays && acked < len(steps) {
						t.Fatalf("operation %d: no error and %d steps", at, acked)
					}
					w := wreck{name: f.String(), from: acked, to: begun}
					w.check(t, disk.CrashClone(vfs.CrashCloneCfg{}), steps, want)
					w.check(t, disk, steps, want)
				}
				if reported < 50 {
					t.Fatalf("only %d faults were reported", reported)
				}
				t.Logf("%d faults reported", reported)
			})
		}
	}
}

// A read that fails is an error or is not needed; it never changes what is read.
func TestEveryReadFails(t *testing.T) {
	steps := story()
	want := states(steps)
	failed := 0
	for at := int64(1); ; at++ {
		f := &failer{kind: errorfs.OpIsRead, cause: syscall.EIO, at: at}
		disk := vfs.NewMem()
		begun, acked, err := live(errorfs.Wrap(disk, f), steps)
		if f.hits.Load() == 0 {
			break
		}
		if err != nil {
			failed++
		}
		wreck{name: f.String(), from: acked, to: begun}.check(t, disk, steps, want)
	}
	if failed < 5 {
		t.Fatalf("only %d faults were reported", failed)
	}
}

// A store on a full disk says that it must be reopened, keeps saying so, and goes on after that.
func TestFullDiskAndBack(t *testing.T) {
	full := &fault{cause: syscall.ENOSPC}
	disk := vfs.NewMem()
	d := mustOpen(t, errorfs.Wrap(disk, full))
	ctx := context.Background()
	if err := d.Save(ctx, 0, []byte("1"), []Put{put("acme", "1")}); err != nil {
		t.Fatal(err)
	}
	full.on.Store(true)
	err := d.Save(ctx, 0, []byte("2"), []Put{put("acme", "2")})
	wantIs(t, err, ErrReopen, "shard 0", testDir, syscall.ENOSPC.Error())
	full.on.Store(false) // room again: this store still may not go on, its log has a hole
	wantIs(t, d.Save(ctx, 0, []byte("3"), nil), ErrReopen)
	_, _, err = d.Load(ctx, 0, nil)
	wantIs(t, err, ErrReopen)
	wantIs(t, d.Drop(ctx, 0), ErrReopen)
	_, err = d.Shards()
	wantIs(t, err, ErrReopen)
	if m := d.Metrics(); !m.Broken || m.SaveFailures != 1 || m.Saves != 1 {
		t.Errorf("metrics: %+v", m)
	}
	wantIs(t, d.Close(), syscall.ENOSPC, testDir)

	d = mustOpen(t, disk)
	wantDump(t, d, "0 \"acme\"=\"1\"\n0 marker \"1\"\n")
	mustClose(t, d)
}

// fault fails every write while it is on.
type fault struct {
	cause error
	on    atomic.Bool
}

func (f *fault) String() string { return f.cause.Error() }

func (f *fault) MaybeError(op errorfs.Op) error {
	if f.on.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		return f.cause
	}
	return nil
}

// Memory tables full of records and a disk that takes nothing: the flush cannot succeed, the log
// cannot be rotated, Pebble would panic. The saves end with an error and Close ends at all.
func TestFullDiskDuringRotation(t *testing.T) {
	full := &fault{cause: syscall.ENOSPC}
	disk := vfs.NewMem()
	d := mustOpen(t, errorfs.Wrap(disk, full))
	ctx := context.Background()
	value := make([]byte, 1<<20)
	saved := 0
	for ; saved < 64; saved++ {
		if saved == 20 {
			full.on.Store(true)
		}
		key := fmt.Appendf(nil, "%04d", saved)
		if err := d.Save(ctx, 0, key, []Put{{Key: key, Value: value}}); err != nil {
			wantIs(t, err, ErrReopen)
			break
		}
	}
	if saved != 20 {
		t.Fatalf("%d saves succeeded, want 20", saved)
	}
	wantIs(t, d.Close(), syscall.ENOSPC)
	d = mustOpen(t, disk)
	records := 0
	marker, _, err := d.Load(ctx, 0, func(_, _ []byte) error { records++; return nil })
	if err != nil || records != 20 || string(marker) != "0019" {
		t.Fatalf("%d records, marker %q, %v", records, marker, err)
	}
	mustClose(t, d)
}

// What Pebble calls fatal ends the store and not the process.
func TestFatalIsAnError(t *testing.T) {
	d := mustOpen(t, vfs.NewMem())
	pebbleLog{gate: d.gate}.Fatalf("manifest lost: %d", 7)
	wantIs(t, d.Save(context.Background(), 3, nil, nil), ErrReopen, "shard 3", "manifest lost: 7")
	if err := d.Close(); err == nil {
		t.Fatal("close reports nothing")
	}
}
