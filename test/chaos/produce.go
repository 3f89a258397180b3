package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// producer writes the workload at a steady rate, whatever happens to the brokers: a record that waits
// for them holds nothing back but itself and those behind it.
type producer struct {
	client       *kgo.Client
	acknowledged atomic.Int64
	failed       atomic.Int64
	last         atomic.Pointer[error]
}

func newProducer(k *cluster) (*producer, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(k.direct()...), kgo.DefaultProduceTopic(sourceTopic), kgo.ProducerLinger(20*time.Millisecond),
		kgo.MaxBufferedRecords(1_000_000), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // as the Java client's
	)
	if err != nil {
		return nil, fmt.Errorf("producer: %w", err)
	}
	return &producer{client: client}, nil
}

// run produces every record in its turn, so many a second, and returns once all are acknowledged.
func (p *producer) run(ctx context.Context, o *options, all []record) error {
	begun := time.Now()
	for i, r := range all {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(o.rate))
		if wait := time.Until(due); wait > 5*time.Millisecond {
			if err := pause(ctx, wait); err != nil {
				return err
			}
		}
		p.client.Produce(ctx, &kgo.Record{Key: []byte(r.key), Value: r.value}, func(_ *kgo.Record, err error) {
			if err != nil {
				p.failed.Add(1)
				p.last.Store(&err)
				return
			}
			p.acknowledged.Add(1)
		})
	}
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("produce the events: %w", err)
	}
	if n := p.failed.Load(); n > 0 {
		return fmt.Errorf("%d events could not be produced, the last: %w", n, *p.last.Load())
	}
	return nil
}

func (p *producer) close() { p.client.Close() }

// readAll hands over every record of topics from their starts to their ends as of now, committed ones
// only, in the order of each partition.
func readAll(ctx context.Context, k *cluster, topics []string, take func(*kgo.Record) error) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(k.direct()...), kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(200*time.Millisecond), kgo.KeepControlRecords(),
	)
	if err != nil {
		return fmt.Errorf("read %v: %w", topics, err)
	}
	defer client.Close()
	ends, err := k.ends(ctx, topics)
	if err != nil {
		return err
	}
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read %v: %w; not read to the end: %v", topics, err, ends)
		}
		var failed error
		fetches.EachError(func(topic string, partition int32, err error) {
			if !errors.Is(err, context.DeadlineExceeded) {
				failed = errors.Join(failed, fmt.Errorf("read %s/%d: %w", topic, partition, err))
			}
		})
		if failed != nil {
			return failed
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			at := place{p.Topic, p.Partition}
			for _, r := range p.Records {
				if !r.Attrs.IsControl() && failed == nil {
					failed = take(r)
				}
				if r.Offset+1 >= ends[at] {
					delete(ends, at)
				}
			}
			if p.LogStartOffset >= ends[at] { // all of it was deleted or compacted away
				delete(ends, at)
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// place is a partition.
type place struct {
	topic     string
	partition int32
}
