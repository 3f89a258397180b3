package pipeline

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
	"processor/internal/sink"
)

// The outbox's memory comes in blocks, so that a flush of many rows copies none of them again. A row
// seldom needs more than the room that is left when a new block is taken.
const (
	outboxBlock = 1 << 20
	outboxRoom  = 16 << 10
)

// outbox gathers encoded rows.
type outbox struct {
	messages []sink.Message
	buffer   []byte
	now      int64
	before   int // how many messages there were when they were last forgotten
}

// reset forgets the messages; their bytes stay untouched.
func (o *outbox) reset(now int64) {
	o.before = len(o.messages)
	o.messages, o.buffer, o.now = nil, nil, now
}

// add encodes one message.
func (o *outbox) add(topic string, partition int, key, value func(dst []byte) []byte) {
	if cap(o.buffer)-len(o.buffer) < outboxRoom {
		size := outboxBlock
		if o.buffer == nil { // most flushes are small
			size = 4 * outboxRoom
		}
		o.buffer = make([]byte, 0, size)
	}
	if o.messages == nil { // one flush is much like the next
		o.messages = make([]sink.Message, 0, o.before+o.before/4)
	}
	start := len(o.buffer)
	o.buffer = key(o.buffer)
	middle := len(o.buffer)
	o.buffer = value(o.buffer)
	end := len(o.buffer)
	o.messages = append(o.messages, sink.Message{
		Topic: topic, Partition: int32(partition), Time: o.now, //nolint:gosec // a partition
		Key: o.buffer[start:middle:middle], Value: o.buffer[middle:end:end],
	})
}

// tombstone follows a deleted row for sinks that delete by it.
func (o *outbox) tombstone() {
	last := o.messages[len(o.messages)-1]
	last.Value = nil
	o.messages = append(o.messages, last)
}

// flush moves the shard's watermark, derives what changed, and puts its rows into the outbox. The
// rows of accounts and the registers wait for a slow flush, which comes at most once in a metrics
// interval.
func (s *shard) flush(clock event.Time, now int64, slow bool) {
	s.outbox.reset(now)
	s.outbox.messages, s.early = s.early.messages, outbox{}
	s.look(s.watermark(clock))
	s.derive(s.watermark(clock))
	s.outbox.messages = append(s.outbox.messages, s.letters...)
	s.letters = nil
	if slow {
		s.addAccounts()
		s.sent = s.instant() // the registers too, or a debt stands for them
	}
	if slow && s.resend == nil { // see holdsBack
		keys := slices.SortedFunc(maps.Keys(s.registers), compareRegisterKeys)
		s.addRegisters(keys)
		s.addTicked(keys)
		clear(s.registers)
		s.state.Forget()
		s.addMark()
	} else if len(s.ticked) > tickedMost {
		s.addTicked(nil)
	}
	if len(s.outbox.messages) == 0 {
		s.flushes-- // nothing carries this number
		return
	}
	s.rows += int64(len(s.outbox.messages))
	s.addProgress()
}

// derive moves the watermark, derives what changed and puts its rows into the outbox.
func (s *shard) derive(watermark event.Time) {
	s.state.AdvanceTo(watermark)
	s.flushes++
	stamp := s.stamp()
	observe := s.observer()
	registers := s.state.FlushEach(func(u *aggregate.Updates) {
		observe(u)
		s.addMovements(u.Movements, stamp)
		s.addMonths(u.Months, stamp)
		s.addSignals(u.Signals, stamp)
		for i := range u.Accounts {
			s.keepAccount(&u.Accounts[i], stamp)
		}
	})
	s.collectKept()
	for i := range registers {
		s.registers[registers[i].Key] = struct{}{}
		s.alerts.note(s.state, registers[i].Key)
	}
}

// keepAccount keeps an account's row for the next slow flush, instead of the one before it.
func (s *shard) keepAccount(r *aggregate.AccountRow, stamp row.Stamp) {
	s.buffer = s.encoder.AccountKey(s.buffer[:0], r)
	n := len(s.buffer)
	s.buffer = s.encoder.Account(s.buffer, r, stamp)
	s.accounts[string(s.buffer[:n])] = pendingRow{bytes.Clone(s.buffer[n:])}
}

// flushEarly derives what was read so far, between two flushes; its rows go out with the next one.
func (s *shard) flushEarly() {
	s.beforeFlush(func() { s.derive(s.complete()) })
}

// beforeFlush has what work puts into the outbox go out with the next flush.
func (s *shard) beforeFlush(work func()) {
	now := s.outbox
	s.outbox, s.early = s.early, outbox{}
	s.outbox.now, s.outbox.before = now.now, now.before
	work()
	s.early, s.outbox = s.outbox, now
}

