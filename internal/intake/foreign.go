package intake

import (
	"context"
	"errors"
	"fmt"

	"processor/internal/consumer"
	"processor/internal/event"
)

// HeaderFormat is the header of a copy that is not the record itself but an event that it held: it names
// the format of the source. The record's own headers are left out, as they are about its own form.
const HeaderFormat = "decoded_from"

// eventsMax bounds the events of one record.
const eventsMax = 1000

// writeForeign drafts the events that a record in another format holds: all of them, or none and a dead
// letter of the record as it was.
func (l *lane) writeForeign(ctx context.Context, r *consumer.Record, now event.Time) error {
	d := &l.draft
	events, rejection, err := l.foreign.Decode(ctx, &event.Record{
		Key: r.Key, Value: r.Value, Headers: d.read,
		Position: event.Position{Topic: l.Topic, Partition: l.Partition, Offset: r.Offset},
	})
	if err != nil {
		return fmt.Errorf("decode %s offset %d: %w", l.TopicPartition, r.Offset, err)
	}
	if len(events) > eventsMax {
		rejection = &event.Rejection{Reason: event.ReasonTooLarge, Detail: "events"}
	}
	switch {
	case rejection != nil:
		l.writeLetter(r, rejection)
	case len(events) == 0:
		d.count.Ignored++
	default:
		d.count.Copied++
		headers := []event.Header{{Key: HeaderFormat, Value: d.format}}
		for _, e := range events {
			l.writeCopy(r, e, e.AppendNative(nil), headers, now)
		}
	}
	return nil
}

// wait leaves what was fetched for a later round. Nothing of it is decided, so it is fetched again.
func (l *lane) wait(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	if l.waits == nil {
		l.options.Logger.WarnContext(ctx, "records of a source cannot be decoded now; they wait, and are tried again", "topic", l.Topic, "partition", l.Partition, "error", err)
	}
	l.waits = err
	l.options.Observe(Count{TopicPartition: l.TopicPartition, Next: l.Next, End: l.end, Appended: l.appended})
	return nil
}
