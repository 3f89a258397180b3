package aggregate

import (
	"cmp"
	"slices"
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

// fold is one pass over an account's timeline: it books every row up to a watermark.
type fold struct {
	options  *Options
	calendar *Calendar
	dims     *dimensions
	account  *account
	now      event.Time

	snapshots []*snapshot // of the account, in order
	pastDue   []pastDueRun

	book    book
	usage   usageState
	changes []change // in force by the watermark
	groups  []group
	ended   []endedLine
	endings [][]ending  // of metered lines, by group
	memo    []groupMemo // of the pass before; made again as long as the groups are the same
	fresh   []groupMemo
	same    int // of the entries, how many are those of the pass before
	rows    []Movement

	until           event.Time // books only what is before it, unless 0
	standing        []change   // in force at the base, one of each subscription
	openingBook     openingBook
	committedBefore money.Amount // known before the base

	endedAt     event.Time // when held MRR last became 0
	firstPaidAt event.Time
	hasPaid     bool // firstPaidAt or an import without a date is known
	cohort      string
}

// groupMemo keeps what typing a group cost, for the next pass over the same prefix.
type groupMemo struct {
	members []change
	pays    bool
	typed   *typed
	ended   []endedLine
	endings []ending // metered lines that it leaves not held
	ends    bool     // they are known
}

// The ranks of what is booked at one instant (spec: rules 7.2).
const (
	rankTransfer = iota
	rankFX
	rankGroup
	rankUsage
)

// booking is one thing to book.
type booking struct {
	at   event.Time
	rank int
	n    int // place in its own list
}

// run books everything, gives each row its dimensions and leaves the rows in booked order.
func (f *fold) run() {
	a := f.account
	f.firstPaidAt, f.endedAt = event.NoTime, event.NoTime
	f.book = book{options: f.options, table: max(f.options.tableAt(0), 0)}
	f.snapshots = f.snapshotsInForce()
	changes, superseded, ahead := changesUpTo(f.snapshots, f.now)
	later := f.start(changes)
	changes = append(slices.Clone(f.standing), later...)
	f.changes = changes
	groups := groupsOf(later, f.options.Coalesce, f.calendar)
	f.groups = groups
	transfers := f.transfers()
	f.prepareUsage(changes, groups)
	f.startUsage()
	f.openingBook = openingBook{f.book.licensed, f.book.paused, f.book.usage}
	for _, b := range f.bookings(groups, transfers) {
		switch b.rank {
		case rankTransfer:
			f.bookTransfer(transfers[b.n])
		case rankFX:
			f.bookFX(b.n)
		case rankGroup:
			f.bookGroup(&groups[b.n])
		case rankUsage:
			f.bookUsage(&f.usage.bookings[b.n])
		}
	}
	f.overtakenRows()
	for i := range superseded {
		if superseded[i].at < a.from() {
			continue
		}
		f.rows = append(f.rows, unmoved(superseded[i].key(), superseded[i].at, ClassNone, "superseded", true))
	}
	for _, s := range ahead {
		f.rows = append(f.rows, unmoved(s.key, s.order.at, ClassScheduled, "2.5", false))
	}
	for _, s := range a.revoked {
		f.rows = append(f.rows, unmoved(s.key, s.order.at, ClassRevoked, "10.4", true))
	}
	slices.SortStableFunc(f.rows, func(x, y Movement) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.rank(), y.rank()))
	})
	f.giveDims()
}

// unmoved is a row that states a fact without an amount.
func unmoved(key string, at event.Time, class Class, rule string, final bool) Movement {
	return Movement{Key: key, At: at, Class: class, Rule: rule, Parts: &noParts, Final: final}
}

// rank is the row's place among those of its instant.
func (m *Movement) rank() int {
	switch {
	case m.transfer != nil:
		return rankTransfer
	case m.Class == ClassFX:
		return rankFX
	case m.IsUsage:
		return rankUsage
	default:
		return rankGroup
	}
}

