package aggregate

import (
	"cmp"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// entry is one dated fact that adds to intervals: a row, a change of committed MRR, or a charge.
// It carries the state after it, so that any interval's opening is the entry before it.
type entry struct {
	at        event.Time
	day       int32
	month     int32
	kind      entryKind
	flags     flag         // of a row, what the account did by it
	row       *Movement    // of entryRow
	amount    money.Amount // of the others
	dims      *Dims        // under which it counts
	mrr       money.Amount // booked after it
	held      money.Amount
	usage     money.Amount // the level of usage
	dimsAfter *Dims
}

type entryKind uint8

const (
	entryRow entryKind = iota
	entryCommitted
	entryCharge
)

// inert says whether the row states a fact without moving anything.
func (m *Movement) inert() bool {
	return m.MergedInto != "" || m.Class == ClassScheduled || m.Class == ClassRevoked || m.Rule == "superseded"
}

// derived is what one pass made of an account: a pure function of its records and the watermark.
type derived struct {
	asOf    event.Time
	rows    []Movement
	opening entry // the state before the first entry
	moves   []move

	committedBefore money.Amount // before the first entry
	entries         []entry
	mrr             money.Amount
	held            money.Amount
	usage           money.Amount
	committed       money.Amount
	paid            bool
	firstPaidAt     event.Time
	dims            *Dims // at the watermark
	cohort          string
	finals          []finality  // of the groups that are not final yet, in order
	unrated         int         // months of usage without a price
	signals         *signalView // nil where it shows none
}

// entriesOf lines up everything that counts by the watermark.
func (f *fold) entriesOf(d *derived) {
	points := f.openCommitted(f.committedPoints())
	d.opening, d.committedBefore = f.opening(), f.committedBefore
	d.entries = make([]entry, 0, len(d.rows)+len(points)+len(f.account.charges))
	for i := range d.rows {
		if row := &d.rows[i]; row.At <= f.now {
			d.entries = append(d.entries, entry{at: row.At, kind: entryRow, row: row, dims: row.Dims})
		}
	}
	d.entries = f.datedEntries(d, points)
	for i := range d.entries {
		e := &d.entries[i]
		e.day = f.calendar.Day(e.at)
		e.month = int32(monthOfDay(e.day))
		before := d.before(i)
		e.mrr, e.held, e.usage, e.dimsAfter = before.mrr, before.held, before.usage, e.dims
		if e.kind == entryRow && !e.row.inert() {
			e.flags = flagsOf(e.row)
			e.mrr, e.held, e.usage = e.row.After, e.row.heldAfter, e.row.usageAfter
			if e.row.transfer != nil { // between the halves the account is nowhere
				e.mrr = before.mrr.Add(e.row.Change)
			}
		}
	}
}

// datedEntries adds committed MRR and charges under the dimensions of their instant; a change of
// dimensions moves the committed MRR as it moves the booked one.
func (f *fold) datedEntries(d *derived, points []point) []entry {
	l := f.account.dimensionLine(f.dims, f.cohort)
	values := make([]string, len(l.names))
	l.first(values)
	current := f.dims.of(values)
	entries := d.entries
	next := 0
	committed := f.committedBefore
	advance := func(until event.Time) {
		for ; next < len(l.changes) && l.changes[next].at <= until; next++ {
			l.apply(l.changes[next], values)
			moved := f.dims.of(values)
			if moved != current && !committed.IsZero() {
				at := l.changes[next].at
				entries = append(entries,
					entry{at: at, kind: entryCommitted, amount: committed.Neg(), dims: current},
					entry{at: at, kind: entryCommitted, amount: committed, dims: moved})
			}
			current = moved
		}
	}
	charges := f.account.charges
	for len(points) > 0 || len(charges) > 0 && charges[0].event.Time <= f.now {
		if len(charges) > 0 && charges[0].event.Time <= f.now && (len(points) == 0 || charges[0].event.Time < points[0].at) {
			at := charges[0].event.Time
			advance(at)
			entries = append(entries, entry{at: at, kind: entryCharge, amount: charges[0].amount, dims: current})
			charges = charges[1:]
			continue
		}
		advance(points[0].at)
		entries = append(entries, entry{at: points[0].at, kind: entryCommitted, amount: points[0].change, dims: current})
		committed = committed.Add(points[0].change)
		points = points[1:]
	}
	advance(f.now)
	d.dims, d.committed = current, committed
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.kind, b.kind))
	})
	return entries
}
