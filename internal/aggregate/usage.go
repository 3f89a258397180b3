package aggregate

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"processor/internal/event"
	"processor/internal/money"
)

// UsageMode is how a month of usage becomes a monthly level (spec: rules 6, alternatives).
type UsageMode uint8

// The usage modes.
const (
	UsageNormalised UsageMode = iota // length-normalised: month length never creates expansion
	UsageRaw                         // a month's excess as it is
	UsageExclude                     // no usage revenue
)

// meterKey names a metered item.
type meterKey struct {
	subscription string
	item         string
}

func (k meterKey) compare(o meterKey) int {
	return cmp.Or(strings.Compare(k.subscription, o.subscription), strings.Compare(k.item, o.item))
}

// meter is the usage of one metered item, up to the watermark.
type meter struct {
	key        meterKey
	days       []usageDay // with counted usage, ascending
	statements []statement
	first      event.Time     // of the counted usage, NoTime without any
	ever       map[int32]bool // months for which usage was ever accepted
}

// usageDay sums one local day: an event with an amount adds no quantity.
type usageDay struct {
	day      int32
	quantity money.Tally
	amounts  []currencySum
}

type currencySum struct {
	currency string
	sum      money.Tally
}

type statement struct {
	month int32
	event *event.Event // the last in order for its month
}

// meters gathers the usage of every item, in (subscription, item) order.
func (f *fold) meters() []*meter {
	if f.options.Usage == UsageExclude || len(f.account.usage) == 0 && len(f.account.formerUsage) == 0 {
		return nil
	}
	known := map[meterKey]*meter{}
	find := func(k meterKey) *meter {
		m := known[k]
		if m == nil {
			m = &meter{key: k, first: event.NoTime, ever: map[int32]bool{}}
			known[k] = m
		}
		return m
	}
	for _, e := range f.account.formerUsage {
		if month, k := f.usageMonth(e), f.meterOf(e); e.Time <= f.now {
			find(k).ever[month] = true
		}
	}
	for _, e := range f.account.usage { // by time
		if e.Time > f.now {
			break
		}
		month, m := f.usageMonth(e), find(f.meterOf(e))
		if e.Statement != nil {
			if f.calendar.Start(KindMonth, month) <= f.now { // months beyond the watermark wait
				m.ever[month] = true
				m.state(month, e)
			}
			continue
		}
		m.ever[month] = true
		m.record(f.calendar.Day(e.Time), e)
	}
	meters := make([]*meter, 0, len(known))
	for _, m := range known {
		meters = append(meters, m)
	}
	slices.SortFunc(meters, func(a, b *meter) int { return a.key.compare(b.key) })
	return meters
}

// usageMonth is the local month that a usage event or statement belongs to.
func (f *fold) usageMonth(e *event.Event) int32 {
	if e.Statement != nil {
		return int32(e.Statement.Month)
	}
	return int32(monthOfDay(f.calendar.Day(e.Time)))
}

// meterOf names the item of a usage event: `meter` stands for the first item in byte order that
// has it in any accepted snapshot of the subscription, else for the item of that name.
func (f *fold) meterOf(e *event.Event) meterKey {
	if e.Statement != nil {
		return meterKey{e.Statement.Subscription, e.Statement.Item}
	}
	k := meterKey{e.Usage.Subscription, e.Usage.Item}
	if k.item != "" {
		return k
	}
	first := ""
	each := func(items []event.Item) {
		for i := range items {
			if items[i].Meter == e.Usage.Meter && (first == "" || items[i].Item < first) {
				first = items[i].Item
			}
		}
	}
	for _, s := range f.account.snapshots {
		if s.name() != k.subscription {
			continue
		}
		each(s.sub().Items)
		for i := range s.sub().Schedule {
			each(s.sub().Schedule[i].Items)
		}
	}
	if k.item = first; first == "" {
		k.item = e.Usage.Meter
	}
	return k
}

// state files a statement: the last in the order of rules 3.1 counts.
func (m *meter) state(month int32, e *event.Event) {
	i := slices.IndexFunc(m.statements, func(s statement) bool { return s.month == month })
	if i < 0 {
		m.statements = append(m.statements, statement{month, e})
		return
	}
	was := m.statements[i].event
	if cmp.Or(cmp.Compare(was.Time, e.Time), cmp.Compare(was.Sequence, e.Sequence),
		strings.Compare(was.Source, e.Source), strings.Compare(was.ID, e.ID)) < 0 {
		m.statements[i].event = e
	}
}

// record adds a usage event to its day.
func (m *meter) record(day int32, e *event.Event) {
	if m.first == event.NoTime {
		m.first = e.Time
	}
	if n := len(m.days); n == 0 || m.days[n-1].day != day {
		m.days = append(m.days, usageDay{day: day})
	}
	d := &m.days[len(m.days)-1]
	if !e.Usage.HasAmount {
		d.quantity.Add(e.Usage.Quantity)
		return
	}
	for i := range d.amounts {
		if d.amounts[i].currency == e.Usage.Currency {
			d.amounts[i].sum.Add(e.Usage.Amount)
			return
		}
	}
	sum := currencySum{currency: e.Usage.Currency}
	sum.sum.Add(e.Usage.Amount)
	d.amounts = append(d.amounts, sum)
}

// statementFor is the statement of a month, or nil.
func (m *meter) statementFor(month int32) *event.Statement {
	for i := range m.statements {
		if m.statements[i].month == month {
			return m.statements[i].event.Statement
		}
	}
	return nil
}

