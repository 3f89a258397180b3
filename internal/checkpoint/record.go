package checkpoint

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/cespare/xxhash/v2"
)

const (
	shardSize = 4
	crcSize   = 4
	// shardMarkers is the key prefix of the markers. No shard has this number (see shardMax).
	shardMarkers = math.MaxUint32
	shardMax     = math.MaxInt32
	// markerVersion is the first byte of a stored marker; version N reads N-1 and N-2.
	markerVersion = 1
	markerHeader  = 1 + 8 + 8 + 8 + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// recordKey is the key under which Pebble has the record: the shard first, so that a shard is one
// range in key order.
func recordKey(shard int, key []byte) []byte {
	full := make([]byte, 0, shardSize+len(key))
	full = binary.BigEndian.AppendUint32(full, uint32(shard)) //nolint:gosec // 0 to shardMax, checked by the callers
	return append(full, key...)
}

// shardEnd is the first key after all keys of the shard.
func shardEnd(shard int) []byte { return recordKey(shard+1, nil) }

// markerKey is where the marker of a shard is stored.
func markerKey(shard int) []byte {
	key := binary.BigEndian.AppendUint32(nil, shardMarkers)
	return binary.BigEndian.AppendUint32(key, uint32(shard)) //nolint:gosec // 0 to shardMax, checked by the callers
}

// seal puts the checksum before the value. It covers the key (shard included) and its length, so that
// a value that turns up under another key is found.
func seal(fullKey, value []byte) []byte {
	stored := make([]byte, crcSize, crcSize+len(value))
	binary.BigEndian.PutUint32(stored, checksum(fullKey, value))
	return append(stored, value...)
}

// unseal checks the checksum and returns the value, which aliases stored.
func unseal(fullKey, stored []byte) ([]byte, error) {
	if len(stored) < crcSize {
		return nil, damaged("record %x has %d bytes, less than its checksum", fullKey, len(stored))
	}
	value := stored[crcSize:]
	want, got := binary.BigEndian.Uint32(stored), checksum(fullKey, value)
	if want != got {
		return nil, damaged("record %x has checksum %08x, its content %08x", fullKey, want, got)
	}
	return value, nil
}

func checksum(fullKey, value []byte) uint32 {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(fullKey))) //nolint:gosec // keys are bounded by keyMax
	crc := crc32.Update(0, castagnoli, length[:])
	crc = crc32.Update(crc, castagnoli, fullKey)
	return crc32.Update(crc, castagnoli, value)
}

// totals describe the set of records of a shard without their order. Every record adds its hash and
// every one that goes takes it away again, modulo 2^64: a lost, an added or an outdated record shows,
// and a save needs to look only at what it changes.
type totals struct {
	count  uint64
	digest uint64
}

func (t *totals) add(fullKey, value []byte) {
	t.count++
	t.digest += recordHash(fullKey, value)
}

func (t *totals) remove(fullKey, value []byte) {
	t.count--
	t.digest -= recordHash(fullKey, value)
}

func recordHash(fullKey, value []byte) uint64 {
	var h xxhash.Digest
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(fullKey))) //nolint:gosec // keys are bounded by keyMax
	h.Reset()
	_, _ = h.Write(length[:]) // never fails
	_, _ = h.Write(fullKey)
	_, _ = h.Write(value)
	return h.Sum64()
}

// marker is the caller's marker with what belongs to the save that wrote it.
type marker struct {
	meaning uint64 // binds the records to FORMAT: files of two directories cannot be mixed
	save    uint64 // number of the save, from 1
	totals  totals
	caller  []byte
}

func (m marker) encode() []byte {
	b := make([]byte, 0, markerHeader+len(m.caller))
	b = append(b, markerVersion)
	b = binary.BigEndian.AppendUint64(b, m.meaning)
	b = binary.BigEndian.AppendUint64(b, m.save)
	b = binary.BigEndian.AppendUint64(b, m.totals.count)
	b = binary.BigEndian.AppendUint64(b, m.totals.digest)
	return append(b, m.caller...)
}

func decodeMarker(b []byte) (marker, error) {
	if len(b) < markerHeader {
		return marker{}, damaged("marker has %d bytes, needs %d", len(b), markerHeader)
	}
	if b[0] != markerVersion {
		return marker{}, damaged("marker has version %d, this program reads %d", b[0], markerVersion)
	}
	return marker{
		meaning: binary.BigEndian.Uint64(b[1:]),
		save:    binary.BigEndian.Uint64(b[9:]),
		totals:  totals{count: binary.BigEndian.Uint64(b[17:]), digest: binary.BigEndian.Uint64(b[25:])},
		caller:  b[markerHeader:],
	}, nil
}

// meaningHash shortens a description to what a marker carries.
func meaningHash(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:])
}
