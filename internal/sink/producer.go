// Package sink is the only writer of Kafka, and turns rows into what leaves the process. Records
// go out in order per partition, acknowledged by all replicas, and exactly once: every batch
// carries a producer id and a sequence number, so that a batch whose answer was lost can be sent
// again without being stored twice or landing behind a newer one. It must never report a record
// as written that is not acknowledged, and never give up on one silently.
//
// kafka-go's Writer is not used: it has no sequence numbers, so a batch that timed out and was
// repeated can land behind a newer one, and compaction then keeps the stale value.
package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"processor/internal/broker"
)

// TopicPartition names one partition.
type TopicPartition = broker.TopicPartition

// Header is one header of a message.
type Header struct {
	Key   string
	Value []byte
}

// Message is one record to write. The producer does not keep its slices after Send.
type Message struct {
	Topic     string
	Partition int32
	Key       []byte
	Value     []byte // nil is a tombstone
	Headers   []Header
	Time      int64 // nanoseconds since 1970; topics with LogAppendTime replace it
}

// Compression of the batches.
type Compression int8

// The codecs. Brokers and readers accept any of them, batch by batch.
const (
	None Compression = 0
	LZ4  Compression = 3
	Zstd Compression = 4
)

// ProducerOptions bounds a Producer. Zero values mean the defaults.
type ProducerOptions struct {
	BatchBytes   int           // records of one batch before compression; default 900 KB
	RecordBytes  int           // of the largest record, which has a batch of its own; BatchBytes when that is more
	RequestBytes int           // batches of one request; default 8 MiB
	Deadline     time.Duration // how long one Send tries; default 2 min
	AckTimeout   time.Duration // how long a broker may wait for its replicas; default 10 s
	Compression  Compression
}

func (o ProducerOptions) withDefaults() ProducerOptions {
	if o.BatchBytes <= 0 {
		o.BatchBytes = 900_000
	}
	if o.RequestBytes <= 0 {
		o.RequestBytes = 8 << 20
	}
	if o.Deadline <= 0 {
		o.Deadline = 2 * time.Minute
	}
	if o.AckTimeout <= 0 {
		o.AckTimeout = 10 * time.Second
	}
	return o
}

// Counters count since the producer was made. They may be read at any time.
type Counters struct {
	Records     atomic.Int64 // acknowledged
	Bytes       atomic.Int64 // acknowledged, as sent
	Batches     atomic.Int64 // acknowledged
	Requests    atomic.Int64
	Retries     atomic.Int64 // batches sent again
	ProducerIDs atomic.Int64 // asked for: 1, and 1 more for each partition that lost its sequence
}

// Producer writes messages. One goroutine calls Send at a time; Counters are safe from any.
type Producer struct {
	Counters Counters

	cluster  *broker.Cluster
	options  ProducerOptions
	identity identity
	lanes    map[TopicPartition]*lane
	encoder  encoder

	// transactionalID is a Transactor's, else empty: then the producer id is not ours to replace.
	transactionalID string
	uncertain       bool // some batch ended an attempt without a known outcome
}

// identity is what makes batches recognisable to the broker.
type identity struct {
	id    int64
	epoch int16
}

// lane is the state of one partition: who we are there, the next sequence number, and the one
// batch that may be under way.
type lane struct {
	tp       TopicPartition
	identity identity
	sequence int32
	next     int64  // the offset after the last acknowledged record, -1 before the first
	unsure   *batch // sent in an earlier Send that ended without knowing its outcome
}

// ErrUnacknowledged means that the outcome of a batch is unknown when a Send had to end. The
// producer keeps the batch: the next Send, whatever its messages, sends it first and with the same
// sequence number. A Send without an error leaves nothing open.
type ErrUnacknowledged struct {
	Topic     string
	Partition int32
	Records   int
	Cause     error
}

func (e *ErrUnacknowledged) Error() string {
	return fmt.Sprintf("sink: %d records for %s/%d are not acknowledged: %v", e.Records, e.Topic, e.Partition, e.Cause)
}

func (e *ErrUnacknowledged) Unwrap() error { return e.Cause }

// ErrRefused means that a broker will not store a batch, however often it is sent: too large, not
// allowed, or out of sequence after an unknown outcome.
type ErrRefused struct {
	Topic     string
	Partition int32
	Records   int
	FirstKey  string // of the batch, quoted, at most 64 bytes of it
	Cause     error
}

