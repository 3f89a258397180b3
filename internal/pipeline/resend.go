package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// resend is what a shard owes its readers after a restart: rows that an earlier run sent after its
// last checkpoint, and that this run need not arrive at again (two events in one flush cancel out).
// Once the shard has caught up, each of their keys is sent again as it is now, or as deleted.
type resend struct {
	Everything bool      `json:"everything,omitempty"` // the state says all that it has: its meaning is new, or a topic was made anew
	Fresh      bool      `json:"fresh,omitempty"`      // the state began empty in this run, which has sent all that it has
	Openings   bool      `json:"openings,omitempty"`   // the registers of what is frozen are gone: an opening balance stands for them
	Registers  bool      `json:"registers,omitempty"`  // some were held back by a run that did not live to send them
	Ranges     []written `json:"ranges"`
}

// owes says whether rows of an earlier run in an output partition may have to be sent again.
func (r *resend) owes(out outputPartition) bool {
	return r != nil && slices.ContainsFunc(r.Ranges, func(w written) bool { return w.outputPartition == out })
}

// holdsBack says whether a start will have to send every register, because this run holds some back: as
// long as a debt is there none goes out. Sums of what the run before sent and of a state that lies behind
// it would be those of no instant.
func (s *shard) holdsBack() bool {
	return s.resend != nil && (s.resend.Registers || len(s.registers) > 0)
}

