package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/sink"
)

// The bounds of what readers may cost the loop: a question waits in a queue or is refused, and a flush
// answers a few. Looking for accounts of a similar name reads all names, so a flush does it once.
const (
	questionsWaiting  = 64
	questionsPerFlush = 8
	nearestNames      = 3
)

// Why a question has no answer.
var (
	// ErrNotReady says that the accounts are not all there yet.
	ErrNotReady = errors.New("the accounts are being restored")
	// ErrBusy says that too many questions wait, or that the answer took too long.
	ErrBusy = errors.New("the service is busy")
	// ErrElsewhere says that another instance owns the account's shard.
	ErrElsewhere = errors.New("the account belongs to another instance")
)

// UnknownAccountError says that there is no account of that id.
type UnknownAccountError struct {
	Account string
	Nearest []string // ids that were probably meant
}

// Error names the account and those that were probably meant.
func (e *UnknownAccountError) Error() string {
	text := fmt.Sprintf("there is no account %q", e.Account)
	for i, id := range e.Nearest {
		if i == 0 {
			text += "; the nearest ids are "
		} else {
			text += ", "
		}
		text += fmt.Sprintf("%q", id)
	}
	return text
}

// Questions carry questions about accounts to the goroutine that owns their shard, which answers them
// between two flushes: so the state needs no lock. They may be asked by several goroutines, before,
// while and after the service runs. Use NewQuestions.
type Questions struct {
	waiting     chan *question
	serving     atomic.Bool
	whereabouts atomic.Pointer[whereabouts] // of the accounts of other instances
}

// NewQuestions is an empty queue.
func NewQuestions() *Questions { return &Questions{waiting: make(chan *question, questionsWaiting)} }

type question struct {
	ctx     context.Context //nolint:containedctx // of who asks: an answer that nobody waits for is not made
	account string
	tell    func(*aggregate.State) (found bool) // on the owner's goroutine; what it keeps must be its own
	answer  chan error                          // holds one, so that answering never waits
}

// Explain asks the owner of the account for an explanation, as of the last flush, of an interval or of
// the whole life (nil). It waits until ctx ends at most.
func (q *Questions) Explain(ctx context.Context, account string, within *aggregate.Interval) (*aggregate.Explanation, error) {
	var e *aggregate.Explanation
	err := q.ask(ctx, account, func(s *aggregate.State) (found bool) {
		e, found = s.Explain(account, within)
		return found
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Account asks for the account's row, as of the watermark that comes with it.
func (q *Questions) Account(ctx context.Context, account string) (aggregate.AccountRow, event.Time, error) {
	var row aggregate.AccountRow
	var watermark event.Time
	err := q.ask(ctx, account, func(s *aggregate.State) bool {
		u, found := s.Account(account)
		if found {
			row, watermark = u.Accounts[0], s.Watermark()
		}
		return found
	})
	if err != nil {
		return aggregate.AccountRow{}, event.NoTime, err
	}
	return row, watermark, nil
}

// Movements asks for the account's movements rows that a reader chooses, in booked order, as of the
// watermark that comes with them: choose is called on the owner's goroutine with all of them, and keeps
// what it wants to have.
func (q *Questions) Movements(ctx context.Context, account string, choose func(rows []aggregate.MovementRow)) (event.Time, error) {
	watermark := event.NoTime
	err := q.ask(ctx, account, func(s *aggregate.State) bool {
		u, found := s.Account(account)
		if found {
			choose(u.Movements)
			watermark = s.Watermark()
		}
		return found
	})
	if err != nil {
		return event.NoTime, err
	}
	return watermark, nil
}

// ask has a question answered; found is false for an account that the state does not know. What tell
// keeps may be read after an answer only: one that comes too late is still made.
func (q *Questions) ask(ctx context.Context, account string, tell func(*aggregate.State) (found bool)) error {
	if !q.serving.Load() {
		return ErrNotReady
	}
	one := &question{ctx: ctx, account: account, tell: tell, answer: make(chan error, 1)}
	select {
	case q.waiting <- one:
	default:
		return fmt.Errorf("%w: %d questions wait", ErrBusy, questionsWaiting)
	}
	select {
	case err := <-one.answer:
		var elsewhere *ElsewhereError
		if w := q.whereabouts.Load(); errors.As(err, &elsewhere) && w != nil {
			elsewhere.Address, elsewhere.Known = w.of(ctx, elsewhere.Shard)
		}
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
}

// open lets questions in; the end of the session turns away those that wait.
func (q *Questions) open() (end func()) {
	q.serving.Store(true)
	return func() {
		q.serving.Store(false)
		for {
			select {
			case one := <-q.waiting:
				one.answer <- ErrNotReady
			default:
				return
			}
		}
	}
}

// answerQuestions answers some of those that wait. No shard is being worked on meanwhile.
func (s *session) answerQuestions() {
	searched := false
	for range questionsPerFlush {
		select {
		case one := <-s.options.Questions.waiting:
			if one.ctx.Err() != nil {
				continue
			}
			err := s.tell(one)
			var unknown *UnknownAccountError
			if errors.As(err, &unknown) && !searched {
				searched = true
				unknown.Nearest = s.nearest(one.account)
			}
			one.answer <- err
		default:
			return
		}
	}
}

func (s *session) tell(one *question) error {
	number := sink.Partition([]byte(one.account), s.partitions)
	shard := s.byNumber[int32(number)] //nolint:gosec // a partition
	if shard == nil && s.isOpening(number) {
		return fmt.Errorf("%w: shard %d is being opened", ErrNotReady, number)
	}
	if shard == nil {
		return &ElsewhereError{Shard: number, Of: s.partitions}
	}
	switch found := one.tell(shard.state); {
	case found:
		return nil
	case !shard.caughtUp():
		return fmt.Errorf("%w: shard %d has not caught up", ErrNotReady, number)
	default:
		return &UnknownAccountError{Account: strings.Clone(one.account)}
	}
}

// nearest looks in all shards of this instance.
func (s *session) nearest(account string) []string {
	var ids []string
	for _, shard := range s.shards {
		ids = append(ids, shard.state.Nearest(account, nearestNames)...)
	}
	return nearestOf(account, ids)
}
