package aggregate

import (
	"slices"
	"sort"

	"processor/internal/event"
	"processor/internal/money"
)

// Expansion is what an account expanded by in an interval: the class amounts of class expansion, and
// the typed parts of all its movements.
type Expansion struct {
	Total money.Amount
	Up    [UpTypes]money.Amount
}

// Expanded sums the account's movements booked in (from, to], without usage, as of its last derivation;
// nothing for an account that the state does not know.
func (s *State) Expanded(account string, from, to event.Time) (x Expansion) {
	a := s.find(account)
	if a == nil || a.derived == nil {
		return x
	}
	rows := a.derived.rows
	for i := sort.Search(len(rows), func(i int) bool { return rows[i].At > from }); i < len(rows) && rows[i].At <= to; i++ {
		m := &rows[i]
		if m.IsUsage || m.inert() {
			continue
		}
		if m.Class == ClassExpansion {
			x.Total = x.Total.Add(m.Amount())
		}
		for j, up := range m.Parts.Up {
			x.Up[j] = x.Up[j].Add(up)
		}
	}
	return x
}

// Of is the whole, or one typed part of it by its name in rows such as "seat".
func (x *Expansion) Of(upType string) money.Amount {
	if i := slices.Index(UpNames[:], upType); i >= 0 {
		return x.Up[i]
	}
	return x.Total
}

// IsQuiet says whether no account waits to be derived: a Flush would change no row.
func (s *State) IsQuiet() bool { return len(s.dirty) == 0 }

// NextWake is the earliest watermark at which time alone may change a row; found is false when there is
// none. An account may turn out to have been woken for nothing.
func (s *State) NextWake() (at event.Time, found bool) {
	if len(s.wakes) == 0 {
		return 0, false
	}
	return s.wakes[0].at, true
}
