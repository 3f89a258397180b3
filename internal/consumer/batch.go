package consumer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// The fixed part of a record batch of format 2 (Kafka 0.11 and later), as byte positions.
const (
	atLength      = 8
	atLeaderEpoch = 12
	atMagic       = 16
	atCRC         = 17
	atAttributes  = 21
	atLastDelta   = 23
	atFirstTime   = 27
	atMaxTime     = 35
	atProducer    = 43
	atCount       = 57
	batchHeader   = 61
	recordSizeMin = 7 // length, attributes, two deltas, key, value, header count
)

// The bits of a batch's attributes.
const (
	compressionBits = 0x07
	appendTimeBit   = 0x08
	transactionBit  = 0x10
	controlBit      = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errRecord     = errors.New("the records contradict the batch's header")
	errUnpackMax  = errors.New("too large when unpacked")
	errUnpackFull = errors.New("no room to unpack in this answer")
)

// decodeBatches reads the batches of one partition into b, from b.Next on, until the set ends, a
// batch is broken (b.Err), or the memory for decompression is used up (the rest is fetched again).
func (a *answer) decodeBatches(b *Batch, set []byte, unpackedMax int) {
	first := len(a.records)
	filter := abortFilter{pending: a.aborted}
	for len(set) >= batchHeader {
		size := int(int32(binary.BigEndian.Uint32(set[atLength:]))) + atLength + 4
		if size < batchHeader {
			b.Err = a.corrupt(b, set, fmt.Sprintf("a batch of %d bytes", size))
			break
		}
		if size > len(set) {
			break // a broker may cut the last batch; it comes whole with the next fetch
		}
		more := a.decodeBatch(b, &filter, set[:size], unpackedMax)
		if !more {
			break
		}
		set = set[size:]
	}
	b.Records = a.records[first:len(a.records):len(a.records)]
}

func (a *answer) corrupt(b *Batch, batch []byte, reason string) error {
	return &ErrCorrupt{
		Topic: b.Topic, Partition: b.Partition,
		Offset: int64(binary.BigEndian.Uint64(batch)), Reason: reason,
	}
}

// decodeBatch adds one batch's records to the answer and moves b.Next behind it. It says whether
// to go on with the next batch.
func (a *answer) decodeBatch(b *Batch, filter *abortFilter, batch []byte, unpackedMax int) bool {
	if magic := batch[atMagic]; magic != 2 {
		b.Err = a.corrupt(b, batch, fmt.Sprintf(
			"message format %d is not supported, rewrite the topic with format 2 (Kafka 0.11 or later)", magic))
		return false
	}
	if sum := crc32.Checksum(batch[atAttributes:], castagnoli); sum != binary.BigEndian.Uint32(batch[atCRC:]) {
		b.Err = a.corrupt(b, batch, "the CRC-32C checksum does not match")
		return false
	}
	base := int64(binary.BigEndian.Uint64(batch))
	lastDelta := int32(binary.BigEndian.Uint32(batch[atLastDelta:]))
	if base < 0 || lastDelta < 0 || base > math.MaxInt64-int64(lastDelta)-1 {
		b.Err = a.corrupt(b, batch, fmt.Sprintf("offsets from %d to +%d", base, lastDelta))
		return false
	}
	if b.until > 0 && base >= b.until {
		return false
	}
	last := base + int64(lastDelta)
	if last < b.Next {
		return true // the broker starts a little before the asked offset when it has to
	}
	mark := markOf(base, batch)
	if b.first == (Mark{}) {
		b.first = mark
	}
	attributes := binary.BigEndian.Uint16(batch[atAttributes:])
	producer := int64(binary.BigEndian.Uint64(batch[atProducer:]))
	count := int32(binary.BigEndian.Uint32(batch[atCount:]))
	control := attributes&controlBit != 0
	aborted := filter.sees(last, producer, attributes&transactionBit != 0, control)
	if control || aborted {
		if control {
			filter.marker(producer, batch[batchHeader:])
		}
		b.Skipped += int64(max(count, 0))
		b.Next, b.Last = last+1, mark
		return true
	}
	records, err := a.unpack(int(attributes&compressionBits), batch[batchHeader:], unpackedMax)
	switch {
	case errors.Is(err, errUnpackFull):
		return false
	case errors.Is(err, errUnpackMax):
		b.Err = &ErrTooLarge{Topic: b.Topic, Partition: b.Partition, Offset: base, Limit: unpackedMax}
		return false
	}
	if err == nil {
		err = a.decodeRecords(b.Next, base, lastDelta, count, clockOf(attributes, batch), records)
	}
	if err != nil {
		b.Err = a.corrupt(b, batch, err.Error())
		return false
	}
	b.Next, b.Last = last+1, mark
	return true
}

