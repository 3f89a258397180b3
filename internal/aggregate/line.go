package aggregate

import (
	"math/big"
	"strings"

	"processor/internal/event"
	"processor/internal/money"
)

// line is one item of a subscription within one phase of a snapshot.
type line struct {
	snapshot *snapshot
	item     *event.Item
	all      *event.Phase // the items beside it, over which subscription-wide amounts are split
	at       event.Time   // the instant for which its discounts are taken
	status   event.Status
	calendar *Calendar

	net      money.Amount // valued under table
	table    int
	isValued bool
}

// linesOf are the lines that a phase of a subscription event has at an instant.
func linesOf(s *snapshot, p *event.Phase, t event.Time, c *Calendar) []line {
	lines := make([]line, len(p.Items))
	for i := range p.Items {
		lines[i] = line{snapshot: s, item: &p.Items[i], all: p, at: t, status: p.Status, calendar: c}
	}
	return lines
}

// held says whether the line belongs to the account's held lines, at any MRR (spec: rules 5).
func (l *line) held() bool {
	switch l.status {
	case event.StatusActive, event.StatusPastDue, event.StatusPaused, event.StatusTrialing:
		return true
	case event.StatusUnpaid, event.StatusCanceled:
		return false
	}
	return false
}

func (l *line) paused() bool { return l.status == event.StatusPaused }

// subscription is the name of the line's subscription.
func (l *line) subscription() string { return l.snapshot.name() }

// compareLines orders lines by (subscription, item) bytes.
func compareLines(a, b *line) int {
	if c := strings.Compare(a.subscription(), b.subscription()); c != 0 {
		return c
	}
	return strings.Compare(a.item.Item, b.item.Item)
}

// quantity is the line's quantity; a metered line is a line of quantity 1 (spec: rules 2.4).
func (l *line) quantity() *big.Rat {
	if l.item.Metered {
		return big.NewRat(1, 1)
	}
	return l.item.Quantity.Rat()
}

// price is the exact price of one unit a month, in the line's currency.
func (l *line) price(o *Options) *big.Rat {
	p := new(big.Rat)
	switch {
	case l.item.Metered:
		p = l.item.Commit.Rat()
	case l.item.HasAmount:
		p.Quo(l.item.Amount.Rat(), l.item.Quantity.Rat())
	default:
		p = l.item.UnitPrice.Rat()
	}
	return p.Mul(p, factor(l.item, o))
}

func (l *line) gross(o *Options) *big.Rat {
	p := l.price(o)
	return p.Mul(p, l.quantity())
}

// exactNet is the line's MRR before rounding, in its own currency; a free line is held at 0.
func (l *line) exactNet(o *Options) *big.Rat {
	if !l.held() || l.trial() {
		return new(big.Rat)
	}
	return l.discounts(l.at, o).apply(l.gross(o))
}

func (l *line) trial() bool { return l.status == event.StatusTrialing || l.item.FreeTrial }

// free says whether the line is held without a price: a trial, a price of 0 or 100 % off.
func (l *line) free(o *Options) bool {
	if l.item.Metered && !l.item.HasCommit {
		return false
	}
	if l.trial() || l.hasNoPrice() {
		return true
	}
	return !l.isPlain() && l.gross(o).Sign() > 0 && l.exactNet(o).Sign() == 0
}

// hasNoPrice says whether price is 0: the factor never is.
func (l *line) hasNoPrice() bool {
	each, _ := l.sent()
	return each.IsZero()
}

// sent are the numbers whose product the line is worth in an interval: an amount is one for the whole quantity.
func (l *line) sent() (each, times money.Decimal) {
	switch {
	case l.item.Metered:
		return l.item.Commit, money.Int(1)
	case l.item.HasAmount:
		return l.item.Amount, money.Int(1)
	default:
		return l.item.UnitPrice, l.item.Quantity
	}
}

// isPlain says whether nothing was ever taken off the line: most are, and then no exact rational is
// needed to see what changed.
func (l *line) isPlain() bool {
	return len(l.item.Discounts) == 0 && len(l.snapshot.sub().Discounts) == 0
}

// hasPriceOf says, of two plain lines, whether they are certain to have one price: the same numbers in
// the same terms.
func (l *line) hasPriceOf(o *line) bool {
	a, b := l.item, o.item
	return a.Currency == b.Currency && a.Unit == b.Unit && a.Count == b.Count && a.Metered == b.Metered && a.HasAmount == b.HasAmount &&
		a.Commit == b.Commit && a.UnitPrice == b.UnitPrice && a.Amount == b.Amount && (!a.HasAmount || a.Quantity == b.Quantity)
}

// hasQuantityOf says whether two lines have one quantity.
func (l *line) hasQuantityOf(o *line) bool {
	a, b := l.item, o.item
	return a.Metered == b.Metered && (a.Metered || a.Quantity == b.Quantity)
}

// value rounds the line's MRR in the reporting currency under the first rate table, which for a
// line in that currency is its MRR under every table.
func (l *line) value(o *Options) { l.valueUnder(o, 0) }

