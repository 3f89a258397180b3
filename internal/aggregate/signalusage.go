package aggregate

import (
	"cmp"
	"math/big"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// usageRecent is how many local days usage moves an account's signals on after it was recorded: a
// month, and twice the 30 days that are compared.
const usageRecent = 62

// reach is a month of usage held against a limit.
type reach struct {
	key       meterKey
	month     int32
	reached   int32 // local date, or noDay
	projected int32
}

// heldTerms are what usage of an item is held against from an instant on; a nil item is nothing.
type heldTerms struct {
	at   event.Time
	item *event.Item
}

// usageTriggers walks the usage of every item that ever had a limit, by complete local days, as the
// level of an open month is counted (spec: rules 6.2).
func (p *signalPass) usageTriggers() {
	a := p.account
	if a.metersStale {
		a.rebuildMeters(p.calendar)
	}
	today := p.calendar.Day(p.now)
	for _, m := range a.meters {
		if n := len(m.days); n == 0 {
			continue
		} else if m.days[n-1].day >= today-usageRecent {
			p.next.soon(p.calendar.DayStart(today + 1))
		}
		if list := p.termsOfMeter(m.key); len(list) > 0 {
			p.walkUsage(m, list, today)
		}
	}
}

// termsOfMeter are an item's terms, from the earliest on; none where it never had a limit.
func (p *signalPass) termsOfMeter(k meterKey) (list []heldTerms) {
	bounded := false
	for _, s := range p.account.snapshots {
		bounded = bounded || s.name() == k.subscription && s.hasBound()
	}
	if !bounded {
		return nil
	}
	bounded = false
	changes := p.lines()
	for i := range changes {
		c := &changes[i]
		if c.snapshot.name() != k.subscription {
			continue
		}
		t := heldTerms{at: c.at}
		if l := c.state().line(k.item); l != nil && l.held() && isBound(l.item) && !bound(l.item).IsZero() {
			t.item, bounded = l.item, true
		}
		list = append(list, t)
	}
	if !bounded {
		return nil
	}
	return list
}

// walkUsage adds a month's days up and compares them with the terms of each day: those with which the
// day began, or, where there were none, the first within it. Upgrading after a limit was reached on
// the same day does not hide that it was reached.
func (p *signalPass) walkUsage(m *meter, list []heldTerms, today int32) {
	var sum money.Tally
	at := limited{percents: p.signals.Thresholds}
	keys := make([]string, len(at.percents))
	r := reach{month: noDay}
	for i := range m.days {
		d := &m.days[i]
		if d.day >= today {
			break
		}
		if month := int32(monthOfDay(d.day)); month != r.month { //nolint:gosec // a month
			p.keepReach(&r)
			r = reach{m.key, month, noDay, noDay}
			sum, at.passed = money.Tally{}, 0
		}
		sum.Plus(d.quantity)
		t := p.termsOn(list, d.day)
		if t.item == nil {
			continue
		}
		at.hold(t.item)
		for ; at.passed < len(at.percents) && sum.Sum().Cmp(at.targets[at.passed]) >= 0; at.passed++ {
			percent := at.percents[at.passed]
			if keys[at.passed] == "" {
				keys[at.passed] = signalKey(SignalUsage, m.key.subscription, m.key.item, percentText(percent))
			}
			p.add(&trigger{
				key: keys[at.passed], name: SignalUsage, threshold: percent, subscription: m.key.subscription, item: m.key.item, at: t.at,
				month: r.month, limit: t.item, used: sum,
			})
		}
		if r.reached == noDay && sum.Sum().Cmp(at.whole) >= 0 {
			r.reached = d.day
		}
	}
	if now := p.termsOn(list, today); now.item != nil && r.month == int32(monthOfDay(today)) && r.reached == noDay { //nolint:gosec // a month
		r.projected = p.project(m, now.item, &sum, today)
	}
	p.keepReach(&r)
}

// limited is a limit with its thresholds in the unit of sums, so that a day costs a comparison.
type limited struct {
	item     *event.Item
	percents []int
	targets  []money.Amount // what must be used, in trillionths
	whole    money.Amount
	passed   int // how many thresholds the month has passed
}

func (l *limited) hold(it *event.Item) {
	if l.item == it {
		return
	}
	l.item, l.targets = it, l.targets[:0]
	var whole money.Tally
	whole.Add(bound(it))
	l.whole = whole.Sum()
	for _, percent := range l.percents {
		target := new(big.Int).Mul(l.whole.Big(), big.NewInt(int64(percent)))
		target.Add(target, big.NewInt(99)).Div(target, big.NewInt(100))
		l.targets = append(l.targets, amountOf(target))
	}
}

// amountOf is a big integer that is known to fit.
func amountOf(n *big.Int) money.Amount {
	low := new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1))
	return money.FromWords(new(big.Int).Rsh(n, 64).Int64(), low.Uint64())
}

// termsOn are the terms of a day: their instant is when the day, or they, began.
func (p *signalPass) termsOn(list []heldTerms, day int32) heldTerms {
	start, end := p.calendar.DayStart(day), p.calendar.DayStart(day+1)
	found := heldTerms{at: start}
	for i := range list {
		switch t := list[i]; {
		case t.at >= end:
			return found
		case t.at <= start:
			found.item = t.item
		case found.item == nil && t.item != nil:
			return t
		}
	}
	return found
}

// project is the local date on which the month's usage reaches the limit, if it goes on as on the last
// complete days, at most 30; noDay where that is after the month.
func (p *signalPass) project(m *meter, it *event.Item, sum *money.Tally, today int32) int32 {
	days := min(30, today-p.calendar.Day(m.first))
	pace := m.quantity(today-days, today)
	if days <= 0 || pace.Sign() <= 0 {
		return noDay
	}
	var whole money.Tally
	whole.Add(bound(it))
	left := new(big.Int).Mul(whole.Sum().Sub(sum.Sum()).Big(), big.NewInt(int64(days)))
	left.Add(left, pace.Big()).Sub(left, big.NewInt(1)).Div(left, pace.Big()) // rounded up
	rest := firstDayOfMonth(monthOfDay(today)+1) - today                      // days of the month that are not complete
	if left.Cmp(big.NewInt(int64(rest))) > 0 {
		return noDay
	}
	return today - 1 + int32(left.Int64()) //nolint:gosec // within the month
}

// keepReach notes a month that is over, or the one that runs.
func (p *signalPass) keepReach(r *reach) {
	if r.month != noDay {
		p.reaches = append(p.reaches, *r)
	}
}

// reachOf is when the usage that made a trigger reached its limit, and when it will.
func (p *signalPass) reachOf(t *trigger) (reached, projected int32) {
	i := slices.IndexFunc(p.reaches, func(r reach) bool {
		return r.month == t.month && r.key.subscription == t.subscription && r.key.item == t.item
	})
	if i < 0 {
		return noDay, noDay
	}
	return p.reaches[i].reached, p.reaches[i].projected
}

// quantity sums what was used on the days in [from, to), in trillionths.
func (m *meter) quantity(from, to int32) money.Amount {
	var sum money.Tally
	lo, _ := slices.BinarySearchFunc(m.days, from, func(d usageDay, n int32) int { return cmp.Compare(d.day, n) })
	for i := lo; i < len(m.days) && m.days[i].day < to; i++ {
		sum.Plus(m.days[i].quantity)
	}
	return sum.Sum()
}
