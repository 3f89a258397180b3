package aggregate

import (
	"slices"

	"processor/internal/event"
)

// signalSums are those of the state's registers.
type signalSums map[RegisterKey]*SignalSums

// signalsOf are an account's signals from an instant on, by key; what opened before stands.
func (d *derived) signalsOf(from event.Time) []Signal {
	if d == nil || d.signals == nil {
		return nil
	}
	if from == event.NoTime {
		return d.signals.signals
	}
	return slices.DeleteFunc(slices.Clone(d.signals.signals), func(s Signal) bool { return s.OpenedAt < from })
}

// signalsNext is the first watermark at which time alone changes what the signals show.
func (d *derived) signalsNext() event.Time {
	if d.signals == nil {
		return never
	}
	return d.signals.next
}

// signalUpdates lists the signals that are new, other than before, or gone, in the order of their
// keys, and books what they add to the registers.
func (s *State) signalUpdates(a *account, old, d *derived, u *Updates) {
	before, now := old.signalsOf(s.frozen), d.signalsOf(s.frozen)
	for len(before) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(before) > 0 && before[0].Key < now[0].Key:
			u.Signals = append(u.Signals, SignalRow{Account: a.id, Signal: before[0], Restated: before[0].Final, Deleted: true})
			before = before[1:]
		case len(before) == 0 || now[0].Key < before[0].Key:
			u.Signals = append(u.Signals, SignalRow{Account: a.id, Signal: now[0]})
			now = now[1:]
		default:
			if before[0] != now[0] {
				u.Signals = append(u.Signals, SignalRow{Account: a.id, Signal: now[0], Restated: before[0].Final})
			}
			before, now = before[1:], now[1:]
		}
	}
}

// bookSignals replaces what an account's signals gave to the registers.
func (s *State) bookSignals(old, d *derived) {
	var before, now []signalShare
	if old != nil && old.signals != nil {
		before = old.signals.shares
	}
	if d.signals != nil {
		now = d.signals.shares
	}
	if len(before) == len(now) && (len(now) == 0 || &before[0] == &now[0]) {
		return
	}
	same := func(x, y signalShare) bool { return x.key == y.key && x.name == y.name && x.sum.equal(&y.sum) }
	if slices.EqualFunc(before, now, same) {
		return
	}
	s.bookShares(before, -1)
	s.bookShares(now, 1)
}

func (s *State) bookShares(shares []signalShare, sign int64) {
	for i := range shares {
		key := shares[i].key
		if s.ended(key) {
			continue // it stands
		}
		sums := s.signals[key]
		if sums == nil {
			if s.signals == nil {
				s.signals = signalSums{}
			}
			sums = &SignalSums{}
			s.signals[key] = sums
		}
		sum := sums.at(shares[i].name)
		sum.add(&shares[i].sum, sign)
		if sum.equal(&SignalSum{}) {
			sums.Named = slices.DeleteFunc(sums.Named, func(n NamedSignalSum) bool { return n.Name == shares[i].name })
		}
		if len(sums.Named) == 0 {
			delete(s.signals, key)
		}
		r := s.registers[key]
		if r == nil {
			r = &register{}
			s.registers[key] = r
		}
		s.touch(key, r)
	}
}

// noteChange remembers that an event says something new. Of a signal that replaces nothing the rows
// need not be made anew.
func (a *account) noteChange(e *event.Event, replaces bool) {
	if e.Type == event.TypeSignalObserved && !replaces {
		a.signalled = true
		return
	}
	a.changed = true
}
