package consumer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// encoded builds a batch with an independent encoder: offsets are the deltas of the records to
// base, last the batch's last delta whatever became of its records.
func encoded(base int64, last int32, change func(*kmsg.RecordBatch), offsets ...int32) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: base, Magic: 2, LastOffsetDelta: last, FirstTimestamp: 1000, MaxTimestamp: 2000,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(offsets)),
	}
	for _, o := range offsets {
		r := kmsg.Record{
			OffsetDelta: o, TimestampDelta64: int64(o), Key: []byte("k"), Value: fmt.Appendf(nil, "v%d", base+int64(o)),
			Headers: []kmsg.Header{{Key: "h", Value: []byte("x")}},
		}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		b.Records = r.AppendTo(b.Records)
	}
	if change != nil {
		change(&b)
	}
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[atLength:], uint32(len(out)-atLength-4))
	return seal(out)
}

func seal(batch []byte) []byte {
	binary.BigEndian.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttributes:], castagnoli))
	return batch
}

func decodeSet(next int64, aborted []abortedTransaction, batches ...[]byte) Batch {
	var set []byte
	for _, b := range batches {
		set = append(set, b...)
	}
	a := answer{aborted: aborted}
	b := Batch{TopicPartition: TopicPartition{Topic: "t"}, Next: next}
	a.decodeBatches(&b, set, 1<<20)
	return b
}

func offsetsOf(b Batch) string {
	var out []int64
	for _, r := range b.Records {
		out = append(out, r.Offset)
	}
	return fmt.Sprint(out)
}

func TestDecodeMovesPastWhatCompactionLeft(t *testing.T) {
	for _, test := range []struct {
		name  string
		next  int64
		set   [][]byte
		want  string
		after int64
	}{
		{"holes", 0, [][]byte{encoded(0, 9, nil, 3, 7)}, "[3 7]", 10},
		{"emptied batch", 0, [][]byte{encoded(0, 9, nil), encoded(10, 1, nil, 0, 1)}, "[10 11]", 12},
		{"only an emptied batch", 4, [][]byte{encoded(0, 9, nil)}, "[]", 10},
		{"starts before the position", 5, [][]byte{encoded(0, 9, nil, 3, 7)}, "[7]", 10},
		{"batch in front of the position", 10, [][]byte{encoded(0, 9, nil, 3, 7), encoded(10, 0, nil, 0)}, "[10]", 11},
		{"cut at the end", 0, [][]byte{encoded(0, 1, nil, 0, 1), encoded(2, 0, nil, 0)[:batchHeader+3]}, "[0 1]", 2},
	} {
		b := decodeSet(test.next, nil, test.set...)
		if b.Err != nil || offsetsOf(b) != test.want || b.Next != test.after {
			t.Errorf("%s: %s up to %d (%v), want %s up to %d", test.name, offsetsOf(b), b.Next, b.Err, test.want, test.after)
		}
	}
}

func TestDecodeTimes(t *testing.T) {
	b := decodeSet(0, nil, encoded(0, 1, nil, 0, 1), encoded(2, 1, func(b *kmsg.RecordBatch) { b.Attributes = appendTimeBit }, 0, 1))
	for i, want := range []int64{1000, 1001, 2000, 2000} {
		if r := b.Records[i]; r.Time != want*1e6 || r.Append != (i >= 2) || len(r.Headers) != 1 || string(r.Headers[0].Key) != "h" {
			t.Errorf("record %d: %+v, want %d ms", i, r, want)
		}
	}
	b = decodeSet(0, nil, encoded(0, 0, func(b *kmsg.RecordBatch) { b.FirstTimestamp = -1 }, 0),
		encoded(1, 0, func(b *kmsg.RecordBatch) { b.FirstTimestamp = 1 << 62 }, 0))
	if b.Records[0].Time != 0 || b.Records[1].Time < 1<<62 {
		t.Errorf("no time is %d, an absurd one %d", b.Records[0].Time, b.Records[1].Time)
	}
}

func TestDecodeRefusesWhatContradictsItself(t *testing.T) {
	for name, bad := range map[string][]byte{
		"checksum":        func() []byte { b := encoded(5, 0, nil, 0); b[70]++; return b }(),
		"format 1":        func() []byte { b := encoded(5, 0, nil, 0); b[atMagic] = 1; return b }(),
		"too many":        encoded(5, 0, func(b *kmsg.RecordBatch) { b.NumRecords = 1 << 30 }, 0),
		"too few":         encoded(5, 0, func(b *kmsg.RecordBatch) { b.NumRecords = 0 }, 0),
		"beyond the last": encoded(5, 0, nil, 1),
		"not ascending":   encoded(5, 3, nil, 2, 2),
		"negative":        encoded(-5, 0, nil, 0),
		"codec 7":         encoded(5, 0, func(b *kmsg.RecordBatch) { b.Attributes = 7 }, 0),
		"not gzip":        encoded(5, 0, func(b *kmsg.RecordBatch) { b.Attributes = codecGzip }, 0),
		"not zstd":        encoded(5, 0, func(b *kmsg.RecordBatch) { b.Attributes = codecZstd }, 0),
		"header count":    encoded(5, 0, func(b *kmsg.RecordBatch) { b.Records[len(b.Records)-5] = 0x7e }, 0),
	} {
		b := decodeSet(0, nil, encoded(0, 1, nil, 0, 1), bad, encoded(9, 0, nil, 0))
		var corrupt *ErrCorrupt
		if !errors.As(b.Err, &corrupt) || b.Next != 2 || offsetsOf(b) != "[0 1]" {
			t.Errorf("%s: %s up to %d (%v), want a refusal behind offset 1", name, offsetsOf(b), b.Next, b.Err)
		}
	}
}

