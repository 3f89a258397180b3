package intake

import (
	"strconv"

	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/sink"
)

// The headers that intake adds behind those of a record, always all of them and in this order. A mark
// has no value and no key, and headerSeen in place of the first two.
const (
	headerKey       = "origin_key"         // null: the same as the copy's; empty: the record had none
	headerReceived  = "origin_received_at" // the broker's append time; empty: its topic has none
	headerSeen      = "origin_seen"
	headerTopic     = "origin_topic"
	headerPartition = "origin_partition"
	headerOffset    = "origin_offset" // of a mark: the position
)

const (
	copyHeaders = 5
	markHeaders = 4
)

// Origin is where a copied record was written first, or what a mark says about a source partition. Its
// slices are those of the record.
type Origin struct {
	Topic     []byte
	Partition int32
	Offset    int64
	Received  event.Time // NoTime: by the append time of the copy
	Key       []byte     // of the record as it was written

	// IsMark says that this is no copy. It tells each partition of the copies how far a source
	// partition is: Seen is the largest min(time, append time) of its records up to Offset.
	IsMark bool
	Seen   event.Time
}

// OriginOf reads what intake added to a record, and gives the headers that the record had before. ok is
// false for a record that intake did not write.
func OriginOf(r *consumer.Record) (o Origin, headers []consumer.Header, ok bool) {
	n := len(r.Headers)
	if n < markHeaders {
		return o, r.Headers, false
	}
	last := r.Headers[n-3:]
	if string(last[0].Key) != headerTopic || string(last[1].Key) != headerPartition || string(last[2].Key) != headerOffset {
		return o, r.Headers, false
	}
	partition, errPartition := strconv.ParseInt(string(last[1].Value), 10, 32)
	offset, errOffset := strconv.ParseInt(string(last[2].Value), 10, 64)
	if errPartition != nil || errOffset != nil {
		return o, r.Headers, false
	}
	o = Origin{Topic: last[0].Value, Partition: int32(partition), Offset: offset, Received: event.NoTime, Key: r.Key}
	before := r.Headers[n-4]
	switch {
	case string(before.Key) == headerSeen && n == markHeaders:
		o.IsMark = true
		o.Seen, ok = event.ParseTime(before.Value)
		return o, nil, ok
	case string(before.Key) != headerReceived || n < copyHeaders || string(r.Headers[n-5].Key) != headerKey:
		return o, r.Headers, false
	}
	if len(before.Value) > 0 {
		if o.Received, ok = event.ParseTime(before.Value); !ok {
			return o, r.Headers, false
		}
	}
	if key := r.Headers[n-5].Value; key != nil {
		o.Key = key
	}
	return o, r.Headers[:n-copyHeaders], true
}

// source is what a lane writes into the headers of all its records.
type source struct{ topic, partition []byte }

// headers appends where a record is from.
func (s *source) headers(dst []sink.Header, key, received, offset []byte) []sink.Header {
	return append(dst,
		sink.Header{Key: headerKey, Value: key}, sink.Header{Key: headerReceived, Value: received},
		sink.Header{Key: headerTopic, Value: s.topic}, sink.Header{Key: headerPartition, Value: s.partition},
		sink.Header{Key: headerOffset, Value: offset})
}

// mark is a mark for one partition of the copies.
func (s *source) mark(events string, partition int, seen event.Time, position, now int64) sink.Message {
	return sink.Message{
		Topic: events, Partition: int32(partition), Time: now, //nolint:gosec // a partition
		Value: []byte{}, // a tombstone would read as a deletion
		Headers: []sink.Header{
			{Key: headerSeen, Value: seen.AppendTo(nil)},
			{Key: headerTopic, Value: s.topic},
			{Key: headerPartition, Value: s.partition},
			{Key: headerOffset, Value: strconv.AppendInt(nil, position, 10)},
		},
	}
}