func (e *ErrRefused) Error() string {
	return fmt.Sprintf("sink: %s/%d refuses %d records from key %s on: %v", e.Topic, e.Partition, e.Records, e.FirstKey, e.Cause)
}

func (e *ErrRefused) Unwrap() error { return e.Cause }

// NewProducer prepares a producer. It does no I/O.
func NewProducer(c *broker.Cluster, o ProducerOptions) (*Producer, error) {
	o = o.withDefaults()
	var problems []error
	if o.BatchBytes < 1000 || o.BatchBytes > 64<<20 {
		problems = append(problems, fmt.Errorf("sink: batches of %d bytes: choose 1 KB to 64 MiB", o.BatchBytes))
	}
	switch o.Compression {
	case None, LZ4, Zstd:
	default:
		problems = append(problems, fmt.Errorf("sink: unknown compression %d", o.Compression))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Producer{
		cluster: c, options: o, identity: identity{id: -1, epoch: -1},
		lanes: map[TopicPartition]*lane{}, encoder: encoder{compression: o.Compression},
	}, nil
}

// Send writes the messages and waits until all replicas have them. Messages of one partition are
// stored in their order, behind everything that earlier calls sent there. The answer gives, for
// every partition that acknowledged something, the offset after its last acknowledged record; it
// is right also beside an error, which then names (joined) every partition that is not complete:
// *ErrUnacknowledged (with the context's cause when that ended it) or *ErrRefused.
func (p *Producer) Send(ctx context.Context, messages []Message) (map[TopicPartition]int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.Deadline,
		fmt.Errorf("no success within %s: %w", p.options.Deadline, context.DeadlineExceeded))
	defer cancel()
	queues, err := p.queues(messages)
	if err != nil {
		return nil, err
	}
	acknowledged := map[TopicPartition]int64{}
	if len(queues) == 0 {
		return acknowledged, nil
	}
	if err := p.identify(ctx); err != nil {
		return nil, err
	}
	s := sending{producer: p, queues: queues, acknowledged: acknowledged}
	s.run(ctx)
	return acknowledged, errors.Join(s.problems...)
}

// queue is what one Send has for one partition.
type queue struct {
	lane     *lane
	rest     []Message // not in a batch yet
	head     *batch    // the batch under way
	attempts int       // of head
	failed   bool
}

// queues sorts the messages by partition, in order of topic and partition, and refuses a message
// that no batch can hold before anything is sent.
func (p *Producer) queues(messages []Message) ([]*queue, error) {
	counts := map[TopicPartition]int{}
	for i := range messages {
		m := &messages[i]
		tp := TopicPartition{Topic: m.Topic, Partition: m.Partition}
		if size := recordSizeMax(m); size > max(p.options.BatchBytes, p.options.RecordBytes) {
			return nil, &ErrRefused{
				Topic: m.Topic, Partition: m.Partition, Records: 1, FirstKey: quoteKey(m.Key),
				Cause: fmt.Errorf("the record has %d bytes, a batch holds %d", size, max(p.options.BatchBytes, p.options.RecordBytes)),
			}
		}
		counts[tp]++
	}
	byPartition := make(map[TopicPartition][]Message, len(counts))
	for tp, n := range counts { // a flush far behind has hundreds of thousands: none is copied twice
		byPartition[tp] = make([]Message, 0, n)
	}
	for i := range messages {
		tp := TopicPartition{Topic: messages[i].Topic, Partition: messages[i].Partition}
		byPartition[tp] = append(byPartition[tp], messages[i])
	}
	for tp, l := range p.lanes {
		if l.unsure != nil && byPartition[tp] == nil {
			byPartition[tp] = nil // a Send that succeeds leaves nothing open
		}
	}
	queues := make([]*queue, 0, len(byPartition))
	for tp, list := range byPartition {
		l := p.lanes[tp]
		if l == nil {
			l = &lane{tp: tp, identity: identity{id: -1, epoch: -1}, next: -1}
			p.lanes[tp] = l
		}
		queues = append(queues, &queue{lane: l, rest: list, head: l.unsure})
	}
	slices.SortFunc(queues, func(a, b *queue) int {
		return compare(a.lane.tp, b.lane.tp)
	})
	return queues, nil
}

// quoteKey shows a key in an error without trusting its length or its bytes.
func quoteKey(key []byte) string {
	if len(key) > 64 {
		return fmt.Sprintf("%q...", key[:64])
	}
	return fmt.Sprintf("%q", key)
}