// span sums the days in [from, to).
func (m *meter) span(from, to int32) usageDay {
	var sum usageDay
	for i := range m.days {
		d := &m.days[i]
		if d.day < from || d.day >= to {
			continue
		}
		sum.quantity.Plus(d.quantity)
		for _, a := range d.amounts {
			j := slices.IndexFunc(sum.amounts, func(s currencySum) bool { return s.currency == a.currency })
			if j < 0 {
				sum.amounts = append(sum.amounts, a)
			} else {
				sum.amounts[j].sum.Plus(a.sum)
			}
		}
	}
	return sum
}

// usageLevel is u(M) before it is valued in the reporting currency: excess(M) x scale, where the
// excess is the sum of the parts, less the commit, never below 0 (spec: rules 6.1, 6.2).
type usageLevel struct {
	parts  []currencyPart
	commit *currencyPart
	scale  *big.Rat // 30.4375 / n
}

type currencyPart struct {
	currency string
	amount   *big.Rat
}

// value is the level under a rate table.
func (u *usageLevel) value(o *Options, table int) money.Amount {
	if u == nil || u.scale == nil {
		return money.Amount{}
	}
	sum := new(big.Rat)
	for _, p := range u.parts {
		sum.Add(sum, new(big.Rat).Mul(p.amount, orOne(o.rate(p.currency, table))))
	}
	if u.commit != nil {
		sum.Sub(sum, new(big.Rat).Mul(u.commit.amount, orOne(o.rate(u.commit.currency, table))))
	}
	if sum.Sign() <= 0 {
		return money.Amount{}
	}
	return money.Round(sum.Mul(sum, u.scale))
}

// foreign says whether the level depends on a rate.
func (u *usageLevel) foreign(o *Options) bool {
	return u != nil && slices.ContainsFunc(u.parts, func(p currencyPart) bool { return p.currency != o.Currency })
}

// averageMonth is the length of a month in days, to which every month is normalised.
var averageMonth = big.NewRat(304375, 10000)

// level is u(M) of an item under the terms of the month.
func (f *fold) level(m *meter, month int32, terms *event.Item) *usageLevel {
	first, next := firstDayOfMonth(event.Month(month)), firstDayOfMonth(event.Month(month)+1)
	stated := m.statementFor(month)
	today := f.calendar.Day(f.now)
	closed := stated != nil || today >= next
	from, to, n := first, next, next-first
	switch {
	case f.options.Usage == UsageRaw:
	case !closed: // the last complete days, at most 30
		if m.first == event.NoTime {
			return nil
		}
		n = min(30, today-f.calendar.Day(m.first))
		from, to = today-n, today
	case m.first != event.NoTime && int32(monthOfDay(f.calendar.Day(m.first))) == month:
		n = next - f.calendar.Day(m.first)
	}
	if n <= 0 {
		return nil
	}
	u := &usageLevel{scale: new(big.Rat).Quo(averageMonth, big.NewRat(int64(n), 1))}
	if f.options.Usage == UsageRaw {
		u.scale = one
	}
	if stated != nil {
		u.parts = append(u.parts, currencyPart{stated.Currency, stated.Amount.Rat()})
	} else {
		u.rate(m.span(from, to), terms)
	}
	if terms != nil && terms.HasCommit {
		commit := terms.Commit.Rat()
		u.commit = &currencyPart{terms.Currency, commit.Mul(commit, factor(terms, f.options))}
	}
	return u
}

// rate prices the sum of some days: amounts as sent, and tiers or price over what is not included.
// Quantity without a price yet is unrated.
func (u *usageLevel) rate(sum usageDay, terms *event.Item) {
	for i := range sum.amounts {
		u.parts = append(u.parts, currencyPart{sum.amounts[i].currency, sum.amounts[i].sum.Rat()})
	}
	if terms == nil {
		return
	}
	billable := sum.quantity.Rat()
	if terms.HasIncluded {
		billable.Sub(billable, terms.Included.Rat())
	}
	if billable.Sign() > 0 {
		u.parts = append(u.parts, currencyPart{terms.Currency, price(billable, terms)})
	}
}

// price is graduated over the tiers, counting from 0; past the last bound its price goes on.
func price(quantity *big.Rat, terms *event.Item) *big.Rat {
	if len(terms.Tiers) == 0 {
		return new(big.Rat).Mul(quantity, terms.UnitPrice.Rat())
	}
	total, below := new(big.Rat), new(big.Rat)
	for i := range terms.Tiers {
		t := &terms.Tiers[i]
		upTo := quantity
		if last := i == len(terms.Tiers)-1; !last && !t.Open && t.UpTo.Rat().Cmp(quantity) < 0 {
			upTo = t.UpTo.Rat()
		}
		in := new(big.Rat).Sub(upTo, below)
		total.Add(total, in.Mul(in, t.UnitPrice.Rat()))
		below = upTo
		if below.Cmp(quantity) >= 0 {
			break
		}
	}
	return total
}

// termsOf is the item as it was priced in a month: that of the last snapshot or step in force
// within it that has the item as metered. The changes must be in order.
func (f *fold) termsOf(k meterKey, month int32, changes []change) *event.Item {
	start, end := f.calendar.Start(KindMonth, month), f.calendar.Start(KindMonth, month+1)
	var terms *event.Item
	for i := range changes {
		c := &changes[i]
		if c.snapshot.name() != k.subscription || c.at >= end {
			continue
		}
		until := never
		if n := slices.IndexFunc(changes[i+1:], func(d change) bool { return d.snapshot.name() == k.subscription }); n >= 0 {
			until = changes[i+1+n].at
		}
		if until <= start || until == c.at {
			continue
		}
		if l := c.state().line(k.item); l != nil && l.item.Metered {
			terms = l.item
		}
	}
	return terms
}

// line is the line of an item, or nil.
func (p *phase) line(item string) *line {
	for i := range p.lines {
		if p.lines[i].item.Item == item {
			return &p.lines[i]
		}
	}
	return nil
}
