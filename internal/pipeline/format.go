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
	if !isForReaders(topic) {
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

// isForReaders says whether a topic has rows of a table as its records.
func isForReaders(topic row.Topic) bool {
	switch topic {
	case row.TopicMovements, row.TopicAccounts, row.TopicAccountMonths, row.TopicMetrics, row.TopicVintage, row.TopicSignals,
		row.TopicSignalMetrics, row.TopicAlerts, row.TopicProgress:
		return true
	case row.TopicDeadLetters, row.TopicPartials, row.TopicState, row.TopicEvents, row.TopicIntake:
		return false
	}
	return false
}

// formattedLogs reads rows back as JSON, whatever their form is.
type formattedLogs struct {
	logs
	options *Options
	format  Format
}

// Read calls fn with the rows of an output as JSON, and with the records of every other topic as they are.
func (l formattedLogs) Read(ctx context.Context, tp broker.TopicPartition, from int64, fn func(*consumer.Record) error) (int64, error) {
	topic, own := l.options.outputOf(tp.Topic)
	if !own || !isForReaders(topic) {
		return l.logs.Read(ctx, tp, from, fn)
	}
	return l.logs.Read(ctx, tp, from, func(r *consumer.Record) error {
		key, value, err := l.format.Decode(ctx, topic, r.Key, r.Value)
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

// outputOf is the output that a topic is.
func (o *Options) outputOf(topic string) (row.Topic, bool) {
	name, own := strings.CutPrefix(topic, o.Prefix)
	return row.Topic(name), own
}

// formattedOutlet sends rows in another form.
type formattedOutlet struct {
	outlet
	options *Options
	format  Format
}

// ownedFormattedOutlet is one that somebody else can take.
type ownedFormattedOutlet struct {
	formattedOutlet
	ownedOutlet
}

// formatted lets an outlet send rows in a form.
func (o *Options) formatted(out outlet) outlet {
	f := formattedOutlet{out, o, o.Format}
	if owned, ok := out.(ownedOutlet); ok {
		return ownedFormattedOutlet{f, owned}
	}
	return f
}

// Send sends the rows among the messages in their form. The messages themselves stay as they are: they may be
// sent again.
func (f formattedOutlet) Send(ctx context.Context, messages []sink.Message) (map[broker.TopicPartition]int64, error) {
	made := make([]sink.Message, len(messages))
	for i := range messages {
		made[i] = messages[i]
		topic, own := f.options.outputOf(made[i].Topic)
		if !own || !isForReaders(topic) {
			continue
		}
		var err error
		if made[i].Key, made[i].Value, err = f.format.Encode(topic, messages[i].Key, messages[i].Value); err != nil {
			return nil, fmt.Errorf("a row of %s: %w", made[i].Topic, err)
		}
	}
	return f.outlet.Send(ctx, made)
}
