package checkpoint

import (
	"errors"
	"io"
	"os"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// After the first failure no operation changes the disk, and none reports an error.
func TestShutGateChangesNothing(t *testing.T) {
	const kept = "unchanged"
	disk := vfs.NewMem()
	g := &gate{FS: disk}
	if g.Unwrap() != vfs.FS(disk) {
		t.Error("unwrap is not the disk")
	}
	open, err := g.Create("open", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Write([]byte(kept)); err != nil {
		t.Fatal(err)
	}
	before := disk.String()

	first := errors.New("first")
	g.shut(first)
	g.shut(errors.New("second"))
	if !errors.Is(g.err(), first) {
		t.Errorf("cause is %v", g.err())
	}
	for _, open := range []func() (vfs.File, error){
		func() (vfs.File, error) { return open, nil },
		func() (vfs.File, error) { return g.Create("new", vfs.WriteCategoryUnspecified) },
		func() (vfs.File, error) { return g.Create("marker.new", vfs.WriteCategoryUnspecified) },
		func() (vfs.File, error) { return g.OpenReadWrite("open", vfs.WriteCategoryUnspecified) },
		func() (vfs.File, error) { return g.ReuseForWrite("open", "new", vfs.WriteCategoryUnspecified) },
		func() (vfs.File, error) { return g.OpenDir("no such directory") },
	} {
		f, err := open()
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.Write([]byte("changed"))
		_, errAt := f.WriteAt([]byte("changed"), 0)
		full, errTo := f.SyncTo(7)
		if err := errors.Join(err, errAt, errTo, f.Sync(), f.SyncData(), f.Preallocate(0, 99)); err != nil || n != 7 || full {
			t.Errorf("%T: %d bytes, full sync %v, %v", f, n, full, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(g.Link("open", "link"), g.Rename("open", "renamed"), g.Remove("open"),
		g.RemoveAll("open"), g.MkdirAll("made", 0o777)); err != nil {
		t.Error(err)
	}
	if after := disk.String(); after != before {
		t.Errorf("disk before\n%s\nafter\n%s", before, after)
	}
}

// The file that is nowhere looks empty.
func TestNowhere(t *testing.T) {
	f := nowhere{}
	if _, err := f.Read(nil); !errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
	if _, err := f.ReadAt(nil, 0); !errors.Is(err, io.EOF) {
		t.Errorf("read at: %v", err)
	}
	if _, err := f.Stat(); !errors.Is(err, os.ErrNotExist) || f.Prefetch(0, 1) != nil || f.Fd() != vfs.InvalidFd {
		t.Errorf("stat: %v", err)
	}
}
