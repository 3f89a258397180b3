package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/row"
)

// borders are where logs begin and end, asked once for all shards of a generation.
type borders struct {
	starts, ends map[broker.TopicPartition]int64
	compacted    map[string]bool // which sources are
}

// openOne restores one shard. Its outlet is first, so that nobody writes behind the borders any more.
func (p *pipeline) openOne(ctx context.Context, number int) (*shard, error) {
	out, err := p.shardOutlet(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("open shard %d: %w", number, err)
	}
	logs, err := p.borders(ctx, []int{number})
	if err != nil {
		return nil, fmt.Errorf("open shard %d: %w", number, err)
	}
	s, err := p.openShard(ctx, number, out, logs)
	if err != nil {
		return nil, fmt.Errorf("open shard %d: %w", number, p.options.checkpointError(err))
	}
	return s, nil
}

// shardOutlet is the outlet of a shard; nil where all shards share one.
func (p *pipeline) shardOutlet(ctx context.Context, number int) (outlet, error) {
	if p.options.Delivery != ExactlyOnce {
		return nil, nil
	}
	return p.options.outlet(ctx, fmt.Sprintf("%s-shard-%d", p.options.Group, number))
}

// assigned are the partition numbers of a generation. A number is ours in all topics or in none.
func (p *pipeline) assigned(assignment map[string][]int32) ([]int, error) {
	var numbers []int
	for _, number := range assignment[p.options.Sources[0].Topic] {
		numbers = append(numbers, int(number))
	}
	for topic, partitions := range assignment {
		if len(partitions) != len(numbers) {
			return nil, fmt.Errorf("%w: the group assigned partitions %v of %s and %v of %s; an account must have the same partition in all sources",
				ErrOperator, partitions, topic, numbers, p.options.Sources[0].Topic)
		}
	}
	if n := len(numbers); n > 0 && numbers[n-1] >= p.partitions {
		return nil, fmt.Errorf("%w: the sources have grown from %d to at least %d partitions, %s", ErrOperator, p.partitions, numbers[n-1]+1, p.options.grownRemedy())
	}
	return numbers, nil
}

// borders asks for everything that opening the shards needs to know.
func (p *pipeline) borders(ctx context.Context, numbers []int) (b borders, err error) {
	wanted := map[broker.TopicPartition]struct{}{}
	for _, number := range numbers {
		for _, topic := range p.options.sourceTopics() {
			wanted[broker.TopicPartition{Topic: topic, Partition: int32(number)}] = struct{}{} //nolint:gosec // a partition
		}
		for _, out := range outputPartitions(number, p.partitions) {
			wanted[broker.TopicPartition{Topic: p.options.topic(out.Topic), Partition: out.Partition}] = struct{}{}
		}
	}
	all := slices.Collect(maps.Keys(wanted))
	if b.starts, err = p.options.logs.Starts(ctx, all); err != nil {
		return b, fmt.Errorf("where the logs begin: %w", err)
	}
	if b.ends, err = p.options.logs.Ends(ctx, all); err != nil {
		return b, fmt.Errorf("where the logs end: %w", err)
	}
	if b.compacted, err = p.options.logs.Compacted(ctx, p.options.sourceTopics()); err != nil {
		return b, fmt.Errorf("which sources are compacted: %w", err)
	}
	return b, nil
}