// watermark is up to where the shard is complete: the least complete of its partitions decides. The
// state itself never goes back.
func (s *shard) watermark(clock event.Time) event.Time {
	least := s.sources[0].watermark(s.options.Lateness, clock)
	for _, src := range s.sources[1:] {
		least = min(least, src.watermark(s.options.Lateness, clock))
	}
	return least
}

// version orders the rows of a key over all runs (spec: outputs).
func (s *shard) version() uint64 { return s.epoch<<40 | s.flushes }

func (s *shard) stamp() row.Stamp {
	return row.Stamp{Version: s.version(), KnownAt: s.state.Watermark()}
}

func (s *shard) addMovements(rows []aggregate.MovementRow, stamp row.Stamp) {
	addRows(s, row.TopicMovements, rows, s.encoder.MovementKey,
		func(dst []byte, r *aggregate.MovementRow) []byte { return s.encoder.Movement(dst, r, stamp) },
		func(r *aggregate.MovementRow) bool { return r.Deleted })
}

func (s *shard) addMonths(rows []aggregate.MonthRow, stamp row.Stamp) {
	addRows(s, row.TopicAccountMonths, rows, s.encoder.MonthKey,
		func(dst []byte, r *aggregate.MonthRow) []byte { return s.encoder.Month(dst, r, stamp) },
		func(r *aggregate.MonthRow) bool { return r.Deleted })
}

func (s *shard) addSignals(rows []aggregate.SignalRow, stamp row.Stamp) {
	addRows(s, row.TopicSignals, rows, s.encoder.SignalKey,
		func(dst []byte, r *aggregate.SignalRow) []byte { return s.encoder.Signal(dst, r, stamp) },
		func(r *aggregate.SignalRow) bool { return r.Deleted })
}

// addRows puts rows of an account into the outbox, each with what it is followed by where it is deleted.
func addRows[T any](s *shard, of row.Topic, rows []T, key, value func(dst []byte, r *T) []byte, deleted func(*T) bool) {
	if len(rows) == 0 { // most accounts have nothing new of most kinds
		return
	}
	topic := s.options.topic(of)
	for i := range rows {
		r := &rows[i]
		s.outbox.add(topic, s.number,
			func(dst []byte) []byte { return key(dst, r) },
			func(dst []byte) []byte { return value(dst, r) })
		if s.options.Tombstones && deleted(r) {
			s.outbox.tombstone()
		}
	}
}

// addAccounts sends the latest row of every account that changed since the last slow flush.
func (s *shard) addAccounts() {
	topic := s.options.topic(row.TopicAccounts)
	for _, key := range slices.Sorted(maps.Keys(s.accounts)) {
		s.outbox.messages = append(s.outbox.messages, sink.Message{
			Topic: topic, Partition: int32(s.number), Time: s.outbox.now, //nolint:gosec // a partition
			Key: []byte(key), Value: s.accounts[key].value,
		})
	}
	clear(s.accounts)
}

// addRegisters sends the shard's whole registers as they are now.
func (s *shard) addRegisters(keys []aggregate.RegisterKey) {
	for _, key := range keys {
		segment := s.state.Segment(key.Segment)
		s.addPartial(rollup.Partial{
			Shard: s.number, Version: s.version(), Generation: s.generation,
			Segment: segment, Kind: key.Kind, Index: key.Index, Register: s.state.Register(segment, key.Kind, key.Index),
			Accounts: s.alerts.accounts(key),
		})
	}
}

func (s *shard) addPartial(p rollup.Partial) {
	s.outbox.add(s.options.topic(row.TopicPartials), segmentPartition(p.Segment, s.of), p.AppendKey, p.AppendValue)
}

// segmentPartition is where the partials and the metrics of a segment go.
func segmentPartition(segment aggregate.Segment, partitions int) int {
	return sink.Partition([]byte(segment.Grouping+"="+segment.Name), partitions)
}

// addMark closes what was sent to each partition of the partials, if there is anything to say.
func (s *shard) addMark() {
	now := mark{watermark: s.state.Watermark(), caughtUp: s.marked.caughtUp || s.caughtUp() && s.resend == nil}
	sent := slices.ContainsFunc(s.outbox.messages, func(m sink.Message) bool { return m.Topic == s.options.topic(row.TopicPartials) })
	if now == s.marked && !sent {
		return
	}
	s.marked = now
	p := rollup.Partial{
		Shard: s.number, Version: s.version(), Generation: s.generation, IsMark: true,
		Mark: rollup.Mark{Shards: s.of, Watermark: now.watermark, CaughtUp: now.caughtUp, Heard: s.heard(), History: s.alerts.inHistory()},
	}
	for partition := range s.of {
		s.outbox.add(s.options.topic(row.TopicPartials), partition, p.AppendKey, p.AppendValue)
	}
}

func compareRegisterKeys(a, b aggregate.RegisterKey) int {
	return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Index, b.Index))
}
