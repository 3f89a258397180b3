package aggregate

import (
	"math/big"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// UsageFigures are how a month of usage became its level (spec: rules 6). Amounts are in the
// reporting currency at the rates of the instant at which the row is booked.
type UsageFigures struct {
	Subscription string
	Item         string
	Month        event.Month
	From, To     int32 // the local days that count, [From, To); To itself too where Partly
	Partly       bool
	Days         int32    // n, over which the level is normalised
	Factor       *big.Rat // 30.4375 / n, or 1; nil where no day counts
	Quantity     *big.Rat
	Included     *big.Rat      // nil without
	Rated        money.Amount  // amounts and prices, or what was stated
	Commit       *money.Amount // nil without
	Excess       money.Amount
	LevelBefore  money.Amount
	LevelNow     money.Amount
	Stated       bool
	Closed       bool
	Ended        bool // the line ended within the month, which then counts 0
	Unrated      bool // no terms in force: quantity counts nothing
}

// explainUsage finds the figures of a usage row, and the events that they are made of.
func (w *witness) explainUsage(r *ExplainedRow, b *usageBooking) {
	f := w.fold
	i, known := slices.BinarySearchFunc(f.account.meters, b.key, func(m *meter, k meterKey) int { return m.key.compare(k) })
	m := &meter{key: b.key, first: event.NoTime}
	if known {
		m = f.account.meters[i]
	}
	figures, sum := w.figures(r, b, m)
	r.Usage = figures
	if e := w.termsEvent(b); e != nil {
		r.Events = append(r.Events, *e)
	} else if b.level.terms != nil {
		r.Forgotten = true
	}
	if figures.Stated {
		for _, e := range m.statements[b.month] {
			if e.Statement == b.level.stated {
				r.Events = append(r.Events, refOf(RoleStatement, e))
				return
			}
		}
		r.Forgotten = true
		return
	}
	var found usageDay
	for _, e := range w.recordedOf(b.key) {
		if !figures.covers(f.calendar.Day(e.Time)) {
			continue
		}
		found.add(e.Usage)
		r.Events = append(r.Events, refOf(RoleUsage, e))
	}
	r.Forgotten = r.Forgotten || !found.sameAs(&sum)
}

// recordedOf is the usage of an item by the watermark, by time. All of it is gathered at once: the name
// of an item may have to be looked up in every snapshot.
func (w *witness) recordedOf(key meterKey) []*event.Event {
	if w.recorded == nil {
		w.recorded = map[meterKey][]*event.Event{}
		for _, e := range w.fold.account.usage {
			if e.Usage != nil && e.Time <= w.fold.now {
				k := w.fold.account.meterOf(e)
				w.recorded[k] = append(w.recorded[k], e)
			}
		}
	}
	return w.recorded[key]
}

// figures rates the month once more, from fresh parts: those that are kept forget them.
func (w *witness) figures(r *ExplainedRow, b *usageBooking, m *meter) (figures *UsageFigures, sum usageDay) {
	f := w.fold
	fresh := *m
	fresh.levels = map[int32]*usageLevel{}
	level := f.level(&fresh, b.month, b.level.terms, b.closed)
	sum, days := f.billed(m, b.month, b.closed)
	table := max(f.options.tableAt(b.at), 0)
	u := &UsageFigures{
		Subscription: b.key.subscription, Item: b.key.item, Month: event.Month(b.month), Days: days, Factor: level.scale,
		Quantity: sum.quantity.Rat(), Stated: level.stated != nil, Closed: b.closed, Ended: b.ended, Unrated: level.terms == nil,
	}
	u.From, u.To, u.Partly = w.span(m, b)
	if level.terms != nil && level.terms.HasIncluded {
		u.Included = level.terms.Included.Rat()
	}
	rated := new(big.Rat)
	for _, p := range level.parts {
		rated.Add(rated, new(big.Rat).Mul(p.amount, orOne(f.options.rate(p.currency, table))))
	}
	u.Rated = money.Round(rated)
	if level.commit != nil {
		commit := new(big.Rat).Mul(level.commit.amount, orOne(f.options.rate(level.commit.currency, table)))
		amount := money.Round(commit)
		u.Commit = &amount
		rated.Sub(rated, commit)
	}
	if rated.Sign() > 0 {
		u.Excess = money.Round(rated)
	}
	if b.ended {
		u.LevelBefore = w.levelAt(b)
		u.LevelNow = u.LevelBefore
	} else {
		if level.scale != nil {
			u.LevelNow = level.valueUnder(f.options, table)
		}
		u.LevelBefore = u.LevelNow.Sub(r.Change)
	}
	return u, sum
}

// levelAt is the item's level when a row that leaves it alone is booked.
func (w *witness) levelAt(b *usageBooking) (level money.Amount) {
	for _, c := range w.fold.usage.history {
		if c.key == b.key && c.at <= b.at {
			level = c.level
		}
	}
	return level
}

// span are the local days that a month's level is made of (spec: rules 6.2).
func (w *witness) span(m *meter, b *usageBooking) (from, to int32, partly bool) {
	f := w.fold
	first, next := firstDayOfMonth(event.Month(b.month)), firstDayOfMonth(event.Month(b.month)+1)
	today, began := f.calendar.Day(f.now), m.firstBy(f.now)
	switch {
	case b.closed:
		if began != event.NoTime && began >= f.calendar.DayStart(first) && began < f.calendar.DayStart(next) {
			first = f.calendar.Day(began)
		}
		return first, next, false
	case f.options.Usage == UsageRaw:
		return first, today, true
	case began == event.NoTime:
		return today, today, false
	default:
		return today - min(30, today-f.calendar.Day(began)), today, false
	}
}

func (u *UsageFigures) covers(day int32) bool {
	return day >= u.From && (day < u.To || u.Partly && day == u.To)
}

// termsEvent is the snapshot whose terms priced the month, nil where none did.
func (w *witness) termsEvent(b *usageBooking) (ref *EventRef) {
	if b.level.terms == nil {
		return nil
	}
	end := w.fold.calendar.Start(KindMonth, b.month+1)
	for i := range w.fold.changes {
		c := &w.fold.changes[i]
		if c.snapshot.name() != b.key.subscription || c.at >= end {
			continue
		}
		if l := c.state().line(b.key.item); l != nil && l.item == b.level.terms {
			found := refOfChange(RoleTerms, c)
			ref = &found
		}
	}
	return ref
}

// sameAs says whether two sums of usage are equal.
func (d *usageDay) sameAs(o *usageDay) bool {
	if d.quantity != o.quantity || len(d.amounts) != len(o.amounts) {
		return false
	}
	for _, x := range d.amounts {
		if !slices.ContainsFunc(o.amounts, func(y currencySum) bool { return x == y }) {
			return false
		}
	}
	return true
}
