package consumer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"processor/internal/broker"
)

// The isolation levels of fetch and list-offsets requests.
const (
	readUncommitted int8 = 0
	readCommitted   int8 = 1
)

// answer holds the memory of one fetch answer; everything a caller sees points into it.
//
// The frame is read and decoded here and not by kafka-go's fetch.Response, because that one throws
// away what a reader needs: the last offset of a batch (so a position would stick in front of an
// emptied batch), the timestamp type and append time, and any bound on decompression.
type answer struct {
	frame    []byte
	unpacked []byte // decompressed batches
	records  []Record
	headers  []Header
	aborted  []abortedTransaction
	parts    []part
	zstd     *zstd.Decoder
}

// part is one partition's share of an answer.
type part struct {
	position Position
	code     kafka.Error
	batch    Batch
}

type abortedTransaction struct {
	producer int64
	first    int64
}

// errFrame is an answer that contradicts the protocol; the connection is dropped.
var errFrame = errors.New("malformed fetch answer")

// ask sends one fetch request and decodes the answer into a.answer.
func (f *Fetcher) ask(ctx context.Context, a *ask) error {
	req := f.request(a.positions)
	ans := a.answer
	ans.trim()
	version := int16(0)
	limit := int(f.options.MaxBytes) + f.options.MaxUnpacked
	err := f.cluster.Exchange(ctx, a.node, protocol.Fetch, func(rw io.ReadWriter, v int16) error {
		if version = v; v < 4 {
			return fmt.Errorf("the broker speaks fetch version %d only, 4 (Kafka 0.11) is needed", v)
		}
		correlation, err := f.cluster.WriteRequest(rw, v, req)
		if err != nil {
			return err
		}
		ans.frame, err = readFrame(rw, ans.frame, correlation, limit)
		return err
	})
	if err != nil {
		return err
	}
	return ans.decode(a.positions, version, f.options.MaxUnpacked)
}

// request is a full fetch outside of any session: epoch -1, since 0 would make the broker keep one.
func (f *Fetcher) request(positions []Position) *fetch.Request {
	req := &fetch.Request{
		ReplicaID:      -1,
		MaxWaitTime:    int32(f.options.MaxWait.Milliseconds()),
		MinBytes:       1,
		MaxBytes:       f.options.MaxBytes,
		IsolationLevel: readCommitted,
		SessionEpoch:   -1,
	}
	for _, p := range positions {
		rp := fetch.RequestPartition{
			Partition: p.Partition, CurrentLeaderEpoch: -1, FetchOffset: p.Next,
			LogStartOffset: -1, PartitionMaxBytes: f.options.PartitionMaxBytes,
		}
		if n := len(req.Topics); n > 0 && req.Topics[n-1].Topic == p.Topic {
			req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, rp)
			continue
		}
		req.Topics = append(req.Topics, fetch.RequestTopic{Topic: p.Topic, Partitions: []fetch.RequestPartition{rp}})
	}
	return req
}

// readFrame reads one length-prefixed answer into memory and returns it without its header.
func readFrame(r io.Reader, memory []byte, correlation int32, limit int) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return memory, err
	}
	size := int(int32(binary.BigEndian.Uint32(head[:]))) - 4
	if size < 0 || size > limit {
		return memory, fmt.Errorf("%w: %d bytes, at most %d are accepted", errFrame, size, limit)
	}
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != correlation {
		return memory, fmt.Errorf("%w: answers request %d instead of %d", errFrame, got, correlation)
	}
	if cap(memory) < size {
		memory = make([]byte, size)
	}
	memory = memory[:size]
	_, err := io.ReadFull(r, memory)
	return memory, err
}

// decode walks the frame: topics, partitions, and the batches of each.
func (a *answer) decode(positions []Position, version int16, unpackedMax int) error {
	a.unpacked, a.records, a.headers = a.unpacked[:0], a.records[:0], a.headers[:0]
	a.parts = a.parts[:0]
	d := wire{broker.Fields{Rest: a.frame}}
	d.Int32() // throttle time
	if version >= 7 {
		if code := kafka.Error(d.Int16()); code != 0 {
			return code
		}
		d.Int32() // session
	}
	for range d.count(6) {
		topic := d.string()
		for range d.count(18) {
			a.decodePartition(&d, topic, positions, version, unpackedMax)
			if d.Broken {
				break
			}
		}
	}
	if d.Broken {
		return errFrame
	}
	return nil
}

func (a *answer) decodePartition(d *wire, topic []byte, positions []Position, version int16, unpackedMax int) {
	partition := d.Int32()
	code := kafka.Error(d.Int16())
	b := Batch{HighWatermark: d.int64(), LastStable: d.int64(), LogStart: -1}
	if version >= 5 {
		b.LogStart = d.int64()
	}
	a.aborted = a.aborted[:0]
	for range d.count(16) {
		a.aborted = append(a.aborted, abortedTransaction{producer: d.int64(), first: d.int64()})
	}
	if version >= 11 {
		d.Int32() // preferred read replica: only sent to clients that name their rack
	}
	set := d.bytes()
	if d.Broken {
		return
	}
	for _, p := range positions {
		if p.Partition == partition && p.Topic == string(topic) {
			b.TopicPartition, b.Next, b.until = p.TopicPartition, p.Next, p.Until
			if code == 0 {
				a.decodeBatches(&b, set, unpackedMax)
			}
			a.parts = append(a.parts, part{position: p, code: code, batch: b})
			return
		}
	}
}

// wire reads the fields of an answer in the classic encoding.
type wire struct{ broker.Fields }

func (d *wire) int64() int64 {
	if b := d.Take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (d *wire) string() []byte { return d.Take(int(d.Int16())) }

// bytes reads a nullable byte string; -1 is nil.
func (d *wire) bytes() []byte {
	n := d.Int32()
	if n < 0 {
		return nil
	}
	return d.Take(int(n))
}

// count reads the length of an array whose elements take at least size bytes each; -1 is empty.
func (d *wire) count(size int) int {
	n := int(d.Int32())
	if n > len(d.Rest)/size {
		d.Fail()
		return 0
	}
	return max(n, 0)
}
