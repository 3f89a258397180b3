package aggregate

import (
	"slices"
	"sort"

	"processor/internal/event"
	"processor/internal/money"
)

// What is frozen holds the account's levels under the dimensions that it had then. An attribute that
// is named for the first time, or an erasure, counts for all time: above, the account is somewhere
// else than where the frozen intervals left it. So its levels move at the beginning of the first
// interval of each kind that is not frozen. That is as late as it can be, and the only way in which
// what lies below the floor shows above it.

// frozenView is where the frozen intervals have left an account, from the first time that this is not
// where it is said to be now. It is kept as a record.
type frozenView struct {
	kinds [calendarKinds]leftAt
}

// leftAt is the combination of dimension values at the end of the frozen intervals of a kind.
type leftAt struct {
	index  int32 // of the first interval that is not frozen; 0 for none
	values []string
}

// move takes an account's levels from one combination to another at the beginning of an interval.
type move struct {
	kind     Kind
	index    int32
	from, to *Dims
	levels   levels
}

// levels are what an account has run up to at an instant.
type levels struct{ mrr, usage, committed money.Amount }

// firstFrom is the place of the first entry at or after an instant.
func (d *derived) firstFrom(at event.Time) int {
	return sort.Search(len(d.entries), func(i int) bool { return d.entries[i].at >= at })
}

// dimsAt are the account's dimensions before an instant; nil where it has no entry before.
func (d *derived) dimsAt(at event.Time) *Dims {
	before := d.before(d.firstFrom(at))
	return before.dimsAfter
}

// levelsAt are the account's levels before an instant, and its dimensions.
func (d *derived) levelsAt(at event.Time) (levels, *Dims) {
	n := d.firstFrom(at)
	before := d.before(n)
	l := levels{before.mrr, before.usage, d.committedBefore}
	for i := range d.entries[:n] {
		if d.entries[i].kind == entryCommitted {
			l.committed = l.committed.Add(d.entries[i].amount)
		}
	}
	return l, before.dimsAfter
}

// firstOpen is the first interval of a kind that is not frozen, and its beginning.
func (s *State) firstOpen(kind Kind) (index int32, start event.Time) {
	index = s.calendar.Index(kind, s.calendar.Day(s.frozen))
	return index, s.calendar.Start(kind, index)
}

// noteView remembers where the frozen intervals have left the account, if a pass says otherwise.
func (s *State) noteView(a *account, old, d *derived) {
	if s.frozen == event.NoTime || old == nil {
		return
	}
	noted := false
	for kind := range Kind(calendarKinds) {
		index, start := s.firstOpen(kind)
		was := old.dimsAt(start)
		if was == nil || was == d.dimsAt(start) || a.view != nil && a.view.kinds[kind].index == index {
			continue
		}
		if a.view == nil {
			a.view = &frozenView{}
		}
		a.view.kinds[kind] = leftAt{index, was.Values}
		noted = true
	}
	if noted {
		s.keepReduced(a, storedView, viewKey(a.id), a.view.appendStored(nil))
	}
}

// movesOf are the moves that a view makes of what the account is now.
func (s *State) movesOf(a *account, d *derived) []move {
	if a.view == nil || s.frozen == event.NoTime {
		return nil
	}
	var moves []move
	for kind := range Kind(calendarKinds) {
		left := &a.view.kinds[kind]
		index, start := s.firstOpen(kind)
		if left.index != index || len(left.values) != len(s.dims.names) {
			continue
		}
		l, to := d.levelsAt(start)
		if from := s.dims.of(left.values); to != nil && from != to && l != (levels{}) {
			moves = append(moves, move{kind, index, from, to, l})
		}
	}
	return moves
}

// move adds or takes away an account's moves.
func (c *contributions) move(s *State, moves []move, sign int) {
	for _, m := range moves {
		if s.Ended(m.kind, m.index) {
			continue // it stands
		}
		for g := range m.from.Segments {
			if m.from.Segments[g] == m.to.Segments[g] {
				continue
			}
			out, in := m.registers()
			c.delta(RegisterKey{m.from.Segments[g], m.kind, m.index}).add(sparseOf(out), sign)
			c.delta(RegisterKey{m.to.Segments[g], m.kind, m.index}).add(sparseOf(in), sign)
		}
	}
}

// registers are the two halves of a move.
func (m *move) registers() (out, in Register) {
	l := &m.levels
	in.Sums[SumTransferIn], in.Sums[SumChange] = l.mrr, l.mrr
	in.Sums[SumUsageRunRate], in.Sums[SumCommitted] = l.usage, l.committed
	out.Sums[SumTransferOut], out.Sums[SumChange] = l.mrr, l.mrr.Neg()
	out.Sums[SumUsageRunRate], out.Sums[SumCommitted] = l.usage.Neg(), l.committed.Neg()
	out.Counts[CountTransferredOut] = boolCount(l.mrr.Sign() > 0)
	in.Counts[CountTransferredIn] = out.Counts[CountTransferredOut]
	out.Counts[CountEntries], in.Counts[CountEntries] = 1, 1
	return out, in
}

// Openings are registers that stand for everything frozen, for readers that have nothing of it: per
// segment and kind of interval the levels at the end of the last frozen interval, as its opening
// balance.
func (s *State) Openings() []RegisterRow {
	if s.frozen == event.NoTime {
		return nil
	}
	sums := map[RegisterKey]*Register{}
	for _, at := range s.accounts {
		a := s.open(at)
		if a.derived == nil {
			continue
		}
		for kind := range Kind(calendarKinds) {
			index, start := s.firstOpen(kind)
			l, dims := a.derived.levelsAt(start)
			if dims == nil || l == (levels{}) {
				continue
			}
			for _, segment := range dims.Segments {
				key := RegisterKey{segment, kind, index - 1}
				if sums[key] == nil {
					sums[key] = &Register{}
				}
				sums[key].open(l)
			}
		}
	}
	rows := make([]RegisterRow, 0, len(sums))
	for key, r := range sums {
		rows = append(rows, RegisterRow{Key: key, Register: r})
	}
	slices.SortFunc(rows, func(a, b RegisterRow) int { return a.Key.compare(b.Key) })
	return rows
}

func (r *Register) open(l levels) {
	var one Register
	one.Sums[SumOpeningBalance], one.Sums[SumChange] = l.mrr, l.mrr
	one.Sums[SumUsageRunRate], one.Sums[SumCommitted] = l.usage, l.committed
	one.Counts[CountOpening], one.Counts[CountEntries] = boolCount(l.mrr.Sign() > 0), 1
	r.Add(&one)
}

func (v *frozenView) appendStored(dst []byte) []byte {
	for i := range v.kinds {
		dst = appendInt(dst, int64(v.kinds[i].index))
		dst = appendCount(dst, len(v.kinds[i].values))
		for _, value := range v.kinds[i].values {
			dst = appendText(dst, value)
		}
	}
	return dst
}

func (r *reducedReader) view() *frozenView {
	v := &frozenView{}
	for i := range v.kinds {
		v.kinds[i] = leftAt{r.int32(), readList(r, r.text)}
	}
	return v
}
