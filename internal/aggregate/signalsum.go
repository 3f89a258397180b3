package aggregate

import (
	"cmp"
	"slices"
	"strings"

	"processor/internal/event"
	"processor/internal/money"
)

// SignalSum is what a set of accounts adds to one signal in one month of a segment. Sums of
// disjoint sets of accounts add up.
type SignalSum struct {
	Opened            int64 // signals that opened in the month, in the segment that the account had then
	Converted         int64 // of them
	Missed            int64 // of them; the rest are open
	Accounts          int64 // that had one
	AccountsConverted int64 // that had one converted
	With              int64 // accounts with MRR before the month that had an open one within it
	WithExpanding     int64 // accounts that expanded within it and had an open one within it
	Potential         money.Amount
	OpenPotential     money.Amount // of those that are open
	Expansion         money.Amount // that came
	Days              []DayCount   // of the converted ones, ascending
}

// DayCount is how many signals converted after so many whole days.
type DayCount struct {
	Days  int32
	Count int64
}

// SignalSums are the sums of a month by the name of the signal, ascending.
type SignalSums struct{ Named []NamedSignalSum }

// NamedSignalSum is one of them.
type NamedSignalSum struct {
	Name string
	SignalSum
}

// Merge adds the sums of other accounts.
func (s *SignalSums) Merge(other *SignalSums) {
	for i := range other.Named {
		s.at(other.Named[i].Name).add(&other.Named[i].SignalSum, 1)
	}
}

// at is the sum of a name, made when it is new.
func (s *SignalSums) at(name string) *SignalSum {
	i, found := slices.BinarySearchFunc(s.Named, name, func(n NamedSignalSum, name string) int { return strings.Compare(n.Name, name) })
	if !found {
		s.Named = slices.Insert(s.Named, i, NamedSignalSum{Name: name})
	}
	return &s.Named[i].SignalSum
}

// clone is a copy that shares nothing; nil of nil.
func (s *SignalSums) clone() *SignalSums {
	if s == nil {
		return nil
	}
	made := &SignalSums{Named: slices.Clone(s.Named)}
	for i := range made.Named {
		made.Named[i].Days = slices.Clone(made.Named[i].Days)
	}
	return made
}

// counts are its numbers, in an order that stored forms rely on.
func (s *SignalSum) counts() [7]*int64 {
	return [...]*int64{&s.Opened, &s.Converted, &s.Missed, &s.Accounts, &s.AccountsConverted, &s.With, &s.WithExpanding}
}

// amounts are the same of its money.
func (s *SignalSum) amounts() [3]*money.Amount {
	return [...]*money.Amount{&s.Potential, &s.OpenPotential, &s.Expansion}
}

func (s *SignalSum) add(o *SignalSum, sign int64) {
	from := o.counts()
	for i, to := range s.counts() {
		*to += sign * *from[i]
	}
	added := o.amounts()
	for i, to := range s.amounts() {
		if sign < 0 {
			*to = to.Sub(*added[i])
		} else {
			*to = to.Add(*added[i])
		}
	}
	for _, d := range o.Days {
		s.addDays(d.Days, sign*d.Count)
	}
}

func (s *SignalSum) addDays(days int32, count int64) {
	i, found := slices.BinarySearchFunc(s.Days, days, func(d DayCount, n int32) int { return cmp.Compare(d.Days, n) })
	if !found {
		s.Days = slices.Insert(s.Days, i, DayCount{Days: days})
	}
	if s.Days[i].Count += count; s.Days[i].Count == 0 {
		s.Days = slices.Delete(s.Days, i, i+1)
	}
}

func (s *SignalSum) equal(o *SignalSum) bool {
	return s.Opened == o.Opened && s.Converted == o.Converted && s.Missed == o.Missed && s.Accounts == o.Accounts &&
		s.AccountsConverted == o.AccountsConverted && s.With == o.With && s.WithExpanding == o.WithExpanding &&
		s.Potential == o.Potential && s.OpenPotential == o.OpenPotential && s.Expansion == o.Expansion && slices.Equal(s.Days, o.Days)
}

