package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/sink"
)

// lane is one source partition: its transactional id, which one owner can have, its position, and the
// memory for what it copies. At any time one goroutine works on it.
type lane struct {
	consumer.Position

	options    *Options
	generation *consumer.Generation
	lasting    context.Context //nolint:containedctx // of the run
	compacted  bool
	identity   consumer.TopicIdentity // of its topic; zero where the brokers have no topic ids
	copies     consumer.TopicIdentity // of the topic of the copies, likewise
	transactor *sink.Transactor
	decoder    *event.Decoder
	foreign    Decoder // instead, of a source in another format
	waits      error   // why what was fetched could not be decoded yet; nil: it could

	place    place      // what was committed beside the position
	end      int64      // up to where there is something to read
	appended event.Time // of the last record
	told     event.Time // how far the marks went, in whole minutes
	opened   time.Time

	draft draft
}

// room is what a record may take beside what the decoder counts: headers that are none of its
// envelope, the key, and where it is from.
const room = 128 << 10

// recordBytes is the size of the largest copy.
func (o *Options) recordBytes() int { return o.Decoder.MaxBytes + 2*room }

// MessageMax is the max.message.bytes that the topic of copies needs so that the largest acceptable
// record fits, with its batch around it.
func MessageMax(d event.Options) int {
	o := Options{Decoder: d}
	if o.Decoder.MaxBytes <= 0 {
		o.Decoder.MaxBytes = 1 << 20
	}
	return max(o.recordBytes(), 1<<20) + 1<<10
}

// lane prepares a lane. It does no I/O.
func (s *session) lane(tp broker.TopicPartition, compacted bool) (*lane, error) {
	id := fmt.Sprintf("%s-%s-%d", GroupOf(s.options.Group), tp.Topic, tp.Partition)
	t, err := sink.NewTransactor(s.options.Cluster, sink.TransactorOptions{ID: id, Compression: sink.LZ4, RecordBytes: s.options.recordBytes()})
	if err != nil {
		return nil, err
	}
	l := &lane{
		Position: consumer.Position{TopicPartition: tp}, options: s.options, generation: s.generation, lasting: s.lasting,
		compacted: compacted, transactor: t, decoder: event.NewDecoder(s.options.Decoder),
		place: place{Seen: event.NoTime}, appended: event.NoTime, told: event.NoTime, opened: s.options.Clock(),
	}
	if s.ids != nil {
		l.identity, l.copies = s.ids[tp.Topic], s.ids[s.options.Events]
	}
	if format, ok := s.options.Formats[tp.Topic]; ok {
		l.foreign = format.New()
		l.draft.format = []byte(format.Name)
	}
	l.draft.prepare(tp)
	return l, nil
}

// open takes the transactional id, which ends whatever a former owner has under way, and only then
// asks for the position: nobody else can move it any more.
func (l *lane) open(ctx context.Context) error {
	if err := l.options.Step("opening"); err != nil {
		return err
	}
	if err := l.transactor.Open(ctx); err != nil {
		return err
	}
	if err := l.options.Step("opened"); err != nil {
		return err
	}
	next, text, err := consumer.StableOffset(ctx, l.options.Cluster, GroupOf(l.options.Group), l.TopicPartition)
	if err != nil {
		return err
	}
	if next < 0 {
		if next, err = l.remember(ctx); next < 0 || err != nil {
			return err
		}
	} else if l.place, err = decodePlace(text); err != nil {
		return fmt.Errorf("position %d of %s: %w", next, l.TopicPartition, err)
	}
	l.Next, l.end = next, next
	if err := errors.Join(changed(l.place.TopicID, l.identity), changed(l.place.CopyID, l.copies)); err != nil {
		return fmt.Errorf("position %d of %s: %w", next, l.TopicPartition, err)
	}
	if err := consumer.VerifyPosition(ctx, l.options.Cluster, l.Position, l.place.mark(), l.compacted); err != nil {
		return fmt.Errorf("verify the position of %s: %w", l.TopicPartition, err)
	}
	return nil
}

// remember is the position of a partition that the group has none in: that of its witness, or the start of
// the log, never its end; then it is -1.
func (l *lane) remember(ctx context.Context) (next int64, err error) {
	last, found, err := l.lastWitness(ctx)
	if err != nil {
		return -1, fmt.Errorf("the last position of %s: %w", l.TopicPartition, err)
	}
	if !found {
		return -1, l.begin(ctx)
	}
	l.options.Logger.WarnContext(ctx, "the group has lost its position in a source partition, which expired or went with a deleted topic; the witness has it",
		"topic", l.Topic, "partition", l.Partition, "position", last.Next, "witness", l.options.Positions)
	l.place = last.place
	return last.Next, nil
}

// LostStartError means that a source partition of which nothing was copied yet has lost its beginning.
type LostStartError struct {
	consumer.TopicPartition
	Start int64
}

func (e *LostStartError) Error() string {
	return fmt.Sprintf("%s begins at offset %d and nothing of it was copied yet: offsets [0,%d) are gone",
		e.TopicPartition, e.Start, e.Start)
}

// begin begins a partition of which nothing was copied yet.
func (l *lane) begin(ctx context.Context) error {
	starts, err := consumer.StartOffsets(ctx, l.options.Cluster, []consumer.TopicPartition{l.TopicPartition})
	if err != nil {
		return err
	}
	if start := starts[l.TopicPartition]; start > 0 {
		return &LostStartError{TopicPartition: l.TopicPartition, Start: start}
	}
	l.Next, l.end, l.place = 0, 0, place{Seen: event.NoTime}
	l.options.Logger.InfoContext(ctx, "a source partition is copied from its start", "topic", l.Topic, "partition", l.Partition)
	return nil
}
