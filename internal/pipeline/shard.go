package pipeline

import (
	"bytes"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"processor/internal/aggregate"
	"processor/internal/checkpoint"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/row"
	"processor/internal/sink"
)

// shard is one partition number over all source topics: one state, one checkpoint, and at any time
// one goroutine that works on it.
type shard struct {
	number  int
	options *Options
	of      int // how many shards there are
	sources []*source

	state   *aggregate.State
	decoder *event.Decoder
	headers []event.Header
	encoder row.Encoder

	gaps       []Gap // that operators accepted
	jumped     bool  // over one of them, at this start
	generation uint64
	epoch      uint64
	flushes    uint64
	digest     uint64 // of the kept records' identities
	kept       []aggregate.Kept
	keptBytes  int
	results    [7]int64 // by the place in Results
	rows       int64

	// What goes out with the next flush, and what waits for the next slow one.
	outbox    outbox
	early     outbox // of flushes before something froze, and of minutes that alerts look at
	letters   []sink.Message
	accounts  map[string]pendingRow // by key
	buffer    []byte                // of the row that is kept
	registers map[aggregate.RegisterKey]struct{}
	ticked    map[ticked]struct{} // registers that went out between two slow flushes, for alerts
	marked    mark

	untold []string // accounts that the observer has not heard of since the shard was opened

	saved  []byte // the marker of the last save
	outlet outlet // of this shard alone; nil where all shards share the pipeline's
	sent   instant
	ends   map[outputPartition]int64
	resend *resend  // nil once there is nothing left to send again
	alerts *watched // nil without rules
	tally  tally
}

// mark is what the last mark in the partials said.
type mark struct {
	watermark event.Time
	caughtUp  bool
}

// pendingRow is the latest row of an account that was not sent yet.
type pendingRow struct{ value []byte }

// outputPartition is a partition of an output topic.
type outputPartition struct {
	Topic     row.Topic `json:"topic"`
	Partition int32     `json:"partition"`
}

// tally is what was counted since the metrics were last told.
type tally struct {
	results  map[Partition]*[7]int64
	rejected map[event.Reason]int64
}

// newShard is a shard with an empty state.
func newShard(number, of int, o *Options, generation uint64) (*shard, error) {
	state, err := aggregate.New(o.Core)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	state.Trust(o.trust(generation))
	state.LimitRoom(o.OpenAccountBytes / int64(of)) // the least that it will be; see session.work
	return &shard{
		number: number, of: of, options: o, generation: generation, alerts: newWatched(o),
		state: state, decoder: event.NewDecoder(o.Decoder),
		encoder:  row.Encoder{Dimensions: state.Dimensions(), Windows: o.Core.Windows},
		accounts: map[string]pendingRow{}, registers: map[aggregate.RegisterKey]struct{}{}, ticked: map[ticked]struct{}{},
		ends:  map[outputPartition]int64{},
		tally: tally{results: map[Partition]*[7]int64{}, rejected: map[event.Reason]int64{}},
	}, nil
}

// source is the shard's partition of a topic.
func (s *shard) source(topic string) *source {
	for _, src := range s.sources {
		if src.Topic == topic {
			return src
		}
	}
	return nil
}

func (s *shard) caughtUp() bool {
	for _, src := range s.sources {
		if !src.caughtUp() {
			return false
		}
	}
	return true
}

// apply decodes and applies what was fetched of one of the shard's partitions. Bad records become
// dead letters; the error is for what must not happen.
func (s *shard) apply(b *consumer.Batch) error {
	src := s.source(b.Topic)
	counts := s.countsOf(b.TopicPartition)
	for i := range b.Records {
		result, err := s.applyRecord(src, &b.Records[i])
		if err != nil {
			return err
		}
		counts[result]++
		s.results[result]++
	}
	counts[placeSkipped] += b.Skipped
	s.results[placeSkipped] += b.Skipped
	src.Next, src.end = b.Next, max(b.LastStable, b.Next)
	src.atEnd = b.Next >= max(b.LastStable, b.HighWatermark) // what is in an open transaction is still to come
	if b.Last != (consumer.Mark{}) {
		src.last = b.Last
	}
	return nil
}

// The places of results in Results; the first four are aggregate's outcomes.
const (
	placeRejected = 4
	placeIgnored  = 5
	placeSkipped  = 6
)

func (s *shard) countsOf(tp consumer.TopicPartition) *[7]int64 {
	key := Partition{Topic: tp.Topic, Partition: tp.Partition}
	counts := s.tally.results[key]
	if counts == nil {
		counts = new([7]int64)
		s.tally.results[key] = counts
	}
	return counts
}

// applyRecord returns the place of the record's result in Results.
func (s *shard) applyRecord(src *source, r *consumer.Record) (int, error) {
	if src.arrive(r) {
		return placeSkipped, nil
	}
	s.headers = headersOf(src.headers, s.headers)
	e, rejection := s.decoder.Decode(r.Value, s.headers)
	if e == nil && rejection == nil {
		return placeIgnored, nil
	}
	var outcome aggregate.Outcome
	if e != nil {
		e.Position = src.at
		if want := sink.Partition([]byte(e.Subject), s.of); want != s.number {
			return 0, s.misplacedError(src, r, e, want)
		}
		s.moveHorizons()
		if rejection = src.judge(e, src.received, s.options.Lateness, s.state.Calendar()); rejection == nil {
			s.lookEarly(src.received, e.Time) // at the minutes that it lets pass, without it
			outcome, rejection = s.state.Apply(e)
		}
		src.heard = src.seen
	}
	if rejection != nil {
		s.tally.rejected[rejection.Reason]++
		s.letters = append(s.letters, s.letter(src, r, rejection))
		return placeRejected, nil
	}
	return int(outcome), nil
}

