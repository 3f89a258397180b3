package pipeline

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// stateFold is what the records of one partition of the state topic come to: the last value of each
// key, and the last marker. All of it is in memory until it is handed out.
type stateFold struct {
	shard   int
	index   map[string]int // by full key, into records
	records []foldedRecord // in the order in which their keys were first met
	arena   []byte
	mark    *stateMark // nil: nothing was saved
	next    int64      // the offset behind what was read
	saved   time.Time  // when the marker was stored, by the broker's clock
}

type foldedRecord struct {
	key    string // full; empty when it is gone
	chunks int
	save   uint64
	bytes  []byte
}

// arenaBlock is how much memory values share, in bytes.
const arenaBlock = 1 << 20

// readState reads a partition of the state topic up to its end as of now.
func readState(ctx context.Context, o *Options, topic string, shard int) (*stateFold, error) {
	f := &stateFold{shard: shard, index: map[string]int{}}
	tp := broker.TopicPartition{Topic: topic, Partition: int32(shard)} //nolint:gosec // a partition
	var err error
	f.next, err = o.logs.Read(ctx, tp, consumer.FromStart, func(r *consumer.Record) error {
		if len(r.Key) > 0 && r.Key[0] == kindMarker {
			f.saved = time.Unix(0, r.Time)
		}
		if err := f.take(r.Key, r.Value); err != nil {
			return fmt.Errorf("the record at offset %d with key %x: %w", r.Offset, r.Key[:min(len(r.Key), 64)], err)
		}
		return nil
	})
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint of shard %d from %s: %w", shard, tp, err)
	}
	return f, nil
}

// take folds one record in.
func (f *stateFold) take(key, value []byte) error {
	if len(key) == 0 {
		return damagedState("it has no key")
	}
	if value == nil {
		f.drop(key)
		return nil
	}
	save, body, err := unsealState(f.shard, key, value)
	if err != nil {
		return err
	}
	switch key[0] {
	case kindMarker:
		f.mark, err = decodeStateMark(save, body)
		return err
	case kindForget: // what is in front of it counts for nothing
		f.index, f.records, f.arena, f.mark = map[string]int{}, nil, nil, nil
		return nil
	case kindRecord:
		if len(key) < stateKeyHeader || len(body) < 2 {
			return damagedState("a key of %d and a value of %d bytes are too short", len(key), len(value))
		}
		f.put(key, foldedRecord{chunks: int(binary.BigEndian.Uint16(body)), save: save, bytes: f.keep(body[2:])})
		return nil
	default:
		return damagedState("a record of kind %d", key[0])
	}
}

func (f *stateFold) put(key []byte, r foldedRecord) {
	if at, known := f.index[string(key)]; known {
		r.key = f.records[at].key
		f.records[at] = r
		return
	}
	r.key = string(key)
	f.index[r.key] = len(f.records)
	f.records = append(f.records, r)
}

func (f *stateFold) drop(key []byte) {
	if key[0] == kindMarker {
		f.mark = nil
	}
	if at, known := f.index[string(key)]; known {
		delete(f.index, string(key))
		f.records[at] = foldedRecord{}
	}
}

// keep copies bytes that are the reader's.
func (f *stateFold) keep(b []byte) []byte {
	if len(b) > cap(f.arena)-len(f.arena) {
		f.arena = make([]byte, 0, max(arenaBlock, len(b)))
	}
	start := len(f.arena)
	f.arena = append(f.arena, b...)
	return f.arena[start:len(f.arena):len(f.arena)]
}

// check holds the records against the marker: no key may be missing, and none too many.
func (f *stateFold) check() error {
	if f.mark == nil {
		if len(f.index) > 0 {
			return damagedState("%d records and no marker", len(f.index))
		}
		return nil
	}
	m, err := decodeMarker(f.mark.caller)
	if err != nil {
		return err
	}
	var digest uint64
	err = f.each(func(key, _ []byte) error {
		digest += xxhash.Sum64(key)
		return nil
	})
	if err != nil {
		return err
	}
	if digest != m.Digest {
		return damagedState("the keys of its records have digest %016x, the marker says %016x", digest, m.Digest)
	}
	return nil
}

// sort puts the records in the order of their keys.
func (f *stateFold) sort() {
	slices.SortFunc(f.records, func(a, b foldedRecord) int { return strings.Compare(a.key, b.key) })
	for i := range f.records {
		f.index[f.records[i].key] = i
	}
	delete(f.index, "")
}

// each calls fn with every record, whole, valid during the call.
func (f *stateFold) each(fn func(key, value []byte) error) error {
	for i := range f.records {
		r := &f.records[i]
		if r.key == "" {
			continue
		}
		chunk := int(binary.BigEndian.Uint16([]byte(r.key[1:stateKeyHeader])))
		key := []byte(r.key[stateKeyHeader:])
		if chunk >= r.chunks {
			return damagedState("record %x has chunk %d of %d", key, chunk, r.chunks)
		}
		if chunk > 0 {
			if at, known := f.index[string(stateKey(0, key))]; !known || f.records[at].save != r.save {
				return damagedState("record %x has a chunk %d of another save than its beginning", key, chunk)
			}
			continue
		}
		value, err := f.whole(r, key)
		if err != nil {
			return err
		}
		if err := fn(key, value); err != nil {
			return err
		}
	}
	return nil
}

// whole is the value of a record, put together from its chunks.
func (f *stateFold) whole(first *foldedRecord, key []byte) ([]byte, error) {
	if first.chunks == 1 {
		return first.bytes, nil
	}
	var value []byte
	for chunk := range first.chunks {
		at, known := f.index[string(stateKey(chunk, key))]
		if !known || f.records[at].save != first.save {
			return nil, damagedState("record %x lacks chunk %d of %d, or has one of another save", key, chunk, first.chunks)
		}
		value = append(value, f.records[at].bytes...)
	}
	return value, nil
}

// chunked are the keys whose values are in several records, with their number.
func (f *stateFold) chunked() map[string]int {
	several := map[string]int{}
	for i := range f.records {
		if r := &f.records[i]; r.key != "" && r.chunks > 1 {
			several[r.key[stateKeyHeader:]] = r.chunks
		}
	}
	return several
}
