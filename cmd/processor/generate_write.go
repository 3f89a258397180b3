package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"processor/internal/broker"
	"processor/internal/company"
	"processor/internal/sink"
)

// target takes generated records. What add got is written at the latest by the next flush.
type target interface {
	add(company.Record) error
	flush(context.Context) error
}

// flushRecords is how many records are written at once when nothing slows them down.
const flushRecords = 5000

// generate sends the company's records to the target that the flags name.
func generate(cmd *cobra.Command, o company.Options, f generateFlags) error {
	c, err := company.New(o)
	if err != nil {
		return withCode(exitUsage, err)
	}
	to, done, err := openTarget(cmd, f)
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	shown := newGenerateProgress(cmd, f, o.Events)
	sent, err := pump(cmd.Context(), c, to, f.rate, shown)
	shown.end()
	if closeErr := done(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("generate: stopped after %d records: %w", sent, err)
	}
	return nil
}

// pump moves all records, at a rate when it is above 0, and returns how many were written.
func pump(ctx context.Context, c *company.Company, to target, rate int, shown *generateProgress) (int, error) {
	every := flushRecords
	if rate > 0 { // twenty flushes a second look like a steady stream
		every = min(max(rate/20, 1), flushRecords)
	}
	begun := time.Now()
	taken, sent := 0, 0
	flush := func() error {
		if err := to.flush(ctx); err != nil {
			return err
		}
		sent = taken
		shown.at(sent)
		if rate == 0 {
			return ctx.Err()
		}
		return waitUntil(ctx, begun.Add(time.Duration(sent)*time.Second/time.Duration(rate)))
	}
	for rec := range c.Records() {
		if err := to.add(rec); err != nil {
			return sent, err
		}
		if taken++; taken%every == 0 {
			if err := flush(); err != nil {
				return sent, err
			}
		}
	}
	if taken > sent {
		if err := to.flush(ctx); err != nil {
			return sent, err
		}
	}
	return taken, nil
}

// waitUntil waits for an instant or for the operator's wish to stop.
func waitUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return ctx.Err()
	}
}

// openTarget opens the file or topic; done closes it.
func openTarget(cmd *cobra.Command, f generateFlags) (to target, done func() error, err error) {
	if f.topic != "" {
		return openTopic(cmd.Context(), f)
	}
	if f.output == "-" {
		return newLines(cmd.OutOrStdout()), func() error { return nil }, nil
	}
	file, err := os.Create(f.output)
	if err != nil {
		return nil, nil, err
	}
	return newLines(file), file.Close, nil
}

// lines writes records as NDJSON.
type lines struct {
	w *bufio.Writer
}

func newLines(w io.Writer) *lines {
	return &lines{w: bufio.NewWriterSize(w, 1<<20)}
}

func (l *lines) add(rec company.Record) error {
	if _, err := l.w.Write(rec.Value); err != nil {
		return err
	}
	return l.w.WriteByte('\n')
}

func (l *lines) flush(context.Context) error { return l.w.Flush() }

// topic writes records into a Kafka topic, each to the partition of its account.
type topic struct {
	producer   *sink.Producer
	name       string
	partitions int
	waiting    []sink.Message
	bytes      []byte // of the waiting messages: records are valid only until the next one
}

func openTopic(ctx context.Context, f generateFlags) (to target, done func() error, err error) {
	cluster, err := broker.New(broker.Options{Brokers: f.brokers, ClientID: "processor-generate"})
	if err != nil {
		return nil, nil, withCode(exitUsage, err)
	}
	defer func() {
		if err != nil {
			cluster.Close()
		}
	}()
	spec := sink.TopicSpec{
		Name: f.topic, Partitions: f.partitions, Create: true,
		// The watermark trusts the broker's append time before the events' own (rules 10.1).
		Configs: map[string]string{"message.timestamp.type": "LogAppendTime"},
	}
	if err := sink.EnsureTopics(ctx, cluster, []sink.TopicSpec{spec}); err != nil {
		return nil, nil, err
	}
	found, err := cluster.Topics(ctx, f.topic)
	if err != nil {
		return nil, nil, err
	}
	producer, err := sink.NewProducer(cluster, sink.ProducerOptions{Compression: sink.LZ4})
	if err != nil {
		return nil, nil, err
	}
	t := &topic{producer: producer, name: f.topic, partitions: len(found[f.topic].Partitions)}
	return t, func() error { cluster.Close(); return nil }, nil
}

func (t *topic) add(rec company.Record) error {
	from := len(t.bytes)
	t.bytes = append(append(t.bytes, rec.Key...), rec.Value...)
	mid, end := from+len(rec.Key), len(t.bytes)
	t.waiting = append(t.waiting, sink.Message{
		Topic:     t.name,
		Partition: int32(sink.Partition(rec.Key, t.partitions)),
		Key:       t.bytes[from:mid:mid],
		Value:     t.bytes[mid:end:end],
		Time:      time.Now().UnixNano(),
	})
	return nil
}

func (t *topic) flush(ctx context.Context) error {
	_, err := t.producer.Send(ctx, t.waiting)
	t.waiting, t.bytes = t.waiting[:0], t.bytes[:0]
	return err
}
