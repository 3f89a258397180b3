package checkpoint

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var writeGolden = flag.Bool("write-golden", false, "write testdata/vN of the current format, which must not exist yet")

// golden is the folder of the current format; those of earlier formats stay in TestGolden for ever.
const golden = "testdata/v1"

// A store that the first release wrote, with tables and a log, is read by every later one. The folder
// is never written again: a new format gets a new folder and a new line here.
func TestGolden(t *testing.T) {
	if *writeGolden {
		writeGoldenStore(t)
	}
	want := states(story())
	for _, folder := range []string{"testdata/v1"} {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "checkpoint")
			if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			for range 2 { // as it was, and as this program leaves it
				d := mustOpenDisk(t, dir)
				wantDump(t, d, want[len(want)-1])
				mustClose(t, d)
			}
		})
	}
}

func writeGoldenStore(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(golden), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(golden, 0o750); err != nil {
		t.Fatalf("a golden folder is written once: %v", err)
	}
	_, crashed := flipStores(t)
	for name, content := range files(t, crashed) {
		if err := os.WriteFile(filepath.Join(golden, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
