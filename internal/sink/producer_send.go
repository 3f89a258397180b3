package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/segmentio/kafka-go/protocol/rawproduce"

	"processor/internal/broker"
)

// sending is one Send on its way. In each round every partition has at most one batch under way;
// the batches of one broker travel in one request, the brokers are asked in parallel.
type sending struct {
	producer     *Producer
	queues       []*queue
	acknowledged map[TopicPartition]int64
	problems     []error
}

func (s *sending) run(ctx context.Context) {
	for troubled := 0; ; {
		requests := s.round(ctx)
		if len(requests) == 0 && !s.pending() {
			return
		}
		progress := false
		if ctx.Err() == nil {
			s.exchange(ctx, requests)
			for _, r := range requests {
				progress = s.settle(ctx, r) || progress
			}
		}
		if !s.pending() {
			return
		}
		if ctx.Err() != nil {
			s.abandon(context.Cause(ctx))
			return
		}
		if progress {
			troubled = 0
			continue
		}
		// Nothing moved in this round: the whole round waits, and no broker is asked in a loop.
		_ = broker.Backoff(ctx, troubled)
		troubled++
	}
}

// pending says whether some partition has still something to send.
func (s *sending) pending() bool {
	for _, q := range s.queues {
		if !q.failed && (q.head != nil || len(q.rest) > 0) {
			return true
		}
	}
	return false
}

// request is the batches that go to one broker together.
type request struct {
	node    int32
	size    int
	queues  []*queue
	answers map[TopicPartition]produce.ResponsePartition
	err     error
}

// round makes the next batch of every partition and groups them by leader.
func (s *sending) round(ctx context.Context) []*request {
	var requests []*request
	byNode := map[int32]*request{}
	for _, q := range s.queues {
		if q.failed || (q.head == nil && len(q.rest) == 0) {
			continue
		}
		if q.head == nil && !s.nextBatch(q) {
			continue
		}
		node, err := s.producer.cluster.Leader(ctx, q.lane.tp)
		if err != nil {
			if ctx.Err() != nil {
				return requests // the deadline is not the cause, it hides it
			}
			if q.head.cause = err; !broker.Transient(err) {
				s.refuse(q, err)
			}
			continue
		}
		r := byNode[node]
		if r == nil {
			r = &request{node: node}
			byNode[node] = r
			requests = append(requests, r)
		}
		if r.size > 0 && r.size+len(q.head.bytes) > s.producer.options.RequestBytes {
			continue // the next round takes it
		}
		r.size += len(q.head.bytes)
		r.queues = append(r.queues, q)
	}
	return requests
}

// nextBatch encodes the next messages of a queue under the lane's identity and sequence.
func (s *sending) nextBatch(q *queue) bool {
	l := q.lane
	if l.identity.id < 0 {
		l.identity, l.sequence = s.producer.identity, 0
	}
	b, n, err := s.producer.encoder.batch(q.rest, s.producer.options.BatchBytes, l.identity, l.sequence)
	if err != nil {
		q.failed = true
		s.problems = append(s.problems, fmt.Errorf("sink: encode records for %s: %w", l.tp, err))
		return false
	}
	q.head, q.rest, q.attempts = b, q.rest[n:], 0
	l.sequence = sequenceAfter(l.sequence, n)
	return true
}

// sequenceAfter counts on as brokers do: after the largest int32 comes 0.
func sequenceAfter(sequence int32, n int) int32 {
	return int32((int64(sequence) + int64(n)) % (math.MaxInt32 + 1))
}

func (s *sending) exchange(ctx context.Context, requests []*request) {
	var wait sync.WaitGroup
	for _, r := range requests {
		for _, q := range r.queues {
			if q.attempts++; q.attempts > 1 {
				s.producer.Counters.Retries.Add(1)
			}
			// Until an answer says otherwise, the batch may have been stored.
			q.lane.unsure = q.head
		}
		s.producer.Counters.Requests.Add(1)
		wait.Go(func() { r.answers, r.err = s.ask(ctx, r) })
	}
	wait.Wait()
}

