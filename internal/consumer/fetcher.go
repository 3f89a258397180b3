// Package consumer is the only reader of Kafka: group membership, fetching and the filter in front
// of every decoder. It hands out committed records only: control markers and records of aborted
// transactions never leave it, checksums are verified, and a position never skips over offsets
// that retention took away. It must never decide what a record means, and never keep a position
// of its own: the caller says where to read, because the checkpoint is the authority.
//
// kafka-go's Reader is not used: it delivers aborted records and control markers, does not verify
// checksums, and jumps over expired offsets without an error.
package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"processor/internal/broker"
)

// TopicPartition names one partition.
type TopicPartition = broker.TopicPartition

// Position is where to read: Next is the offset of the first record that is wanted. With an Until,
// batches that begin there or behind it are left unread; 0 is none.
type Position struct {
	TopicPartition
	Next  int64
	Until int64
}

// Header is one header of a record.
type Header struct {
	Key   []byte
	Value []byte
}

// Record is one committed record. Its byte slices are shared with the fetcher: see Fetcher.Fetch.
type Record struct {
	Offset  int64
	Time    int64 // nanoseconds since 1970: the broker's append time if Append, else the producer's
	Append  bool  // Time was set by the broker (message.timestamp.type=LogAppendTime)
	Key     []byte
	Value   []byte // nil is a tombstone; an empty value is not nil
	Headers []Header
}

// Batch is what one call of Fetch read of one partition. After an error Next is still right: it
// is the position in front of what could not be read.
type Batch struct {
	TopicPartition
	Records       []Record
	Next          int64 // the position to ask for next, past control and aborted records
	HighWatermark int64 // the offset after the last replicated record
	LastStable    int64 // the offset of the first record that may still be aborted: the end for us
	LogStart      int64 // the first offset that the log still holds, -1 if unknown
	Skipped       int64 // control markers and records of aborted transactions that were left out
	Last          Mark  // of the last batch in front of Next; zero when this fetch moved past none

	// Err is *ErrGap, *ErrCorrupt, *ErrTooLarge, *ErrUnavailable, or another refusal by the broker
	// (authorisation). It concerns this partition only.
	Err error

	until int64 // of the Position
	first Mark  // of the first batch that holds the asked offset or comes behind it
}

// FetcherOptions bounds a Fetcher. Zero values mean the defaults.
type FetcherOptions struct {
	MaxBytes          int32         // per request to one broker; default 8 MiB
	PartitionMaxBytes int32         // per partition of a request; default 1 MiB
	MaxWait           time.Duration // how long a broker may wait for the first record; default 100 ms
	MaxUnpacked       int           // what one batch may decompress to; default 64 MiB
	RetryFor          time.Duration // how long trouble of a partition is retried silently; default 60 s
}

func (o FetcherOptions) withDefaults() FetcherOptions {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 8 << 20
	}
	if o.PartitionMaxBytes <= 0 {
		o.PartitionMaxBytes = 1 << 20
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 100 * time.Millisecond
	}
	if o.MaxUnpacked <= 0 {
		o.MaxUnpacked = 64 << 20
	}
	if o.RetryFor <= 0 {
		o.RetryFor = time.Minute
	}
	return o
}

// Fetcher reads batches of records from the leaders of the asked partitions. One goroutine uses
// it at a time. Memory per broker: at most MaxBytes (or one larger batch, up to MaxUnpacked more) as
// sent, and less than twice MaxUnpacked of decompressed records.
type Fetcher struct {
	cluster *broker.Cluster
	options FetcherOptions
	lanes   map[TopicPartition]*lane
	turn    int       // rotates the partitions of a request, so that none starves behind MaxBytes
	free    []*answer // memory to reuse
	lent    []*answer // memory that the caller's records point into until the next Fetch
	batches []Batch
}

