package checkpoint

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	witnessName  = "WITNESS"
	witnessEntry = 4 + 8
	witnessMax   = 1 << 20 // bytes, 87,000 shards
)

// witness remembers, outside Pebble, how many saves each shard has seen.
//
// Pebble takes the first broken entry of its manifest or of its newest log for the end of the file.
// After a crash that is right; after bit rot it brings back an older state, complete in itself, which
// no checksum can tell from the newest. The witness can. It is written after a save is durable and
// not synced, so that it costs no second fsync: it may be behind, never ahead. A witness that is
// torn or missing proves nothing and accuses nobody.
type witness struct {
	mu    sync.Mutex
	file  vfs.File
	saves map[int]uint64
}

// openWitness returns what was witnessed before and starts a new file from it.
func openWitness(fsys vfs.FS, dir string) (*witness, error) {
	saves, err := readWitness(fsys, dir)
	if err != nil {
		return nil, err
	}
	f, err := fsys.OpenReadWrite(fsys.PathJoin(dir, witnessName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	return &witness{file: f, saves: saves}, nil
}

// readWitness returns what was witnessed, nothing where there is no witness.
func readWitness(fsys vfs.FS, dir string) (saves map[int]uint64, err error) {
	content, err := readFile(fsys, fsys.PathJoin(dir, witnessName), witnessMax)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return decodeWitness(content), nil
}

// saw records that the save is durable.
func (w *witness) saw(shard int, save uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.saves[shard] = save
	_, err := w.file.WriteAt(encodeWitness(w.saves), 0)
	return err
}

// forget must be durable before the shard goes, else the missing shard would look like damage.
func (w *witness) forget(shard int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.saves, shard)
	if _, err := w.file.WriteAt(encodeWitness(w.saves), 0); err != nil {
		return err
	}
	return w.file.Sync()
}

// forgetAll is forget for all shards.
func (w *witness) forgetAll() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.saves)
	if _, err := w.file.WriteAt(encodeWitness(w.saves), 0); err != nil {
		return err
	}
	return w.file.Sync()
}

// close leaves a witness that a power cut cannot take back.
func (w *witness) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.file.Sync(), w.file.Close())
}

// encodeWitness: CRC-32C of the rest, number of shards, then shard and save number in order of shard.
// What an earlier, longer list left behind it is not read.
func encodeWitness(saves map[int]uint64) []byte {
	b := make([]byte, 8, 8+len(saves)*witnessEntry)
	binary.BigEndian.PutUint32(b[4:], uint32(len(saves))) //nolint:gosec // shards are few
	for _, shard := range slices.Sorted(maps.Keys(saves)) {
		b = binary.BigEndian.AppendUint32(b, uint32(shard)) //nolint:gosec // 0 to shardMax
		b = binary.BigEndian.AppendUint64(b, saves[shard])
	}
	binary.BigEndian.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// decodeWitness returns nothing for content that does not hold together.
func decodeWitness(content []byte) map[int]uint64 {
	saves := map[int]uint64{}
	if len(content) < 8 {
		return saves
	}
	count := uint64(binary.BigEndian.Uint32(content[4:]))
	if uint64(len(content)-8) < count*witnessEntry {
		return saves
	}
	entries := content[8 : 8+count*witnessEntry]
	if binary.BigEndian.Uint32(content) != crc32.Checksum(content[4:8+len(entries)], castagnoli) {
		return saves
	}
	for ; len(entries) > 0; entries = entries[witnessEntry:] {
		saves[int(binary.BigEndian.Uint32(entries))] = binary.BigEndian.Uint64(entries[4:])
	}
	return saves
}
