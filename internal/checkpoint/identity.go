package checkpoint

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	identityName  = "IDENTITY"
	identityTemp  = "IDENTITY.new"
	identityBytes = 16 // at random, written as twice as many letters
)

// Identity names the directory. It is drawn at random when the directory is made, and stays as long as
// that does. Because only one process at a time has the directory open, it is also a name that no other
// living process has, and that one has again which goes on here after a crash. A copy of the directory
// has the same.
func (d *Dir) Identity() string { return d.identity }

// openIdentity gives the directory's identity. Where there is none, as in a directory of an older
// version, or what is there is none, it is made: nothing depends on it being the same as before.
func openIdentity(fsys vfs.FS, dir string) (string, error) {
	stored, err := readFile(fsys, fsys.PathJoin(dir, identityName), 2*identityBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrCorrupt) {
		return "", err
	}
	if id, err := hex.DecodeString(string(stored)); err == nil && len(id) == identityBytes {
		return hex.EncodeToString(id), nil
	}
	id := make([]byte, identityBytes)
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	text := hex.EncodeToString(id)
	return text, replaceFile(fsys, dir, identityTemp, identityName, []byte(text))
}
