package aggregate

import (
	"math/big"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// usageLevel is u(M) before it is valued in the reporting currency: excess(M) x scale, where the
// excess is the sum of the parts, less the commit, never below 0 (spec: rules 6.1, 6.2).
type usageLevel struct {
	parts  []currencyPart
	commit *currencyPart
	scale  *big.Rat // 30.4375 / n; nil where no day counts
	terms  *event.Item
	family string // of the terms
	stated *event.Statement

	unrated bool // there is quantity, and no price for it

	worth    money.Amount // under table
	table    int
	isValued bool
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
	if u.isValued && (u.table == table || u.parts == nil) {
		return u.worth
	}
	u.worth, u.table, u.isValued = u.valueUnder(o, table), table, true
	if !u.foreign(o) {
		u.parts, u.commit = nil, nil // its worth never changes
	}
	return u.worth
}

func (u *usageLevel) valueUnder(o *Options, table int) money.Amount {
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
	if u == nil {
		return false
	}
	return u.commit != nil && u.commit.currency != o.Currency ||
		slices.ContainsFunc(u.parts, func(p currencyPart) bool { return p.currency != o.Currency })
}

// averageMonth is the length of a month in days, to which every month is normalised.
var averageMonth = big.NewRat(304375, 10000)

// level is u(M) of an item under the terms of the month; that of a closed month is kept.
func (f *fold) level(m *meter, month int32, terms *event.Item, closed bool) *usageLevel {
	stated := m.statementFor(month, f.now)
	if kept := m.levels[month]; kept != nil && kept.terms == terms && kept.stated == stated {
		return kept
	}
	sum, n := f.billed(m, month, closed)
	u := &usageLevel{terms: terms, stated: stated}
	if terms != nil {
		u.family = terms.Family
	}
	switch {
	case f.options.Usage.asBilled():
		u.scale = one
	case n > 0:
		u.scale = new(big.Rat).Quo(averageMonth, big.NewRat(int64(n), 1))
	}
	if stated != nil {
		u.parts = append(u.parts, currencyPart{stated.Currency, stated.Amount.Rat()})
	} else {
		u.rate(sum, terms)
	}
	if terms != nil && terms.HasCommit {
		commit := terms.Commit.Rat()
		u.commit = &currencyPart{terms.Currency, commit.Mul(commit, factor(terms, f.options))}
	}
	if f.calendar.Start(KindMonth, month+1) <= f.now { // nothing that is still ahead belongs to it
		m.levels[month] = u
	}
	return u
}

// billed is the usage that a month's level is made of, and over how many days: all of a closed
// month, the last complete days of an open one, at most 30 (spec: rules 6.2).
func (f *fold) billed(m *meter, month int32, closed bool) (sum usageDay, days int32) {
	first, next := firstDayOfMonth(event.Month(month)), firstDayOfMonth(event.Month(month)+1)
	today, began := f.calendar.Day(f.now), m.firstBy(f.now)
	switch {
	case closed && began != event.NoTime && int32(monthOfDay(f.calendar.Day(began))) == month:
		return m.span(first, next), next - f.calendar.Day(began)
	case closed:
		return m.span(first, next), next - first
	case f.options.Usage.asBilled():
		sum = m.span(first, today)
		known := f.today(m)
		sum.quantity.Plus(known.quantity)
		for _, amount := range known.amounts {
			sum.addAmount(amount)
		}
		return sum, next - first
	case began == event.NoTime:
		return sum, 0
	default:
		days = min(30, today-f.calendar.Day(began))
		return m.span(today-days, today), days
	}
}

// rate prices the sum of some days: amounts as sent, and tiers or price over what is not included.
// Quantity without a price yet is unrated.
func (u *usageLevel) rate(sum usageDay, terms *event.Item) {
	for i := range sum.amounts {
		u.parts = append(u.parts, currencyPart{sum.amounts[i].currency, sum.amounts[i].sum.Rat()})
	}
	if terms == nil {
		u.unrated = !sum.quantity.IsZero()
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
