package checkpoint

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

func onDisk(dir string) Options {
	return Options{Dir: dir, Fingerprint: testMeaning, CacheBytes: 1 << 20}
}

func mustOpenDisk(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(onDisk(dir))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := Open(Options{CacheBytes: -1})
	for _, text := range []string{"Options.Dir", "Options.Fingerprint", "Options.CacheBytes"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v does not name %s", err, text)
		}
	}
	_, err = Open(Options{Dir: testDir, Fingerprint: strings.Repeat("x", formatMax), FS: vfs.NewMem()})
	if err == nil || !strings.Contains(err.Error(), "1048576 bytes") {
		t.Errorf("long fingerprint: %v", err)
	}
}

// The environment variable makes this test binary the second process of TestLock.
const lockChild = "CHECKPOINT_TEST_LOCK_DIR"

func TestLock(t *testing.T) {
	if dir := os.Getenv(lockChild); dir != "" {
		_, err := Open(onDisk(dir))
		wantIs(t, err, ErrLocked, dir, "stop the other process")
		return
	}
	dir := filepath.Join(t.TempDir(), "checkpoint")
	d := mustOpenDisk(t, dir)
	_, err := Open(onDisk(filepath.Join(dir, "..", "checkpoint"))) // the same place by another name
	wantIs(t, err, ErrLocked, dir)

	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLock$", "-test.v")
	child.Env = append(os.Environ(), lockChild+"="+dir)
	if out, err := child.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestLock") {
		t.Fatalf("second process: %v\n%s", err, out)
	}
	if err := d.Save(context.Background(), 0, nil, nil); err != nil { // the first one is not disturbed
		t.Fatal(err)
	}
	mustClose(t, d)
	mustClose(t, mustOpenDisk(t, dir))
}

func TestPrivateToTheOwner(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "a", "checkpoint")
	d := mustOpenDisk(t, dir)
	if err := d.Save(context.Background(), 0, nil, []Put{put("acme", "1")}); err != nil {
		t.Fatal(err)
	}
	mustClose(t, d)
	seen := 0
	err := filepath.WalkDir(filepath.Dir(dir), func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		seen++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
		return nil
	})
	if err != nil || seen < 8 {
		t.Fatalf("%d files, %v", seen, err)
	}
}

func TestRefusedPlaces(t *testing.T) {
	write := func(t *testing.T, name string) {
		t.Helper()
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, dir string)
		want    string
	}{
		"symbolic link": {func(t *testing.T, dir string) { check(t, os.Symlink(t.TempDir(), dir)) }, "symbolic link"},
		"file":          {func(t *testing.T, dir string) { write(t, dir) }, "not a directory"},
		"open to all": {func(t *testing.T, dir string) {
			check(t, os.Mkdir(dir, 0o700))
			check(t, os.Chmod(dir, 0o777)) //nolint:gosec // what is refused
		}, "everyone may write"},
		"link inside": {func(t *testing.T, dir string) {
			check(t, os.Mkdir(dir, 0o700))
			check(t, os.Symlink("/dev/null", filepath.Join(dir, lockName)))
		}, `"LOCK", which is not a regular file`},
		"other files": {func(t *testing.T, dir string) {
			check(t, os.Mkdir(dir, 0o700))
			write(t, filepath.Join(dir, "letter.txt"))
		}, `"letter.txt"`},
		"database without a format": {func(t *testing.T, dir string) {
			mustClose(t, mustOpenDisk(t, dir))
			check(t, os.Remove(filepath.Join(dir, formatName)))
		}, "no FORMAT"},
		"later format": {func(t *testing.T, dir string) {
			mustClose(t, mustOpenDisk(t, dir))
			check(t, os.WriteFile(filepath.Join(dir, formatName), []byte("processor checkpoint\nformat 2\nwhatever"), 0o600))
		}, "format 2, this program reads 1"},
		"other program's format": {func(t *testing.T, dir string) {
			check(t, os.Mkdir(dir, 0o700))
			write(t, filepath.Join(dir, formatName))
		}, "begins with"},
		"huge format": {func(t *testing.T, dir string) {
			check(t, os.Mkdir(dir, 0o700))
			check(t, os.WriteFile(filepath.Join(dir, formatName), make([]byte, formatMax+1), 0o600))
		}, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "checkpoint")
			c.prepare(t, dir)
			before := list(t, dir)
			_, err := Open(onDisk(dir))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Fatalf("error is %v, want %q and the directory", err, c.want)
			}
			if after := list(t, dir); after != before {
				t.Errorf("files before %s, after %s", before, after)
			}
		})
	}
}

func TestForeignOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, 65534, -1); err != nil {
		t.Fatal(err)
	}
	_, err := Open(onDisk(dir))
	if err == nil || !strings.Contains(err.Error(), "belongs to user 65534, this process runs as 0") {
		t.Errorf("error is %v", err)
	}
}

// list names the files in a directory without the lock, which is all that a refusal may add.
func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, entry := range entries {
		if entry.Name() != lockName {
			b.WriteString(entry.Name() + " ")
		}
	}
	return b.String()
}

// A mounted volume is not quite empty.
func TestMountedVolume(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, lostAndFound), 0o700); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpenDisk(t, dir))
	mustClose(t, mustOpenDisk(t, dir))
}

func TestMeaningIsRefused(t *testing.T) {
	disk := vfs.NewMem()
	if _, _, err := live(disk, story()); err != nil {
		t.Fatal(err)
	}
	before := files(t, disk)
	other := "sha256:01 groupings=plan zone=Europe/Paris partitions=4"
	_, err := Open(Options{Dir: testDir, Fingerprint: other, FS: disk})
	wantIs(t, err, ErrMeaning, testMeaning, other, testDir, "restore the configuration", "processor rebuild")
	var typed *MeaningError
	if !errors.As(err, &typed) || typed.Stored != testMeaning || typed.Wanted != other {
		t.Errorf("typed error: %+v", typed)
	}
	if after := files(t, disk); len(after) != len(before) || string(after[formatName]) != string(before[formatName]) {
		t.Error("refusing changed the directory")
	}
	d := mustOpen(t, disk)
	all := states(story())
	wantDump(t, d, all[len(all)-1])
	mustClose(t, d)
}

// When the lock file cannot be made, nobody is to be stopped: the disk is the problem.
func TestLockFileCannotBeMade(t *testing.T) {
	_, err := openOn(errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpLock {
			return &fs.PathError{Op: "open", Path: op.Path, Err: fs.ErrPermission}
		}
		return nil
	})))
	wantIs(t, err, fs.ErrPermission, testDir, "user ")
	if errors.Is(err, ErrLocked) {
		t.Errorf("%v is called a lock", err)
	}
}

func TestClosedStore(t *testing.T) {
	d := mustOpen(t, vfs.NewMem())
	mustClose(t, d)
	mustClose(t, d) // a second time is no error
	wantIs(t, d.Save(context.Background(), 0, nil, nil), ErrClosed)
	if m := d.Metrics(); m.DiskBytes != 0 || m.Broken {
		t.Errorf("metrics: %+v", m)
	}
}
