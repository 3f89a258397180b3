package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/consumer"
	"processor/internal/rollup"
	"processor/internal/row"
)

// resend is what a shard owes its readers after a restart: rows that an earlier run sent after its
// last checkpoint, and that this run need not arrive at again (two events in one flush cancel out).
// Once the shard has caught up, each of their keys is sent again as it is now, or as deleted.
type resend struct {
	ranges     []written
	everything bool // there is no checkpoint to compare with: the state says all it has
	openings   bool // the registers of what is frozen are gone: an opening balance stands for them
}

// written is what lies in an output partition between a checkpoint and a start.
type written struct {
	outputPartition
	from, to int64
}

// resendRecords is how many messages are sent at once.
const resendRecords = 5000

// resending is one resend on its way.
type resending struct {
	shard     *shard
	send      func() error // sends and empties the shard's outbox
	accounts  map[string]map[string]struct{}
	registers map[string]struct{}
}

// sendAgain pays the debt. It must follow a flush of the shard.
func (s *shard) sendAgain(ctx context.Context, now int64, send func() error) error {
	s.outbox.reset(now)
	s.flushes++
	r := resending{shard: s, send: send, accounts: map[string]map[string]struct{}{}, registers: map[string]struct{}{}}
	if s.resend.everything {
		if err := r.everything(); err != nil {
			return err
		}
	}
	for _, w := range s.resend.ranges {
		if err := r.read(ctx, w); err != nil {
			return err
		}
	}
	s.resend = nil
	s.addMark()
	s.addProgress()
	return send()
}

// everything sends every row of the state.
func (r *resending) everything() error {
	s := r.shard
	all := s.state.Everything()
	stamp := s.stamp()
	s.addMovements(all.Movements, stamp)
	s.addMonths(all.Months, stamp)
	for i := range all.Accounts {
		r.addAccount(&all.Accounts[i], stamp)
	}
	if s.resend.openings {
		all.Registers = append(all.Registers, s.state.Openings()...)
	}
	for i := range all.Registers {
		key := all.Registers[i].Key
		s.addPartial(rollup.Partial{
			Shard: s.number, Version: s.version(), Generation: s.generation,
			Segment: s.state.Segment(key.Segment), Kind: key.Kind, Index: key.Index, Register: all.Registers[i].Register,
		})
	}
	return r.sendFull()
}

func (r *resending) addAccount(a *aggregate.AccountRow, stamp row.Stamp) {
	s := r.shard
	s.outbox.add(s.options.topic(row.TopicAccounts), s.number,
		func(dst []byte) []byte { return s.encoder.AccountKey(dst, a) },
		func(dst []byte) []byte { return s.encoder.Account(dst, a, stamp) })
}

// sendFull sends the outbox once it is worth it.
func (r *resending) sendFull() error {
	if len(r.shard.outbox.messages) < resendRecords {
		return nil
	}
	now := r.shard.outbox.now
	if err := r.send(); err != nil {
		return err
	}
	r.shard.outbox.reset(now)
	return nil
}

// read goes through what was written, in its order.
func (r *resending) read(ctx context.Context, w written) error {
	if w.from >= w.to {
		return nil
	}
	o := r.shard.options
	_, err := consumer.ReadRange(ctx, o.Cluster, o.topic(w.topic), w.partition, w.from, func(rec *consumer.Record) error {
		if rec.Offset >= w.to {
			return errEnough
		}
		if w.topic == row.TopicPartials {
			return r.register(rec)
		}
		return r.row(w, rec)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("read back the rows of shard %d in %s/%d from offset %d: %w", r.shard.number, o.topic(w.topic), w.partition, w.from, err)
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
	if p.IsMark || p.Shard != s.number || p.Generation != s.generation {
		return nil
	}
	r.registers[string(rec.Key)] = struct{}{}
	p.Version, p.Register = s.version(), s.state.Register(p.Segment, p.Kind, p.Index)
	s.addPartial(p)
	return r.sendFull()
}

// row sends the rows of an account again, and takes back a row that it does not have any more.
func (r *resending) row(w written, rec *consumer.Record) error {
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
	if _, lives := living[string(rec.Key)]; !lives && rec.Value != nil {
		if value, ok := deletedRow(rec.Value, r.shard.stamp()); ok {
			s := r.shard
			s.outbox.add(s.options.topic(w.topic), s.number,
				func(dst []byte) []byte { return append(dst, rec.Key...) },
				func(dst []byte) []byte { return append(dst, value...) })
			if s.options.Tombstones {
				s.outbox.tombstone()
			}
		}
	}
	return r.sendFull()
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
	stamp := s.stamp()
	s.addMovements(u.Movements, stamp)
	s.addMonths(u.Months, stamp)
	for i := range u.Accounts {
		r.addAccount(&u.Accounts[i], stamp)
	}
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
