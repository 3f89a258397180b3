package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"processor/internal/broker"
)

// coordinator is where a request goes, and how to look that up anew.
type coordinator struct {
	find   func(ctx context.Context) (int32, error)
	forget func()
}

// answer is what came of asking a coordinator.
type answer struct {
	err  error
	lost bool // some request was sent and not answered: it may still arrive
	busy bool // some answer was CONCURRENT_TRANSACTIONS
}

// coordinate asks the coordinator of the transactional id.
func (t *Transactor) coordinate(ctx context.Context, req protocol.Message, read func(protocol.Message) error) answer {
	id := t.options.ID
	return t.ask(ctx, coordinator{
		find:   func(ctx context.Context) (int32, error) { return t.cluster.TransactionCoordinator(ctx, id) },
		forget: func() { t.cluster.ForgetTransaction(id) },
	}, req, read)
}

func (t *Transactor) groupCoordinator(group string) coordinator {
	return coordinator{
		find:   func(ctx context.Context) (int32, error) { return t.cluster.GroupCoordinator(ctx, group) },
		forget: func() { t.cluster.ForgetGroup(group) },
	}
}

// ask repeats a request until its answer says yes or no, or the context ends: while answers are
// lost, the coordinator moves or loads, or it is busy with the end of the transaction before. All
// requests of a transaction may be repeated under its epoch. read gives the worst code inside an
// answer.
func (t *Transactor) ask(ctx context.Context, c coordinator, req protocol.Message, read func(protocol.Message) error) (a answer) {
	for attempt := 0; ; attempt++ {
		if ctx.Err() != nil {
			a.err = errors.Join(context.Cause(ctx), a.err)
			return a
		}
		node, err := c.find(ctx)
		if err == nil {
			var m protocol.Message
			if m, err = t.cluster.Ask(ctx, node, req); err == nil {
				err = read(m)
			} else {
				a.lost = true
				err = fmt.Errorf("ask broker %d: %w", node, err)
			}
		}
		if err == nil {
			a.err = nil
			return a
		}
		a.err = err
		wait := broker.BackoffDelay(attempt)
		switch {
		case errors.Is(err, kafka.ConcurrentTransactions):
			a.busy = true
			t.Transactions.Busy.Add(1)
			wait = busyDelay(attempt)
		case ctx.Err() == nil && !passing(err):
			return a
		default:
			c.forget()
		}
		_ = broker.Sleep(ctx, wait)
	}
}

// busyDelay waits for the end of a transaction, which takes a broker some milliseconds.
func busyDelay(attempt int) time.Duration {
	return min(2*time.Millisecond<<min(attempt, 10), 100*time.Millisecond)
}

// passing says whether an error of a transaction may go away by itself.
func passing(err error) bool { return broker.Transient(err) && !fencedBy(err) }
