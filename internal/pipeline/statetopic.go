package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/consumer"
	"processor/internal/row"
	"processor/internal/sink"
)

// stateTopic is the store `kafka`: a compacted topic with a partition for each shard. A save is one
// transaction of the records that changed and the marker. The transactional id belongs to the shard:
// Load takes it, after which whatever another process saves for the shard is refused (invariant I6),
// and only then reads. So an owner reads all that was ever saved before it, and nothing is saved
// behind its back.
type stateTopic struct {
	options *Options
	topic   string
	meaning string

	mu     sync.Mutex
	shards map[int]*stateShard // those that this process has loaded
}

// stateShard is the writing side of a shard; mu lets one call at a time use it.
type stateShard struct {
	mu       sync.Mutex
	writer   *sink.Transactor
	save     uint64         // number of the last save
	chunks   map[string]int // of values that are in several records, by key
	next     int64          // the offset behind what this owner has read or written
	messages []sink.Message // of the save under way
}

// The bounds of a save. A transaction that the broker aborts by itself looks like a new owner, so its
// timeout is far behind that of every step.
const (
	stateTimeout  = 5 * time.Minute  // of a transaction at the broker
	stateStep     = 30 * time.Second // of one request's tries
	stateTries    = 4                // of a save whose transaction was surely aborted
	stateSendOnce = 16 << 20         // bytes in one step
)