func markOf(base int64, batch []byte) Mark {
	return Mark{
		Offset: base, LeaderEpoch: int32(binary.BigEndian.Uint32(batch[atLeaderEpoch:])),
		CRC: binary.BigEndian.Uint32(batch[atCRC:]),
	}
}

// clock says what the times of a batch's records are.
type clock struct {
	append bool
	first  int64 // of the producer, milliseconds; record times are deltas to it
	max    int64 // with append: the broker's time for the whole batch
}

func clockOf(attributes uint16, batch []byte) clock {
	return clock{
		append: attributes&appendTimeBit != 0,
		first:  int64(binary.BigEndian.Uint64(batch[atFirstTime:])),
		max:    int64(binary.BigEndian.Uint64(batch[atMaxTime:])),
	}
}

// at gives a record's time in nanoseconds, kept within what an int64 holds: a producer may send
// any number. A record without a time (-1) has time 0.
func (c clock) at(delta int64) int64 {
	ms := c.max
	if !c.append {
		ms = c.first + delta
	}
	const limit = math.MaxInt64 / int64(time.Millisecond)
	if ms == -1 {
		return 0
	}
	return max(min(ms, limit), -limit) * int64(time.Millisecond)
}

// decodeRecords adds the records of an unpacked batch from offset next on.
func (a *answer) decodeRecords(next, base int64, lastDelta, count int32, times clock, rest []byte) error {
	if count < 0 || int(count) > len(rest)/recordSizeMin {
		return errRecord
	}
	before := len(a.records)
	previous := int64(-1)
	for range count {
		size, n := binary.Varint(rest)
		if n <= 0 || size < 0 || size > int64(len(rest)-n) {
			a.records = a.records[:before]
			return errRecord
		}
		record := rest[n : n+int(size)]
		rest = rest[n+int(size):]
		delta, ok := a.decodeRecord(record, base, times)
		if !ok || delta <= previous || delta > int64(lastDelta) {
			a.records = a.records[:before]
			return errRecord
		}
		previous = delta
		if base+delta < next {
			a.records = a.records[:len(a.records)-1]
		}
	}
	if len(rest) != 0 {
		a.records = a.records[:before]
		return errRecord
	}
	return nil
}

// decodeRecord adds one record and returns its offset's distance to the batch's base.
func (a *answer) decodeRecord(b []byte, base int64, times clock) (delta int64, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	b = b[1:] // attributes, unused
	timeDelta, n := binary.Varint(b)
	if n <= 0 {
		return 0, false
	}
	b = b[n:]
	delta, n = binary.Varint(b)
	if n <= 0 {
		return 0, false
	}
	b = b[n:]
	key, b, ok := varBytes(b)
	if !ok {
		return 0, false
	}
	value, b, ok := varBytes(b)
	if !ok {
		return 0, false
	}
	headers, ok := a.decodeHeaders(b)
	if !ok {
		return 0, false
	}
	a.records = append(a.records, Record{
		Offset: base + delta, Time: times.at(timeDelta), Append: times.append,
		Key: key, Value: value, Headers: headers,
	})
	return delta, true
}

// decodeHeaders reads the rest of a record. A header takes two bytes or more, which bounds the
// count before anything is allocated for it.
func (a *answer) decodeHeaders(b []byte) ([]Header, bool) {
	count, n := binary.Varint(b)
	if n <= 0 || count < 0 || count > int64(len(b)-n)/2 {
		return nil, false
	}
	b = b[n:]
	if count == 0 {
		return nil, len(b) == 0
	}
	first := len(a.headers)
	for range count {
		var h Header
		var ok bool
		if h.Key, b, ok = varBytes(b); !ok {
			return nil, false
		}
		if h.Value, b, ok = varBytes(b); !ok {
			return nil, false
		}
		a.headers = append(a.headers, h)
	}
	return a.headers[first:len(a.headers):len(a.headers)], len(b) == 0
}

// varBytes reads a byte string with its length in front; -1 is nil.
func varBytes(b []byte) (value, rest []byte, ok bool) {
	size, n := binary.Varint(b)
	if n <= 0 || size < -1 || size > int64(len(b)-n) {
		return nil, nil, false
	}
	if size < 0 {
		return nil, b[n:], true
	}
	end := n + int(size)
	return b[n:end:end], b[end:], true
}
