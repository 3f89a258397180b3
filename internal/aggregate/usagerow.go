package aggregate

import (
	"cmp"
	"maps"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// usageBooking is one usage row to be: an item and a month.
type usageBooking struct {
	key    meterKey
	month  int32
	level  *usageLevel
	at     event.Time
	only   bool // exists only if a level other than 0 passed to the item before it
	ended  bool // the line ended within the month, which then counts 0
	closed bool // the month is over, or stated
}

// ending is a metered line that a group leaves not held; its level passes to another metered line
// or is removed.
type ending struct {
	from   meterKey
	family string // of the line that ended
	to     meterKey
	passes bool
}

// usageState is the running state of usage in the fold.
type usageState struct {
	levels   map[meterKey][]*usageLevel
	passed   map[usageMonthKey]bool // a level other than 0 passed to the item before that month's row
	history  []levelChange          // of every item, by time
	newMonth int32                  // the month of the account's `new`, or -1
	bookings []usageBooking
	endings  map[*snapshot][]groupEnding // by the first member of the group, found before booking
}

type usageMonthKey struct {
	key   meterKey
	month int32
}

type groupEnding struct {
	first change
	ending
}

// prepareUsage lists the usage rows to be booked by the watermark.
func (f *fold) prepareUsage(changes []change, groups []group) {
	f.usage = usageState{newMonth: -1, levels: map[meterKey][]*usageLevel{}, passed: map[usageMonthKey]bool{}, endings: map[*snapshot][]groupEnding{}}
	meters := f.meters()
	if len(meters) == 0 {
		return
	}
	ended := f.findEndings(groups)
	last := int32(monthOfDay(f.calendar.Day(f.now)))
	for _, m := range meters {
		months := map[int32]bool{} // true where the row exists whatever passed
		for month, since := range m.ever {
			if since <= f.now {
				months[month], months[month+1] = true, true
			}
		}
		f.bookMeter(m, months, ended, changes, last)
	}
	f.preparePassed(meters, ended, changes, last)
	f.prepareOpening(ended, changes, last)
	slices.SortFunc(f.usage.bookings, func(a, b usageBooking) int {
		return cmp.Or(cmp.Compare(a.at, b.at), a.key.compare(b.key), cmp.Compare(a.month, b.month))
	})
}

// bookMeter lists the rows of one item.
func (f *fold) bookMeter(m *meter, months map[int32]bool, ended map[usageMonthKey]bool, changes []change, last int32) {
	for month, always := range months {
		start := f.calendar.Start(KindMonth, month)
		b := usageBooking{key: m.key, month: month, at: start, only: !always, ended: ended[usageMonthKey{m.key, month}]}
		if first := m.firstBy(f.now); f.options.Usage == UsageInvoiceMonth {
			b.at = f.calendar.Start(KindMonth, month+1)
		} else if first != event.NoTime && int32(monthOfDay(f.calendar.Day(first))) == month {
			b.at = max(start, first)
		}
		if month > last || b.at > f.now {
			continue
		}
		b.closed = month < last || m.statementFor(month, f.now) != nil
		b.level = f.level(m, month, f.termsOf(m.key, month, changes), b.closed)
		f.usage.bookings = append(f.usage.bookings, b)
	}
}

// rowAfter is the month whose usage row is the first after an instant: the next month's, or, where a
// month is booked when it is invoiced, its own.
func (f *fold) rowAfter(at event.Time) int32 {
	month := int32(monthOfDay(f.calendar.Day(at)))
	if f.options.Usage == UsageInvoiceMonth {
		return month
	}
	return month + 1
}

// preparePassed adds the months before whose row a level may have passed to an item.
func (f *fold) preparePassed(meters []*meter, ended map[usageMonthKey]bool, changes []change, last int32) {
	for _, list := range f.usage.endings {
		for _, e := range list {
			if !e.passes {
				continue
			}
			month := f.rowAfter(e.first.at)
			exists := slices.ContainsFunc(f.usage.bookings, func(b usageBooking) bool { return b.key == e.to && b.month == month })
			if exists {
				continue
			}
			i := slices.IndexFunc(meters, func(m *meter) bool { return m.key == e.to })
			m := &meter{key: e.to, first: event.NoTime, levels: map[int32]*usageLevel{}}
			if i >= 0 {
				m = meters[i]
			}
			f.bookMeter(m, map[int32]bool{month: false}, ended, changes, last)
		}
	}
}

// findEndings walks the groups for metered lines that they leave not held, and says in which
// months that happened.
func (f *fold) findEndings(groups []group) map[usageMonthKey]bool {
	ended := map[usageMonthKey]bool{}
	var walk book // only of which lines are held, not of what they are worth
	for i := range f.standing {
		walk.place(f.standing[i])
	}
	known := f.memo // of the pass before, as long as the groups are the same
	f.endings = make([][]ending, len(groups))
	for i := range groups {
		g := &groups[i]
		if i < len(known) && known[i].ends && slices.Equal(known[i].members, g.members) {
			for j := range g.members {
				walk.place(g.members[j])
			}
			f.endings[i] = known[i].endings
		} else {
			known = nil
			f.endings[i] = walk.endings(g)
		}
		if len(f.endings[i]) == 0 {
			continue
		}
		month := int32(monthOfDay(f.calendar.Day(g.at())))
		for _, e := range f.endings[i] {
			ended[usageMonthKey{e.from, month}] = true
			if f.options.Usage == UsageInvoiceMonth && g.at() == f.calendar.Start(KindMonth, month) {
				ended[usageMonthKey{e.from, month - 1}] = true // its invoice comes at this instant, after the end
			}
			first := g.members[0]
			f.usage.endings[first.snapshot] = append(f.usage.endings[first.snapshot], groupEnding{first, e})
		}
	}
	return ended
}

// endings are the metered lines that a group ends.
func (b *book) endings(g *group) []ending {
	touched := g.subscriptions()
	before := b.heldLines(touched)
	for i := range g.members {
		b.place(g.members[i])
	}
	if !slices.ContainsFunc(before, func(l *line) bool { return l.item.Metered }) {
		return nil
	}
	return endingsOf(before, b.heldLines(touched))
}

// endingsOf compares the metered lines before and after a group.
func endingsOf(before, after []*line) []ending {
	goesOn := func(l *line) bool {
		return slices.ContainsFunc(after, func(n *line) bool { return n.item.Metered && compareLines(l, n) == 0 })
	}
	if !slices.ContainsFunc(before, func(l *line) bool { return l.item.Metered && !goesOn(l) }) {
		return nil
	}
	pairs, _, _ := pairLines(before, after)
	var endings []ending
	for _, l := range before {
		if !l.item.Metered || goesOn(l) {
			continue
		}
		e := ending{from: meterKey{l.subscription(), l.item.Item}, family: l.item.Family}
		for _, p := range pairs {
			if p.before == l && p.after.item.Metered {
				e.to, e.passes = meterKey{p.after.subscription(), p.after.item.Item}, true
			}
		}
		endings = append(endings, e)
	}
	return endings
}

// endUsage takes the levels of the group's ended lines away, or passes them on; it returns what
// was removed.
func (f *fold) endUsage(g *group) (removed []removedUsage) {
	for _, e := range f.usage.endings[g.members[0].snapshot] {
		if e.first != g.members[0] {
			continue
		}
		levels := f.usage.levels[e.from]
		delete(f.usage.levels, e.from)
		value := f.valueOf(levels)
		f.noteLevel(e.from, g.at())
		if e.passes {
			f.usage.levels[e.to] = append(f.usage.levels[e.to], levels...)
			f.noteLevel(e.to, g.at())
			if !value.IsZero() {
				f.usage.passed[usageMonthKey{e.to, f.rowAfter(g.at())}] = true
			}
			continue
		}
		if !value.IsZero() {
			removed = append(removed, removedUsage{origin{e.family, g.flagsOf(e.from.subscription).motion}, value})
		}
		f.book.usage = f.book.usage.Sub(value)
	}
	return removed
}

// removedUsage is a level that ended with its line.
type removedUsage struct {
	from   origin
	amount money.Amount
}

// noteLevel writes down an item's level from an instant on.
func (f *fold) noteLevel(key meterKey, at event.Time) {
	f.usage.history = append(f.usage.history, levelChange{at, key, f.valueOf(f.usage.levels[key])})
}

// valueOf is what levels are worth under the table in force.
func (f *fold) valueOf(levels []*usageLevel) (sum money.Amount) {
	for _, u := range levels {
		sum = sum.Add(u.value(f.options, f.book.table))
	}
	return sum
}

// revalueUsage values every level under the table in force.
func (f *fold) revalueUsage(from event.Time) {
	f.book.usage = money.Amount{}
	keys := slices.SortedFunc(maps.Keys(f.usage.levels), meterKey.compare)
	for _, key := range keys {
		levels := f.usage.levels[key]
		f.noteLevel(key, from)
		f.book.usage = f.book.usage.Add(f.valueOf(levels))
	}
}

// foreignUsage says whether any level other than 0 depends on a rate.
func (f *fold) foreignUsage() bool {
	for _, levels := range f.usage.levels {
		if slices.ContainsFunc(levels, func(u *usageLevel) bool { return u.foreign(f.options) }) && !f.valueOf(levels).IsZero() {
			return true
		}
	}
	return false
}

// bookUsage books one usage row: u(M) less the item's level before it (spec: rules 6.3).
func (f *fold) bookUsage(b *usageBooking) {
	if b.only && !f.usage.passed[usageMonthKey{b.key, b.month}] {
		return
	}
	level := b.level.value(f.options, f.book.table)
	change := level.Sub(f.valueOf(f.usage.levels[b.key]))
	if b.ended {
		change = money.Amount{}
	}
	family := f.familyOf(b)
	beforeHeld, beforeMRR := f.book.held(), f.book.mrr()
	if !b.ended {
		f.usage.levels[b.key] = []*usageLevel{b.level}
		f.noteLevel(b.key, b.at)
	}
	f.book.usage = f.book.usage.Add(change)
	row := Movement{
		Key: usageKey(b.key, b.month), At: b.at, Change: change, Before: beforeMRR, After: f.book.mrr(), Parts: &noParts, Rule: ruleUsage.String(),
		Final: f.now >= f.monthFinal(b.month), Provisional: !b.closed, heldBefore: beforeHeld, heldAfter: f.book.held(), usageAfter: f.book.usage, IsUsage: true,
	}
	row.Class = f.options.classify(circumstances{
		opening: f.opensBooked(b.at), paid: f.book.paid, lapsed: f.lapsed(b.at), before: beforeHeld, after: f.book.held(),
	})
	if change.Sign() > 0 && int32(monthOfDay(f.calendar.Day(b.at))) == f.usage.newMonth && row.Class != ClassOpening {
		row.Class = ClassNew
	}
	if row.Class.typed() && !change.IsZero() {
		row.Parts = &Parts{}
		if change.Sign() > 0 {
			row.Parts.Up[UpUsage] = change
		} else {
			row.Parts.Down[DownUsage] = change.Neg()
		}
		if len(f.dims.splits) > 0 {
			row.Slices = sliceUsage(row.Parts, family)
		}
	}
	row.Unconfirmed = change.Sign() > 0 && !f.confirmed(b, level)
	f.notePaid(row.Class, event.NoTime, b.at)
	f.noteEnd(b.at, beforeHeld, f.book.held())
	f.rows = append(f.rows, row)
}

// familyOf is the product family of a usage row: of the line that priced the month, or, where none
// did, of the one that priced the level before.
func (f *fold) familyOf(b *usageBooking) string {
	if b.level.family != "" {
		return b.level.family
	}
	for _, u := range f.usage.levels[b.key] {
		if u.family != "" {
			return u.family
		}
	}
	return ""
}

// confirmed says whether the month after is closed at no lower level (spec: rules 6.5).
func (f *fold) confirmed(b *usageBooking, level money.Amount) bool {
	for i := range f.usage.bookings {
		next := &f.usage.bookings[i]
		if next.key == b.key && next.month == b.month+1 {
			return next.closed && !next.ended && next.level.value(f.options, f.book.table).Cmp(level) >= 0
		}
	}
	return false
}

// noteNew remembers the month of the account's latest `new`.
func (f *fold) noteNew(at event.Time) {
	f.usage.newMonth = int32(monthOfDay(f.calendar.Day(at)))
}

func usageKey(k meterKey, month int32) string {
	return "usage/" + escape(k.subscription, keySpecial) + "/" + escape(k.item, keySpecial) + "/" + event.Month(month).String()
}
