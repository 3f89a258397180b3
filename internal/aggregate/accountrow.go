package aggregate

import (
	"maps"

	"processor/internal/event"
	"processor/internal/money"
)

// accountRow is the account at the watermark.
func (s *State) accountRow(a *account, d *derived) AccountRow {
	row := AccountRow{
		Account: a.id, Name: a.name(d.asOf), Status: d.status(), MRR: d.mrr, Committed: d.committed, UsageRunRate: d.usage,
		FirstPaidAt: d.firstPaidAt, LastMovementAt: event.NoTime, Dims: d.dims,
		Windows: make([]WindowSums, len(s.options.Windows)),
	}
	if d.signals != nil {
		row.Readiness = d.signals.readiness
	}
	for i := len(d.rows) - 1; i >= 0; i-- {
		if m := &d.rows[i]; !m.inert() && m.hasAmount() {
			row.LastClass, row.LastMovementAt = m.Class, m.At
			break
		}
	}
	if row.LastMovementAt == event.NoTime && a.base != nil {
		row.LastClass, row.LastMovementAt = a.base.lastClass, a.base.lastAt
	}
	for i, w := range s.options.Windows {
		start := w.Start(d.asOf)
		for j := len(d.rows) - 1; j >= 0 && d.rows[j].At > start; j-- {
			row.Windows[i].add(&d.rows[j])
		}
	}
	return row
}

// hasAmount says whether the row moves anything.
func (m *Movement) hasAmount() bool {
	return !m.Change.IsZero() || !m.Paused.IsZero() || !m.Resumed.IsZero() || *m.Parts != noParts
}

func (w *WindowSums) add(m *Movement) {
	switch {
	case m.IsUsage: // a month's row falling out of a window is not a slowdown
	case m.Class == ClassExpansion:
		w.Expansion = w.Expansion.Add(m.Amount())
	case m.Class == ClassContraction:
		w.Contraction = w.Contraction.Sub(m.Amount())
	}
	w.NetChange = w.NetChange.Add(m.Change)
}

// status is the account's state in one word.
func (d *derived) status() string {
	switch {
	case d.mrr.Sign() > 0:
		return "paying"
	case d.held.Sign() > 0:
		return "paused"
	case d.paid:
		return "churned"
	default:
		return "never_paid"
	}
}

// monthUpdates lists the months that differ from an instant on: those in which the account has a
// row (zero or not) or a charge. Months that no longer have one are deleted.
func (s *State) monthUpdates(a *account, f *fold, old, d *derived, from event.Time, u *Updates) {
	before, frozen := monthsOf(old), s.frozenMonth()
	maps.DeleteFunc(before, func(month int32, _ event.Time) bool { return month < frozen })
	for i := 0; i < len(d.entries); {
		month := d.entries[i].month
		lo := i
		dated := false
		for ; i < len(d.entries) && d.entries[i].month == month; i++ {
			dated = dated || d.entries[i].kind != entryCommitted
		}
		if !dated || month < frozen {
			continue
		}
		was, known := before[month]
		delete(before, month)
		final := f.monthFinal(month) <= d.asOf
		if known && s.calendar.Start(KindMonth, month+1) <= from && final == (f.monthFinal(month) <= was) {
			continue
		}
		row := s.monthRow(a, f, d, lo, i)
		row.Final, row.Restated = final, known && f.monthFinal(month) <= was
		u.Months = append(u.Months, row)
	}
	if len(before) == 0 {
		return
	}
	for i := range old.entries { // in order of time, each month once
		month := old.entries[i].month
		if was, gone := before[month]; gone {
			delete(before, month)
			u.Months = append(u.Months, MonthRow{
				Account: a.id, Month: event.Month(month), Dims: old.entries[i].dims, Deleted: true,
				Restated: f.monthFinal(month) <= was,
			})
		}
	}
}

// monthsOf are the months that a derivation had rows for, with the watermark it was made at.
func monthsOf(d *derived) map[int32]event.Time {
	if d == nil {
		return nil
	}
	months := map[int32]event.Time{}
	for i := range d.entries {
		if d.entries[i].kind != entryCommitted {
			months[d.entries[i].month] = d.asOf
		}
	}
	return months
}

// monthRow sums one month of the account: entries[lo:hi].
func (s *State) monthRow(a *account, f *fold, d *derived, lo, hi int) MonthRow {
	before := d.before(lo)
	row := MonthRow{
		Account: a.id, Month: event.Month(d.entries[lo].month),
		Opening: before.mrr, Closing: d.entries[hi-1].mrr,
		Dims: f.dimsBefore(s.calendar.Start(KindMonth, d.entries[lo].month), a, d),
	}
	var r Register
	for i := lo; i < hi; i++ {
		e := &d.entries[i]
		switch e.kind {
		case entryCharge:
			r.Sums[SumNonRecurring] = r.Sums[SumNonRecurring].Add(e.amount)
		case entryRow:
			if !e.row.inert() && e.row.transfer == nil {
				r.book(e.row)
			}
		case entryCommitted:
		}
	}
	row.Sums = r.Sums
	row.Opening = row.Opening.Add(r.Sums[SumOpeningBalance])
	if row.Opening.Add(r.Movements()) != row.Closing && s.broken == nil {
		s.broken = monthBreak(a.id, row)
	}
	return row
}

// dimsBefore is the combination strictly before an instant.
func (f *fold) dimsBefore(at event.Time, a *account, d *derived) *Dims {
	l := a.dimensionLine(f.dims, d.cohort)
	values := make([]string, len(l.names))
	l.first(values)
	for _, c := range l.changes {
		if c.at < at {
			l.apply(c, values)
		}
	}
	return f.dims.of(values)
}

func monthBreak(account string, row MonthRow) error {
	return &identityError{account, row.Month, row.Opening, row.Closing}
}

// identityError is a month that does not close.
type identityError struct {
	account          string
	month            event.Month
	opening, closing money.Amount
}

func (e *identityError) Error() string {
	return "account " + e.account + ": month " + e.month.String() + " opens at " + e.opening.String() +
		" and does not close at " + e.closing.String()
}
