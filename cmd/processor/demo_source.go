package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/sink"
)

// demoSource is where the demo's events come from.
type demoSource struct {
	title   string
	records iter.Seq2[company.Record, error]
	close   func()
}

// demoMonths is how long the made-up company lives: longer than a year, so that it has retention over one.
const demoMonths = 15

// openDemoSource prepares the made-up company or the file.
func openDemoSource(flags demoFlags) (*demoSource, error) {
	if flags.rate < 0 {
		return nil, usagef("--rate must not be negative, not %d", flags.rate)
	}
	if flags.file != "" {
		return openDemoFile(flags.file)
	}
	o := company.Defaults()
	o.Seed, o.Events, o.Accounts, o.Standstill = flags.seed, flags.events, flags.accounts, true
	o.Start = event.At(o.End.UTC().AddDate(0, -demoMonths, 0))
	if flags.events < 1 {
		return nil, usagef("--events must be at least 1, not %d", flags.events)
	}
	if flags.accounts == 0 {
		o.Accounts = max(10, flags.events/50)
	}
	c, err := company.New(o)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	records := func(yield func(company.Record, error) bool) {
		for rec := range c.Records() {
			if !yield(rec, nil) {
				return
			}
		}
	}
	return &demoSource{title: fmt.Sprintf("a made-up company, seed %d", o.Seed), records: records, close: func() {}}, nil
}

// openDemoFile reads native events, one to a line.
func openDemoFile(name string) (*demoSource, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	records := func(yield func(company.Record, error) bool) {
		decoder := event.NewDecoder(event.Options{})
		lines := bufio.NewReaderSize(file, 1<<20)
		for {
			line, err := lines.ReadBytes('\n')
			if len(line) > 0 && !yield(fileRecord(decoder, bytes.TrimRight(line, "\r\n")), nil) {
				return
			}
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(company.Record{}, fmt.Errorf("read %s: %w", name, err))
				return
			}
		}
	}
	return &demoSource{title: name, records: records, close: func() { _ = file.Close() }}, nil
}

// fileRecord keys a line by its account. A line that is no event goes its way to the dead letters.
func fileRecord(decoder *event.Decoder, line []byte) company.Record {
	rec := company.Record{Value: line}
	if e, _ := decoder.Decode(line, nil); e != nil {
		rec.Key, rec.Time = []byte(e.Subject), e.Time
	}
	return rec
}

// feed writes the events into the source topic, at the wanted rate, until the last one or the end
// of ctx, which is no error: the demo then closes with what there is.
func (d *demo) feed(ctx context.Context) error {
	producer, err := sink.NewProducer(d.cluster, sink.ProducerOptions{Compression: sink.LZ4})
	if err != nil {
		return err
	}
	to := &topic{producer: producer, name: demoTopic, partitions: demoPartitions}
	every := flushRecords
	if d.flags.rate > 0 {
		every = min(max(d.flags.rate/20, 1), flushRecords)
	}
	begun, taken, latest := time.Now(), int64(0), event.Time(0)
	flush := func() error {
		if len(to.waiting) == 0 {
			return nil
		}
		if err := to.flush(context.WithoutCancel(ctx)); err != nil {
			return fmt.Errorf("write events: %w", err)
		}
		d.clock.advance(taken, latest)
		return nil
	}
	for rec, err := range d.source.records {
		if err != nil {
			return err
		}
		if err := to.add(rec); err != nil {
			return err
		}
		taken++
		if rec.Time <= event.At(begun)+event.Time(24*time.Hour) { // later ones are rejected
			latest = max(latest, rec.Time)
		}
		if taken%int64(every) != 0 {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		if d.flags.rate > 0 && waitUntil(ctx, begun.Add(time.Duration(taken)*time.Second/time.Duration(d.flags.rate))) != nil {
			return nil
		}
	}
	return flush()
}

// demoClock is the demo's time: as far as the events that were sent. So the figures depend on the
// events alone, and a year passes in a minute.
type demoClock struct {
	mu      sync.Mutex
	records int64
	latest  event.Time
	done    bool
}

// advance notes how many records were sent and the largest time among them.
func (c *demoClock) advance(records int64, latest event.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.records, c.latest = records, latest
}

// finish lets the last minute pass, so that the watermark reaches the last event.
func (c *demoClock) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = true
}

// now is the clock that the service reads: the idle partitions' watermark follows it, less the
// lateness.
func (c *demoClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.latest.UTC()
	if c.done {
		at = at.Add(time.Minute - time.Nanosecond).Truncate(time.Minute)
	}
	return at.Add(demoLateness)
}

func (c *demoClock) sent() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.records
}

func (c *demoClock) last() event.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latest
}