func (s *sending) ask(ctx context.Context, r *request) (map[TopicPartition]produce.ResponsePartition, error) {
	req := &rawproduce.Request{
		TransactionalID: s.producer.transactionalID,
		Acks:            -1, Timeout: int32(s.producer.options.AckTimeout.Milliseconds()),
	}
	for _, q := range r.queues {
		part := rawproduce.RequestPartition{
			Partition: q.lane.tp.Partition,
			RecordSet: protocol.RawRecordSet{Reader: io.Reader(bytes.NewReader(q.head.bytes))},
		}
		if n := len(req.Topics); n > 0 && req.Topics[n-1].Topic == q.lane.tp.Topic {
			req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, part)
			continue
		}
		req.Topics = append(req.Topics, rawproduce.RequestTopic{Topic: q.lane.tp.Topic, Partitions: []rawproduce.RequestPartition{part}})
	}
	m, err := s.producer.cluster.Ask(ctx, r.node, req)
	if err != nil {
		return nil, err
	}
	answers := map[TopicPartition]produce.ResponsePartition{}
	for _, t := range m.(*produce.Response).Topics {
		for _, p := range t.Partitions {
			answers[TopicPartition{Topic: t.Topic, Partition: p.Partition}] = p
		}
	}
	return answers, nil
}

// settle looks at every partition's answer; it says whether any of them moved on.
func (s *sending) settle(ctx context.Context, r *request) (progress bool) {
	for _, q := range r.queues {
		tp := q.lane.tp
		if r.err != nil {
			s.producer.cluster.Forget(tp)
			s.again(q, fmt.Errorf("produce to broker %d: %w", r.node, r.err), true)
			continue
		}
		answer, ok := r.answers[tp]
		if !ok {
			s.again(q, fmt.Errorf("broker %d did not answer for the partition", r.node), true)
			continue
		}
		progress = s.settleOne(ctx, q, answer) || progress
	}
	return progress
}

func (s *sending) settleOne(ctx context.Context, q *queue, answer produce.ResponsePartition) bool {
	code := kafka.Error(answer.ErrorCode)
	switch code {
	case 0:
		s.acknowledge(q, answer.BaseOffset)
		return true
	case kafka.DuplicateSequenceNumber:
		// Stored by an earlier attempt, so long ago that the broker forgot where.
		s.acknowledge(q, -1)
		return true
	case kafka.OutOfOrderSequenceNumber, kafka.UnknownProducerId, kafka.InvalidProducerIDMapping,
		kafka.InvalidProducerEpoch, kafka.ProducerFenced:
		return s.sequenceLost(ctx, q, code)
	}
	if !broker.Transient(code) && code != kafka.InvalidMessage {
		if !q.head.maybeStored {
			q.lane.unsure = nil
		}
		s.refuse(q, refusal(code, answer))
		return true
	}
	s.producer.cluster.Forget(q.lane.tp)
	// These two may have stored the batch, the others say that they have not.
	s.again(q, code, code == kafka.NotEnoughReplicasAfterAppend || code == kafka.RequestTimedOut)
	return false
}

func refusal(code kafka.Error, answer produce.ResponsePartition) error {
	if answer.ErrorMessage != "" {
		return fmt.Errorf("%w (%s)", code, answer.ErrorMessage)
	}
	return code
}

func (s *sending) acknowledge(q *queue, base int64) {
	l, b, c := q.lane, q.head, &s.producer.Counters
	switch {
	case base >= 0:
		l.next = base + int64(b.records)
	default: // at least so far: a log never gets shorter
		l.next = max(l.next, 0) + int64(b.records)
	}
	s.acknowledged[l.tp] = l.next
	c.Records.Add(int64(b.records))
	c.Bytes.Add(int64(len(b.bytes)))
	c.Batches.Add(1)
	q.head, l.unsure = nil, nil
}

// again leaves the batch at the head of its queue, to be sent with the same sequence number.
func (s *sending) again(q *queue, cause error, unknown bool) {
	q.head.cause = cause
	if unknown {
		q.head.maybeStored, s.producer.uncertain = true, true
	} else if !q.head.maybeStored {
		q.lane.unsure = nil
	}
}

