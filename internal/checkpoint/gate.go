package checkpoint

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// gate stands between Pebble and the file system. At the first write that fails it shuts: from then
// on nothing reaches the disk, and Pebble is told that all is well.
//
// Pebble's own answers to a failed write are to exit the process (Logger.Fatalf), to panic with a
// mutex unlocked twice (rotating its log on a full disk), to retry in a loop without a pause (a
// flush), or to go on after a failed fsync. A shut gate is none of these: what is on the disk is what
// a crash at that moment leaves, and recovery from a crash is what Pebble does best. A Save looks at
// the gate before it reports success, so a write that went nowhere is never taken for stored.
//
// Removals must stop too: a flush that only seemed to succeed lets Pebble delete the log that still
// holds the records.
type gate struct {
	vfs.FS
	private bool // on a real disk: files are for the owner alone
	cause   atomic.Pointer[error]
	onShut  func()
}

// shut closes the gate for ever. Only the first cause counts.
func (g *gate) shut(cause error) {
	if g.cause.CompareAndSwap(nil, &cause) && g.onShut != nil {
		g.onShut()
	}
}

// err is nil while the gate is open, then what shut it.
func (g *gate) err() error {
	if cause := g.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// write runs one changing operation, or drops it.
func (g *gate) write(operation func() error) {
	if g.err() != nil {
		return
	}
	if err := operation(); err != nil {
		g.shut(err)
	}
}

// file opens a file for writing; with the gate shut, the file takes everything and keeps nothing.
func (g *gate) file(name string, open func() (vfs.File, error)) vfs.File {
	var f vfs.File
	g.write(func() (err error) {
		if f, err = open(); err == nil && g.private {
			err = os.Chmod(name, fileMode)
		}
		return err
	})
	if f == nil {
		f = nowhere{}
	}
	return &gateFile{File: f, gate: g}
}

// Create makes the directory durable before it makes one of Pebble's markers. A marker names a file
// (the current manifest) that was made just before it, and Pebble syncs both names at once: a power
// cut between them could keep the marker and lose what it names.
func (g *gate) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(g.PathBase(name), "marker.") {
		g.write(func() error { return syncDir(g.FS, g.PathDir(name)) })
	}
	return g.file(name, func() (vfs.File, error) { return g.FS.Create(name, category) }), nil
}

func (g *gate) OpenReadWrite(
	name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption,
) (vfs.File, error) {
	return g.file(name, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, category, opts...) }), nil
}

func (g *gate) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(newname, func() (vfs.File, error) { return g.FS.ReuseForWrite(oldname, newname, category) }), nil
}

func (g *gate) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		g.shut(err) // a directory is opened to be synced, so this is a write
		f = nowhere{}
	}
	return &gateFile{File: f, gate: g}, nil
}

func (g *gate) Link(oldname, newname string) error {
	g.write(func() error { return g.FS.Link(oldname, newname) })
	return nil
}

func (g *gate) Rename(oldname, newname string) error {
	g.write(func() error { return g.FS.Rename(oldname, newname) })
	return nil
}

func (g *gate) MkdirAll(dir string, _ os.FileMode) error {
	g.write(func() error { return g.FS.MkdirAll(dir, dirMode) })
	return nil
}

// Lock makes the lock file, which outlives the lock.
func (g *gate) Lock(name string) (io.Closer, error) {
	lock, err := g.FS.Lock(name)
	if err == nil && g.private {
		if err := os.Chmod(name, fileMode); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
	}
	return lock, err
}

// Remove passes errors on: Pebble removes what it may not find, and a file too many does no harm.
func (g *gate) Remove(name string) error {
	if g.err() != nil {
		return nil //nolint:nilerr // behind a shut gate everything seems to succeed and nothing happens
	}
	return g.FS.Remove(name)
}

func (g *gate) RemoveAll(name string) error {
	if g.err() != nil {
		return nil //nolint:nilerr // behind a shut gate everything seems to succeed and nothing happens
	}
	return g.FS.RemoveAll(name)
}

func (g *gate) Unwrap() vfs.FS { return g.FS }

// gateFile is a file or directory that is open for writing.
type gateFile struct {
	vfs.File
	gate *gate
}

func (f *gateFile) Write(p []byte) (int, error) {
	f.gate.write(func() error { _, err := f.File.Write(p); return err })
	return len(p), nil
}

func (f *gateFile) WriteAt(p []byte, offset int64) (int, error) {
	f.gate.write(func() error { _, err := f.File.WriteAt(p, offset); return err })
	return len(p), nil
}

func (f *gateFile) Sync() error {
	f.gate.write(f.File.Sync)
	return nil
}

func (f *gateFile) SyncData() error {
	f.gate.write(f.File.SyncData)
	return nil
}

func (f *gateFile) SyncTo(length int64) (fullSync bool, err error) {
	f.gate.write(func() (err error) { fullSync, err = f.File.SyncTo(length); return err })
	return fullSync, nil
}

// Preallocate is a hint; a file system without it is not broken.
func (f *gateFile) Preallocate(offset, length int64) error {
	if f.gate.err() != nil {
		return nil //nolint:nilerr // behind a shut gate everything seems to succeed and nothing happens
	}
	return f.File.Preallocate(offset, length)
}

// Close gives the descriptor back in any case.
func (f *gateFile) Close() error {
	if err := f.File.Close(); err != nil {
		f.gate.shut(err)
	}
	return nil
}

// nowhere is a file that could not be opened for writing; it is only ever used behind a shut gate.
type nowhere struct{}

func (nowhere) Close() error                           { return nil }
func (nowhere) Read([]byte) (int, error)               { return 0, io.EOF }
func (nowhere) ReadAt([]byte, int64) (int, error)      { return 0, io.EOF }
func (nowhere) Write(p []byte) (int, error)            { return len(p), nil }
func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nowhere) Preallocate(int64, int64) error         { return nil }
func (nowhere) Stat() (vfs.FileInfo, error)            { return nil, os.ErrNotExist }
func (nowhere) Sync() error                            { return nil }
func (nowhere) SyncTo(int64) (bool, error)             { return false, nil }
func (nowhere) SyncData() error                        { return nil }
func (nowhere) Prefetch(int64, int64) error            { return nil }
func (nowhere) Fd() uintptr                            { return vfs.InvalidFd }
