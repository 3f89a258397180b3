package letter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"processor/internal/broker"
	"processor/internal/event"
	"processor/internal/row"
	"processor/internal/sink"
)

// RedriveOptions say what is sent back, and by whom.
type RedriveOptions struct {
	Cluster *broker.Cluster
	Topic   string   // of the letters
	Sources []string // topics that may be written to: those of the configuration
	User    string   // of the login, for the command in a refusal
	ID      string   // the transactional id: one redrive at a time has it

	Filter Filter
	Limit  int64 // letters that are sent at most; 0 for all
	DryRun bool  // nothing is sent

	Now   func() time.Time // time.Now when nil
	Batch int              // letters of one transaction; 100 when 0
}

// Redriven is what was sent back, or would be.
type Redriven struct {
	Sent      int64            // each once: its record and its mark are one transaction
	Already   int64            // that were sent back before
	Cut       int64            // that hold only a part of the record
	Elsewhere map[string]int64 // letters by topic that is no source of the configuration
	Foreign   int64            // records that are no letters
	BySource  map[string]int64
}

// batchBytes bounds the records of one transaction.
const batchBytes = 4 << 20

// RefusedError means that sources may not be written to. Nothing was sent.
type RefusedError struct{ Problems []string }

// Error has a line for each problem.
func (e *RefusedError) Error() string { return strings.Join(e.Problems, "\n") }

// Redrive sends the records of letters back to where they were written: key, value and headers as they were,
// and one header more, redriven_from, with the position. With each goes a mark into the dead-letter topic, in the
// same transaction: whatever happens, a record is sent once, also by a second redrive.
func Redrive(ctx context.Context, o RedriveOptions) (done Redriven, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Batch == 0 {
		o.Batch = 100
	}
	partitions, err := o.check(ctx)
	if err != nil {
		return done, err
	}
	var out *sink.Transactor
	if !o.DryRun {
		// The one that goes on elsewhere is fenced here, and what it left open is gone, before anything is read.
		if out, err = sink.NewTransactor(o.Cluster, sink.TransactorOptions{ID: o.ID, Compression: sink.LZ4}); err != nil {
			return done, err
		}
		if err := out.Open(ctx); err != nil {
			return done, fmt.Errorf("take the transactional id %s: %w", o.ID, err)
		}
	}
	box, err := OpenBox(ctx, o.Cluster, o.Topic)
	if err != nil {
		return done, err
	}
	r := redrive{options: &o, box: box, out: out, partitions: partitions, done: &done}
	done.Elsewhere, done.BySource = map[string]int64{}, map[string]int64{}
	err = box.Each(ctx, o.Filter, func(l *Letter, redriven bool) error { return r.take(ctx, l, redriven) })
	if err == nil {
		err = r.send(ctx)
	}
	done.Foreign = box.Foreign()
	if err != nil {
		done.Sent -= int64(r.letters) // that are in no transaction
		err = fmt.Errorf("%d letters were sent back, then it failed; run the command again, it goes on there: %w", done.Sent, err)
	}
	return done, err
}

// check refuses sources that may not be written to, and says how many partitions the others have.
func (o *RedriveOptions) check(ctx context.Context) (partitions map[string]int, err error) {
	_, access, err := o.Cluster.Access(ctx, o.Sources...)
	if err != nil {
		return nil, err
	}
	refused := &RefusedError{}
	partitions = map[string]int{}
	for _, topic := range o.Sources {
		if len(o.Filter.Sources) > 0 && !slices.Contains(o.Filter.Sources, topic) {
			continue
		}
		switch a := access[topic]; {
		case a.Err != nil || a.Exists && !a.Operations.May(broker.Write):
			refused.Problems = append(refused.Problems, fmt.Sprintf("topic %s is not ours to write: its records go back there; allow it:\n  %s\nor leave it out with --source",
				topic, broker.AllowCommand(o.User, broker.Write, "topic", topic)))
		case !a.Exists:
			refused.Problems = append(refused.Problems, fmt.Sprintf("topic %s of sources does not exist", topic))
		default:
			partitions[topic] = a.Partitions
		}
	}
	if len(refused.Problems) > 0 {
		return nil, refused
	}
	return partitions, nil
}

// redrive is one redrive on its way.
type redrive struct {
	options    *RedriveOptions
	box        *Box
	out        *sink.Transactor
	partitions map[string]int
	done       *Redriven

	messages []sink.Message
	letters  int
	bytes    int
}

// take decides about one letter.
func (r *redrive) take(ctx context.Context, l *Letter, redriven bool) error {
	partitions, known := r.partitions[l.Position.Topic]
	switch {
	case redriven:
		r.done.Already++
		return nil
	case !known:
		r.done.Elsewhere[l.Position.Topic]++
		return nil
	case l.Cut != "":
		r.done.Cut++
		return nil
	}
	key := keyOf(l.Position)
	r.box.redriven[hashOf(key)] = struct{}{} // the same letter may lie there twice
	r.done.Sent++
	r.done.BySource[l.Position.Topic]++
	if !r.options.DryRun {
		if err := r.add(ctx, l, key, partitions); err != nil {
			return err
		}
	}
	if r.done.Sent == r.options.Limit {
		return ErrEnough
	}
	return nil
}

func keyOf(p event.Position) []byte {
	return (*row.Encoder)(nil).DeadLetterKey(nil, &row.DeadLetter{Topic: p.Topic, Partition: int(p.Partition), Offset: p.Offset})
}

// add puts a letter's record and its mark into the next transaction.
func (r *redrive) add(ctx context.Context, l *Letter, key []byte, partitions int) error {
	partition := l.Position.Partition // where it was: a keyed source stays one
	if int(partition) >= partitions {
		partition = int32(sink.Partition(l.Key, partitions)) //nolint:gosec // a partition
	}
	now := r.options.Now()
	from := fmt.Appendf(nil, "%s/%d/%d", l.Position.Topic, l.Position.Partition, l.Position.Offset)
	r.messages = append(r.messages, sink.Message{
		Topic: l.Position.Topic, Partition: partition, Key: l.Key, Value: l.Value, Time: now.UnixNano(),
		Headers: append(slices.Clip(l.Headers), sink.Header{Key: "redriven_from", Value: from}),
	}, mark(r.options.Topic, l, key, now))
	r.letters++
	r.bytes += len(l.Key) + len(l.Value)
	if r.letters < r.options.Batch && r.bytes < batchBytes {
		return nil
	}
	return r.send(ctx)
}

// send commits what was added.
func (r *redrive) send(ctx context.Context) error {
	if r.letters == 0 {
		return nil
	}
	err := r.out.Begin(ctx)
	if err == nil {
		_, err = r.out.Send(ctx, r.messages)
	}
	if err == nil {
		err = r.out.Commit(ctx)
	}
	var failed *sink.ErrTransaction
	if errors.As(err, &failed) && failed.Outcome == sink.Unknown {
		if outcome, recoverErr := r.out.Recover(ctx); recoverErr == nil && outcome == sink.Committed {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	r.messages, r.letters, r.bytes = nil, 0, 0
	return nil
}