// written is what lies in an output partition between a checkpoint and a start.
type written struct {
	outputPartition
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// resendRecords is how many messages are sent at once.
const resendRecords = 5000

// resending is one resend on its way.
type resending struct {
	shard     *shard
	send      func() error // sends and empties the shard's outbox
	worked    func()       // is called every so many steps: all this may take minutes
	steps     int
	accounts  map[string]map[string]struct{} // by account, the keys that are done with
	registers map[string]struct{}

	// Where all rows were sent in this run, the hashes of their keys, about 25 bytes a row, and of the
	// keys that were taken back.
	living, gone map[keyHash]struct{}
}

// sendAgain pays the debt, and says with how many rows: none where all that was written meanwhile is other
// shards', nor what this run held back of its own. It must follow a flush of the shard. worked is called as it gets on.
func (s *shard) sendAgain(ctx context.Context, now int64, send func() error, worked func()) (rows int64, err error) {
	s.outbox.reset(now)
	s.flushes++
	r := resending{shard: s, send: send, worked: worked, accounts: map[string]map[string]struct{}{}, registers: map[string]struct{}{}}
	before := r.count()
	if s.resend.Everything || s.resend.Fresh {
		r.living, r.gone = map[keyHash]struct{}{}, map[keyHash]struct{}{}
		if err := s.state.EachAccount(r.whole); err != nil {
			return 0, err
		}
	}
	if err := r.heldRegisters(); err != nil {
		return 0, err
	}
	if !s.resend.Everything && !s.resend.Registers {
		before = r.count() // they were this run's own
	}
	for _, w := range s.resend.Ranges {
		if err := r.read(ctx, w); err != nil {
			return 0, err
		}
	}
	s.resend = nil
	s.sent = s.instant() // a flush of everything went before
	rows = r.count() - before
	s.addMark()
	s.rows += int64(len(s.outbox.messages))
	s.addProgress()
	return rows, send()
}

// count is how many rows the shard has sent, and has ready to be sent.
func (r *resending) count() int64 { return r.shard.rows + int64(len(r.shard.outbox.messages)) }

// whole notes the keys of all rows of an account, and sends them unless this run did.
func (r *resending) whole(u *aggregate.Updates) error {
	r.step()
	messages := &r.shard.outbox.messages
	first := len(*messages)
	r.addRows(u)
	for _, m := range (*messages)[first:] {
		r.living[hashKey(m.Key)] = struct{}{}
	}
	if !r.shard.resend.Everything {
		*messages = (*messages)[:first]
	}
	return r.sendFull()
}

func (r *resending) addRows(u *aggregate.Updates) {
	stamp := r.shard.stamp()
	r.shard.addMovements(u.Movements, stamp)
	r.shard.addMonths(u.Months, stamp)
	r.shard.addSignals(u.Signals, stamp)
	for i := range u.Accounts {
		r.addAccount(&u.Accounts[i], stamp)
	}
}

// heldRegisters sends the registers that were held back: those that this run changed, or every one of the
// state where other runs had changed some too.
func (r *resending) heldRegisters() error {
	s := r.shard
	var keys []aggregate.RegisterKey
	if s.resend.Everything || s.resend.Registers {
		keys = s.state.RegisterKeys()
	} else {
		keys = slices.SortedFunc(maps.Keys(s.registers), compareRegisterKeys)
	}
	for _, key := range keys {
		first := len(s.outbox.messages)
		s.addRegisters([]aggregate.RegisterKey{key})
		for _, m := range s.outbox.messages[first:] {
			r.registers[string(m.Key)] = struct{}{}
		}
		if err := r.sendFull(); err != nil {
			return err
		}
	}
	clear(s.registers)
	s.addTicked(keys)
	if s.resend.Openings {
		return r.openings()
	}
	return nil
}

// openings sends what stands for the registers that are frozen and gone.
func (r *resending) openings() error {
	s := r.shard
	for _, opening := range s.state.Openings() {
		s.addPartial(rollup.Partial{
			Shard: s.number, Version: s.version(), Generation: s.generation,
			Segment: s.state.Segment(opening.Key.Segment), Kind: opening.Key.Kind, Index: opening.Key.Index, Register: opening.Register,
		})
		if err := r.sendFull(); err != nil {
			return err
		}
	}
	return nil
}

func (r *resending) addAccount(a *aggregate.AccountRow, stamp row.Stamp) {
	s := r.shard
	s.outbox.add(s.options.topic(row.TopicAccounts), s.number,
		func(dst []byte) []byte { return s.encoder.AccountKey(dst, a) },
		func(dst []byte) []byte { return s.encoder.Account(dst, a, stamp) })
}

// step is one account or one record that was read back.
func (r *resending) step() {
	if r.steps++; r.steps%resendRecords == 0 {
		r.worked()
	}
}

// sendFull sends the outbox once it is worth it.
func (r *resending) sendFull() error {
	if len(r.shard.outbox.messages) < resendRecords {
		return nil
	}
	now := r.shard.outbox.now
	r.worked()
	r.shard.rows += int64(len(r.shard.outbox.messages))
	if err := r.send(); err != nil {
		return err
	}
	r.shard.outbox.reset(now)
	return nil
}

// read goes through what was written, in its order.
func (r *resending) read(ctx context.Context, w written) error {
	if w.From >= w.To {
		return nil
	}
	o := r.shard.options
	_, err := o.logs.Read(ctx, broker.TopicPartition{Topic: o.topic(w.Topic), Partition: w.Partition}, w.From, func(rec *consumer.Record) error {
		if rec.Offset >= w.To {
			return errEnough
		}
		r.step()
		if w.Topic == row.TopicPartials {
			return r.register(rec)
		}
		return r.row(w, rec)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("read back the rows of shard %d in %s/%d from offset %d: %w", r.shard.number, o.topic(w.Topic), w.Partition, w.From, err)
	}
	return nil
}

// register sends a register again as it is now.
func (r *resending) register(rec *consumer.Record) error {
	s := r.shard
	if _, done := r.registers[string(rec.Key)]; done || len(rec.Value) == 0 {
		return nil
	}
	p, err := rollup.DecodePartial(rec.Key, rec.Value, 0)
	if err != nil {
		return err
	}
	if p.IsMark || p.Shard != s.number {
		return nil
	}
	now := s.state.Register(p.Segment, p.Kind, p.Index)
	switch {
	case p.Generation == s.generation:
		p.Version, p.Register = s.version(), now
		s.addPartial(p)
	case now == nil: // of another meaning, and nothing under this one
		s.addPartial(p)
		s.outbox.messages[len(s.outbox.messages)-1].Value = nil
	default:
		return nil
	}
	r.registers[string(rec.Key)] = struct{}{}
	return r.sendFull()
}

// row sends the rows of an account again, and takes back a row that it does not have any more.
func (r *resending) row(w written, rec *consumer.Record) error {
	if r.living != nil {
		hash := hashKey(rec.Key)
		_, lives := r.living[hash]
		_, done := r.gone[hash]
		if !lives && !done && r.takeBack(w, rec) {
			r.gone[hash] = struct{}{}
		}
		return r.sendFull()
	}
	var key struct {
		Account string `json:"account"`
	}
	if err := json.Unmarshal(rec.Key, &key); err != nil {
		return fmt.Errorf("key at offset %d: %w", rec.Offset, err)
	}
	living, done := r.accounts[key.Account]
	if !done {
		living = r.account(key.Account)
		r.accounts[key.Account] = living
	}
	if _, done := living[string(rec.Key)]; !done && r.takeBack(w, rec) {
		living[string(rec.Key)] = struct{}{} // it may have been sent with other figures too: one version says one thing
	}
	return r.sendFull()
}

// takeBack sends a row as deleted, unless it is, or stands for ever below the floor.
func (r *resending) takeBack(w written, rec *consumer.Record) (sent bool) {
	s := r.shard
	if s.isFrozen(rec.Value) {
		return false
	}
	value, ok := deletedRow(rec.Value, s.stamp())
	if !ok {
		return false
	}
	s.outbox.add(s.options.topic(w.Topic), s.number,
		func(dst []byte) []byte { return append(dst, rec.Key...) },
		func(dst []byte) []byte { return append(dst, value...) })
	if s.options.Tombstones {
		s.outbox.tombstone()
	}
	return true
}

// isFrozen says whether a row of movements, account_months or signals belongs to what is frozen: the state has
// no rows there any more, and those that were sent are what readers keep.
func (s *shard) isFrozen(value []byte) bool {
	frozen := s.state.Frozen()
	if frozen == event.NoTime {
		return false
	}
	var at struct {
		EffectiveAt string `json:"effective_at"`
		OpenedAt    string `json:"opened_at"` // of a signal
		Month       string `json:"month"`
	}
	if json.Unmarshal(value, &at) != nil {
		return false
	}
	if effective, ok := event.ParseTime([]byte(cmp.Or(at.EffectiveAt, at.OpenedAt))); ok {
		return effective < frozen
	}
	calendar := s.state.Calendar()
	return at.Month != "" && at.Month < calendar.Name(aggregate.KindMonth, calendar.Index(aggregate.KindMonth, calendar.Day(frozen)))
}

// account puts every row of an account into the outbox and returns their keys.
func (r *resending) account(id string) map[string]struct{} {
	s := r.shard
	living := map[string]struct{}{}
	u, found := s.state.Account(id)
	if !found {
		return living
	}
	first := len(s.outbox.messages)
	r.addRows(&u)
	for _, m := range s.outbox.messages[first:] {
		living[string(m.Key)] = struct{}{}
	}
	return living
}

// stampStart is where the fields begin that every row ends with.
const stampStart = `,"version":`

// deletedRow is a row that was sent, with a new end that takes it back; ok is false when it was
// taken back already.
func deletedRow(value []byte, stamp row.Stamp) (deleted []byte, ok bool) {
	at := bytes.LastIndex(value, []byte(stampStart))
	if at < 0 || strings.HasSuffix(string(value), `"deleted":true}`) {
		return nil, false
	}
	tail := appendJSON(nil, struct {
		Version  uint64 `json:"version"`
		KnownAt  string `json:"known_at"`
		Restated bool   `json:"restated"`
		Final    bool   `json:"final"`
		Deleted  bool   `json:"deleted"`
	}{Version: stamp.Version, KnownAt: stamp.KnownAt.String(), Deleted: true})
	return append(append(bytes.Clone(value[:at]), ','), tail[1:]...), true
}
