package aggregate

import (
	"math/big"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// rule is a section of the rules that types a part. Its order is that of the numbers.
type rule uint8

const (
	ruleClass    rule = iota // 4: no parts
	ruleAdoption             // 5.1
	ruleDiscount             // 5.2
	rulePlan                 // 5.3
	rulePrice                // 5.4
	ruleLine                 // 5.5
	ruleUsage                // 6
	rules        = iota
)

func (r rule) String() string { return [...]string{"4", "5.1", "5.2", "5.3", "5.4", "5.5", "6"}[r] }

// typing collects the parts of one group and what each rule contributed.
type typing struct {
	parts   Parts
	up      [rules][UpTypes]money.Amount
	down    [rules][DownTypes]money.Amount
	renamed bool
	split   bool // the parts are wanted by product family and motion
	slices  []Slice
}

// grow books a positive part; an explicit motion renames it (spec: rules 5.7).
func (t *typing) grow(r rule, up Up, amount money.Amount, from origin) {
	if amount.IsZero() {
		return
	}
	if named := upNamed(from.motion, up); named != up {
		up = named
		t.renamed = true
	}
	t.parts.Up[up] = t.parts.Up[up].Add(amount)
	t.up[r][up] = t.up[r][up].Add(amount)
	if t.split {
		s := sliceOf(&t.slices, from.family, from.motion)
		s.Parts.Up[up] = s.Parts.Up[up].Add(amount)
	}
}

func (t *typing) shrink(r rule, down Down, amount money.Amount, from origin) {
	if amount.IsZero() {
		return
	}
	t.parts.Down[down] = t.parts.Down[down].Add(amount)
	t.down[r][down] = t.down[r][down].Add(amount)
	if t.split {
		s := sliceOf(&t.slices, from.family, from.motion)
		s.Parts.Down[down] = s.Parts.Down[down].Add(amount)
	}
}

// origin is where a part comes from: the family of its line, and the motion of its subscription.
type origin struct{ family, motion string }

// either books a part by its sign.
func (t *typing) either(r rule, up Up, down Down, amount money.Amount, from origin) {
	if amount.Sign() >= 0 {
		t.grow(r, up, amount, from)
	} else {
		t.shrink(r, down, amount.Neg(), from)
	}
}

// upNamed is the type that a motion names; a name outside the list is "other".
func upNamed(motion string, otherwise Up) Up {
	if motion == "" {
		return otherwise
	}
	if i := slices.Index(UpNames[:], motion); i >= 0 {
		return Up(i)
	}
	return UpOther
}

// decided is the rule with the largest sum per (type, rule), ties to the lower number.
func (t *typing) decided() (best rule, most money.Amount) {
	for r := range rule(rules) {
		for _, sums := range [2][]money.Amount{t.up[r][:], t.down[r][:]} {
			for _, sum := range sums {
				if sum.Cmp(most) > 0 {
					best, most = r, sum
				}
			}
		}
	}
	return best, most
}

// typed is the outcome of typing a group, in the little that has to be kept of it.
type typed struct {
	parts   *Parts
	rule    rule
	largest money.Amount // the sum that decided the rule
	ended   money.Amount // what rule 5.5 removed
	renamed bool
	slices  []Slice
}

// settle keeps the outcome.
func (t *typing) settle() *typed {
	if t.parts == noParts {
		return &typed{parts: &noParts, renamed: t.renamed}
	}
	r, largest := t.decided()
	parts := t.parts
	return &typed{parts: &parts, rule: r, largest: largest, ended: t.down[ruleLine][DownRemoved], renamed: t.renamed, slices: t.slices}
}

// withRemoved adds usage that ended with its line.
func (t *typed) withRemoved(removed []removedUsage, split bool) *typed {
	more := *t
	parts := *t.parts
	for _, r := range removed {
		parts.Down[DownRemoved] = parts.Down[DownRemoved].Add(r.amount)
		more.ended = more.ended.Add(r.amount)
		if split {
			more.slices = withRemovedSlice(more.slices, r.from, r.amount)
		}
	}
	more.parts = &parts
	if more.ended.Cmp(t.largest) > 0 { // a tie goes to the lower number, and 5.5 is the highest of them
		more.rule, more.largest = ruleLine, more.ended
	}
	return &more
}

// comparison is one group's lines before and after, as far as its subscriptions were touched.
type comparison struct {
	group    *group
	options  *Options
	table    int
	before   []*line // held, in (subscription, item) order
	after    []*line
	history  *history
	split    bool     // the parts are wanted by product family and motion
	pays     bool     // held MRR before the group was above 0
	unpaid   []string // subscriptions that were unpaid or canceled before the group
	termEnds []termEnd
	day      int32 // the group's local date
}

// termEnd is when the term of a subscription ends.
type termEnd struct {
	subscription string
	at           event.Time
}

// endsTerm says whether the group is on the day on which a subscription's term ends.
func (c *comparison) endsTerm(subscription string, calendar *Calendar) bool {
	return slices.ContainsFunc(c.termEnds, func(e termEnd) bool { return e.subscription == subscription && calendar.Day(e.at) == c.day })
}

// parts types the whole difference between the lines before and after (spec: rules 5).
func (c *comparison) parts(t *typing) {
	pairs, added, ended := pairLines(c.before, c.after)
	for _, p := range pairs {
		c.typePair(t, p)
	}
	for _, l := range added {
		up := c.typeAdded(l)
		t.grow(ruleLine, up, l.valueUnder(c.options, c.table), c.originOf(l))
	}
	for _, l := range ended {
		t.shrink(ruleLine, DownRemoved, l.valueUnder(c.options, c.table), c.originOf(l))
	}
}

// originOf is where the parts of a line come from.
func (c *comparison) originOf(l *line) origin {
	return origin{l.item.Family, c.group.flagsOf(l.subscription()).motion}
}

// typePair splits the change of one line by its causes: discount, then plan or price, then seats.
// Every part but the last is rounded; the last is the remainder, so that parts sum exactly.
func (c *comparison) typePair(t *typing, p linePair) {
	o := c.options
	rest := p.after.valueUnder(o, c.table).Sub(p.before.valueUnder(o, c.table))
	flags, from := c.group.flagsOf(p.after.subscription()), c.originOf(p.after)
	if p.before.free(o) || p.after.free(o) {
		t.either(ruleAdoption, UpFeatureAdoption, DownPriceDecrease, rest, from)
		return
	}
	for _, cause := range c.causes(p, flags) {
		amount := rest
		if cause.amount != nil {
			amount = money.Round(cause.amount)
		}
		t.either(cause.rule, cause.up, cause.down, amount, from)
		rest = rest.Sub(amount)
	}
}

// cause is one reason for which a line's MRR changed; the last one's amount is nil: the remainder.
type cause struct {
	rule   rule
	up     Up
	down   Down
	amount *big.Rat
}

func (c *comparison) causes(p linePair, flags flags) []cause {
	if one, only := onlyCause(p); only {
		return []cause{one}
	}
	v := c.terms(p)
	var causes []cause
	newGross := v.gross(v.quantityAfter, v.priceAfter)
	if now, then := v.after.apply(newGross), v.before.apply(newGross); now.Cmp(then) != 0 {
		causes = append(causes, cause{ruleDiscount, UpDiscountExpiry, DownDiscount, now.Sub(now, then)})
	}
	if !p.keepsPlan() {
		amount := v.before.difference(newGross, v.gross(v.quantityBefore, v.priceBefore))
		causes = append(causes, cause{rulePlan, UpUpsell, DownDowngrade, amount})
	} else {
		oldSeatsNewPrice := v.gross(v.quantityBefore, v.priceAfter)
		if v.priceAfter.Cmp(v.priceBefore) != 0 {
			amount := v.before.difference(oldSeatsNewPrice, v.gross(v.quantityBefore, v.priceBefore))
			causes = append(causes, cause{rulePrice, c.priceType(p, flags), DownPriceDecrease, amount})
		}
		if v.quantityAfter.Cmp(v.quantityBefore) != 0 {
			amount := v.before.difference(newGross, oldSeatsNewPrice)
			causes = append(causes, cause{ruleLine, UpSeat, DownSeat, amount})
		}
	}
	if n := len(causes); n > 0 {
		causes[n-1].amount = nil
	}
	return causes
}

// onlyCause is the cause of the whole change where it is plain that there is no other: no discounts, and
// one plan, price or quantity instead of another.
func onlyCause(p linePair) (only cause, ok bool) {
	if !p.before.isPlain() || !p.after.isPlain() {
		return cause{}, false
	}
	samePrice, sameQuantity := p.before.hasPriceOf(p.after), p.before.hasQuantityOf(p.after)
	switch {
	case !p.keepsPlan():
		return cause{rule: rulePlan, up: UpUpsell, down: DownDowngrade}, true
	case samePrice && !sameQuantity:
		return cause{rule: ruleLine, up: UpSeat, down: DownSeat}, true
	default:
		return cause{}, false
	}
}

// priceType names a rise in price: a ramp that was agreed, an uplift at renewal, or an increase.
func (c *comparison) priceType(p linePair, flags flags) Up {
	switch {
	case flags.scheduledStep || flags.scheduled:
		return UpContractRamp
	case flags.renewal || c.endsTerm(p.before.subscription(), p.before.calendar):
		return UpRenewalUplift
	default:
		return UpPriceIncrease
	}
}

// terms are the exact terms of a pair, in the reporting currency.
type terms struct {
	quantityBefore, quantityAfter *big.Rat
	priceBefore, priceAfter       *big.Rat
	before, after                 discounts
}

func (c *comparison) terms(p linePair) terms {
	o := c.options
	rateBefore := orOne(o.rate(p.before.item.Currency, c.table))
	rateAfter := orOne(o.rate(p.after.item.Currency, c.table))
	first, last := c.group.at(), c.group.members[len(c.group.members)-1].at
	price := func(l *line, rate *big.Rat) *big.Rat { p := l.price(o); return p.Mul(p, rate) }
	return terms{
		quantityBefore: p.before.quantity(), quantityAfter: p.after.quantity(),
		priceBefore: price(p.before, rateBefore), priceAfter: price(p.after, rateAfter),
		before: p.before.discounts(first-1, o).at(rateBefore),
		after:  p.after.discounts(last, o).at(rateAfter),
	}
}

func orOne(rate *big.Rat) *big.Rat {
	if rate == nil {
		return one
	}
	return rate
}

func (t *terms) gross(quantity, price *big.Rat) *big.Rat { return new(big.Rat).Mul(quantity, price) }

// at is the chain in another currency.
func (d discounts) at(rate *big.Rat) discounts {
	for i := range d {
		if d[i].amount != nil {
			d[i].amount.Mul(d[i].amount, rate)
		}
	}
	return d
}

// difference is what the chain makes of the step between two gross amounts.
func (d discounts) difference(to, from *big.Rat) *big.Rat {
	x := d.apply(to)
	return x.Sub(x, d.apply(from))
}

// typeAdded types a line without a partner by what the account held before the group.
func (c *comparison) typeAdded(l *line) Up {
	it := l.item
	switch {
	case c.pays && slices.Contains(c.unpaid, l.subscription()):
		return UpOther
	case it.AddOn:
		return UpAddOn
	case it.Region != "" && !c.history.everRegion(it.Region) && c.history.holdsProduct(it.Product):
		return UpGeographic
	case !c.history.recentFamily(it.Family):
		return UpCrossSell
	case c.history.recentPlan(it.Product, it.Plan):
		return UpSeat
	default:
		return UpUpsell
	}
}

// linePair is an old line and the new one that continues it.
type linePair struct{ before, after *line }

// keepsPlan says whether product and plan stay.
func (p linePair) keepsPlan() bool {
	return p.before.item.Product == p.after.item.Product && p.before.item.Plan == p.after.item.Plan
}

// pairLines finds the partner of each line (spec: rules 5). Both lists must be in order.
func pairLines(before, after []*line) (pairs []linePair, added, ended []*line) {
	old, fresh := slices.Clone(before), slices.Clone(after)
	take := func(i, j int) {
		pairs = append(pairs, linePair{old[i], fresh[j]})
		old[i], fresh[j] = nil, nil
	}
	replaceLines(before, after, old, take)
	match(old, fresh, take, func(a, b *line) bool { return compareLines(a, b) == 0 })
	match(old, fresh, take, func(a, b *line) bool {
		return a.subscription() == b.subscription() && a.item.Family == b.item.Family
	})
	match(old, fresh, take, func(a, b *line) bool {
		return a.item.Product == b.item.Product && a.item.Plan == b.item.Plan
	})
	match(old, fresh, take, func(a, b *line) bool { return a.item.Family == b.item.Family })
	isTaken := func(l *line) bool { return l == nil }
	return pairs, slices.DeleteFunc(fresh, isTaken), slices.DeleteFunc(old, isTaken)
}

// match pairs what is left, in order, by a likeness.
func match(old, fresh []*line, take func(i, j int), alike func(a, b *line) bool) {
	for j := range fresh {
		for i := range old {
			if fresh[j] != nil && old[i] != nil && alike(old[i], fresh[j]) {
				take(i, j)
				break
			}
		}
	}
}

// replaceLines follows explicit `replaces` of lines that were not held before to lines that are
// gone, each once.
func replaceLines(before, after, old []*line, take func(i, j int)) {
	holds := func(lines []*line, subscription, item string) int {
		return slices.IndexFunc(lines, func(l *line) bool {
			return l.subscription() == subscription && l.item.Item == item
		})
	}
	for j, l := range after {
		r := l.item.Replaces
		if r.Item == "" || holds(before, l.subscription(), l.item.Item) >= 0 {
			continue
		}
		i := holds(before, r.Subscription, r.Item)
		if i >= 0 && old[i] != nil && holds(after, r.Subscription, r.Item) < 0 {
			take(i, j)
		}
	}
}

// history is what an account held before a group.
type history struct {
	held  []*line // now: before the group, in every subscription
	ended []endedLine
	since event.Time // 12 months before the group
}

// endedLine is a line that was held until an instant.
type endedLine struct {
	line *line
	at   event.Time
}

func (h *history) recent(alike func(it *event.Item) bool) bool {
	for _, l := range h.held {
		if alike(l.item) {
			return true
		}
	}
	for i := range h.ended {
		if h.ended[i].at > h.since && alike(h.ended[i].line.item) {
			return true
		}
	}
	return false
}

func (h *history) recentFamily(family string) bool {
	return h.recent(func(it *event.Item) bool { return it.Family == family })
}

func (h *history) recentPlan(product, plan string) bool {
	return h.recent(func(it *event.Item) bool { return it.Product == product && it.Plan == plan })
}

func (h *history) holdsProduct(product string) bool {
	return slices.ContainsFunc(h.held, func(l *line) bool { return l.item.Product == product })
}

func (h *history) everRegion(region string) bool {
	return slices.ContainsFunc(h.held, func(l *line) bool { return l.item.Region == region }) ||
		slices.ContainsFunc(h.ended, func(e endedLine) bool { return e.line.item.Region == region })
}