// openShard restores one shard, or begins it where there is no checkpoint. Its new epoch is stored
// before any row carries it.
func (p *pipeline) openShard(ctx context.Context, number int, out outlet, logs borders) (*shard, error) {
	s, err := newShard(number, p.partitions, &p.options, p.generation)
	if err != nil {
		return nil, err
	}
	s.outlet = out
	p.options.Observer.dropped(number) // an opening before this one may have been given up halfway
	p.options.Metrics.update(func(r *Reading) { r.Shards[number] = ShardReading{Restoring: true, Watermark: event.NoTime} })
	var restored int64
	stored, found, err := p.store.Load(ctx, number, func(key, value []byte) error {
		restored++
		return s.restore(key, value)
	})
	if err != nil {
		return nil, err
	}
	var m *marker
	if found {
		if m, err = decodeMarker(stored); err != nil {
			return nil, err
		}
		if err := p.sameTopics(number, m); err != nil {
			return nil, err
		}
		if err := s.resume(m); err != nil {
			return nil, err
		}
	}
	if err := s.place(m, logs); err != nil {
		return nil, err
	}
	if s.jumped {
		p.options.Logger.WarnContext(ctx, "records are lost, and it goes on without them, as was asked for", "shard", number, "gaps", fmt.Sprint(s.gaps))
	}
	if err := p.verify(ctx, s, logs.compacted); err != nil {
		return nil, err
	}
	for _, src := range s.sources {
		if id := p.topicID(src.Topic); id != "" {
			src.id = id
		}
	}
	epoch, _, last, err := lastProgress(ctx, &p.options, number)
	if err != nil {
		return nil, err
	}
	s.epoch = max(s.epoch, epoch) + 1
	if !s.jumped && last.follows(s) { // what was made of records that are gone cannot be made again in silence
		err = p.followCut(ctx, s, m, last, logs)
	} else {
		s.owe(m, logs, epoch)
		s.sent = s.instant()
		err = p.saveOpened(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	p.options.Metrics.update(func(r *Reading) { r.Shards[number] = ShardReading{Watermark: event.NoTime, Restored: restored} })
	p.options.Logger.InfoContext(ctx, "shard opened", "shard", number, "from_checkpoint", found, "records", restored,
		"accounts", s.state.Accounts(), "epoch", s.epoch, "watermark", s.state.Watermark().String())
	return s, nil
}

// saveOpened saves a shard that nobody else works on yet.
func (p *pipeline) saveOpened(ctx context.Context, s *shard) error {
	puts := putsOf(s.takeKept()) // the marker counts them
	b, err := s.marker().encode()
	if err != nil {
		return err
	}
	s.saved = b
	return p.store.Save(ctx, s.number, b, puts)
}

// place puts the shard where its checkpoint says, or at the beginning of the logs: a log that has
// lost its beginning is a gap.
func (s *shard) place(m *marker, logs borders) error {
	var problems []error
	for _, topic := range s.options.sourceTopics() {
		tp := broker.TopicPartition{Topic: topic, Partition: int32(s.number)} //nolint:gosec // a partition
		src := &source{
			Position: consumer.Position{TopicPartition: tp}, seen: event.NoTime, heard: event.NoTime,
			endAtStart: logs.ends[tp], end: logs.ends[tp], appended: event.NoTime,
		}
		at := m.in(topic)
		src.follow(s.options.feed, topic == s.options.topic(row.TopicEvents), at)
		if at != nil {
			src.Next, src.seen, src.id, src.last = at.Next, at.Seen, at.ID, at.Last.mark()
			src.heard = src.seen
		}
		start := logs.starts[tp]
		if outside := src.Next < start || src.Next > src.endAtStart; outside && !s.jump(src, start) {
			gap := &consumer.ErrGap{Topic: topic, Partition: tp.Partition, Asked: src.Next, LogStart: start, End: src.endAtStart}
			err := error(gap)
			if at == nil {
				err = fmt.Errorf("there is no checkpoint for %s: %w", tp, gap)
			}
			problems = append(problems, gapError(err, gap))
		}
		s.sources = append(s.sources, src)
	}
	return errors.Join(problems...)
}

// in is the place in a topic; nil where the marker has none.
func (m *marker) in(topic string) *place {
	if m == nil {
		return nil
	}
	for i := range m.Sources {
		if m.Sources[i].Topic == topic {
			return &m.Sources[i]
		}
	}
	return nil
}

// owe notes what was written behind the checkpoint, or all there is without one. epoch is the highest that
// the progress rows know of, 0 for none.
func (s *shard) owe(m *marker, logs borders, epoch uint64) {
	debt := &resend{
		Everything: m != nil && (m.Everything || m.Generation != s.generation),
		Openings:   m != nil && (m.Openings || m.Generation != s.generation),
		Fresh:      m == nil,
		Registers:  m != nil && m.Registers,
	}
	for _, out := range outputPartitions(s.number, s.of) {
		tp := broker.TopicPartition{Topic: s.options.topic(out.Topic), Partition: out.Partition}
		from, known := s.ends[out]
		switch {
		case m == nil || !known:
			from = logs.starts[tp]
		case from > logs.ends[tp] || from < logs.starts[tp]:
			debt.Everything = true // the topic was made anew: what it held is gone
			debt.Openings = debt.Openings || out.Topic == row.TopicPartials
			from = logs.starts[tp]
		}
		s.ends[out] = from
		if from < logs.ends[tp] {
			debt.Ranges = append(debt.Ranges, written{outputPartition: out, From: from, To: logs.ends[tp]})
		}
	}
	if debt.Registers {
		s.seekRegisters(debt, logs)
	}
	isFirst := m == nil && epoch == 0 && !slices.ContainsFunc(debt.Ranges, func(w written) bool { return w.Topic != row.TopicPartials })
	if isFirst { // nobody ever sent anything of this shard: the partials are those of others
		for _, w := range debt.Ranges {
			s.ends[w.outputPartition] = w.To
		}
		return
	}
	if debt.Everything || debt.Registers || len(debt.Ranges) > 0 {
		s.resend = debt
	}
}

// seekRegisters makes a debt look through all of the partials: a register that became empty, and whose new
// value was held back, is nowhere else any more.
func (s *shard) seekRegisters(debt *resend, logs borders) {
	debt.Ranges = slices.DeleteFunc(debt.Ranges, func(w written) bool { return w.Topic == row.TopicPartials })
	for _, out := range outputPartitions(s.number, s.of) {
		if out.Topic != row.TopicPartials {
			continue
		}
		tp := broker.TopicPartition{Topic: s.options.topic(out.Topic), Partition: out.Partition}
		debt.Ranges = append(debt.Ranges, written{outputPartition: out, From: logs.starts[tp], To: logs.ends[tp]})
		s.ends[out] = logs.starts[tp]
	}
}

// firstRows announce the new epochs in the progress topic, ahead of every row that carries them.
func (p *pipeline) firstRows(ctx context.Context, shards []*shard) error {
	for _, s := range shards {
		s.outbox.reset(p.now())
		s.addProgress()
	}
	return p.publish(ctx, shards)
}