// lane is the trouble that one partition had lately.
type lane struct {
	since     time.Time // of the first failure of the current row
	notBefore time.Time
	failures  int
	cause     error
	corrupt   int // answers in a row that could not be read
}

// corruptRetries is how often a broken batch is fetched again before it is believed to be broken
// in the log and not on the wire.
const corruptRetries = 3

// NewFetcher prepares a fetcher. It does no I/O.
func NewFetcher(c *broker.Cluster, o FetcherOptions) *Fetcher {
	return &Fetcher{cluster: c, options: o.withDefaults(), lanes: map[TopicPartition]*lane{}}
}

// Fetch reads from the given positions, each partition at most once, and returns one Batch for
// every partition that answered or failed for good; a partition in short trouble is left out and
// tried again by a later call. It waits at most about MaxWait when there is nothing new. The error
// is the context's; everything else is in Batch.Err.
//
// The batches and every byte slice in them are valid until the next call of Fetch.
func (f *Fetcher) Fetch(ctx context.Context, positions []Position) ([]Batch, error) {
	f.free, f.lent = append(f.free, f.lent...), f.lent[:0]
	f.batches = f.batches[:0]
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	asks := f.byLeader(ctx, positions)
	if len(asks) > 0 {
		f.askAll(ctx, asks)
		for _, a := range asks {
			f.collect(ctx, a)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(asks) == 0 && len(f.batches) == 0 {
		return nil, broker.Sleep(ctx, f.pause(positions))
	}
	return f.batches, nil
}

// ask is one request to one broker.
type ask struct {
	node      int32
	positions []Position
	answer    *answer
	err       error
}

// byLeader groups the positions by leader, leaving out those whose pause is not over.
func (f *Fetcher) byLeader(ctx context.Context, positions []Position) []*ask {
	var asks []*ask
	now := time.Now()
	f.turn++
	for i := range positions {
		p := positions[(i+f.turn)%len(positions)]
		if l := f.lanes[p.TopicPartition]; l != nil && now.Before(l.notBefore) {
			continue
		}
		node, err := f.cluster.Leader(ctx, p.TopicPartition)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			f.trouble(p, err)
			continue
		}
		asks = addToAsk(asks, node, p)
	}
	return asks
}

func addToAsk(asks []*ask, node int32, p Position) []*ask {
	for _, a := range asks {
		if a.node == node {
			a.positions = append(a.positions, p)
			return asks
		}
	}
	return append(asks, &ask{node: node, positions: []Position{p}})
}

// askAll runs the requests, the brokers in parallel.
func (f *Fetcher) askAll(ctx context.Context, asks []*ask) {
	for _, a := range asks {
		a.answer = f.memory()
	}
	var wait sync.WaitGroup
	for _, a := range asks[1:] {
		wait.Go(func() { a.err = f.ask(ctx, a) })
	}
	asks[0].err = f.ask(ctx, asks[0])
	wait.Wait()
}

func (f *Fetcher) memory() *answer {
	if n := len(f.free); n > 0 {
		a := f.free[n-1]
		f.free = f.free[:n-1]
		return a
	}
	return &answer{}
}

// collect turns the answer of one broker into batches.
func (f *Fetcher) collect(ctx context.Context, a *ask) {
	if a.err != nil {
		// The connection may still be writing into the answer's memory: it is left to the garbage
		// collector and never reused.
		if ctx.Err() != nil {
			return
		}
		for _, p := range a.positions {
			f.cluster.Forget(p.TopicPartition)
			f.trouble(p, fmt.Errorf("fetch from broker %d: %w", a.node, a.err))
		}
		return
	}
	f.lent = append(f.lent, a.answer)
	for i := range a.answer.parts {
		f.settle(ctx, &a.answer.parts[i])
	}
}

// settle decides what a partition's answer means for its caller.
func (f *Fetcher) settle(ctx context.Context, part *part) {
	p, b := part.position, part.batch
	switch {
	case part.code == kafka.OffsetOutOfRange:
		f.gap(ctx, p, b)
	case part.code == 0 && b.LogStart > p.Next:
		f.gap(ctx, p, b)
	case part.code != 0 && broker.Transient(part.code):
		f.cluster.Forget(p.TopicPartition)
		f.trouble(p, part.code)
	case part.code != 0:
		b.Err = fmt.Errorf("consumer: fetch %s from offset %d: %w", p.TopicPartition, p.Next, part.code)
		f.batches = append(f.batches, b)
	case b.Err != nil && b.Next == p.Next && f.fetchAgain(p, b.Err):
	default:
		if b.Err == nil {
			delete(f.lanes, p.TopicPartition)
		} else if b.Next > p.Next {
			b.Err = nil // the good batches first; the next call meets the broken one alone
		}
		f.batches = append(f.batches, b)
	}
}

// fetchAgain says whether a batch that could not be read deserves another try.
func (f *Fetcher) fetchAgain(p Position, err error) bool {
	var corrupt *ErrCorrupt
	if !errors.As(err, &corrupt) {
		return false
	}
	l := f.lane(p.TopicPartition)
	l.corrupt++
	l.notBefore = time.Now().Add(broker.BackoffDelay(l.corrupt))
	return l.corrupt < corruptRetries
}

// gap reports a position outside the log, with the log's borders as they are now.
func (f *Fetcher) gap(ctx context.Context, p Position, b Batch) {
	start, end := b.LogStart, b.HighWatermark
	if s, err := listOffset(ctx, f.cluster, p.TopicPartition, earliest); err == nil {
		start = s
	}
	if e, err := listOffset(ctx, f.cluster, p.TopicPartition, latest); err == nil {
		end = e
	}
	if start >= 0 && end >= 0 && start <= p.Next && p.Next <= end {
		// The leader that refused was behind the one that answered now (a fresh leader whose high
		// watermark has not caught up), so the position is good: ask again.
		f.trouble(p, kafka.OffsetOutOfRange)
		return
	}
	f.batches = append(f.batches, Batch{
		TopicPartition: p.TopicPartition, Next: p.Next, HighWatermark: end, LastStable: b.LastStable, LogStart: start,
		Err: &ErrGap{Topic: p.Topic, Partition: p.Partition, Asked: p.Next, LogStart: start, End: end},
	})
}

func (f *Fetcher) lane(tp TopicPartition) *lane {
	l := f.lanes[tp]
	if l == nil {
		l = &lane{}
		f.lanes[tp] = l
	}
	return l
}

// trouble notes a failure that may pass, and reports it once it has lasted too long.
func (f *Fetcher) trouble(p Position, err error) {
	l, now := f.lane(p.TopicPartition), time.Now()
	if l.failures == 0 {
		l.since = now
	}
	l.cause = err
	l.notBefore = now.Add(broker.BackoffDelay(l.failures))
	l.failures++
	lasted := now.Sub(l.since)
	if broker.Transient(err) || errors.Is(err, kafka.OffsetOutOfRange) {
		if lasted < f.options.RetryFor {
			return
		}
		err = &ErrUnavailable{Topic: p.Topic, Partition: p.Partition, For: lasted, Cause: err}
	} else {
		err = fmt.Errorf("consumer: fetch %s from offset %d: %w", p.TopicPartition, p.Next, err)
	}
	f.batches = append(f.batches, Batch{
		TopicPartition: p.TopicPartition, Next: p.Next, HighWatermark: -1, LastStable: -1, LogStart: -1, Err: err,
	})
}

// pause is how long to wait when no partition may be asked yet.
func (f *Fetcher) pause(positions []Position) time.Duration {
	pause := f.options.MaxWait
	now := time.Now()
	for _, p := range positions {
		if l := f.lanes[p.TopicPartition]; l != nil {
			pause = min(pause, l.notBefore.Sub(now))
		}
	}
	return max(pause, time.Millisecond)
}
