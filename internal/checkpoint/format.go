package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	formatName    = "FORMAT"
	formatTemp    = "FORMAT.new"
	lockName      = "LOCK"
	lostAndFound  = "lost+found"
	formatVersion = 1
	formatMax     = 1 << 20 // bytes; a description is a few hundred
)

// bindFormat makes sure that the directory is ours and means the same as the configuration. A new
// directory is bound to the meaning; nothing else is in it yet, so a crash here leaves it new.
//
// FORMAT is read before Pebble touches anything: a program that refuses has changed nothing.
func bindFormat(fsys vfs.FS, dir, meaning string) error {
	stored, err := readFormat(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return newFormat(fsys, dir, meaning)
	}
	if err != nil {
		return err
	}
	if stored != meaning {
		return &MeaningError{Dir: dir, Stored: stored, Wanted: meaning}
	}
	return nil
}

// readFormat is the meaning that a directory is bound to; fs.ErrNotExist where it is to none.
func readFormat(fsys vfs.FS, dir string) (meaning string, err error) {
	stored, err := readFile(fsys, fsys.PathJoin(dir, formatName), formatMax)
	if err != nil {
		return "", err
	}
	return decodeFormat(stored)
}

func newFormat(fsys vfs.FS, dir, meaning string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != lockName && name != formatTemp && name != lostAndFound {
			return fmt.Errorf("%w: it holds %q and no %s: name an empty directory", ErrForeign, name, formatName)
		}
	}
	return writeFormat(fsys, dir, meaning)
}

// writeFormat puts a FORMAT in the place of the one that is there, if any: a crash leaves either.
func writeFormat(fsys vfs.FS, dir, meaning string) error {
	return replaceFile(fsys, dir, formatTemp, formatName, encodeFormat(meaning))
}

// replaceFile puts a small file in the place of the one that is there, if any: a crash leaves either.
func replaceFile(fsys vfs.FS, dir, temp, name string, content []byte) error {
	f, err := fsys.Create(fsys.PathJoin(dir, temp), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(fsys.PathJoin(dir, temp), fsys.PathJoin(dir, name)); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

// encodeFormat is text, because the first to read it may be an operator.
func encodeFormat(meaning string) []byte {
	return fmt.Appendf(nil, "processor checkpoint\nformat %d\ncrc32c %08x\nmeaning %d bytes\n%s",
		formatVersion, crc32.Checksum([]byte(meaning), castagnoli), len(meaning), meaning)
}

func decodeFormat(stored []byte) (meaning string, err error) {
	var version int
	head, _, _ := bytes.Cut(stored, []byte("\ncrc32c "))
	if _, err := fmt.Sscanf(string(head), "processor checkpoint\nformat %d", &version); err != nil {
		return "", fmt.Errorf("%w: %s begins with %.40q", ErrForeign, formatName, head)
	}
	if version != formatVersion {
		return "", fmt.Errorf("%w: it has format %d, this program reads %d: use the program that wrote it, or %s",
			ErrForeign, version, formatVersion, remedy)
	}
	if parts := strings.SplitN(string(stored), "\n", 5); len(parts) == 5 {
		meaning = parts[4]
	}
	// There is one way to write a description, so comparing the whole covers every byte.
	if !bytes.Equal(stored, encodeFormat(meaning)) {
		return "", damaged("%s does not match its checksum", formatName)
	}
	return meaning, nil
}

// readFile reads a small file and refuses one that is larger than it can be.
func readFile(fsys vfs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, damaged("%s has more than %d bytes", fsys.PathBase(name), limit)
	}
	return content, nil
}