// horizons are those behind which nothing can come from any of the shard's partitions.
func (s *shard) horizons() aggregate.Horizons { return s.state.Calendar().Horizons(s.complete()) }

// complete is up to where the shard is complete by the records alone.
func (s *shard) complete() event.Time {
	least := s.sources[0].complete(s.options.Lateness)
	for _, src := range s.sources[1:] {
		least = min(least, src.complete(s.options.Lateness))
	}
	return least
}

// moveHorizons tells the state what cannot come any more. Before anything freezes, all that was read
// so far is derived, so that its rows are on their way; and nothing freezes as long as rows of the
// run before may have to be taken back.
func (s *shard) moveHorizons() {
	s.state.SetHorizons(s.horizons())
	if s.resend == nil && s.state.Freezes() {
		s.flushEarly()
		s.state.Freeze()
	}
}

// misplacedError ends the service: a record of another shard's account would be counted beside that
// shard's, and no later event could correct it.
func (s *shard) misplacedError(src *source, r *consumer.Record, e *event.Event, want int) error {
	return fmt.Errorf("%w: the record at %s offset %d is of account %q and belongs in partition %d (murmur2 of the subject over %d partitions); "+
		"nothing after it was read: copy the topic with the subject as key of every record and name the copy as source; %s",
		ErrOperator, src.TopicPartition, r.Offset, shown([]byte(e.Subject)), want, s.of, notKeyed)
}

// collectKept takes over what the state kept since the last flush.
func (s *shard) collectKept() {
	kept := s.state.TakeKept()
	for i := range kept {
		k := &kept[i]
		switch {
		case k.Delete:
			s.digest -= xxhash.Sum64(k.Key)
		case !k.Replaces:
			s.digest += xxhash.Sum64(k.Key)
		}
		s.keptBytes += len(k.Key) + len(k.Value)
	}
	s.kept = append(s.kept, kept...)
}

// takeKept gives away the records since the last checkpoint, and what was derived since then.
func (s *shard) takeKept() []aggregate.Kept {
	s.state.KeepDerived()
	s.collectKept()
	kept := s.kept
	s.kept, s.keptBytes = nil, 0
	return kept
}

// putsOf are the records that a checkpoint writes: each key once, the latest value.
func putsOf(kept []aggregate.Kept) []checkpoint.Put {
	latest := make(map[string]int, len(kept))
	for i, k := range kept {
		latest[string(k.Key)] = i
	}
	puts := make([]checkpoint.Put, 0, len(latest))
	for i, k := range kept {
		if latest[string(k.Key)] == i {
			puts = append(puts, checkpoint.Put{Key: k.Key, Value: k.Value, Delete: k.Delete})
		}
	}
	return puts
}

// restore files one record of the checkpoint.
func (s *shard) restore(key, value []byte) error {
	s.digest += xxhash.Sum64(key)
	return s.state.RestoreKept(key, bytes.Clone(value))
}

// resume brings the restored state to where the marker says it was. What changes on the way was sent
// before.
func (s *shard) resume(m *marker) error {
	if s.digest != m.Digest {
		return fmt.Errorf("%w: shard %d: the checkpoint's records are not those that its marker counted", ErrOperator, s.number)
	}
	resumed, err := s.state.EndRestore()
	if err != nil {
		return fmt.Errorf("%w: shard %d: %w", ErrOperator, s.number, err)
	}
	m.settle(s.state, s.observer())
	if resumed {
		s.tellOfAll()
	}
	s.epoch, s.results, s.rows = m.Epoch, m.Results, m.Rows
	s.gaps = m.Gaps
	s.marked.watermark = m.Watermark
	if m.Prefix != nil && *m.Prefix != s.options.Prefix {
		m.Everything, m.Openings = true, true // it knows nothing of what lies in these topics
		return nil
	}
	for _, e := range m.Outputs {
		s.ends[e.outputPartition] = e.Next
	}
	return nil
}

// marker says where the shard stands.
func (s *shard) marker() *marker {
	m := &marker{
		Epoch: s.epoch, Flush: s.flushes, Generation: s.generation, Watermark: s.state.Watermark(),
		Horizons: s.state.Horizons(), Frozen: s.state.Frozen(),
		Digest: s.digest, Results: s.results, Rows: s.rows, Everything: s.resend != nil && s.resend.Everything,
		Openings: s.resend != nil && s.resend.Openings, Registers: s.holdsBack(), Gaps: s.gaps, Prefix: &s.options.Prefix,
	}
	for _, src := range s.sources {
		m.Sources = append(m.Sources, place{Topic: src.Topic, Next: src.Next, Seen: src.seen, ID: src.id, Last: lastOf(src.last), Origins: src.origins.stored()})
	}
	for _, p := range outputPartitions(s.number, s.of) {
		m.Outputs = append(m.Outputs, end{p, s.ends[p]})
	}
	return m
}

// outputPartitions are those that a shard's rows go to: its own of the topics by account, and all of
// the partials, which are partitioned by segment.
func outputPartitions(number, of int) []outputPartition {
	list := []outputPartition{
		{row.TopicMovements, int32(number)}, {row.TopicAccounts, int32(number)}, {row.TopicAccountMonths, int32(number)}, //nolint:gosec // a partition
		{row.TopicSignals, int32(number)}, //nolint:gosec // a partition
	}
	for p := range of {
		list = append(list, outputPartition{row.TopicPartials, int32(p)}) //nolint:gosec // a partition
	}
	return list
}

// check is the last look before a checkpoint (invariant I2).
func (s *shard) check() error {
	if err := s.state.Check(); err != nil {
		return fmt.Errorf("%w: shard %d: %w; nothing was saved since the last checkpoint, which is the way back", ErrIdentity, s.number, err)
	}
	return nil
}
