package pipeline

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"processor/internal/checkpoint"
)

// A record of the state topic, big endian:
//
//	key    kind (1) | chunk (2), the caller's key     of a record
//	       kind (1)                                   of the marker, of a forgetting
//	value  version (1) | CRC-32C (4) | save (8) | body
//	       body of a record: chunks (2), bytes        of a marker: length (4), binding, the caller's marker
//
// The checksum covers shard, key and all of the value behind it, so that a record under another key or
// in another partition is found. A value of more than stateChunk bytes is in several records, which
// carry the number of one save.
const (
	kindMarker = 0
	kindRecord = 1
	kindForget = 2

	stateVersion   = 1  // version N reads N-1 and N-2
	stateHeader    = 13 // bytes before the body
	stateKeyHeader = 3  // bytes before the caller's key
	chunksMax      = 1 << 15
)

// stateChunk bounds what of one value is in one record, in bytes: brokers refuse more than about 1 MB.
const stateChunk = 512 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stateKey is the key of a chunk of a record.
func stateKey(chunk int, key []byte) []byte {
	full := make([]byte, 0, stateKeyHeader+len(key))
	full = append(full, kindRecord)
	full = binary.BigEndian.AppendUint16(full, uint16(chunk)) //nolint:gosec // below chunksMax
	return append(full, key...)
}

// sealState is a value as it is stored.
func sealState(shard int, fullKey []byte, save uint64, body ...[]byte) []byte {
	size := stateHeader
	for _, b := range body {
		size += len(b)
	}
	value := make([]byte, 5, size)
	value[0] = stateVersion
	value = binary.BigEndian.AppendUint64(value, save)
	for _, b := range body {
		value = append(value, b...)
	}
	binary.BigEndian.PutUint32(value[1:], stateSum(shard, fullKey, value[5:]))
	return value
}

// unsealState checks a stored value and returns its parts; body aliases it.
func unsealState(shard int, fullKey, value []byte) (save uint64, body []byte, err error) {
	switch {
	case len(value) < stateHeader:
		return 0, nil, damagedState("it has %d bytes, less than its checksum", len(value))
	case value[0] != stateVersion:
		return 0, nil, fmt.Errorf("%w: it has format %d, this program reads %d: use the program that wrote it",
			checkpoint.ErrForeign, value[0], stateVersion)
	}
	if want, got := binary.BigEndian.Uint32(value[1:]), stateSum(shard, fullKey, value[5:]); want != got {
		return 0, nil, damagedState("it has checksum %08x, its content %08x", want, got)
	}
	return binary.BigEndian.Uint64(value[5:]), value[stateHeader:], nil
}

func stateSum(shard int, fullKey, rest []byte) uint32 {
	var head [8]byte
	binary.BigEndian.PutUint32(head[:], uint32(shard))         //nolint:gosec // a partition
	binary.BigEndian.PutUint32(head[4:], uint32(len(fullKey))) //nolint:gosec // bounded by a record's size
	crc := crc32.Update(0, castagnoli, head[:])
	crc = crc32.Update(crc, castagnoli, fullKey)
	return crc32.Update(crc, castagnoli, rest)
}

// stateMark is a marker of the state topic: the caller's, and what it is bound to.
type stateMark struct {
	save    uint64
	group   string
	meaning string
	caller  []byte
}

func (m *stateMark) message(shard int) (key, value []byte) {
	key = []byte{kindMarker}
	binding := m.group + "\n" + m.meaning
	length := binary.BigEndian.AppendUint32(nil, uint32(len(binding))) //nolint:gosec // a description of a few KB
	return key, sealState(shard, key, m.save, length, []byte(binding), m.caller)
}

// decodeStateMark reads the body of a marker, which it copies.
func decodeStateMark(save uint64, body []byte) (*stateMark, error) {
	if len(body) < 4 || uint64(len(body)-4) < uint64(binary.BigEndian.Uint32(body)) {
		return nil, damagedState("a marker of %d bytes is too short for what it is bound to", len(body))
	}
	n := binary.BigEndian.Uint32(body)
	binding := string(body[4 : 4+n])
	for i := range len(binding) {
		if binding[i] == '\n' {
			return &stateMark{
				save: save, group: binding[:i], meaning: binding[i+1:], caller: append([]byte(nil), body[4+n:]...),
			}, nil
		}
	}
	return nil, damagedState("a marker is bound to %q, which names no group", binding)
}

// damagedState is a checkpoint.ErrCorrupt with its finding; who knows the place adds it and the remedy.
func damagedState(format string, args ...any) error {
	return fmt.Errorf("%w: %s", checkpoint.ErrCorrupt, fmt.Sprintf(format, args...))
}
