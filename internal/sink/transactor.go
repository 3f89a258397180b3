package sink

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/initproducerid"

	"processor/internal/broker"
)

// TransactorOptions bounds a Transactor. Only ID is required.
type TransactorOptions struct {
	ID string // the transactional id: one for each thing that may have one owner only

	// Timeout is how long the broker lets a transaction be open before it aborts it and fences us;
	// readers of committed records wait behind an open one. 1 s to 15 min, default 60 s.
	Timeout time.Duration

	// Deadline is how long one call tries before it ends the transaction; default half of Timeout.
	Deadline time.Duration

	// The batches are as of a Producer.
	BatchBytes   int
	RecordBytes  int
	RequestBytes int
	AckTimeout   time.Duration
	Compression  Compression
}

func (o TransactorOptions) withDefaults() TransactorOptions {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Deadline <= 0 {
		o.Deadline = o.Timeout / 2
	}
	return o
}

// TransactionCounters count since the Transactor was made. They may be read at any time.
type TransactionCounters struct {
	Committed atomic.Int64
	Aborted   atomic.Int64
	Busy      atomic.Int64 // answers CONCURRENT_TRANSACTIONS: the one before was not complete yet
	Epochs    atomic.Int64 // got: 1, and 1 more for each Open and each lost answer
}

// Transactor writes records in transactions under one transactional id. A transaction is
// Begin, then Send and SendOffsets, then Commit or Abort; readers of committed records see all of
// it or nothing. Opening the id fences its former owner at every step. One goroutine calls it at
// a time; the counters are safe from any. Memory: what a Send was given, encoded, one batch of
// each partition under way.
//
// An answer that is lost is asked for again under the same epoch, where the broker knows the
// repetition. The original may then still be on its way, so nothing new begins under that epoch:
// the next Begin gets a new one. A transaction can so never be ended by a late request of another.
type Transactor struct {
	Transactions TransactionCounters

	cluster  *broker.Cluster
	options  TransactorOptions
	producer *Producer
	state    transactorState

	added     map[TopicPartition]bool // partitions of the transaction
	groups    map[string]bool         // consumer groups of it
	touched   bool                    // the coordinator may know of the transaction
	committed bool                    // its commit was asked for
	renew     bool                    // an answer was lost: the epoch must not be used for another one
}

type transactorState int

const (
	closed    transactorState = iota // Open is needed
	idle                             // Begin is next
	open                             // in a transaction
	failed                           // in one that can only be aborted
	undecided                        // its end was asked for and is not known: Recover is next
	fenced                           // somebody else has the id
)

func (s transactorState) String() string {
	return [...]string{
		"is not open", "has no transaction", "is in a transaction", "is in a transaction that must be aborted",
		"has a transaction that must be recovered", "is somebody else's",
	}[s]
}

// NewTransactor prepares a Transactor and reports every problem of its options. It does no I/O.
func NewTransactor(c *broker.Cluster, o TransactorOptions) (*Transactor, error) {
	o = o.withDefaults()
	var problems []error
	if o.ID == "" {
		problems = append(problems, errors.New("sink: transactions need a transactional id"))
	}
	if o.Timeout < time.Second || o.Timeout > 15*time.Minute {
		problems = append(problems, fmt.Errorf("sink: a transaction timeout of %s: choose 1 s to 15 min", o.Timeout))
	}
	p, err := NewProducer(c, ProducerOptions{
		BatchBytes: o.BatchBytes, RecordBytes: o.RecordBytes, RequestBytes: o.RequestBytes, Deadline: o.Deadline,
		AckTimeout: o.AckTimeout, Compression: o.Compression,
	})
	if err = errors.Join(append(problems, err)...); err != nil {
		return nil, err
	}
	p.transactionalID, p.encoder.transactional = o.ID, true
	return &Transactor{cluster: c, options: o, producer: p}, nil
}

// Counters are those of the batches; records of aborted transactions count too.
func (t *Transactor) Counters() *Counters { return &t.producer.Counters }

