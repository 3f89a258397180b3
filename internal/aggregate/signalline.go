package aggregate

import (
	"math/big"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// hasBound says whether any line that the snapshot knows of has a limit or an included quantity.
func (s *snapshot) hasBound() bool {
	for i := range s.phases {
		if slices.ContainsFunc(s.phases[i].lines, func(l line) bool { return isBound(l.item) }) {
			return true
		}
	}
	return false
}

func isBound(it *event.Item) bool { return it.HasLimit || it.HasIncluded }

// bound is what usage of the line is held against: its limit, else what it includes.
func bound(it *event.Item) money.Decimal {
	if it.HasLimit {
		return it.Limit
	}
	return it.Included
}

// lines are the subscriptions' changes up to the watermark.
func (p *signalPass) lines() []change {
	if p.hasLines {
		return p.timeline
	}
	p.hasLines = true
	if p.timeline = p.changes; p.timeline == nil { // no fold went before
		p.timeline, _, _ = changesUpTo(p.snapshotsInForce(), p.now)
	}
	for i := range p.timeline {
		if name := p.timeline[i].snapshot.name(); !slices.Contains(p.names, name) {
			p.names = append(p.names, name)
		}
	}
	slices.Sort(p.names)
	return p.timeline
}

// phaseAt is what a subscription is at an instant; nil before its first change.
func (p *signalPass) phaseAt(subscription string, at event.Time) *phase {
	changes := p.lines()
	for i := len(changes) - 1; i >= 0; i-- {
		if c := &changes[i]; c.at <= at && c.snapshot.name() == subscription {
			return c.state()
		}
	}
	return nil
}

// seatLines are the held licensed lines that an observation is about: its item, else those of its
// subscription, else all.
func (p *signalPass) seatLines(e *event.Event) []*line {
	return p.licensed(e.Signal.Subscription, e.Signal.Item, e.Time)
}

func (p *signalPass) licensed(subscription, item string, at event.Time) (lines []*line) {
	p.lines()
	for _, name := range p.names {
		if subscription != "" && name != subscription {
			continue
		}
		state := p.phaseAt(name, at)
		for i := 0; state != nil && i < len(state.lines); i++ {
			if l := &state.lines[i]; l.held() && !l.item.Metered && (item == "" || l.item.Item == item) {
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// seatsOf is the quantity of lines.
func seatsOf(lines []*line) *big.Rat {
	sum := new(big.Rat)
	for _, l := range lines {
		sum.Add(sum, l.quantity())
	}
	return sum
}

// seatTriggers are the thresholds that an observation of seats_used is at, or above.
func (p *signalPass) seatTriggers(e *event.Event) {
	used, ok := numberOf(e.Signal)
	if !ok || !p.pays(e.Time) {
		return
	}
	bought := seatsOf(p.seatLines(e))
	if bought.Sign() <= 0 {
		return
	}
	value := used.Rat()
	for _, percent := range p.signals.Thresholds {
		if !reaches(value, bought, percent) {
			break
		}
		p.add(&trigger{
			key:  signalKey(SignalSeats, e.Signal.Subscription, e.Signal.Item, percentText(percent)),
			name: SignalSeats, threshold: percent, subscription: e.Signal.Subscription, item: e.Signal.Item, at: e.Time, event: e,
			value: money.Round(value), hasValue: true, bound: money.Round(bought), hasBound: true,
		})
	}
}

// reaches says whether a value is at least a percentage of a bound.
func reaches(value, of *big.Rat, percent int) bool {
	left := new(big.Rat).Mul(value, ratOf(100))
	return left.Cmp(new(big.Rat).Mul(of, ratOf(percent))) >= 0
}

func ratOf(n int) *big.Rat { return new(big.Rat).SetInt64(int64(n)) }

// priced is what more of something would cost a month, in the currency of a line; nil amount: unknown.
type priced struct {
	amount   *big.Rat
	currency string
	at       event.Time
}

// worth is the price in the reporting currency, at the rates of its instant.
func (m *priced) worth(o *Options) (money.Amount, bool) {
	if m.amount == nil {
		return money.Amount{}, false
	}
	rate := orOne(o.rate(m.currency, o.tableAt(m.at)))
	return money.Round(new(big.Rat).Mul(m.amount, rate)), true
}

// more is the price of the step that a signal announces: of usage where a metered line has the limit, else of
// seats.
func (p *signalPass) more(t *trigger) priced {
	switch {
	case t.limit != nil && t.limit.Metered:
		return moreUsage(t.limit, t.used.Rat(), t.at)
	case t.limit != nil:
		return p.moreOf(p.licensed(t.subscription, t.item, t.at), ratOf(p.signals.SeatBlock), t.at)
	case t.name == SignalSeats:
		return p.moreOf(p.seatLines(t.event), ratOf(p.signals.SeatBlock), t.at)
	case t.name == "team_growth" && t.value.Sign() > 0:
		return p.moreOf(p.seatLines(t.event), t.value.Rat(), t.at)
	default:
		return priced{}
	}
}

// moreOf is the price of more seats on the line that has most of them, after its discounts.
func (p *signalPass) moreOf(lines []*line, seats *big.Rat, at event.Time) priced {
	var most *line
	for _, l := range lines {
		if most == nil || l.quantity().Cmp(most.quantity()) > 0 {
			most = l
		}
	}
	if most == nil {
		return priced{}
	}
	price, off := most.price(p.options), most.discounts(at, p.options)
	now := most.quantity()
	then := new(big.Rat).Add(now, seats)
	more := off.apply(then.Mul(then, price))
	return priced{more.Sub(more, off.apply(now.Mul(now, price))), most.item.Currency, at}
}

// moreUsage is the price, in a month, from what is billed now to the next bound of the tiers; past the
// last one, and without tiers, of as much again as the line's limit.
func moreUsage(it *event.Item, used *big.Rat, at event.Time) priced {
	if !it.HasPrice && len(it.Tiers) == 0 {
		return priced{}
	}
	billed := new(big.Rat).Set(used)
	if it.HasIncluded {
		billed.Sub(billed, it.Included.Rat())
	}
	if billed.Sign() < 0 {
		billed.SetInt64(0)
	}
	next := new(big.Rat).Add(billed, bound(it).Rat())
	for i := range it.Tiers {
		if t := &it.Tiers[i]; !t.Open && t.UpTo.Rat().Cmp(billed) > 0 {
			next = t.UpTo.Rat()
			break
		}
	}
	more := price(next, it)
	return priced{more.Sub(more, price(billed, it)), it.Currency, at}
}
