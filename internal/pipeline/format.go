package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/row"
	"processor/internal/row/wire"
	"processor/internal/sink"
)

// Format is the form in which rows leave for their readers. Everything here makes and compares rows as JSON:
// they become the other form on their way out, and what a start reads back becomes the very JSON again. What
// is no row for readers (the partials, the state, dead letters, copies of events) has no other form.
type Format interface {
	// Open is called before anything is sent. It waits for what it needs for as long as ctx lasts.
	Open(ctx context.Context) error
	// Encode and Decode are safe for use by several goroutines. A nil value is a tombstone and stays one.
	Encode(topic row.Topic, key, value []byte) (k, v []byte, err error)
	Decode(ctx context.Context, topic row.Topic, key, value []byte) (k, v []byte, err error)
}

// FormatJSON are rows as they are made.
type FormatJSON struct{}

// Open needs nothing.
func (FormatJSON) Open(context.Context) error { return nil }

// Encode leaves rows as they are.
func (FormatJSON) Encode(_ row.Topic, key, value []byte) (k, v []byte, err error) {
	return key, value, nil
}

// Decode refuses what is no JSON of this program: taken for it, it would seem to say nothing.
func (FormatJSON) Decode(_ context.Context, topic row.Topic, key, value []byte) (k, v []byte, err error) {
	if !topic.IsOfRows() {
		return key, value, nil
	}
	return key, value, wire.Plain{}.Check(key, value)
}

// FormatConnect are rows for Connect's JsonConverter.
type FormatConnect struct{ *wire.Connect }

// Open needs nothing.
func (FormatConnect) Open(context.Context) error { return nil }

// Decode reads rows back.
func (f FormatConnect) Decode(_ context.Context, topic row.Topic, key, value []byte) (k, v []byte, err error) {
	return f.Connect.Decode(topic, key, value)
}

// form is a format and the prefix of the topics that have it.
type form struct {
	prefix string
	Format
}

// rowsOf is the output whose rows a topic has; of is false for every other topic.
func (f form) rowsOf(topic string) (output row.Topic, of bool) {
	name, own := strings.CutPrefix(topic, f.prefix)
	output = row.Topic(name)
	return output, own && output.IsOfRows()
}

// formattedLogs reads rows back as JSON, whatever their form is.
type formattedLogs struct {
	logs
	form form
}

// Read calls fn with the rows of an output as JSON, and with the records of every other topic as they are.
func (l formattedLogs) Read(ctx context.Context, tp broker.TopicPartition, from int64, fn func(*consumer.Record) error) (int64, error) {
	topic, ofRows := l.form.rowsOf(tp.Topic)
	if !ofRows {
		return l.logs.Read(ctx, tp, from, fn)
	}
	return l.logs.Read(ctx, tp, from, func(r *consumer.Record) error {
		key, value, err := l.form.Decode(ctx, topic, r.Key, r.Value)
		if errors.Is(err, wire.ErrForm) {
			return fmt.Errorf("%w: the row at %s offset %d is not in output.format: %w; the rows of a topic have one format: "+
				"say the former one, or let the service begin anew under another output.prefix, group and checkpoint (docs/how-to/warehouse.md)",
				ErrRefused, tp, r.Offset, err)
		}
		if err != nil {
			return fmt.Errorf("the row at %s offset %d: %w", tp, r.Offset, err)
		}
		one := *r
		one.Key, one.Value = key, value
		return fn(&one)
	})
}

// formattedOutlet sends rows in another form.
type formattedOutlet struct {
	outlet
	form form
}

// ownedFormattedOutlet is one that somebody else can take.
type ownedFormattedOutlet struct {
	formattedOutlet
	ownedOutlet
}

// outlet lets an outlet send rows in the form.
func (f form) outlet(out outlet) outlet {
	formatted := formattedOutlet{out, f}
	if owned, ok := out.(ownedOutlet); ok {
		return ownedFormattedOutlet{formatted, owned}
	}
	return formatted
}

// Send sends the rows among the messages in their form. The messages themselves stay as they are: they may be
// sent again.
func (f formattedOutlet) Send(ctx context.Context, messages []sink.Message) (map[broker.TopicPartition]int64, error) {
	made := make([]sink.Message, len(messages))
	for i := range messages {
		made[i] = messages[i]
		topic, ofRows := f.form.rowsOf(made[i].Topic)
		if !ofRows {
			continue
		}
		var err error
		if made[i].Key, made[i].Value, err = f.form.Encode(topic, messages[i].Key, messages[i].Value); err != nil {
			return nil, fmt.Errorf("a row of %s: %w", made[i].Topic, err)
		}
	}
	return f.outlet.Send(ctx, made)
}
