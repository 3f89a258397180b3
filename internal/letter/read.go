package letter

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/sink"
)

// Letter is a dead letter that was read back.
type Letter struct {
	Partition int32 // of the dead-letter topic
	Offset    int64
	Stored    time.Time // when it was written there

	Position event.Position // of the record
	Reason   event.Reason
	Detail   string
	At       string // the watermark by which it was judged, as it is written

	Key, Value []byte
	Headers    []sink.Header

	Cut string // what of the record the letter does not hold; "" when it holds everything
}

// ErrNoLetter means that a record of the dead-letter topic is not one of this program's letters.
var ErrNoLetter = errors.New("not a dead letter of this program")

// own are the headers with which every letter ends, in their order. A record may have had headers of these
// names: only the last ones are the letter's.
var own = [...]string{"key", "source_topic", "partition", "offset", "reason", "detail", "at"}

// Read reads a letter back. The letter shares nothing with the record.
func Read(partition int32, r *consumer.Record) (*Letter, error) {
	rest := len(r.Headers) - len(own)
	if rest < 0 || r.Value == nil {
		return nil, ErrNoLetter
	}
	tail := r.Headers[rest:]
	for i, name := range own {
		if string(tail[i].Key) != name {
			return nil, ErrNoLetter
		}
	}
	number, err := strconv.ParseInt(string(tail[2].Value), 10, 32)
	offset, offsetErr := strconv.ParseInt(string(tail[3].Value), 10, 64)
	if err != nil || offsetErr != nil {
		return nil, fmt.Errorf("%w: its position is %q/%q/%q", ErrNoLetter, tail[1].Value, tail[2].Value, tail[3].Value)
	}
	l := &Letter{
		Partition: partition, Offset: r.Offset, Stored: time.Unix(0, r.Time).UTC(),
		Position: event.Position{Topic: string(tail[1].Value), Partition: int32(number), Offset: offset},
		Reason:   event.Reason(tail[4].Value), Detail: string(tail[5].Value), At: string(tail[6].Value),
		Key: bytes.Clone(tail[0].Value), Value: bytes.Clone(r.Value),
	}
	for _, h := range l.cut(r.Headers[:rest]) {
		l.Headers = append(l.Headers, sink.Header{Key: string(h.Key), Value: bytes.Clone(h.Value)})
	}
	return l, nil
}

// cut takes away the headers that say what is missing, and notes it. They count only where the letter has
// the size at which something is cut: a record's own headers may have these names.
func (l *Letter) cut(headers []consumer.Header) []consumer.Header {
	last := func(names ...string) bool {
		at := len(headers) - len(names)
		for i, name := range names {
			if at < 0 || string(headers[at+i].Key) != name {
				return false
			}
		}
		return true
	}
	if len(l.Key) == letterKeyMax && last("key_sha256") {
		l.Cut, headers = "key", headers[:len(headers)-1]
	}
	if len(l.Value) == letterCutTo && last("value_sha256", "value_bytes") {
		l.Cut, headers = "value", headers[:len(headers)-2]
	}
	if len(headers) == 1 && last("headers_dropped") {
		l.Cut, headers = "headers", nil
	}
	return headers
}

// redrivenHeader is the only header of the record that says of a position that it was sent back.
const redrivenHeader = "redriven"

// mark is that record. It has the letter's key and partition, so that it outlives the letter: retention drops
// what was written first.
func mark(topic string, l *Letter, key []byte, at time.Time) sink.Message {
	return sink.Message{
		Topic: topic, Partition: l.Partition, Key: key, Value: []byte{}, Time: at.UnixNano(),
		Headers: []sink.Header{{Key: redrivenHeader, Value: at.UTC().AppendFormat(nil, time.RFC3339)}},
	}
}

func isMark(r *consumer.Record) bool {
	return len(r.Headers) == 1 && string(r.Headers[0].Key) == redrivenHeader && len(r.Value) == 0
}