// openStateTopic is the store over the state topic, which exists. It refuses a topic in which the last
// save of a shard has another meaning, so that nothing is taken from a service that fits.
func openStateTopic(ctx context.Context, o *Options, meaning string, partitions int) (*stateTopic, error) {
	s := newStateTopic(o, meaning)
	// A rebuild that is under way is refused from here on.
	rebuilder, err := s.newWriter(s.rebuildID())
	if err != nil {
		return nil, err
	}
	if err := rebuilder.Open(ctx); err != nil {
		return nil, err
	}
	for shard := range partitions {
		mark, _, err := s.lastMark(ctx, shard)
		if err != nil {
			return nil, err
		}
		if err := s.fits(mark); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func newStateTopic(o *Options, meaning string) *stateTopic {
	return &stateTopic{options: o, topic: o.topic(row.TopicState), meaning: meaning, shards: map[int]*stateShard{}}
}

func (s *stateTopic) shardID(shard int) string {
	return s.options.Group + "-state-" + strconv.Itoa(shard)
}

func (s *stateTopic) rebuildID() string { return s.options.Group + "-state-rebuild" }

func (s *stateTopic) newWriter(id string) (*sink.Transactor, error) {
	return sink.NewTransactor(s.options.Cluster, sink.TransactorOptions{
		ID: id, Timeout: stateTimeout, Deadline: stateStep, Compression: sink.LZ4,
	})
}

// fits refuses a checkpoint of another group or another meaning.
func (s *stateTopic) fits(m *stateMark) error {
	switch {
	case m == nil:
		return nil
	case m.group != s.options.Group:
		return fmt.Errorf("%w: topic %s holds the checkpoint of group %q, this one is %q: give each service an output.prefix of its own",
			checkpoint.ErrForeign, s.topic, m.group, s.options.Group)
	case m.meaning != s.meaning:
		return &checkpoint.MeaningError{Dir: s.topic, Stored: m.meaning, Wanted: s.meaning}
	default:
		return nil
	}
}

// Load takes the shard over from whoever has it and calls fn with every record, in the order in which
// their keys were first saved.
func (s *stateTopic) Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error) {
	one, fold, err := s.take(ctx, shard)
	if err != nil {
		return nil, false, s.remedied(err)
	}
	fold.sort() // an account after the other
	if err := fold.each(fn); err != nil {
		return nil, false, fmt.Errorf("checkpoint of shard %d in %s: %w", shard, s.topic, err)
	}
	s.mu.Lock()
	s.shards[shard] = one
	s.mu.Unlock()
	if fold.mark == nil {
		return nil, false, nil
	}
	return fold.mark.caller, true, nil
}

// take fences the former owner and reads what it left.
func (s *stateTopic) take(ctx context.Context, shard int) (*stateShard, *stateFold, error) {
	writer, err := s.newWriter(s.shardID(shard))
	if err != nil {
		return nil, nil, err
	}
	if err := writer.Open(ctx); err != nil {
		return nil, nil, fmt.Errorf("take over shard %d: %w", shard, err)
	}
	if err := s.options.step("shard taken"); err != nil {
		return nil, nil, err
	}
	fold, err := readState(ctx, s.options, s.topic, shard)
	if err != nil {
		return nil, nil, err
	}
	if err := s.fits(fold.mark); err != nil {
		return nil, nil, err
	}
	one := &stateShard{writer: writer, chunks: fold.chunked(), next: fold.next}
	if fold.mark != nil {
		one.save = fold.mark.save
	}
	return one, fold, nil
}

// Owned says whether nobody has taken the shard since it was loaded. It never takes it back.
func (s *stateTopic) Owned(ctx context.Context, shard int) (bool, error) {
	one := s.loaded(shard)
	if one == nil {
		return false, nil
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	_, err := one.writer.Recover(ctx)
	if errors.Is(err, sink.ErrFenced) {
		return false, nil
	}
	return err == nil, err
}

func (s *stateTopic) loaded(shard int) *stateShard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shards[shard]
}

// Save stores the records and the marker in one transaction. A transaction that was surely aborted is
// tried again. An error is ErrFenced when the shard has a newer owner, of whose checkpoint nothing is
// changed.
func (s *stateTopic) Save(ctx context.Context, shard int, marker []byte, puts []checkpoint.Put) error {
	one := s.loaded(shard)
	if one == nil {
		return fmt.Errorf("save the checkpoint of shard %d: it was not loaded", shard)
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	chunks, err := s.encode(one, shard, marker, puts)
	if err != nil {
		return fmt.Errorf("save the checkpoint of shard %d in %s: %w", shard, s.topic, err)
	}
	next, err := s.commit(ctx, one, shard)
	one.messages = nil
	if errors.Is(err, sink.ErrFenced) {
		err = fmt.Errorf("%w: %w", ErrFenced, err)
	}
	if err != nil {
		return s.remedied(fmt.Errorf("save the checkpoint of shard %d in %s: %w", shard, s.topic, err))
	}
	one.save++
	one.next = next
	for key, n := range chunks {
		if one.chunks[key] = n; n < 2 {
			delete(one.chunks, key)
		}
	}
	return nil
}

// encode makes the messages of a save, the marker last, and says of how many chunks the values are
// that are, or were, in several.
func (s *stateTopic) encode(one *stateShard, shard int, marker []byte, puts []checkpoint.Put) (chunks map[string]int, err error) {
	chunks = map[string]int{}
	add := func(key, value []byte) {
		one.messages = append(one.messages, sink.Message{
			Topic: s.topic, Partition: int32(shard), Key: key, Value: value, Time: time.Now().UnixNano(), //nolint:gosec // a partition
		})
	}
	one.messages = make([]sink.Message, 0, len(puts)+1)
	save := one.save + 1
	for i := range puts {
		p := &puts[i]
		n := 0
		if !p.Delete {
			n = max(1, (len(p.Value)+stateChunk-1)/stateChunk)
		}
		if n >= chunksMax || len(p.Key) > stateChunk/2 {
			return nil, fmt.Errorf("record %x has a key of %d and a value of %d bytes, too many", p.Key[:min(len(p.Key), 64)], len(p.Key), len(p.Value))
		}
		for chunk := range n {
			body := p.Value[min(chunk*stateChunk, len(p.Value)):min((chunk+1)*stateChunk, len(p.Value))]
			key := stateKey(chunk, p.Key)
			add(key, sealState(shard, key, save, binary.BigEndian.AppendUint16(nil, uint16(n)), body)) //nolint:gosec // below chunksMax
		}
		before := one.chunks[string(p.Key)]
		for chunk := n; chunk < max(before, 1); chunk++ {
			add(stateKey(chunk, p.Key), nil)
		}
		if n > 1 || before > 1 {
			chunks[string(p.Key)] = n
		}
	}
	mark := stateMark{save: save, group: s.options.Group, meaning: s.meaning, caller: marker}
	add(mark.message(shard))
	return chunks, nil
}

// commit runs the transaction of a save until it is committed, and returns the offset behind it.
func (s *stateTopic) commit(ctx context.Context, one *stateShard, shard int) (next int64, err error) {
	for try := 1; ; try++ {
		next, err = s.transact(ctx, one, shard)
		var failed *sink.ErrTransaction
		var refused *sink.ErrRefused
		switch {
		case err == nil:
			return next, nil
		case !errors.As(err, &failed), errors.Is(err, sink.ErrFenced), ctx.Err() != nil:
			return 0, err
		}
		outcome, recoverErr := failed.Outcome, error(nil)
		if outcome != sink.Committed {
			outcome, recoverErr = one.writer.Recover(ctx)
		}
		switch {
		case outcome == sink.Committed:
			return next, nil
		case recoverErr != nil:
			return 0, errors.Join(recoverErr, err)
		case outcome == sink.Unknown, errors.As(err, &refused), try == stateTries:
			return 0, err
		}
		s.options.Logger.WarnContext(ctx, "a checkpoint is saved once more", "shard", shard, "error", err)
		if err := broker.Backoff(ctx, try); err != nil {
			return 0, err
		}
	}
}

// transact is one try. Offsets that do not go on behind our own are those of another topic under the
// same name: nothing may be committed to it.
func (s *stateTopic) transact(ctx context.Context, one *stateShard, shard int) (next int64, err error) {
	if err := one.writer.Begin(ctx); err != nil {
		return 0, err
	}
	tp := broker.TopicPartition{Topic: s.topic, Partition: int32(shard)} //nolint:gosec // a partition
	for rest := one.messages; len(rest) > 0; {
		n, size := 0, 0
		for n < len(rest) && size < stateSendOnce {
			size += len(rest[n].Key) + len(rest[n].Value)
			n++
		}
		acknowledged, err := one.writer.Send(ctx, rest[:n])
		if err != nil {
			return 0, err
		}
		next = acknowledged[tp]
		rest = rest[n:]
		if next < one.next+int64(n) {
			return 0, errors.Join(damagedState("%s ends at offset %d, and what was saved before went up to %d: the topic was made anew", tp, next, one.next),
				one.writer.Abort(ctx))
		}
	}
	if err := s.options.step("saving to the topic"); err != nil {
		return 0, err
	}
	return next, one.writer.Commit(ctx)
}

// lastMark is the marker at the end of a shard's partition, without taking the shard; nil where the
// last few records have none. forgotten says that everything there is was forgotten.
func (s *stateTopic) lastMark(ctx context.Context, shard int) (mark *stateMark, forgotten bool, err error) {
	const few = 16                                                       // a save ends with its marker and the transaction's own; more where some were aborted
	tp := broker.TopicPartition{Topic: s.topic, Partition: int32(shard)} //nolint:gosec // a partition
	err = eachOfLast(ctx, s.options, tp, few, func(key, value []byte) error {
		if len(key) != 1 || value == nil {
			return nil
		}
		save, body, err := unsealState(shard, key, value)
		if err != nil {
			return fmt.Errorf("the marker at the end of %s: %w", tp, err)
		}
		if mark, forgotten = nil, key[0] == kindForget; !forgotten {
			mark, err = decodeStateMark(save, body)
		}
		return err
	})
	return mark, forgotten, s.remedied(err)
}

// remedied adds to damage what can be done about it.
func (s *stateTopic) remedied(err error) error {
	if !errors.Is(err, checkpoint.ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w; stop all instances and have the sources read again from their start: %s, or delete the topic %s",
		err, s.options.rebuildCommand(FromLog), s.topic)
}

// eachOfLast calls fn with the last few records of a partition, in their order.
func eachOfLast(ctx context.Context, o *Options, tp broker.TopicPartition, few int64, fn func(key, value []byte) error) error {
	starts, err := o.logs.Starts(ctx, []broker.TopicPartition{tp})
	if err != nil {
		return fmt.Errorf("where %s begins: %w", tp, err)
	}
	ends, err := o.logs.Ends(ctx, []broker.TopicPartition{tp})
	if err != nil {
		return fmt.Errorf("where %s ends: %w", tp, err)
	}
	_, err = o.logs.Read(ctx, tp, max(starts[tp], ends[tp]-few), func(r *consumer.Record) error {
		return fn(r.Key, r.Value)
	})
	return err
}

// Close has nothing to give back: the next owner of a shard takes it.
func (s *stateTopic) Close() error { return nil }
