// Package letter makes dead letters: a rejected record with its position, its bytes and the reason, as
// the dead-letter topic keeps it. It must never drop a record because of its size, and never decide
// what is rejected.
package letter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/row"
	"processor/internal/sink"
)

// The bounds of a dead letter: what is larger is cut, with a digest of the whole in a header, so
// that a record that no topic would take does not stop the stream.
const (
	letterMax    = 800_000
	letterCutTo  = 64 << 10
	letterKeyMax = 64 << 10
)

// Rejected is a record that was not accepted. The letter copies what it needs of it.
type Rejected struct {
	Position  event.Position // of the record in the topic that it was written to
	Key       []byte
	Value     []byte
	Headers   []consumer.Header
	Rejection *event.Rejection
	At        event.Time // the watermark by which it was judged
}

// New makes the dead letter of a record, for a partition of the dead-letter topic. The record keeps its
// value and headers; its key moves to the header `key`, because the topic's key is the position (spec:
// outputs).
func New(topic string, partition int32, r *Rejected) sink.Message {
	position := row.DeadLetter{Topic: r.Position.Topic, Partition: int(r.Position.Partition), Offset: r.Position.Offset}
	m := sink.Message{
		Topic: topic, Partition: partition,
		Key: (*row.Encoder)(nil).DeadLetterKey(nil, &position), Value: bytes.Clone(r.Value), Time: time.Now().UnixNano(),
	}
	if m.Value == nil {
		m.Value = []byte{} // a tombstone would make the letter vanish where the topic is compacted
	}
	add := func(name string, value []byte) {
		m.Headers = append(m.Headers, sink.Header{Key: name, Value: value})
	}
	size := len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + 16
	}
	whole := size+len(r.Key) <= letterMax
	if whole || size-len(r.Value) <= letterCutTo {
		for _, h := range r.Headers {
			add(string(h.Key), bytes.Clone(h.Value))
		}
	} else {
		add("headers_dropped", strconv.AppendInt(nil, int64(len(r.Headers)), 10))
	}
	if !whole && len(r.Value) > letterCutTo {
		m.Value = m.Value[:letterCutTo:letterCutTo]
		add("value_sha256", digest(r.Value))
		add("value_bytes", strconv.AppendInt(nil, int64(len(r.Value)), 10))
	}
	if len(r.Key) > letterKeyMax {
		add("key_sha256", digest(r.Key))
	}
	add("key", bytes.Clone(r.Key[:min(len(r.Key), letterKeyMax)]))
	add("source_topic", []byte(r.Position.Topic))
	add("partition", strconv.AppendInt(nil, int64(r.Position.Partition), 10))
	add("offset", strconv.AppendInt(nil, r.Position.Offset, 10))
	add("reason", []byte(r.Rejection.Reason))
	add("detail", []byte(r.Rejection.Detail))
	add("at", r.At.AppendTo(nil))
	return m
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return hex.AppendEncode(nil, sum[:])
}
