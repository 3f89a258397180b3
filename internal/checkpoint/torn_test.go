package checkpoint

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// A file that ends early, at any byte, in a store that was closed in order and in one that crashed with a
// log (fault F14): the store is refused, or holds exactly what was saved last. A log that lost its end is
// not taken for an older state.
//
// Every 13th length of each file is tried; CHECKPOINT_EVERY_BIT=1 tries each one.
func TestFilesThatEndEarly(t *testing.T) {
	closed, crashed := flipStores(t)
	want := states(story())
	stride := 13
	if os.Getenv("CHECKPOINT_EVERY_BIT") == "1" {
		stride = 1
	}
	for name, disk := range map[string]*vfs.MemFS{"closed": closed, "crashed": crashed} {
		t.Run(name, func(t *testing.T) {
			cuts, refused := 0, 0
			for name, content := range files(t, disk) {
				for length := 0; length < len(content); length += stride {
					cuts++
					got, err := openAndDump(cutOff(t, disk, name, content[:length]))
					switch {
					case err != nil:
						refused++
					case got != want[len(want)-1]:
						t.Fatalf("%s: %d of %d bytes are left and the store holds\n%s", name, length, len(content), got)
					}
				}
			}
			t.Logf("%d cuts: %d refused, the others harmless", cuts, refused)
			if refused == 0 {
				t.Error("no cut was refused")
			}
		})
	}
}

// cutOff returns a copy of the disk with another content of one file.
func cutOff(t *testing.T, disk *vfs.MemFS, name string, content []byte) *vfs.MemFS {
	t.Helper()
	broken := disk.CrashClone(everything())
	f, err := broken.Create(broken.PathJoin(testDir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return broken
}

// The crashes of TestCrashAtEveryOperation fall in front of every kind of operation that changes a disk.
func TestCrashesMeetEveryKindOfOperation(t *testing.T) {
	met := map[string]int{}
	for _, w := range crashedStories(t, story()) {
		met[strings.Fields(w.name)[2]]++ // operation 7 KIND volume/...
	}
	for name, kind := range map[string]errorfs.OpKind{
		"create": errorfs.OpCreate, "rename": errorfs.OpRename, "remove": errorfs.OpRemove, "make a directory": errorfs.OpMkdirAll,
		"lock": errorfs.OpLock, "write": errorfs.OpFileWrite, "sync": errorfs.OpFileSync, "sync data": errorfs.OpFileSyncData,
	} {
		n := met[fmt.Sprint(kind)]
		t.Logf("%s: %d crashes", name, n)
		if n == 0 {
			t.Errorf("no crash in front of: %s", name)
		}
	}
}
