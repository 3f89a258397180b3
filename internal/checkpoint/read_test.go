package checkpoint

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// readAll is what a reading finds in each shard.
func readAll(t *testing.T, r *Reading, shards int) map[int]map[string]string {
	t.Helper()
	found := map[int]map[string]string{}
	for shard := range shards {
		records := map[string]string{}
		marker, known, err := r.Load(t.Context(), shard, func(key, value []byte) error {
			records[string(key)] = string(value)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if known {
			records["the marker"] = string(marker)
			found[shard] = records
		}
	}
	return found
}

// dirBytes are the files of a directory with their content.
func dirBytes(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[entry.Name()] = string(content)
	}
	return all
}

// A store is read as its owner reads it, with what is still in its log, and stays as it is to the byte:
// one that was closed in order, and one that a crash left (the golden one).
func TestReadingChangesNothing(t *testing.T) {
	crashed := filepath.Join(t.TempDir(), "crashed")
	if err := os.CopyFS(crashed, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.CopyFS(closed, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpenDisk(t, closed))
	var want map[int]map[string]string
	for _, dir := range []string{crashed, closed} {
		before := dirBytes(t, dir)
		for range 2 {
			r, err := OpenToRead(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			got := readAll(t, r, 8)
			if err := errors.Join(r.Close(), r.Close()); err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = got
			}
			if len(got) == 0 || !maps.EqualFunc(got, want, func(a, b map[string]string) bool { return maps.Equal(a, b) }) {
				t.Errorf("%s: %d shards, not the same as in the other one", filepath.Base(dir), len(got))
			}
			if r.Meaning != testMeaning {
				t.Errorf("meaning %q", r.Meaning)
			}
		}
		if after := dirBytes(t, dir); !maps.Equal(after, before) {
			t.Errorf("%s: the directory has changed", filepath.Base(dir))
		}
	}
	d := mustOpenDisk(t, closed)
	defer mustClose(t, d)
	wantDump(t, d, states(story())[len(states(story()))-1])
}

// What is not a store of a stopped service is refused, and nothing is made.
func TestReadingRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if _, err := OpenToRead(dir, nil); !errors.Is(err, ErrForeign) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenToRead(dir, nil); !errors.Is(err, ErrForeign) {
		t.Errorf("an empty directory: %v", err)
	}
	if left := dirBytes(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	d := mustOpenDisk(t, dir)
	if _, err := OpenToRead(dir, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("a running service: %v", err)
	}
	mustClose(t, d)
	r, err := OpenToRead(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir, Fingerprint: testMeaning}); !errors.Is(err, ErrLocked) {
		t.Errorf("a service that starts meanwhile: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// An older state than one that was durable is damage for a reader too.
func TestReadingComparesTheWitness(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.CopyFS(dir, os.DirFS(golden)); err != nil {
		t.Fatal(err)
	}
	saves, err := readWitness(vfs.Default, dir)
	if err != nil {
		t.Fatal(err)
	}
	for shard := range saves {
		saves[shard]++
	}
	if err := os.WriteFile(filepath.Join(dir, witnessName), encodeWitness(saves), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenToRead(dir, nil); len(saves) == 0 || !errors.Is(err, ErrCorrupt) {
		t.Errorf("%d shards: %v", len(saves), err)
	}
}
