package checkpoint

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// While no table can be written, saves stop after a few memory tables instead of filling the memory;
// one that is told to stop waiting does, and the others go on when the disk does.
func TestSavesWaitForSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(chan struct{}) // closed when tables can be written again
		d := mustOpen(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
				<-disk
			}
			return nil
		})))
		const saves = 60
		var saved atomic.Int64
		ended := make(chan error, 1)
		go func() {
			for i := range saves {
				p := Put{Key: fmt.Appendf(nil, "%04d", i), Value: make([]byte, memTableSize/4)}
				if err := d.Save(context.Background(), 0, nil, []Put{p}); err != nil {
					ended <- err
					return
				}
				saved.Add(1)
			}
			ended <- nil
		}()
		synctest.Wait()
		if n := saved.Load(); n < memTablesMax || n > 4*(memTablesMax+1) {
			t.Errorf("%d saves before the wait", n)
		}

		impatient, cancel := context.WithCancel(context.Background())
		stopped := make(chan error, 1)
		go func() { stopped <- d.Save(impatient, 1, nil, nil) }()
		synctest.Wait()
		cancel()
		wantIs(t, <-stopped, context.Canceled, "shard 1", "memory tables")

		close(disk)
		if err := <-ended; err != nil || saved.Load() != saves {
			t.Errorf("%d saves, %v", saved.Load(), err)
		}
		mustClose(t, d)
	})
}

// A disk that breaks while a save waits ends the wait.
func TestShutGateEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(chan struct{})
		d := mustOpen(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") {
				<-disk
				return errorfs.ErrInjected
			}
			return nil
		})))
		ended := make(chan error, 1)
		go func() {
			for i := 0; ; i++ {
				p := Put{Key: fmt.Appendf(nil, "%04d", i), Value: make([]byte, memTableSize/4)}
				if err := d.Save(context.Background(), 0, nil, []Put{p}); err != nil {
					ended <- err
					return
				}
			}
		}()
		synctest.Wait()
		close(disk)
		wantIs(t, <-ended, ErrReopen, "injected error")
		if err := d.Close(); err == nil {
			t.Error("close reports nothing")
		}
	})
}

// What is saved during a load is not in it.
func TestLoadIsOfOneMoment(t *testing.T) {
	d := mustOpen(t, vfs.NewMem())
	ctx := context.Background()
	if err := d.Save(ctx, 0, []byte("1"), []Put{put("a", "1"), put("b", "1")}); err != nil {
		t.Fatal(err)
	}
	var seen []string
	marker, _, err := d.Load(ctx, 0, func(key, value []byte) error {
		seen = append(seen, string(key)+string(value))
		return d.Save(ctx, 0, []byte("2"), []Put{del("b"), put("a", "2"), put("c", string(key))})
	})
	if err != nil || string(marker) != "1" || strings.Join(seen, " ") != "a1 b1" {
		t.Errorf("marker %s, records %v, %v", marker, seen, err)
	}
	wantDump(t, d, "0 \"a\"=\"2\"\n0 \"c\"=\"b\"\n0 marker \"2\"\n")
	mustClose(t, d)
}

// Pebble's first tables are small and it sees no reason to flush a handful of them: saves that fill
// them must not wait for a flush that nobody asked for.
func TestSmallTablesHoldNoSaveBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := mustOpen(t, vfs.NewMem())
		for i := range 48 { // of 512 KiB: the tables grow from 256 KiB to 16 MiB on the way
			p := Put{Key: fmt.Appendf(nil, "%04d", i), Value: make([]byte, 512<<10)}
			if err := d.Save(t.Context(), 0, nil, []Put{p}); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, d)
	})
}