func TestAbortFilterTakesTheListInAnyOrder(t *testing.T) {
	txn := func(base int64, producer int64) []byte {
		return encoded(base, 0, func(b *kmsg.RecordBatch) { b.Attributes, b.ProducerID = transactionBit, producer }, 0)
	}
	marker := func(base, producer int64, kind byte) []byte {
		return encoded(base, 0, func(b *kmsg.RecordBatch) {
			b.Attributes, b.ProducerID, b.NumRecords = transactionBit|controlBit, producer, 1
			r := kmsg.Record{Key: []byte{0, 0, 0, kind}, Value: make([]byte, 6)}
			r.Length = int32(len(r.AppendTo(nil)) - 1)
			b.Records = r.AppendTo(nil)
		})
	}
	const abort, commit = 0, 1
	b := decodeSet(0, []abortedTransaction{{producer: 7, first: 8}, {producer: 9, first: 1}, {producer: 7, first: 0}},
		txn(0, 7), txn(1, 9), txn(2, 5), marker(3, 7, abort), txn(4, 7), marker(5, 7, commit), marker(6, 9, abort), txn(7, 9),
		txn(8, 7), marker(9, 7, abort), txn(10, 7))
	if got := offsetsOf(b); got != "[2 4 7 10]" || b.Next != 11 || b.Skipped != 7 {
		t.Errorf("got %s up to %d, %d skipped, want [2 4 7 10] up to 11, 7 skipped", got, b.Next, b.Skipped)
	}
}

// The mark is of the last batch in front of the next position, whatever is in it; a batch that lies
// before the asked offset, or cannot be read, has none.
func TestDecodeMarksTheLastBatch(t *testing.T) {
	marked := func(base int64, epoch int32, change func(*kmsg.RecordBatch)) []byte {
		return encoded(base, 0, func(b *kmsg.RecordBatch) {
			b.PartitionLeaderEpoch = epoch
			if change != nil {
				change(b)
			}
		}, 0)
	}
	of := func(b []byte) Mark { return markOf(int64(binary.BigEndian.Uint64(b)), b) }
	plain, later := marked(4, 3, nil), marked(5, 6, nil)
	control := marked(6, 7, func(b *kmsg.RecordBatch) { b.Attributes = controlBit | transactionBit })
	aborted := marked(6, 7, func(b *kmsg.RecordBatch) { b.Attributes, b.ProducerID = transactionBit, 9 })
	broken := marked(6, 8, nil)
	broken[len(broken)-1]++
	for _, test := range []struct {
		name        string
		next        int64
		set         [][]byte
		first, last Mark
	}{
		{"one", 4, [][]byte{plain}, of(plain), of(plain)},
		{"two", 4, [][]byte{plain, later}, of(plain), of(later)},
		{"one before", 5, [][]byte{plain, later}, of(later), of(later)},
		{"control", 4, [][]byte{plain, control}, of(plain), of(control)},
		{"aborted", 4, [][]byte{plain, aborted}, of(plain), of(aborted)},
		{"broken", 4, [][]byte{plain, broken}, of(plain), of(plain)},
		{"nothing new", 5, [][]byte{plain}, Mark{}, Mark{}},
	} {
		b := decodeSet(test.next, []abortedTransaction{{producer: 9, first: 6}}, test.set...)
		if b.first != test.first || b.Last != test.last {
			t.Errorf("%s: marks %v and %v, want %v and %v", test.name, b.first, b.Last, test.first, test.last)
		}
	}
	if m := of(plain); m.Offset != 4 || m.LeaderEpoch != 3 || m.CRC == 0 || m == of(later) {
		t.Errorf("the mark is %v", m)
	}
}

// An answer may hold records that were written after the range's end was asked for.
func TestARangeLeavesOutWhatCameLater(t *testing.T) {
	var got []int64
	r := rangeReader{end: 2, fn: func(r *Record) error { got = append(got, r.Offset); return nil }}
	b := decodeSet(0, nil, encoded(0, 3, nil, 0, 1, 2, 3))
	if err := r.take(&b); err != nil || fmt.Sprint(got) != "[0 1]" || r.position.Next != 2 {
		t.Errorf("got %v up to %d (%v), want [0 1] up to 2", got, r.position.Next, err)
	}
}

// Whatever a broker sends, decoding ends without a panic and never moves a position back or gives
// a record outside the asked range. The second argument is redone as a valid checksum, so that the
// fuzzer gets behind it.
func FuzzDecodeBatches(f *testing.F) {
	f.Add(encoded(0, 9, nil, 3, 7), true)
	f.Add(encoded(0, 1, func(b *kmsg.RecordBatch) { b.Attributes = codecSnappy }, 0, 1), true)
	f.Add(encoded(0, 1, func(b *kmsg.RecordBatch) { b.Attributes = controlBit | transactionBit }, 0, 1), true)
	f.Fuzz(func(t *testing.T, set []byte, resealed bool) {
		if resealed && len(set) >= batchHeader {
			binary.BigEndian.PutUint32(set[atLength:], uint32(len(set)-atLength-4))
			seal(set)
		}
		b := decodeSet(5, []abortedTransaction{{producer: 1, first: 0}}, set)
		if b.Next < 5 {
			t.Errorf("the position moved back to %d", b.Next)
		}
		for _, r := range b.Records {
			if r.Offset < 5 || r.Offset >= b.Next {
				t.Errorf("record at %d, asked for [5,%d)", r.Offset, b.Next)
			}
		}
	})
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 't', 0, 0, 0, 0}, int16(11))
	f.Fuzz(func(_ *testing.T, frame []byte, version int16) {
		a := answer{frame: frame}
		_ = a.decode([]Position{{TopicPartition: TopicPartition{Topic: "t"}}}, version, 1<<16)
	})
}
