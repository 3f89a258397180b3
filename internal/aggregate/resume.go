package aggregate

import (
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"slices"

	"processor/internal/event"
)

// A checkpoint holds the events; everything else can be derived from them. Deriving a million accounts
// takes minutes though, so what was derived is kept beside them: the registers, and of each account when it was
// derived and when time alone will change it. A start that may trust it reads it and finds every account
// parked; any other start derives everything anew and gives the old records up.
//
// It is trusted only where the same program wrote it under the same meaning (see Trust), because another one may
// derive something else.

// derivation is what the state notes for KeepDerived.
type derivation struct {
	trust     string                   // what wrote it; "" keeps and trusts nothing
	resumed   bool                     // the state was read, and not derived
	any       bool                     // an event was restored
	kept      bool                     // the checkpoint has a record of the shard
	moved     []*slot                  // whose derivation changed since the last KeepDerived
	registers map[RegisterKey]struct{} // that changed since then
	stored    map[RegisterKey]struct{} // that the checkpoint has
	staged    *slot                    // whose records come
	records   []byte                   // those of it that came, each with its length before it
	given     []Kept                   // up: records that are not trusted
}

// Trust has what is derived kept for the next start, and used by this one where it was kept under the same
// text: what the program is and what the numbers mean. It must precede Restore.
func (s *State) Trust(text string) {
	s.derivation = derivation{trust: text, registers: map[RegisterKey]struct{}{}, stored: map[RegisterKey]struct{}{}}
}

// move notes that the rest of an account is another one.
func (s *State) move(at *slot) {
	if !at.moved && s.derivation.trust != "" {
		at.moved = true
		s.derivation.moved = append(s.derivation.moved, at)
	}
}

// change notes that a register is another one, or gone.
func (s *State) change(key RegisterKey) {
	if s.derivation.trust != "" {
		s.derivation.registers[key] = struct{}{}
	}
}

// KeepDerived adds to the kept records what was derived since the last call. It must follow a Flush, with nothing
// applied in between, and everything it adds must be saved together.
func (s *State) KeepDerived() {
	d := &s.derivation
	if d.trust == "" {
		return
	}
	trust := d.trust
	if len(s.dirty) > 0 {
		trust = "" // what is kept so far is of an earlier flush than the events
	} else {
		s.kept = slices.Grow(s.kept, len(d.moved)+len(d.registers)+1)
		for _, at := range d.moved {
			at.moved = false
			s.buffer = appendRestKey(s.buffer[:0], at.id)
			n := len(s.buffer)
			s.buffer = at.appendRest(s.buffer)
			key, value := s.inBlock(n)
			s.kept = append(s.kept, Kept{Key: key, Value: value, Replaces: at.restKept})
			at.restKept = true
		}
		d.moved = d.moved[:0]
		s.keepRegisters()
	}
	s.kept = append(s.kept, Kept{Key: shardKey(), Value: s.appendShard(nil, trust), Replaces: d.kept})
	d.kept = true
}

// keepRegisters keeps those that changed, in order.
func (s *State) keepRegisters() {
	d := &s.derivation
	for _, key := range slices.SortedFunc(maps.Keys(d.registers), RegisterKey.compare) {
		_, stored := d.stored[key]
		name := s.registerKey(key)
		switch r := s.registers[key]; {
		case r != nil:
			s.kept = append(s.kept, Kept{Key: name, Value: s.appendRegister(nil, key, r), Replaces: stored})
			d.stored[key] = struct{}{}
		case stored:
			s.kept = append(s.kept, Kept{Key: name, Delete: true})
			delete(d.stored, key)
		}
	}
	clear(d.registers)
}

// errIncomplete says that a checkpoint lacks some of what was derived.
var errIncomplete = errors.New("what was derived is not whole")

// RestoreKept is Restore with the record's key: where what was derived can be trusted, the record is not read, but
// put away with its account. Records must come in the order of their keys, and EndRestore after them.
func (s *State) RestoreKept(key, value []byte) error {
	switch {
	case s.derivation.trust == "":
		return s.Restore(value)
	case IsDerived(value):
		return s.restoreDerived(key, value)
	}
	s.derivation.any = true
	if !s.derivation.resumed {
		return s.Restore(value)
	}
	id, ok := AccountOf(key)
	if !ok {
		return fmt.Errorf("record %x: its key does not begin with an account", key)
	}
	s.stage(id, value)
	s.bytes += int64(len(key) + len(value))
	return nil
}

// restoreDerived takes over a record of what was derived, or gives it up.
func (s *State) restoreDerived(key, value []byte) error {
	d := &s.derivation
	r := &reducedReader{left: value[1:]}
	id := r.text()
	if value[0] == storedShard {
		d.resumed = s.restoreShard(r) && !d.any
	}
	d.kept = d.kept || value[0] == storedShard && d.resumed
	switch {
	case !d.resumed: // of another program or meaning
		d.given = append(d.given, Kept{Key: slices.Clone(key), Delete: true})
		return nil
	case value[0] == storedRegister:
		s.restoreRegister(r)
	case value[0] == storedRest:
		s.restoreRest(s.stagedSlot(id), r)
	}
	if r.broken || len(r.left) > 0 {
		return fmt.Errorf("%w: record %x is damaged at byte %d of %d", errIncomplete, key, len(value)-len(r.left), len(value))
	}
	return nil
}

// stage puts a record away with its account.
func (s *State) stage(id string, value []byte) {
	s.stagedSlot(id)
	s.derivation.records = appendSized(s.derivation.records, func(dst []byte) []byte { return append(dst, value...) })
}

// stagedSlot is the slot of an account, whose records come now.
func (s *State) stagedSlot(id string) *slot {
	d := &s.derivation
	if d.staged != nil && d.staged.id == id {
		return d.staged
	}
	s.unstage()
	at := s.accounts[id]
	if at == nil {
		at = &slot{id: id, asOf: event.NoTime}
		s.accounts[id] = at
	}
	d.staged = at
	return at
}

// unstage parks the account whose records came.
func (s *State) unstage() {
	d := &s.derivation
	if d.staged != nil && len(d.records) > 0 {
		if d.staged.parked != nil {
			d.records = append(d.staged.records(), d.records...)
		}
		d.staged.parked = s.compressed(d.records)
	}
	d.staged, d.records = nil, d.records[:0]
}

// EndRestore must follow the last RestoreKept. resumed says that nothing has to be derived.
func (s *State) EndRestore() (resumed bool, err error) {
	s.unstage()
	s.derivation.records = nil
	if !s.derivation.resumed {
		s.kept = append(s.kept, s.derivation.given...)
		s.derivation.given = nil
		return false, nil
	}
	for id, at := range s.accounts {
		if at.parked == nil || !at.restKept {
			return false, fmt.Errorf("%w: account %q has records: %t, and when it was derived: %t", errIncomplete, id, at.parked != nil, at.restKept)
		}
		if at.wake != never {
			s.wakes = append(s.wakes, wake{at.wake, at})
		}
	}
	heap.Init(&s.wakes)
	return true, nil
}
