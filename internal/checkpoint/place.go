package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// canonical names a directory on disk in one way only, because locks inside one process go by name.
// The last element stays as it was given: inspect refuses it when it is a symbolic link.
func canonical(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if errors.Is(err, fs.ErrNotExist) {
		return abs, nil // Open makes the parents, as plain directories
	}
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(abs)), nil
}

// inspect refuses an existing directory in which someone else could plant a file for us: one that is
// a symbolic link or holds one, that belongs to another user, or that everyone may write to. The
// owner root is accepted, because that is how volumes are mounted.
func inspect(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return errors.New("is a symbolic link: name the directory itself")
	case !info.IsDir():
		return errors.New("is not a directory")
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("everyone may write to it (mode %v): chmod o-w", info.Mode().Perm())
	}
	if uid, known := ownerOf(info); known && uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("belongs to user %d, this process runs as %d", uid, os.Geteuid())
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() && entry.Name() != lostAndFound {
			return fmt.Errorf("holds %q, which is not a regular file", entry.Name())
		}
	}
	return nil
}

// makeDir makes the directory and every missing parent, and syncs each new name into its parent: a
// checkpoint in a directory that a power cut takes away was never durable.
func makeDir(fsys vfs.FS, dir string) error {
	var missing []string
	for at := dir; ; at = fsys.PathDir(at) {
		if _, err := fsys.Stat(at); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, at)
		if fsys.PathDir(at) == at {
			break
		}
	}
	if err := fsys.MkdirAll(dir, dirMode); err != nil {
		return err
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := syncDir(fsys, fsys.PathDir(missing[i])); err != nil {
			return err
		}
	}
	return nil
}

func syncDir(fsys vfs.FS, dir string) error {
	f, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// explain adds to a refused access what the operator needs to see: who asked and how the place looks.
func explain(dir string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	info, statErr := os.Stat(dir)
	if statErr != nil {
		return fmt.Errorf("%w (user %d)", err, os.Geteuid())
	}
	return fmt.Errorf("%w (user %d, directory mode %v)", err, os.Geteuid(), info.Mode().Perm())
}
