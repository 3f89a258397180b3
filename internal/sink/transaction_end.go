package sink

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/endtxn"
)

// Commit makes everything of the transaction visible at once. It returns when that is decided for
// good; the broker tells the partitions some milliseconds later, which Open, also by another process,
// and the next transaction's first step wait for. An error is an *ErrTransaction; when
// its Outcome is Unknown, Recover is next. A transaction in which nothing was sent commits without
// asking the broker.
func (t *Transactor) Commit(ctx context.Context) error {
	switch {
	case t.state == failed:
		return &ErrTransaction{
			ID: t.options.ID, Step: "commit", Outcome: Aborted,
			Cause: errors.New("an earlier step failed: abort it"),
		}
	case t.state != open:
		return t.misuse("commit")
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	outcome, err := t.end(ctx, true)
	if err != nil {
		return &ErrTransaction{ID: t.options.ID, Step: "commit", Outcome: outcome, Cause: err}
	}
	return nil
}

// Abort ends the transaction so that nobody ever sees it, also one in which a step failed. An error
// is an *ErrTransaction with Outcome Aborted: readers may have to wait for the broker's timeout, but
// will never see the transaction; Recover, or another Open, mends that.
func (t *Transactor) Abort(ctx context.Context) error {
	if t.state != open && t.state != failed {
		return t.misuse("abort")
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	outcome, err := t.end(ctx, false)
	if err != nil {
		return &ErrTransaction{ID: t.options.ID, Step: "abort", Outcome: outcome, Cause: err}
	}
	return nil
}

// Recover settles at the broker whatever the last transaction left open, takes a new epoch, and
// says what became of that transaction: Committed only if its commit had been asked for and came
// through. Afterwards Begin is next. The error (an *ErrTransaction with the same Outcome) says that
// the broker did not answer in time, when Recover may be called again, or ErrFenced.
func (t *Transactor) Recover(ctx context.Context) (Outcome, error) {
	if t.state == closed || t.state == fenced {
		return Unknown, t.misuse("recover")
	}
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	outcome := Aborted
	if t.state != idle {
		var err error
		if outcome, err = t.end(ctx, false); err != nil {
			return outcome, &ErrTransaction{ID: t.options.ID, Step: "recover", Outcome: outcome, Cause: err}
		}
	} else if t.committed {
		outcome = Committed
	}
	if err := t.takeEpoch(ctx, t.producer.identity); err != nil {
		failure := t.fail("recover", err, true)
		var e *ErrTransaction
		if errors.As(failure, &e) {
			e.Outcome = outcome
		}
		return outcome, failure
	}
	return outcome, nil
}

// end asks the coordinator to end the transaction, again while answers are lost. Asked for the
// end that a transaction already has it says yes, asked for the other one it refuses: that is how a
// lost answer is found out.
func (t *Transactor) end(ctx context.Context, commit bool) (Outcome, error) {
	if !t.touched {
		// Asked about nothing, the coordinator would speak of the transaction before.
		t.state, t.committed = idle, commit
		return Aborted, nil
	}
	before := t.committed // a commit was asked for, and its answer is still missing
	me := t.producer.identity
	a := t.coordinate(ctx, &endtxn.Request{
		TransactionalID: t.options.ID, ProducerID: me.id, ProducerEpoch: me.epoch, Committed: commit,
	}, func(m protocol.Message) error {
		if code := m.(*endtxn.Response).ErrorCode; code != 0 {
			return kafka.Error(code)
		}
		return nil
	})
	t.renew = t.renew || a.lost
	t.committed = before || commit && (a.lost || a.busy || a.err == nil)
	switch {
	case a.err == nil && commit:
		t.state = idle
		t.Transactions.Committed.Add(1)
		return Committed, nil
	case a.err == nil:
		return t.abortedNow(), nil
	case errors.Is(a.err, kafka.InvalidTransactionState) && commit:
		t.abortedNow()
		return Aborted, fmt.Errorf("the broker has aborted it: %w", a.err)
	case errors.Is(a.err, kafka.InvalidTransactionState) && before:
		t.state = idle
		t.Transactions.Committed.Add(1)
		return Committed, nil
	case errors.Is(a.err, kafka.InvalidTransactionState): // there is nothing to abort
		return t.abortedNow(), nil
	case fencedBy(a.err):
		t.state = fenced
		return t.outcome(), fmt.Errorf("%w: %w", ErrFenced, a.err)
	}
	t.state = failed
	if t.committed {
		t.state = undecided
	}
	return t.outcome(), a.err
}

// outcome is what is certain before the broker has confirmed an end.
func (t *Transactor) outcome() Outcome {
	if t.committed {
		return Unknown
	}
	return Aborted
}

func (t *Transactor) abortedNow() Outcome {
	t.state, t.committed = idle, false
	t.Transactions.Aborted.Add(1)
	return Aborted
}
