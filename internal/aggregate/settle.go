package aggregate

import (
	"cmp"
	"slices"
	"strings"

	"processor/internal/event"
	"processor/internal/money"
)

// settledMonth is what is kept of a local month's recorded usage once it can no longer be amended,
// revoked or sent late (spec: rules 10.4): exact sums by item as it was named and by local day. A
// meter's name is resolved when the sums are read, because a later snapshot may give it to another
// item.
type settledMonth struct {
	month int32
	items []settledItem // sorted by (subscription, item, meter)
}

// settledItem is a month's usage under one name.
type settledItem struct {
	named *event.Event // holds nothing but the name, in Usage
	since event.Time   // when usage was first accepted for the month, also usage that no longer counts
	first event.Time   // of the usage that counts; NoTime without any
	days  []usageDay   // ascending
}

func (i *settledItem) compare(name *event.Usage) int {
	own := i.named.Usage
	return cmp.Or(strings.Compare(own.Subscription, name.Subscription), strings.Compare(own.Item, name.Item),
		strings.Compare(own.Meter, name.Meter))
}

// settleUsage replaces the usage events behind the usage horizon by their sums. An identity goes only
// when all of its revisions lie behind it; a late copy of one is then beyond the horizon itself. The
// revocations of what goes stay, because they may name an event that is still to come.
func (s *State) settleUsage(a *account) {
	a.settledTo = s.horizons.Usage
	gone := a.settleable(s.horizons.Usage)
	if len(gone) == 0 {
		return
	}
	touched := map[int32]*settledMonth{}
	for _, key := range gone {
		r := a.records[key]
		for _, v := range r.versions {
			month := usageMonth(v, s.calendar)
			m := touched[month]
			if m == nil {
				m = a.settledMonth(month)
				touched[month] = m
			}
			item := m.item(v.Usage)
			item.accept(v.Time)
			if v == r.current() && a.revocations[key] == 0 {
				item.count(v, s.calendar)
			}
			s.dropKept(a, keptKey(v), len(v.AppendStored(nil)))
		}
		delete(a.records, key)
	}
	isGone := func(e *event.Event) bool { return a.records[e.Key()] == nil }
	a.usage = slices.DeleteFunc(a.usage, isGone)
	a.formerUsage = slices.DeleteFunc(a.formerUsage, isGone)
	for _, m := range a.settled {
		if touched[m.month] == m {
			s.keepReduced(a, storedSettled, settledKey(a.id, m.month), m.appendStored(nil))
		}
	}
}

// settleable are the identities of recorded usage whose revisions all lie before an instant, each
// once.
func (a *account) settleable(before event.Time) []event.Key {
	var keys []event.Key
	consider := func(e *event.Event) {
		if e.Usage == nil || e.Time >= before {
			return
		}
		key := e.Key()
		stays := func(v *event.Event) bool { return v.Usage == nil || v.Time >= before }
		if !slices.ContainsFunc(a.records[key].versions, stays) {
			keys = append(keys, key)
		}
	}
	for i := 0; i < len(a.usage) && a.usage[i].Time < before; i++ {
		consider(a.usage[i])
	}
	counted := len(keys)
	for _, e := range a.formerUsage {
		consider(e)
	}
	if len(keys) == counted {
		return keys // each counted event is filed once
	}
	slices.SortFunc(keys, compareKeys)
	return slices.Compact(keys)
}

// settledMonth is the account's settled usage of a month, made when it is new.
func (a *account) settledMonth(month int32) *settledMonth {
	i, found := slices.BinarySearchFunc(a.settled, month, func(m *settledMonth, n int32) int { return cmp.Compare(m.month, n) })
	if !found {
		a.settled = slices.Insert(a.settled, i, &settledMonth{month: month})
	}
	return a.settled[i]
}

// item is the month's usage under a name, made when it is new.
func (m *settledMonth) item(name *event.Usage) *settledItem {
	i, found := slices.BinarySearchFunc(m.items, name, func(x settledItem, n *event.Usage) int { return x.compare(n) })
	if !found {
		named := &event.Usage{Subscription: name.Subscription, Item: name.Item, Meter: name.Meter}
		m.items = slices.Insert(m.items, i, settledItem{named: &event.Event{Usage: named}, since: never, first: event.NoTime})
	}
	return &m.items[i]
}

