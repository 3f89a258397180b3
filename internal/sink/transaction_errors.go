package sink

import (
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// Outcome says what is known of a transaction that did not end as asked.
type Outcome int

// The outcomes. Readers of committed records never see an aborted transaction, nor part of one.
const (
	Unknown   Outcome = iota // its commit was asked for and never answered
	Aborted                  // surely: it is, or can only become, aborted
	Committed                // surely: every record and offset of it is, or will be, visible
)

// String is the word for logs.
func (o Outcome) String() string {
	switch o {
	case Aborted:
		return "aborted"
	case Committed:
		return "committed"
	case Unknown:
	}
	return "unknown"
}

// ErrFenced means that the transactional id belongs to somebody else now: another process opened
// it, or the broker ended a transaction of ours that outlived its Timeout. Whatever this process
// did not see committed is not its business any more: let go of the partition. Only Open makes the
// Transactor usable again, and it fences the other one in turn.
var ErrFenced = errors.New("sink: fenced: the transactional id was opened elsewhere, or the transaction timed out")

// ErrTransaction means that a transaction did not end as asked. Outcome says what is certain:
//
//   - Aborted: nothing of it will ever be visible; do it again, after Abort or Recover.
//   - Committed: everything of it is visible; do not do it again.
//   - Unknown: call Recover, which settles the matter at the broker and mostly knows. When it says
//     Unknown too, read the marker that was written within the transaction: after Recover, or after
//     the new owner's Open, it is there or it never will be.
type ErrTransaction struct {
	ID      string // the transactional id
	Step    string // what we were doing
	Outcome Outcome
	Cause   error
}

func (e *ErrTransaction) Error() string {
	return fmt.Sprintf("sink: transaction of %s, %s: %v (outcome: %s)", e.ID, e.Step, e.Cause, e.Outcome)
}

func (e *ErrTransaction) Unwrap() error { return e.Cause }

// ErrMembership means that the group's coordinator does not take positions from this member any more:
// its generation has ended, and the partitions may be somebody else's.
var ErrMembership = errors.New("sink: the member's generation has ended")

func membershipEnded(err error) bool {
	return errors.Is(err, kafka.IllegalGeneration) || errors.Is(err, kafka.UnknownMemberId) || errors.Is(err, kafka.RebalanceInProgress)
}

// fencedBy says whether an error is a broker's way to say that a newer owner exists. An unknown
// mapping is one: the coordinator gave the id another producer, or forgot it after a week of rest.
func fencedBy(err error) bool {
	return errors.Is(err, kafka.ProducerFenced) || errors.Is(err, kafka.InvalidProducerEpoch) ||
		errors.Is(err, kafka.InvalidProducerIDMapping) || errors.Is(err, ErrFenced)
}

// openRemedy is what to do where brokers give nobody a transactional id; empty where it is not that.
func openRemedy(err error) string {
	switch {
	case errors.Is(err, kafka.TransactionalIDAuthorizationFailed):
		return "; allow Write and Describe on transactional ids with this prefix (kafka-acls.sh --add --operation Write --operation Describe " +
			"--transactional-id), or for the rows do without them: output.delivery: at_least_once"
	case errors.Is(err, kafka.GroupCoordinatorNotAvailable):
		return "; the brokers have no coordinator for transactions: where there are fewer than three of them, " +
			"transaction.state.log.replication.factor and transaction.state.log.min.isr must be lowered to their number; " +
			"or for the rows do without transactions: output.delivery: at_least_once"
	default:
		return ""
	}
}