// valueUnder is the line's held MRR in the reporting currency under a rate table.
func (l *line) valueUnder(o *Options, table int) money.Amount {
	if l.isValued && (l.table == table || l.item.Currency == o.Currency) {
		return l.net
	}
	l.isValued, l.table, l.net = true, table, money.Amount{}
	rate := o.rate(l.item.Currency, table)
	if rate == nil {
		return l.net
	}
	if rate == one && l.isPlain() && l.held() && !l.trial() {
		if net, ok := l.simple(); ok {
			l.net = net
			return l.net
		}
	}
	net := l.exactNet(o)
	l.net = money.Round(net.Mul(net, rate))
	return l.net
}

// simple is the rounded MRR of a plain line in the reporting currency that is billed by months or years;
// ok is false for every other, and for one that needs more than 128 bits on the way.
func (l *line) simple() (net money.Amount, ok bool) {
	months := l.item.Count
	switch l.item.Unit {
	case event.UnitMonth:
	case event.UnitYear:
		months *= 12
	case event.UnitWeek, event.UnitDay:
		return net, false
	}
	each, times := l.sent()
	return money.PerMonth(each, times, months)
}

// discounts are the reductions of the line that count at an instant: its own first, then its
// subscription's (spec: rules 2.2).
func (l *line) discounts(t event.Time, o *Options) discounts {
	var d discounts
	f := factor(l.item, o)
	for i := range l.item.Discounts {
		if own := &l.item.Discounts[i]; l.counts(own, t) {
			d.add(own, own.Amount.Rat(), f)
		}
	}
	shared := l.snapshot.sub().Discounts
	for i := range shared {
		if !l.counts(&shared[i], t) {
			continue
		}
		share := new(big.Rat)
		if shared[i].HasAmount {
			share = l.share(shared[i].Amount.Rat(), o)
		}
		d.add(&shared[i], share, f)
	}
	return d
}

func (l *line) counts(d *event.Discount, t event.Time) bool {
	return d.EndsAt == event.NoTime || t < l.calendar.Settle(d.EndsAt)
}

// share is the line's part of a subscription-wide amount per interval: split by gross over the
// licensed and committed items, each share rounded to 6 digits, the residue to the last item in
// byte order with a gross above 0.
func (l *line) share(amount *big.Rat, o *Options) *big.Rat {
	total, last := new(big.Rat), -1
	gross := make([]*big.Rat, len(l.all.Items))
	for i := range l.all.Items {
		sibling := line{snapshot: l.snapshot, item: &l.all.Items[i]}
		gross[i] = sibling.gross(o)
		if gross[i].Sign() > 0 {
			total.Add(total, gross[i])
			last = i
		}
	}
	rest := new(big.Rat).Set(amount)
	for i := range l.all.Items {
		if gross[i].Sign() <= 0 {
			continue
		}
		share := rest
		if i != last {
			g := gross[i].Mul(gross[i], amount)
			share = money.Round(g.Quo(g, total)).Rat()
		}
		if &l.all.Items[i] == l.item {
			return share
		}
		rest.Sub(rest, share)
	}
	return new(big.Rat)
}

// discounts is a chain of reductions in order.
type discounts []discount

type discount struct {
	keep   *big.Rat // what a percent leaves, or nil
	amount *big.Rat // off a month
}

func (d *discounts) add(sent *event.Discount, amount, factor *big.Rat) {
	if sent.HasAmount {
		*d = append(*d, discount{amount: new(big.Rat).Mul(amount, factor)})
		return
	}
	off := new(big.Rat).Quo(sent.Percent.Rat(), big.NewRat(100, 1))
	*d = append(*d, discount{keep: off.Sub(one, off)})
}

// apply is the net that the chain leaves of a gross, never below 0.
func (d discounts) apply(gross *big.Rat) *big.Rat {
	net := new(big.Rat).Set(gross)
	for i := range d {
		if d[i].keep != nil {
			net.Mul(net, d[i].keep)
		} else {
			net.Sub(net, d[i].amount)
		}
	}
	if net.Sign() < 0 {
		net.SetInt64(0)
	}
	return net
}

// itemsEqual compares two items whose discounts and tiers were taken off.
func itemsEqual(a, b *event.Item) bool {
	return a.Item == b.Item && a.Product == b.Product && a.Family == b.Family && a.Plan == b.Plan &&
		a.Metered == b.Metered && a.Quantity == b.Quantity && a.UnitPrice == b.UnitPrice &&
		a.Amount == b.Amount && a.HasPrice == b.HasPrice && a.HasAmount == b.HasAmount &&
		a.Currency == b.Currency && a.Unit == b.Unit && a.Count == b.Count && a.AddOn == b.AddOn &&
		a.Region == b.Region && a.Included == b.Included && a.HasIncluded == b.HasIncluded &&
		a.Limit == b.Limit && a.HasLimit == b.HasLimit && a.Commit == b.Commit &&
		a.HasCommit == b.HasCommit && a.Replaces == b.Replaces && a.FreeTrial == b.FreeTrial &&
		a.Meter == b.Meter
}