// signalShare is what one account adds to the register of a segment and month.
type signalShare struct {
	key  RegisterKey
	name string
	sum  SignalSum
}

// shareList are shares in the order of their registers and names.
type shareList struct {
	list []signalShare
	last int // the one that was asked for last
}

// at is the sum of a name in a segment and month, made when it is new. It is valid until the next call.
func (l *shareList) at(key RegisterKey, name string) *SignalSum {
	if l.last < len(l.list) && l.list[l.last].key == key && l.list[l.last].name == name {
		return &l.list[l.last].sum
	}
	lo, hi := 0, len(l.list)
	for lo < hi { // not slices.BinarySearchFunc, which copies what it compares
		middle := int(uint(lo+hi) >> 1)
		s := &l.list[middle]
		order := s.key.compare(key)
		if order == 0 {
			order = strings.Compare(s.name, name)
		}
		if order < 0 {
			lo = middle + 1
		} else {
			hi = middle
		}
	}
	if l.last = lo; lo == len(l.list) || l.list[lo].key != key || l.list[lo].name != name {
		l.list = slices.Insert(l.list, lo, signalShare{key: key, name: name})
	}
	return &l.list[lo].sum
}

// shares are what the account's signals add to months.
func (p *signalPass) shares(signals []Signal) []signalShare {
	var l shareList
	for i := range signals {
		s := &signals[i]
		name := p.signals.summedName(s.Name, s.Threshold)
		in := func(segment SegmentID, month int32) *SignalSum {
			return l.at(RegisterKey{segment, KindMonth, month}, name)
		}
		month := p.month(s.OpenedAt)
		for _, segment := range s.Dims.Segments {
			in(segment, month).book(s)
		}
		p.exposure(s, in)
	}
	return l.list
}

// book adds a signal of an account to those of one name. An account counts once.
func (s *SignalSum) book(added *Signal) {
	s.Opened++
	s.Accounts = 1
	s.Potential = s.Potential.Add(added.Potential)
	switch added.State {
	case SignalConverted:
		s.Converted++
		s.AccountsConverted = 1
		s.Expansion = s.Expansion.Add(added.Expansion)
		s.addDays(added.Days, 1)
	case SignalMissed:
		s.Missed++
	case SignalOpen:
		s.OpenPotential = s.OpenPotential.Add(added.Potential)
	}
}

// month is the local month of an instant.
func (p *signalPass) month(at event.Time) int32 { return int32(monthOfDay(p.calendar.Day(at))) } //nolint:gosec // a month

// exposure counts the account among those that had a signal, in every month within which it was open:
// where it stood before the month, as accounts_opening does, and where it expanded, as
// accounts_expanding does. So the accounts without are the others of the row of metrics.
func (p *signalPass) exposure(s *Signal, in func(segment SegmentID, month int32) *SignalSum) {
	until := p.now
	if s.State != SignalOpen {
		until = max(min(s.ClosedAt, p.now)-1, s.OpenedAt)
	}
	last := p.month(until)
	for month := p.month(s.OpenedAt); month <= last; month++ {
		start, end := p.calendar.Start(KindMonth, month), p.calendar.Start(KindMonth, month+1)
		before := p.stateAt(start - 1)
		if before.mrr.Sign() > 0 {
			for _, segment := range before.dimsAfter.Segments {
				in(segment, month).With = 1
			}
		}
		entries := p.derived.entries
		first, _ := slices.BinarySearchFunc(entries, start, func(e entry, t event.Time) int { return cmp.Compare(e.at, t) })
		for i := first; i < len(entries) && entries[i].at < end; i++ {
			e := &entries[i]
			if e.kind != entryRow || e.row.inert() {
				continue
			}
			for _, segment := range e.dims.Segments {
				switch {
				case e.row.Class == ClassOpening && before.mrr.Sign() <= 0 && e.row.After.Sign() > 0:
					in(segment, month).With = 1
				case e.row.Class == ClassExpansion:
					in(segment, month).WithExpanding = 1
				}
			}
		}
	}
}