func (i *settledItem) accept(at event.Time) { i.since = min(i.since, at) }

// count adds a counted event to its day.
func (i *settledItem) count(e *event.Event, c *Calendar) {
	if i.first == event.NoTime || e.Time < i.first {
		i.first = e.Time
	}
	dayOf(&i.days, c.Day(e.Time)).add(e.Usage)
}

// dayOf is the sum of a day in an ascending list, made when it is new.
func dayOf(days *[]usageDay, day int32) *usageDay {
	i, found := slices.BinarySearchFunc(*days, day, func(d usageDay, n int32) int { return cmp.Compare(d.day, n) })
	if !found {
		*days = slices.Insert(*days, i, usageDay{day: day})
	}
	return &(*days)[i]
}

// plus adds the sums of another day.
func (d *usageDay) plus(o *usageDay) {
	d.quantity.Plus(o.quantity)
	for _, amount := range o.amounts {
		d.addAmount(amount)
	}
}

// meterSettled adds settled usage to the meters.
func (a *account) meterSettled(s *settledMonth) {
	for i := range s.items {
		item := &s.items[i]
		m := a.meterFor(item.named)
		m.note(s.month, item.since)
		if item.first == event.NoTime {
			continue
		}
		if m.first == event.NoTime || item.first < m.first {
			m.first = item.first
		}
		for j := range item.days {
			dayOf(&m.days, item.days[j].day).plus(&item.days[j])
		}
	}
}

// meterBase adds to the meters what a base knows of them.
func (a *account) meterBase() {
	if a.base == nil {
		return
	}
	for i := range a.base.firsts {
		first := &a.base.firsts[i]
		if m := a.meterFor(&event.Event{Usage: &first.name}); m.first == event.NoTime || first.at < m.first {
			m.first = first.at
		}
	}
}

// restoreSettled files a settled month that a checkpoint held.
func (a *account) restoreSettled(m *settledMonth) {
	*a.settledMonth(m.month) = *m
	a.metersStale = true
	for i := range m.items {
		a.aliased = a.aliased || m.items[i].named.Usage.Item == ""
	}
}

// usageUntil is an instant at or after the account's last counted usage; NoTime without any.
func (a *account) usageUntil(c *Calendar) event.Time {
	until := event.NoTime
	if n := len(a.usage); n > 0 {
		until = a.usage[n-1].Time
	}
	if n := len(a.settled); n > 0 {
		until = max(until, c.Start(KindMonth, a.settled[n-1].month+1))
	}
	return until
}

// The stored form of a settled month: a version byte no event begins with, the account, the month,
// and of each item its name, its two instants and its days.

func (m *settledMonth) appendStored(dst []byte) []byte {
	dst = appendInt(dst, int64(m.month))
	dst = appendCount(dst, len(m.items))
	for i := range m.items {
		dst = m.items[i].appendStored(dst)
	}
	return dst
}

func (i *settledItem) appendStored(dst []byte) []byte {
	name := i.named.Usage
	dst = appendText(appendText(appendText(dst, name.Subscription), name.Item), name.Meter)
	dst = appendInt(appendInt(dst, int64(i.since)), int64(i.first))
	dst = appendCount(dst, len(i.days))
	for _, d := range i.days {
		dst = appendInt(dst, int64(d.day))
		dst = appendAmount(dst, d.quantity.Sum())
		dst = appendCount(dst, len(d.amounts))
		for _, amount := range d.amounts {
			dst = appendAmount(appendText(dst, amount.currency), amount.sum.Sum())
		}
	}
	return dst
}

func (r *reducedReader) settledMonth() *settledMonth {
	m := &settledMonth{month: r.int32()}
	m.items = readList(r, func() settledItem {
		i := settledItem{named: &event.Event{Usage: &event.Usage{Subscription: r.text(), Item: r.text(), Meter: r.text()}}}
		i.since, i.first = event.Time(r.int()), event.Time(r.int())
		i.days = readList(r, func() usageDay {
			d := usageDay{day: r.int32(), quantity: money.TallyOf(r.amount())}
			d.amounts = readList(r, func() currencySum {
				return currencySum{currency: r.text(), sum: money.TallyOf(r.amount())}
			})
			return d
		})
		return i
	})
	return m
}
