package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// identityOf opens a directory and gives its identity.
func identityOf(t *testing.T, dir string) string {
	t.Helper()
	d := mustOpenDisk(t, dir)
	defer mustClose(t, d)
	if len(d.Identity()) != 2*identityBytes {
		t.Fatalf("the identity of %s is %q", dir, d.Identity())
	}
	return d.Identity()
}

// A directory keeps its identity for as long as it is there; no other one has it.
func TestIdentityIsTheDirectorys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoint")
	first := identityOf(t, dir)
	if again := identityOf(t, dir); again != first {
		t.Errorf("it was %s and is %s after it was opened anew", first, again)
	}
	if other := identityOf(t, filepath.Join(t.TempDir(), "checkpoint")); other == first {
		t.Errorf("two directories are %s", other)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if emptied := identityOf(t, dir); emptied == first {
		t.Errorf("a new directory in the place of an old one is %s again", emptied)
	}
}

// It is only a name: a directory of an older version gets one, and one that cannot be read is made anew.
// What a crash left of the making of one is in nobody's way.
func TestIdentityIsMadeWhereThereIsNone(t *testing.T) {
	for name, stored := range map[string]string{
		"none": "", "empty": "", "cut": strings.Repeat("a", 2*identityBytes-1),
		"too long": strings.Repeat("a", 2*identityBytes+1), "not hexadecimal": strings.Repeat("x", 2*identityBytes),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "checkpoint")
			first := identityOf(t, dir)
			file := filepath.Join(dir, identityName)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if name != "none" {
				if err := os.WriteFile(file, []byte(stored), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, identityTemp), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
			made := identityOf(t, dir)
			if made == first || made == stored {
				t.Errorf("it is %s, with %q stored", made, stored)
			}
			if again := identityOf(t, dir); again != made {
				t.Errorf("it was %s and is %s after it was opened anew", made, again)
			}
			if _, err := os.Stat(filepath.Join(dir, identityTemp)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the temporary file is left over: %v", err)
			}
		})
	}
}