// Open takes the transactional id: the broker aborts what a former owner left open and refuses
// everything more from it. It waits while a transaction of the former owner completes, so that
// whatever was committed under the id is seen by who reads up to the end after Open. Errors are
// those of the connection, a refusal by the broker (authorisation, timeout too long), or the
// context's; after one the id may be taken or not, and Open may be called again.
func (t *Transactor) Open(ctx context.Context) error {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	t.state = closed
	// -1 and -1 say that we have no id yet; the zero values would claim producer id 0.
	if err := t.takeEpoch(ctx, identity{id: -1, epoch: -1}); err != nil {
		return fmt.Errorf("sink: open transactional id %s: %w%s", t.options.ID, err, openRemedy(err))
	}
	return nil
}

// Begin starts a transaction; nothing is sent for that by itself. After an answer was lost it takes
// a new epoch first. An *ErrTransaction around ErrFenced says that the id has a newer owner.
func (t *Transactor) Begin(ctx context.Context) error {
	if t.state != idle {
		return t.misuse("begin")
	}
	if t.renew {
		bounded, cancel := t.bounded(ctx)
		defer cancel()
		if err := t.takeEpoch(bounded, t.producer.identity); err != nil {
			return t.fail("begin", err, false)
		}
	}
	t.added, t.groups = map[TopicPartition]bool{}, map[string]bool{}
	t.touched, t.committed = false, false
	t.state = open
	return nil
}

// takeEpoch asks for a producer id and epoch. With our present one the broker refuses when somebody
// else has a newer (Kafka 2.5 and later), so that a renewal cannot fence the rightful owner.
func (t *Transactor) takeEpoch(ctx context.Context, present identity) error {
	req := &initproducerid.Request{
		TransactionalID: t.options.ID, TransactionTimeoutMs: int32(t.options.Timeout.Milliseconds()),
		ProducerID: present.id, ProducerEpoch: present.epoch,
	}
	var fresh identity
	a := t.coordinate(ctx, req, func(m protocol.Message) error {
		r := m.(*initproducerid.Response)
		if r.ErrorCode != 0 {
			return kafka.Error(r.ErrorCode)
		}
		fresh = identity{id: r.ProducerID, epoch: r.ProducerEpoch}
		return nil
	})
	if a.err != nil {
		return a.err
	}
	if fresh.id < 0 || fresh.epoch < 0 {
		// A batch with producer id -1 is stored and visible at once, whoever sent it.
		return fmt.Errorf("the broker gave producer id %d, epoch %d", fresh.id, fresh.epoch)
	}
	t.Transactions.Epochs.Add(1)
	t.producer.identity = fresh
	clear(t.producer.lanes)
	t.producer.uncertain, t.renew = false, false
	t.touched, t.committed = false, false
	t.state = idle
	return nil
}

func (t *Transactor) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, t.options.Deadline,
		fmt.Errorf("no success within %s: %w", t.options.Deadline, context.DeadlineExceeded))
}

// misuse is the error of a call out of turn. A caller that goes on after an error hears of it here.
func (t *Transactor) misuse(step string) error {
	if t.state == fenced {
		return &ErrTransaction{ID: t.options.ID, Step: step, Outcome: Unknown, Cause: ErrFenced}
	}
	return fmt.Errorf("sink: %s: transactional id %s %s", step, t.options.ID, t.state)
}

// fail notes that the transaction can only be aborted, which is certain because no commit was asked
// for, or that the id has a newer owner, whose opening aborted it.
func (t *Transactor) fail(step string, err error, lost bool) error {
	t.renew = t.renew || lost
	if fencedBy(err) {
		t.state = fenced
		if !errors.Is(err, ErrFenced) {
			err = fmt.Errorf("%w: %w", ErrFenced, err)
		}
	} else if t.state == open {
		t.state = failed
	}
	return &ErrTransaction{ID: t.options.ID, Step: step, Outcome: Aborted, Cause: err}
}