// sequenceLost handles a broker that no longer accepts our sequence numbers. Nothing of this batch
// can have been stored if no attempt was left without an answer: then a fresh producer id starts
// over at 0. Otherwise only the caller can decide, since sending it anew could store it twice. In a
// transaction the id is the coordinator's to give, and the Transactor ends the transaction.
func (s *sending) sequenceLost(ctx context.Context, q *queue, code kafka.Error) bool {
	l, b := q.lane, q.head
	if s.producer.transactionalID != "" {
		s.refuse(q, code)
		return true
	}
	if b.maybeStored {
		l.identity, l.unsure = identity{id: -1, epoch: -1}, nil
		s.refuse(q, fmt.Errorf("%w after an attempt with unknown outcome", code))
		s.producer.identity = identity{id: -1, epoch: -1}
		return true
	}
	l.unsure = nil
	fresh, err := s.producer.newIdentity(ctx)
	if err != nil {
		b.cause = fmt.Errorf("%w, and no new producer id: %w", code, err)
		return false
	}
	b.bytes = bytes.Clone(b.bytes) // the refused attempt's bytes are not ours to change
	b.identify(fresh, 0)
	l.identity, l.sequence = fresh, int32(b.records)
	return true
}

func (s *sending) refuse(q *queue, cause error) {
	q.failed = true
	if b := q.head; b.maybeStored || q.lane.unsure != nil {
		// The sequence stays as it is: the batch is still the next one that the broker expects.
		s.problems = append(s.problems, &ErrUnacknowledged{Topic: q.lane.tp.Topic, Partition: q.lane.tp.Partition, Records: b.records, Cause: cause})
		return
	}
	s.problems = append(s.problems, &ErrRefused{
		Topic: q.lane.tp.Topic, Partition: q.lane.tp.Partition, Records: q.head.records, FirstKey: q.head.firstKey, Cause: cause,
	})
	q.lane.rewind(q.head)
}

// rewind takes back the sequence numbers of a batch that was certainly not stored.
func (l *lane) rewind(b *batch) {
	if l.identity == b.identity {
		l.sequence = b.sequence
	}
}

// abandon ends a Send that ran out of time: what may be stored is kept for the next one.
func (s *sending) abandon(cause error) {
	for _, q := range s.queues {
		if q.failed || (q.head == nil && len(q.rest) == 0) {
			continue
		}
		left := len(q.rest)
		if b := q.head; b != nil {
			left += b.records
			if b.cause != nil {
				cause = errors.Join(cause, b.cause)
			}
			if q.lane.unsure == nil {
				q.lane.rewind(b)
			}
		}
		s.problems = append(s.problems, &ErrUnacknowledged{Topic: q.lane.tp.Topic, Partition: q.lane.tp.Partition, Records: left, Cause: cause})
	}
}

// identify gets the producer id that all partitions start with.
func (p *Producer) identify(ctx context.Context) error {
	for attempt := 0; p.identity.id < 0; attempt++ {
		fresh, err := p.newIdentity(ctx)
		if err == nil {
			p.identity = fresh
			return nil
		}
		if ctx.Err() != nil || !broker.Transient(err) {
			return fmt.Errorf("sink: get a producer id: %w", err)
		}
		if broker.Backoff(ctx, attempt) != nil {
			return fmt.Errorf("sink: get a producer id: %w", err)
		}
	}
	return nil
}

// newIdentity asks for a producer id. -1 and -1 say that we have none yet; the zero value would
// claim id 0. An id below 0 would switch the duplicate check off, so it is refused.
func (p *Producer) newIdentity(ctx context.Context) (identity, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	m, err := p.cluster.Ask(ctx, broker.AnyNode, &initproducerid.Request{ProducerID: -1, ProducerEpoch: -1})
	if err != nil {
		return identity{}, err
	}
	r := m.(*initproducerid.Response)
	if r.ErrorCode != 0 {
		return identity{}, kafka.Error(r.ErrorCode)
	}
	if r.ProducerID < 0 || r.ProducerEpoch < 0 {
		return identity{}, fmt.Errorf("the broker gave producer id %d, epoch %d", r.ProducerID, r.ProducerEpoch)
	}
	p.Counters.ProducerIDs.Add(1)
	return identity{id: r.ProducerID, epoch: r.ProducerEpoch}, nil
}
