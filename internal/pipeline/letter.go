package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

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

// letter makes the dead letter of a record. The record keeps its value and headers; its key moves
// to the header `key`, because the topic's key is the position (spec: outputs).
func (s *shard) letter(src *source, r *consumer.Record, rejection *event.Rejection) sink.Message {
	position := row.DeadLetter{Topic: src.Topic, Partition: int(src.Partition), Offset: r.Offset}
	m := sink.Message{
		Topic: s.options.topic(row.TopicDeadLetters), Partition: src.Partition,
		Key: s.encoder.DeadLetterKey(nil, &position), Value: bytes.Clone(r.Value), Time: s.options.schedule.Now().UnixNano(),
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
	add("source_topic", []byte(src.Topic))
	add("partition", strconv.AppendInt(nil, int64(src.Partition), 10))
	add("offset", strconv.AppendInt(nil, r.Offset, 10))
	add("reason", []byte(rejection.Reason))
	add("detail", []byte(rejection.Detail))
	add("at", s.state.Watermark().AppendTo(nil))
	return m
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return hex.AppendEncode(nil, sum[:])
}
