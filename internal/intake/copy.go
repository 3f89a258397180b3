package intake

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/letter"
	"processor/internal/sink"
)

// futureMax is how far an event may be ahead of its append time (spec: rules 10.2). Intake rejects none
// for that, but lets none move what the marks say.
const futureMax = event.Time(24 * time.Hour)

// markEvery is the step in which the marks of a partition move: what they are for is counted in days.
const markEvery = event.Time(time.Minute)

// draft is what becomes of one batch: the messages of its transaction, and what is counted once that is
// decided. Its memory is used again for the next batch.
type draft struct {
	source   source
	format   []byte // of a source that is not native
	messages []sink.Message
	headers  []sink.Header
	numbers  []byte // texts of offsets and times
	names    map[string]string
	read     []event.Header
	count    Count
	place    place
	appended event.Time
}

func (d *draft) prepare(tp consumer.TopicPartition) {
	d.source = source{topic: []byte(tp.Topic), partition: strconv.AppendInt(nil, int64(tp.Partition), 10)}
	d.names = map[string]string{}
}

// namesMax bounds the names of headers that are remembered.
const namesMax = 64

// name is a header's name as a string, without a copy for one that was seen before.
func (d *draft) name(b []byte) string {
	if name, ok := d.names[string(b)]; ok {
		return name
	}
	name := string(b)
	if len(d.names) < namesMax && len(name) <= namesMax {
		d.names[name] = name
	}
	return name
}

// write drafts the transaction of a batch, without its marks. The error is that of a decoder that cannot
// ask for something now: nothing is decided then.
func (l *lane) write(ctx context.Context, b *consumer.Batch, now time.Time) error {
	d := &l.draft
	d.messages, d.headers, d.numbers = d.messages[:0], d.headers[:0], d.numbers[:0]
	d.count = Count{TopicPartition: l.TopicPartition, Skipped: b.Skipped, Rejected: map[event.Reason]int64{}}
	d.place, d.appended = l.place, l.appended
	for i := range b.Records {
		if err := l.writeRecord(ctx, &b.Records[i], event.At(now)); err != nil {
			return err
		}
	}
	if len(b.Records) > 0 {
		d.place.At = now.Unix()
	}
	if b.Last != (consumer.Mark{}) {
		d.place.setMark(b.Last)
	}
	d.place.TopicID, d.place.CopyID = idOf(l.identity), idOf(l.copies)
	return nil
}

// writeRecord drafts what becomes of one record: its copy or, in other formats, the events that it is; or
// its dead letter.
func (l *lane) writeRecord(ctx context.Context, r *consumer.Record, now event.Time) error {
	d := &l.draft
	d.read = d.read[:0]
	size := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		d.read = append(d.read, event.Header{Key: d.name(h.Key), Value: h.Value})
		size += len(h.Key) + len(h.Value) + 16
	}
	d.appended = event.Time(r.Time)
	if l.foreign != nil {
		return l.writeForeign(ctx, r, now)
	}
	e, rejection := l.decoder.Decode(r.Value, d.read)
	if e != nil && size > l.options.Decoder.MaxBytes+room {
		rejection = &event.Rejection{Reason: event.ReasonTooLarge, Detail: "headers"}
	}
	switch {
	case rejection != nil:
		l.writeLetter(r, rejection)
	case e == nil:
		d.count.Ignored++
	default:
		d.count.Copied++
		l.writeCopy(r, e, r.Value, d.read, now)
	}
	return nil
}

// writeLetter drafts the dead letter of a record.
func (l *lane) writeLetter(r *consumer.Record, rejection *event.Rejection) {
	d := &l.draft
	d.count.Rejected[rejection.Reason]++
	d.messages = append(d.messages, letter.New(l.options.DeadLetters, l.Partition%int32(l.options.DeadLetterPartitions), &letter.Rejected{ //nolint:gosec // partitions
		Position: event.Position{Topic: l.Topic, Partition: l.Partition, Offset: r.Offset},
		Key:      r.Key, Value: r.Value, Headers: r.Headers, Rejection: rejection, At: l.complete(d.place.Seen),
	}))
}

// writeCopy drafts the copy of a record, or of one event that it holds, under its account's key.
func (l *lane) writeCopy(r *consumer.Record, e *event.Event, value []byte, headers []event.Header, now event.Time) {
	d := &l.draft
	d.count.Events++
	received, text := now, d.number(func(dst []byte) []byte { return dst })
	if r.Append {
		received = event.Time(r.Time)
		text = d.number(received.AppendTo)
	}
	if e.Time <= received+futureMax {
		d.place.Seen = max(d.place.Seen, min(e.Time, received))
	}
	subject := []byte(e.Subject)
	key := r.Key // null where it is the copy's
	switch {
	case bytes.Equal(key, subject):
		key = nil
	case key == nil:
		key = []byte{}
	}
	first := len(d.headers)
	for _, h := range headers {
		d.headers = append(d.headers, sink.Header{Key: h.Key, Value: h.Value})
	}
	offset := d.number(func(dst []byte) []byte { return strconv.AppendInt(dst, r.Offset, 10) })
	d.headers = d.source.headers(d.headers, key, text, offset)
	d.messages = append(d.messages, sink.Message{
		Topic: l.options.Events, Partition: int32(sink.Partition(subject, l.options.Partitions)), //nolint:gosec // a partition
		Key: subject, Value: value, Headers: d.headers[first:len(d.headers):len(d.headers)], Time: r.Time,
	})
}

// number is a short text in the draft's memory.
func (d *draft) number(appendTo func(dst []byte) []byte) []byte {
	first := len(d.numbers)
	d.numbers = appendTo(d.numbers)
	return d.numbers[first:len(d.numbers):len(d.numbers)]
}

// complete is up to when the partition is complete by what it has seen.
func (l *lane) complete(seen event.Time) event.Time {
	if seen == event.NoTime {
		return 0
	}
	return max(seen-event.Time(l.options.Lateness), 0)
}

// writeMarks tells every partition of the copies how far this one is, once it has moved by a step: most
// of them seldom get a record from here, and must not wait for one. They stand behind the copies.
func (l *lane) writeMarks(position int64, now time.Time) {
	d := &l.draft
	if d.place.Seen == event.NoTime || l.told != event.NoTime && d.place.Seen/markEvery <= l.told/markEvery {
		return
	}
	for partition := range l.options.Partitions {
		d.messages = append(d.messages, d.source.mark(l.options.Events, partition, d.place.Seen, position, now.UnixNano()))
	}
	d.count.Marks = int64(l.options.Partitions)
}
