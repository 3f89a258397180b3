package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"processor/internal/aggregate"
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
	waiting chan *question
	serving atomic.Bool
}

// NewQuestions is an empty queue.
func NewQuestions() *Questions { return &Questions{waiting: make(chan *question, questionsWaiting)} }

type question struct {
	ctx     context.Context //nolint:containedctx // of who asks: an answer that nobody waits for is not made
	account string
	within  *aggregate.Interval
	answer  chan answer // holds one, so that answering never waits
}

type answer struct {
	explanation *aggregate.Explanation
	err         error
}

// Explain asks the owner of the account for an explanation, as of the last flush, of an interval or of
// the whole life (nil). It waits until ctx ends at most.
func (q *Questions) Explain(ctx context.Context, account string, within *aggregate.Interval) (*aggregate.Explanation, error) {
	if !q.serving.Load() {
		return nil, ErrNotReady
	}
	one := &question{ctx: ctx, account: account, within: within, answer: make(chan answer, 1)}
	select {
	case q.waiting <- one:
	default:
		return nil, fmt.Errorf("%w: %d questions wait", ErrBusy, questionsWaiting)
	}
	select {
	case a := <-one.answer:
		return a.explanation, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
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
				one.answer <- answer{err: ErrNotReady}
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
			explanation, err := s.explain(one)
			var unknown *UnknownAccountError
			if errors.As(err, &unknown) && !searched {
				searched = true
				unknown.Nearest = s.nearest(one.account)
			}
			one.answer <- answer{explanation, err}
		default:
			return
		}
	}
}

func (s *session) explain(one *question) (*aggregate.Explanation, error) {
	number := sink.Partition([]byte(one.account), s.partitions)
	shard := s.byNumber[int32(number)] //nolint:gosec // a partition
	if shard == nil && s.isOpening(number) {
		return nil, fmt.Errorf("%w: shard %d is being opened", ErrNotReady, number)
	}
	if shard == nil {
		return nil, fmt.Errorf("%w: shard %d of %d", ErrElsewhere, number, s.partitions)
	}
	explanation, found := shard.state.Explain(one.account, one.within)
	switch {
	case found:
		return explanation, nil
	case !shard.caughtUp():
		return nil, fmt.Errorf("%w: shard %d has not caught up", ErrNotReady, number)
	default:
		return nil, &UnknownAccountError{Account: strings.Clone(one.account)}
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
