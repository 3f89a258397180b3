package company

import "processor/internal/event"

// What a company does only with Options.Rare. Nothing here draws from the dice without it, so that
// the events of a seed stay what they are.
//
// An account may have an affiliate: an account of its own that takes over the second product and
// later gives it back. Both sides of such a move carry moved_to and moved_from.

// rareWishes come before the others; like them they are chances at the natural pace.
var rareWishes = []wish{
	{permille: 150, do: crossSell, buys: true},
	{permille: 250, do: moveSecond},
	{permille: 40, do: bundle},
	{permille: 25, do: pauseLater},
	{permille: 40, do: rebate},
	{permille: 25, do: spell},
}

// motions are what salespeople call a change; the last is outside the list of types.
var motions = []string{"upsell", "cross_sell", "seat", "price_increase", "renewal_uplift", "rescue"}

// affiliate is the account that shares this one's second product.
func (who identity) affiliate() identity {
	return identity{key: scramble(who.key ^ 0xaff1), serial: who.serial, hostile: who.hostile}
}

// moveSecond hands the second product to the affiliate, or back. The side that gains comes with
// the change itself, the side that loses with it.
func moveSecond(_ *Company, a *account, _ int64) (uint8, flags, bool) {
	second := &a.seats[1]
	if second.status != active {
		return 0, flags{}, false
	}
	second.away = !second.away
	if second.away {
		return 1, flags{movedFrom: a.identity, reason: "reorganised"}, true
	}
	return 1, flags{movedFrom: a.affiliate(), reason: "reorganised"}, true
}

// bundle agrees on a discount that ends, more seats later and the end of the contract, all at once.
func bundle(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if !c.opts.Future || s.rampAt > 0 || s.discount > 0 || s.termEnd > 0 {
		return 0, flags{}, false
	}
	c.grantDiscount(s, now)
	s.rampAt = monthStart(addMonths(now, int(c.between(1, 3))))
	s.rampCount = s.count + max(2, s.count/5)
	s.cancelAt = addMonths(s.rampAt, int(c.between(0, 4)))
	return 0, flags{reason: "fixed_term"}, true
}

// pauseLater schedules a pause, as seasonal customers do.
func pauseLater(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if !c.opts.Future || s.rampAt > 0 || s.cancelAt > 0 {
		return 0, flags{}, false
	}
	s.rampAt, s.rampCount, s.rampPauses = monthStart(addMonths(now, 1)), s.count, true
	return 0, flags{reason: "seasonal"}, true
}

// rebate takes an amount off the seats, or ends that.
func rebate(c *Company, a *account, _ int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if s.rebate > 0 {
		s.rebate = 0
	} else {
		s.rebate = c.between(1, 40) * 50
	}
	return 0, flags{}, true
}

// spell is a failed payment that may run on for some weeks.
func spell(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	s.status, s.due = pastDue, now+c.between(day, 12*day)
	return 0, flags{reason: "payment_failed"}, true
}

// rareChange completes a subscription's event: motions, imports without a date, the affiliate's
// side, and erasures.
func (c *Company) rareChange(a *account, f *fact) {
	if c.chance(80) {
		f.flags.motion = motions[c.dice.IntN(len(motions))]
	}
	if f.flags.opening && c.chance(400) {
		f.flags.firstPaid = 0
	}
	if f.product == 1 && a.seats[1].away {
		f.who = a.affiliate()
	}
	if from := f.flags.movedFrom; from.key != 0 {
		c.owe(a, f, from)
	}
	if a.seats[0].status == canceled && !a.seats[1].held() {
		a.seats[1].away = false
		if c.chance(400) {
			c.owed = append(c.owed, a.fact(event.TypeAccountErased, f.at))
		}
	}
}

// owe adds the side that loses a subscription, and introduces the affiliate the first time.
func (c *Company) owe(a *account, gains *fact, from identity) {
	loses := a.fact(event.TypeSubscriptionChanged, gains.at)
	loses.who, loses.product, loses.seats = from, gains.product, gains.seats
	loses.seats.end()
	loses.flags = flags{movedTo: gains.who, reason: gains.flags.reason}
	c.owed = append(c.owed, loses)
	if from == a.identity && c.chance(500) {
		tells := a.fact(event.TypeAccountChanged, gains.at)
		tells.who, tells.parent, tells.introduces, tells.account = gains.who, a.identity, true, a.attributes()
		c.owed = append(c.owed, tells)
	}
}

// rareAccountChange lets a change of attributes count from another day, or come with others at the
// same instant.
func (c *Company) rareAccountChange(a *account, f *fact) {
	if c.chance(200) {
		f.effective = max(1, f.at+c.between(-30*day, 10*day))
	}
	if !c.chance(350) {
		return
	}
	a.region, a.tier, a.csModel = c.draw(regions), c.draw(tiers), c.draw(csModels)
	for _, changed := range []attribute{attributeRegion, attributeTier, attributeCSModel} {
		if c.chance(300) {
			continue
		}
		other := a.fact(event.TypeAccountChanged, f.at)
		other.changed, other.account, other.effective = changed, a.attributes(), f.effective
		if c.chance(500) {
			other.sequence = c.between(0, 2)
		}
		c.owed = append(c.owed, other)
	}
}

// rareMeter commits to a minimum, or includes nothing.
func (c *Company) rareMeter(s *subscription) {
	if c.chance(400) {
		s.commit = c.between(1, 60) * 500
	}
	if c.chance(300) {
		s.included = 0
	}
}

// rareStatement is what a biller states where it rated otherwise: nothing, or less than nothing.
func (c *Company) rareStatement(amount int64) int64 {
	switch roll := c.dice.IntN(10); roll {
	case 0:
		return 0
	case 1:
		return -amount - 100
	default:
		return amount + c.between(0, 9999)
	}
}

// appendRare writes the flags that only rare events have.
func appendRare(b []byte, fl *flags) []byte {
	if fl.motion != "" {
		b = appendField(b, "motion", fl.motion)
	}
	for _, side := range [...]struct {
		name string
		who  identity
	}{{"moved_from", fl.movedFrom}, {"moved_to", fl.movedTo}} {
		if side.who.key != 0 {
			b = append(append(append(b, '"'), side.name...), `":{"account":`...)
			b = append(appendText(b, appendSubject(nil, side.who)), `},`...)
		}
	}
	return b
}