// transfers are the attribute changes in force that name a configured dimension.
func (f *fold) transfers() []*attributeChange {
	var named []*attributeChange
	for _, c := range f.account.attributes {
		if c.at <= f.now && c.namesAny(f.dims.names) {
			named = append(named, c)
		}
	}
	return named
}

// bookings merges everything that is booked into one order.
func (f *fold) bookings(groups []group, transfers []*attributeChange) []booking {
	all := make([]booking, 0, len(groups)+len(transfers))
	for i := range transfers {
		all = append(all, booking{transfers[i].at, rankTransfer, i})
	}
	for i := 1; i < len(f.options.Rates); i++ {
		if from := f.options.Rates[i].From; from <= f.now {
			all = append(all, booking{from, rankFX, i})
		}
	}
	for i := range groups {
		all = append(all, booking{groups[i].at(), rankGroup, i})
	}
	for i := range f.usage.bookings {
		all = append(all, booking{f.usage.bookings[i].at, rankUsage, i})
	}
	slices.SortFunc(all, func(a, b booking) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank), cmp.Compare(a.n, b.n))
	})
	return f.within(all)
}

// bookTransfer moves the booked MRR from the old combination of dimensions to the new one.
func (f *fold) bookTransfer(c *attributeChange) {
	moved := f.book.mrr() // giveDims takes it back where no dimension changes
	out := Movement{
		Key: transferKey(c.event, "out"), At: c.at, Class: ClassTransfer, Change: moved.Neg(), Before: moved, Parts: &noParts,
		Rule: "7", Final: true, heldAfter: f.book.held(), usageAfter: f.book.usage, transfer: c, leaves: true,
	}
	in := out
	in.leaves = false
	in.Key, in.Change, in.Before, in.After = transferKey(c.event, "in"), moved, money.Amount{}, moved
	f.rows = append(f.rows, out, in)
}

// bookFX revalues everything under the rate table that starts; it is never expansion.
func (f *fold) bookFX(table int) {
	beforeHeld, before, from := f.book.held(), f.book.mrr(), f.options.Rates[table].From
	foreign := f.foreignUsage() // what a rate brings to 0, or from it, is revalued too
	foreign = f.book.revalue(table) || foreign
	f.revalueUsage(from)
	if foreign = f.foreignUsage() || foreign; !foreign {
		return
	}
	after := f.book.mrr()
	date := dateOfDay(f.calendar.Day(from)).Format(time.DateOnly)
	f.rows = append(f.rows, Movement{
		Key: "fx/" + date, At: from, Class: ClassFX, Change: after.Sub(before), Before: before, After: after,
		Parts: &noParts, Rule: "8", Final: true, heldBefore: beforeHeld, heldAfter: f.book.held(), usageAfter: f.book.usage,
	})
	f.notePaid(ClassFX, event.NoTime, from)
	f.noteEnd(from, beforeHeld, f.book.held())
}

// bookGroup classifies one group of changes, from the state before it to the state after it.
func (f *fold) bookGroup(g *group) {
	beforeHeld, beforeMRR, beforePaused := f.book.held(), f.book.mrr(), f.book.paused
	typed := f.applyGroup(g, beforeHeld.Sign() > 0)
	if removed := f.endUsage(g); len(removed) > 0 {
		typed = typed.withRemoved(removed, len(f.dims.splits) > 0) // the memo keeps what the lines alone make
	}
	held, mrr := f.book.held(), f.book.mrr()
	row := Movement{
		Key: g.members[0].key(), At: g.at(), Before: beforeMRR, After: mrr, Change: mrr.Sub(beforeMRR),
		Parts: &noParts, Rule: ruleClass.String(), Final: f.now >= g.finalAt, heldBefore: beforeHeld, heldAfter: held, usageAfter: f.book.usage,
	}
	if rise := f.book.paused.Sub(beforePaused); rise.Sign() > 0 {
		row.Paused = rise
	} else {
		row.Resumed = rise.Neg()
	}
	row.Class = f.options.classify(circumstances{
		opening: g.opens() || f.opensBooked(g.at()), moved: g.moves(), paid: f.book.paid, lapsed: f.lapsed(g.at()),
		before: beforeHeld, after: held,
	})
	if row.Class == ClassNone {
		if row.Paused.Sign() > 0 {
			row.Class = ClassPause
		} else if row.Resumed.Sign() > 0 {
			row.Class = ClassResume
		}
	}
	if row.Class.typed() {
		row.Parts, row.Rule, row.Renamed = typed.parts, typed.rule.String(), typed.renamed
		row.Slices = typed.slices
	}
	given := event.NoTime
	if row.Class == ClassOpening {
		given = g.firstPaidAt()
	}
	f.notePaid(row.Class, given, g.at())
	f.noteEnd(g.at(), beforeHeld, held)
	f.rows = append(f.rows, row)
	for i := range g.members[1:] {
		f.rows = append(f.rows, Movement{
			Key: g.members[i+1].key(), At: row.At, Class: ClassNone, Before: mrr, After: mrr, Parts: &noParts,
			Rule: "3.3", MergedInto: row.Key, Final: row.Final, heldAfter: held, usageAfter: f.book.usage,
		})
	}
}

