package aggregate

import (
	"cmp"
	"slices"
	"strings"

	"processor/internal/event"
	"processor/internal/money"
)

// UsageMode is how a month of usage becomes a monthly level (spec: rules 6, alternatives).
type UsageMode uint8

// The usage modes.
const (
	UsageNormalised   UsageMode = iota // length-normalised: month length never creates expansion
	UsageRaw                           // a month's excess as it is
	UsageExclude                       // no usage revenue
	UsageInvoiceMonth                  // a month's excess as it is, from the start of the next month, when it is invoiced
)

// asBilled says whether a month's level is its excess, whatever the length of the month.
func (u UsageMode) asBilled() bool { return u == UsageRaw || u == UsageInvoiceMonth }

// meterKey names a metered item.
type meterKey struct {
	subscription string
	item         string
}

func (k meterKey) compare(o meterKey) int {
	return cmp.Or(strings.Compare(k.subscription, o.subscription), strings.Compare(k.item, o.item))
}

// meter is the usage of one metered item, kept up to date event by event. What lies beyond the
// watermark is left out when it is read.
type meter struct {
	key        meterKey
	days       []usageDay               // with counted usage, ascending
	statements map[int32][]*event.Event // by month, in the order of rules 3.1
	first      event.Time               // of the counted usage, NoTime without any
	ever       map[int32]event.Time     // months for which usage was ever accepted, and since when
	levels     map[int32]*usageLevel    // of closed months, until their usage or terms change
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

// meters are the usage of every item, in (subscription, item) order.
func (f *fold) meters() []*meter {
	a := f.account
	if f.options.Usage == UsageExclude {
		return nil
	}
	if a.metersStale {
		a.rebuildMeters(f.calendar)
	}
	return a.meters
}

// rebuildMeters gathers the usage of every item anew.
func (a *account) rebuildMeters(c *Calendar) {
	a.meters, a.metersStale = nil, false
	for _, m := range a.settled {
		a.meterSettled(m)
	}
	a.meterBase()
	for _, e := range a.formerUsage {
		a.meterFor(e).note(usageMonth(e, c), e.Time)
	}
	for _, e := range a.usage {
		a.meterUsage(e, c)
	}
}

// meterUsage adds a counted event to its meter.
func (a *account) meterUsage(e *event.Event, c *Calendar) {
	m, month := a.meterFor(e), usageMonth(e, c)
	m.note(month, e.Time)
	delete(m.levels, month)
	if e.Statement != nil {
		m.state(month, e)
		return
	}
	m.record(c.Day(e.Time), e)
}

// meterFor is the meter of an event's item, made when it is new.
func (a *account) meterFor(e *event.Event) *meter {
	key := a.meterOf(e)
	i, found := slices.BinarySearchFunc(a.meters, key, func(m *meter, k meterKey) int { return m.key.compare(k) })
	if !found {
		a.meters = slices.Insert(a.meters, i, &meter{
			key: key, first: event.NoTime, ever: map[int32]event.Time{},
			statements: map[int32][]*event.Event{}, levels: map[int32]*usageLevel{},
		})
	}
	return a.meters[i]
}

// note remembers since when usage was accepted for a month.
func (m *meter) note(month int32, at event.Time) {
	if since, known := m.ever[month]; !known || at < since {
		m.ever[month] = at
	}
}

// usageMonth is the local month that a usage event or statement belongs to.
func usageMonth(e *event.Event, c *Calendar) int32 {
	if e.Statement != nil {
		return int32(e.Statement.Month)
	}
	return int32(monthOfDay(c.Day(e.Time)))
}

// meterOf names the item of a usage event: `meter` stands for the first item in byte order that
// has it in any accepted snapshot of the subscription, else for the item of that name.
func (a *account) meterOf(e *event.Event) meterKey {
	if e.Statement != nil {
		return meterKey{e.Statement.Subscription, e.Statement.Item}
	}
	k := meterKey{e.Usage.Subscription, e.Usage.Item}
	if k.item != "" {
		return k
	}
	first := ""
	for _, s := range a.snapshots {
		if s.name() != k.subscription {
			continue
		}
		for it := range s.items() {
			if it.Meter == e.Usage.Meter && (first == "" || it.Item < first) {
				first = it.Item
			}
		}
	}
	if item := a.base.itemOf(k.subscription, e.Usage.Meter); item != "" && (first == "" || item < first) {
		first = item
	}
	if k.item = first; first == "" {
		k.item = e.Usage.Meter
	}
	return k
}

// state files a statement; of those known by the watermark the last in order counts.
func (m *meter) state(month int32, e *event.Event) {
	i, _ := slices.BinarySearchFunc(m.statements[month], e, func(x, y *event.Event) int {
		return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Sequence, y.Sequence),
			strings.Compare(x.Source, y.Source), strings.Compare(x.ID, y.ID))
	})
	m.statements[month] = slices.Insert(m.statements[month], i, e)
}

// statementFor is the statement of a month that counts by a watermark, or nil.
func (m *meter) statementFor(month int32, now event.Time) *event.Statement {
	list := m.statements[month]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Time <= now {
			return list[i].Statement
		}
	}
	return nil
}

// record adds a usage event to its day.
func (m *meter) record(day int32, e *event.Event) {
	if m.first == event.NoTime || e.Time < m.first {
		m.first = e.Time
		clear(m.levels) // the first month counts from here on
	}
	i, found := slices.BinarySearchFunc(m.days, day, func(d usageDay, n int32) int { return cmp.Compare(d.day, n) })
	if !found {
		m.days = slices.Insert(m.days, i, usageDay{day: day})
	}
	m.days[i].add(e.Usage)
}

// firstBy is the first usage by a watermark, or NoTime.
func (m *meter) firstBy(now event.Time) event.Time {
	if m.first > now {
		return event.NoTime
	}
	return m.first
}

func (d *usageDay) add(u *event.Usage) {
	if !u.HasAmount {
		d.quantity.Add(u.Quantity)
		return
	}
	sum := currencySum{currency: u.Currency}
	sum.sum.Add(u.Amount)
	d.addAmount(sum)
}

func (d *usageDay) addAmount(sum currencySum) {
	i := slices.IndexFunc(d.amounts, func(s currencySum) bool { return s.currency == sum.currency })
	if i < 0 {
		d.amounts = append(d.amounts, sum)
		return
	}
	d.amounts[i].sum.Plus(sum.sum)
}

// span sums the days in [from, to).
func (m *meter) span(from, to int32) usageDay {
	var sum usageDay
	lo, _ := slices.BinarySearchFunc(m.days, from, func(d usageDay, n int32) int { return cmp.Compare(d.day, n) })
	for i := lo; i < len(m.days) && m.days[i].day < to; i++ {
		sum.quantity.Plus(m.days[i].quantity)
		for _, amount := range m.days[i].amounts {
			sum.addAmount(amount)
		}
	}
	return sum
}

// today sums the part of the watermark's own day that is known by it.
func (f *fold) today(m *meter) usageDay {
	var sum usageDay
	start := f.calendar.DayStart(f.calendar.Day(f.now))
	for i := len(f.account.usage) - 1; i >= 0 && f.account.usage[i].Time >= start; i-- {
		if e := f.account.usage[i]; e.Usage != nil && e.Time <= f.now && f.account.meterOf(e) == m.key {
			sum.add(e.Usage)
		}
	}
	return sum
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
