package sink

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// The fixed part of a record batch of format 2, as byte positions behind the 4 bytes of length
// that a produce request puts in front of a record set.
const (
	setLength    = 4
	atLength     = setLength + 8
	atMagic      = setLength + 16
	atCRC        = setLength + 17
	atAttributes = setLength + 21
	atLastDelta  = setLength + 23
	atFirstTime  = setLength + 27
	atMaxTime    = setLength + 35
	atProducer   = setLength + 43
	atEpoch      = setLength + 51
	atSequence   = setLength + 53
	atCount      = setLength + 57
	batchHeader  = setLength + 61
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is one encoded record batch. Its memory is its own: a request that was given up may still
// be writing it to a connection.
type batch struct {
	bytes       []byte // with the record set's length in front
	records     int
	firstKey    string
	identity    identity
	sequence    int32
	maybeStored bool  // an attempt ended without an answer
	cause       error // of the last failed attempt
}

// transactionBit in a batch's attributes hides its records until the transaction's marker.
const transactionBit = 0x10

// encoder makes batches. It keeps the compressors.
type encoder struct {
	compression   Compression
	transactional bool
	zstd          *zstd.Encoder
	lz4           *lz4.Writer
	scratch       []byte
}

// recordSizeMax is an upper bound of a record's encoded size: five varints of at most 5 or 10
// bytes in front of key and value, two for each header.
func recordSizeMax(m *Message) int {
	size := 32 + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		size += 10 + len(h.Key) + len(h.Value)
	}
	return size
}

// batch encodes as many of the messages, from the first on, as fit into limit bytes before
// compression, and says how many.
func (e *encoder) batch(messages []Message, limit int, id identity, sequence int32) (*batch, int, error) {
	first := milliseconds(messages[0].Time)
	maxTime := first
	raw := e.scratch[:0]
	count := 0
	for i := range messages {
		m := &messages[i]
		if count > 0 && len(raw)+recordSizeMax(m) > limit {
			break
		}
		at := milliseconds(m.Time)
		maxTime = max(maxTime, at)
		raw = appendRecord(raw, m, at-first, int64(i))
		count++
	}
	e.scratch = raw[:0]
	out := make([]byte, batchHeader, batchHeader+len(raw))
	out, codec, err := e.compress(out, raw)
	if err != nil {
		return nil, 0, err
	}
	b := &batch{bytes: out, records: count, firstKey: quoteKey(messages[0].Key)}
	binary.BigEndian.PutUint32(out, uint32(len(out)-setLength))
	binary.BigEndian.PutUint32(out[atLength:], uint32(len(out)-atLength-4))
	binary.BigEndian.PutUint32(out[atLength+4:], 0xffffffff) // partition leader epoch: the broker's
	out[atMagic] = 2
	attributes := uint16(codec)
	if e.transactional {
		attributes |= transactionBit
	}
	binary.BigEndian.PutUint16(out[atAttributes:], attributes)
	binary.BigEndian.PutUint32(out[atLastDelta:], uint32(count-1))
	binary.BigEndian.PutUint64(out[atFirstTime:], uint64(first))
	binary.BigEndian.PutUint64(out[atMaxTime:], uint64(maxTime))
	binary.BigEndian.PutUint32(out[atCount:], uint32(count))
	b.identify(id, sequence)
	return b, count, nil
}

// identify writes who sends the batch and its place in the partition's sequence.
func (b *batch) identify(id identity, sequence int32) {
	b.identity, b.sequence = id, sequence
	binary.BigEndian.PutUint64(b.bytes[atProducer:], uint64(id.id))
	binary.BigEndian.PutUint16(b.bytes[atEpoch:], uint16(id.epoch))
	binary.BigEndian.PutUint32(b.bytes[atSequence:], uint32(sequence))
	binary.BigEndian.PutUint32(b.bytes[atCRC:], crc32.Checksum(b.bytes[atAttributes:], castagnoli))
}

func milliseconds(ns int64) int64 { return ns / int64(time.Millisecond) }

// appendRecord encodes one record: its length, then attributes, time and offset as deltas, key,
// value and headers, all lengths as zigzag varints.
func appendRecord(b []byte, m *Message, timeDelta, offsetDelta int64) []byte {
	size := 1 + varintSize(timeDelta) + varintSize(offsetDelta) + bytesSize(m.Key) + bytesSize(m.Value) +
		varintSize(int64(len(m.Headers)))
	for _, h := range m.Headers {
		size += varintSize(int64(len(h.Key))) + len(h.Key) + bytesSize(h.Value)
	}
	b = binary.AppendVarint(b, int64(size))
	b = append(b, 0) // attributes
	b = binary.AppendVarint(b, timeDelta)
	b = binary.AppendVarint(b, offsetDelta)
	b = appendBytes(b, m.Key)
	b = appendBytes(b, m.Value)
	b = binary.AppendVarint(b, int64(len(m.Headers)))
	for _, h := range m.Headers {
		b = binary.AppendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendBytes(b, h.Value)
	}
	return b
}

func appendBytes(b, value []byte) []byte {
	if value == nil {
		return binary.AppendVarint(b, -1)
	}
	b = binary.AppendVarint(b, int64(len(value)))
	return append(b, value...)
}

func bytesSize(value []byte) int {
	if value == nil {
		return varintSize(-1)
	}
	return varintSize(int64(len(value))) + len(value)
}

func varintSize(n int64) int {
	u := uint64(n)<<1 ^ uint64(n>>63)
	size := 1
	for u >= 0x80 {
		u >>= 7
		size++
	}
	return size
}

// compress appends the records to out, compressed when that makes them smaller.
func (e *encoder) compress(out, raw []byte) ([]byte, Compression, error) {
	start := len(out)
	var err error
	switch e.compression {
	case None:
		return append(out, raw...), None, nil
	case Zstd:
		if e.zstd == nil {
			e.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
			if err != nil {
				return nil, 0, fmt.Errorf("start a zstd encoder: %w", err)
			}
		}
		out = e.zstd.EncodeAll(raw, out)
	case LZ4:
		if out, err = e.compressLZ4(out, raw); err != nil {
			return nil, 0, err
		}
	}
	if len(out)-start >= len(raw) {
		return append(out[:start], raw...), None, nil
	}
	return out, e.compression, nil
}

func (e *encoder) compressLZ4(out, raw []byte) ([]byte, error) {
	buffer := bytes.NewBuffer(out)
	if e.lz4 == nil {
		e.lz4 = lz4.NewWriter(buffer)
	} else {
		e.lz4.Reset(buffer)
	}
	if _, err := e.lz4.Write(raw); err != nil {
		return nil, fmt.Errorf("compress with lz4: %w", err)
	}
	if err := e.lz4.Close(); err != nil {
		return nil, fmt.Errorf("compress with lz4: %w", err)
	}
	return buffer.Bytes(), nil
}