// opensBooked says whether an instant still belongs to the imported base.
func (f *fold) opensBooked(at event.Time) bool {
	return f.options.ReportingStart != event.NoTime && at <= f.options.ReportingStart
}

// notePaid remembers since when the account pays, and its cohort (spec: rules 4, 7.1). given is the
// earliest first_paid_at of an opening, or NoTime.
func (f *fold) notePaid(class Class, given, at event.Time) {
	if class == ClassNew {
		f.noteNew(at)
	}
	if given != event.NoTime {
		f.book.paid = true
		f.knowPaid(given)
	}
	if f.book.held().Sign() <= 0 {
		return
	}
	f.book.paid = true
	if f.cohort == "" {
		f.cohort = f.cohortOf(class, given, at)
	}
	if class != ClassOpening {
		f.knowPaid(at)
	}
	f.hasPaid = true
}

// noteEnd remembers when the account last stopped to pay.
func (f *fold) noteEnd(at event.Time, before, after money.Amount) {
	if before.Sign() > 0 && after.Sign() == 0 {
		f.endedAt = at
	}
}

// lapsed says whether a return at an instant comes too late to be a win-back.
func (f *fold) lapsed(at event.Time) bool {
	within := f.options.ReactivationWithin
	return within > 0 && f.endedAt != event.NoTime && at > f.endedAt.Add(within)
}

func (f *fold) knowPaid(at event.Time) {
	if !f.hasPaid {
		f.firstPaidAt, f.hasPaid = at, true
	}
}

func (f *fold) cohortOf(class Class, given, booked event.Time) string {
	at := booked
	if class == ClassOpening {
		if given == event.NoTime {
			return cohortImported
		}
		at = given
	}
	return f.calendar.Name(KindMonth, f.calendar.Index(KindMonth, f.calendar.Day(at)))
}

// giveDims walks the rows beside the timeline of attributes. A transfer whose account changes no
// configured dimension moves nothing (spec: rules 7.2).
func (f *fold) giveDims() {
	l := f.account.dimensionLine(f.dims, f.cohort)
	values := make([]string, len(l.names))
	l.first(values)
	current := f.dims.of(values)
	next := 0
	applyWhile := func(due func(c *attributeChange) bool) {
		for next < len(l.changes) && due(l.changes[next]) {
			l.apply(l.changes[next], values)
			current = f.dims.of(values)
			next++
		}
	}
	for i := range f.rows {
		row := &f.rows[i]
		switch {
		case row.transfer == nil:
			applyWhile(func(c *attributeChange) bool { return c.at <= row.At })
			row.Dims = current
		case row.leaves:
			applyWhile(func(c *attributeChange) bool { return c.order.compare(&row.transfer.order) < 0 })
			row.Dims = current
		default:
			applyWhile(func(c *attributeChange) bool { return c == row.transfer })
			row.Dims = current
			out := &f.rows[i-1]
			if out.Dims == row.Dims {
				out.Change, out.Before, row.Change, row.After = money.Amount{}, money.Amount{}, money.Amount{}, money.Amount{}
			}
		}
	}
}
