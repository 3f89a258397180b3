package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/sink"
)

// errNotOurs means that the partitions may be somebody else's: the generation is over.
var errNotOurs = errors.New("intake: the generation has ended")

// triesMax is how often a transaction is tried anew, each time under a new epoch; the brokers were
// asked for half a minute in each already.
const triesMax = 5

// fencedPause is how long to wait before an id that somebody else has opened is opened again: longer
// than a heartbeat, which says whether the partition is still ours.
const fencedPause = 1500 * time.Millisecond

// copy copies what was fetched, and moves the position, in one transaction. Tried again until it is
// known to have ended one way or the other, it leaves each record once.
func (l *lane) copy(ctx context.Context, b *consumer.Batch) error {
	l.end = max(b.LastStable, b.Next)
	now := l.options.Clock()
	if err := l.write(ctx, b, now); err != nil {
		return l.wait(ctx, err)
	}
	l.waits = nil
	if err := l.idle(l.lasting, b, now); err != nil {
		return err
	}
	l.writeMarks(b.Next, now)
	if b.Next == l.Next && len(l.draft.messages) == 0 {
		l.options.Observe(Count{TopicPartition: l.TopicPartition, Next: l.Next, End: l.end, Appended: l.appended})
		return nil
	}
	for from, try := l.Next, 1; ; try++ {
		err := l.transact(b.Next)
		if err == nil {
			l.done(b)
			return nil
		}
		var failed *sink.ErrTransaction
		switch {
		case !errors.As(err, &failed):
			return err
		case errors.Is(err, sink.ErrMembership):
			return fmt.Errorf("%w: %w", errNotOurs, err)
		case try >= triesMax, l.lasting.Err() != nil:
			return fmt.Errorf("copy %s from offset %d to %d: %w", l.TopicPartition, from, b.Next, err)
		}
		l.options.Logger.WarnContext(ctx, "a transaction of the intake did not end as asked; it is settled under a new epoch",
			"topic", l.Topic, "partition", l.Partition, "offset", from, "error", err)
		again, err := l.again(ctx, from, b, errors.Is(err, sink.ErrFenced), try)
		for ; errors.Is(err, context.DeadlineExceeded) && l.lasting.Err() == nil && try < triesMax; try++ {
			again, err = l.again(ctx, from, b, false, try) // no broker has answered so far
		}
		if !again || err != nil {
			return err
		}
	}
}

// transact is one try: the copies and letters, the position, and the end.
func (l *lane) transact(next int64) error {
	text, err := l.draft.place.encode()
	if err != nil {
		return err
	}
	witness, err := l.witness(next, &l.draft.place)
	if err != nil {
		return err
	}
	t, step := l.transactor, l.options.Step
	if err := t.Begin(l.lasting); err != nil {
		return err
	}
	if err := step("begun"); err != nil {
		return err
	}
	if _, err := t.Send(l.lasting, append(l.draft.messages, witness)); err != nil {
		return err
	}
	if err := step("sent"); err != nil {
		return err
	}
	err = t.SendOffsets(l.lasting, sink.GroupOffsets{
		Group: GroupOf(l.options.Group), Generation: l.generation.ID, Member: l.generation.MemberID,
		Next: map[sink.TopicPartition]int64{l.TopicPartition: next},
		Text: map[sink.TopicPartition]string{l.TopicPartition: text},
	})
	if err != nil {
		return err
	}
	if err := step("positioned"); err != nil {
		return err
	}
	if err := t.Commit(l.lasting); err != nil {
		return err
	}
	return step("committed")
}

// again takes a new epoch, which decides what became of the transaction before, and looks at the
// position: at its old place, from, the transaction is to be tried again; at its new one it is done; at
// another one somebody else has copied meanwhile, and what was fetched is void.
func (l *lane) again(ctx context.Context, from int64, b *consumer.Batch, fenced bool, try int) (again bool, err error) {
	pause := broker.BackoffDelay(try)
	if fenced {
		pause = fencedPause
	}
	wait, cancel := context.WithTimeout(l.lasting, pause)
	defer cancel()
	select {
	case <-l.generation.Done():
		return false, errNotOurs
	case <-wait.Done():
	}
	if err := l.open(l.lasting); err != nil {
		return false, err
	}
	switch l.Next {
	case from:
		l.end = max(b.LastStable, b.Next)
		return true, nil
	case b.Next:
		l.done(b)
		return false, nil
	default:
		l.options.Logger.WarnContext(ctx, "somebody else has moved the position of a source partition", "topic", l.Topic, "partition", l.Partition,
			"from", from, "to", l.Next)
		return false, nil
	}
}

// done takes over what a transaction has decided, and tells.
func (l *lane) done(b *consumer.Batch) {
	d := &l.draft
	l.Next, l.end, l.place, l.appended = b.Next, max(b.LastStable, b.Next), d.place, d.appended
	if d.count.Marks > 0 {
		l.told = l.place.Seen
	}
	d.count.Next, d.count.End, d.count.Appended = l.Next, l.end, l.appended
	l.options.Observe(d.count)
}
