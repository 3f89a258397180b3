package intake

import (
	"context"
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
	transactor *sink.Transactor
	decoder    *event.Decoder

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

// batchBytes is the size of a batch that holds any record that is copied.
func (o *Options) batchBytes() int { return max(900_000, o.Decoder.MaxBytes+2*room) }

// MessageMax is the max.message.bytes that the topic of copies needs so that the largest acceptable
// record fits, with its batch around it.
func MessageMax(d event.Options) int {
	o := Options{Decoder: d}
	if o.Decoder.MaxBytes <= 0 {
		o.Decoder.MaxBytes = 1 << 20
	}
	return o.batchBytes() + 1<<10
}

// lane prepares a lane. It does no I/O.
func (s *session) lane(tp broker.TopicPartition, compacted bool) (*lane, error) {
	id := fmt.Sprintf("%s-%s-%d", GroupOf(s.options.Group), tp.Topic, tp.Partition)
	t, err := sink.NewTransactor(s.options.Cluster, sink.TransactorOptions{ID: id, Compression: sink.LZ4, BatchBytes: s.options.batchBytes()})
	if err != nil {
		return nil, err
	}
	l := &lane{
		Position: consumer.Position{TopicPartition: tp}, options: s.options, generation: s.generation, lasting: s.lasting,
		compacted: compacted, transactor: t, decoder: event.NewDecoder(s.options.Decoder),
		place: place{Seen: event.NoTime}, appended: event.NoTime, told: event.NoTime, opened: s.options.Clock(),
	}
	if s.ids != nil {
		l.identity = s.ids[tp.Topic]
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
		return l.begin(ctx)
	}
	if l.place, err = decodePlace(text); err != nil {
		return fmt.Errorf("position %d of %s: %w", next, l.TopicPartition, err)
	}
	l.Next, l.end = next, next
	if err := l.sameTopic(); err != nil {
		return err
	}
	if err := consumer.VerifyPosition(ctx, l.options.Cluster, l.Position, l.place.mark(), l.compacted); err != nil {
		return fmt.Errorf("verify the position of %s: %w", l.TopicPartition, err)
	}
	return nil
}

// LostStartError means that a source partition has lost its beginning and that nobody knows how far it
// was copied: there is no position, or it expired.
type LostStartError struct {
	consumer.TopicPartition
	Start int64
}

func (e *LostStartError) Error() string {
	return fmt.Sprintf("%s begins at offset %d and the group has no position in it: offsets [0,%d) are gone, or were copied before the position expired",
		e.TopicPartition, e.Start, e.Start)
}

// begin is the position of a partition that the group has none in: the start of the log, never its end.
// That is right after the position has expired, too: what is copied again is a duplicate by its id.
func (l *lane) begin(ctx context.Context) error {
	starts, err := consumer.StartOffsets(ctx, l.options.Cluster, []consumer.TopicPartition{l.TopicPartition})
	if err != nil {
		return err
	}
	if start := starts[l.TopicPartition]; start > 0 {
		return &LostStartError{TopicPartition: l.TopicPartition, Start: start}
	}
	l.Next, l.end, l.place = 0, 0, place{Seen: event.NoTime}
	l.options.Logger.InfoContext(ctx, "no position is stored for a source partition: it is copied from its start; what was copied before, should the position have expired, counts as duplicates by id",
		"topic", l.Topic, "partition", l.Partition)
	return nil
}

// sameTopic holds the id that was committed against the present one. A position that a person has set
// has none, and is taken as it is.
func (l *lane) sameTopic() error {
	if l.place.TopicID == "" || l.identity == (consumer.TopicIdentity{}) || l.place.TopicID == l.identity.ID.String() {
		return nil
	}
	was := consumer.TopicIdentity{Name: l.Topic, Partitions: l.identity.Partitions}
	if err := l.place.topicID(&was.ID); err != nil {
		return fmt.Errorf("position %d of %s: %w", l.Next, l.TopicPartition, err)
	}
	return fmt.Errorf("position %d of %s: %w", l.Next, l.TopicPartition, &consumer.ErrTopicChanged{Was: was, Now: l.identity})
}
