package company

import "processor/internal/event"

// change is the account's turn to change a subscription. A silent turn (an announced step that
// needs no event) gives none.
func (c *Company) change(a *account, now int64) (fact, bool) {
	core, second := &a.seats[0], &a.seats[1]
	core.catchUp(now)
	second.catchUp(now)

	product, fl, ok := uint8(0), flags{}, true
	if core.status != unborn { // the first snapshot is outside the budget
		c.pace.done[clockChange]++
	}
	switch core.status {
	case unborn:
		fl = c.begin(a, now)
	case trialing:
		c.endTrial(core, now)
	case pastDue, unpaid, paused:
		fl, ok = c.recover(core, now)
	case canceled:
		if second.held() {
			second.end()
			product, fl.reason = 1, "customer_left"
		} else {
			fl = c.winBack(a, now)
		}
	default:
		product, fl, ok = c.changeActive(a, now)
	}
	c.plan(a, now)
	if !ok {
		c.pace.done[clockChange]--
		return fact{}, false
	}
	f := a.fact(event.TypeSubscriptionChanged, now)
	f.product, f.seats, f.flags = product, a.seats[product], fl
	if c.opts.Rare {
		c.rareChange(a, &f)
	}
	if c.opts.Mess.Ties > 0 && a.key%2 == 0 { // the others leave ties to the order of ids
		f.sequence = int64(a.events)
	}
	if fl.renewal {
		f.effective = core.termStart
	}
	return f, true
}

// changeActive is a change while the first subscription pays: first what its terms bring, then
// whatever the customer wants.
func (c *Company) changeActive(a *account, now int64) (product uint8, fl flags, ok bool) {
	s := &a.seats[0]
	switch {
	case s.cancelAt > 0 && s.cancelAt <= now:
		s.end()
		return 0, flags{reason: "canceled_at_end"}, c.chance(500)
	case s.termEnd > 0 && s.termEnd <= now:
		return 0, c.renew(a, now), true
	case s.discountEnd > 0 && s.discountEnd <= now:
		s.discount, s.discountEnd = 0, 0
		return 0, flags{reason: "discount_ended"}, !c.opts.Future
	case s.cancelAt > 0:
		return 0, flags{}, true // a billing system repeats itself, too
	default:
		product, fl = c.wish(a, now)
		return product, fl, true
	}
}

// plan sets the account's clocks after a change.
func (c *Company) plan(a *account, now int64) {
	core, second := &a.seats[0], &a.seats[1]
	c.meterRuns(a, now)
	switch {
	case core.status == canceled && second.held():
		a.changeAt = now + 5 + c.dice.Int64N(600)
	case core.status == canceled:
		a.changeAt, a.otherAt = c.farewell(now), never
	case core.status == active:
		a.changeAt = min(c.later(clockChange, now, a.region), core.deadline()+c.dice.Int64N(900))
	default:
		a.changeAt = core.deadline()
	}
	if m := &c.opts.Mess; a.changeAt < never && core.status == active {
		if c.chance(m.Ties) {
			a.changeAt = now
		} else if c.chance(m.Calendar) {
			a.changeAt = calendarInstant(c.dice, now, a.changeAt)
		}
	}
	a.changeAt = max(a.changeAt, now)
}

// farewell is when a customer who left returns: one in six does, after two to six months.
func (c *Company) farewell(now int64) int64 {
	if !c.chance(160) {
		return never
	}
	return now + c.between(60*day, 180*day)
}

// begin is the account's first snapshot: imported, on trial or bought at once.
func (c *Company) begin(a *account, now int64) flags {
	s := &a.seats[0]
	shape := tierShapes[a.tier]
	*s = subscription{
		status: active, plan: c.weigh(shape.planWeights), interval: c.weigh(shape.intervalWeights),
		count: int32(c.between(int64(shape.seatsMin), int64(shape.seatsMax))), begun: now,
	}
	s.base = s.count
	s.price = c.listPrice(0, s)
	if c.opts.Usage && c.chance(c.meteredShare()) {
		c.adoptMeter(a, s)
	}
	if a.tier == stallTier && c.chance(500) {
		s.addOns = 1 << c.dice.IntN(len(addOns))
	}
	c.startTerm(s, now)
	if a.imported {
		if s.termEnd > 0 { // somewhere within its term
			shift := c.dice.Int64N(s.termEnd - now)
			s.termStart, s.termEnd = s.termStart-shift, s.termEnd-shift
		}
		return flags{opening: true, firstPaid: a.lastPaid}
	}
	if c.chance(220) {
		s.status, s.trialEnd = trialing, now+14*day
	} else if c.chance(150) {
		c.grantDiscount(s, now)
	}
	return flags{}
}

// startTerm gives contracts longer than a month their term.
func (c *Company) startTerm(s *subscription, now int64) {
	if months := intervals[s.interval]; months > 1 {
		s.termStart, s.termEnd = now, addMonths(now, months)
	}
}

// listPrice is the price of a seat and interval; large customers pay up to a tenth less.
func (c *Company) listPrice(product uint8, s *subscription) int64 {
	price := products[product].plans[s.plan].priceMinor * intervalPrice[s.interval]
	if s.count > 90 {
		price -= price * c.dice.Int64N(11) / 100
	}
	return price
}

func (c *Company) grantDiscount(s *subscription, now int64) {
	s.discount = uint8(5 * c.between(1, 6))
	s.discountEnd = now + c.between(1, 6)*month
	s.discountTold = c.opts.Future
}

// endTrial makes the trial a customer or loses it.
func (c *Company) endTrial(s *subscription, now int64) {
	if s.trialEnd > now {
		return
	}
	s.trialEnd = 0
	if !c.chance(680) {
		s.end()
		return
	}
	s.status = active
	c.startTerm(s, now)
}

// recover ends a spell of past_due, unpaid or paused, for better or worse.
func (c *Company) recover(s *subscription, now int64) (flags, bool) {
	if s.due > now {
		return flags{}, false
	}
	s.due = 0
	switch {
	case c.opts.Rare && s.status == pastDue && c.chance(300): // another try, another failure
		s.due = now + c.between(2*day, 9*day)
		return flags{reason: "payment_failed"}, true
	case s.status == pastDue && c.chance(100):
		s.status, s.due = unpaid, now+c.between(5*day, 20*day)
		return flags{reason: "payment_failed"}, true
	case s.status == pastDue && c.chance(950), s.status == paused && c.chance(850), c.chance(400):
		if s.status == paused && c.chance(300) {
			s.count += 1 + s.count/10
		}
		s.status = active
		if s.termEnd > 0 && s.termEnd <= now {
			c.startTerm(s, now)
		}
		return flags{}, true
	}
	s.end()
	return flags{reason: "lost"}, true
}

// renew starts the next term, usually at a higher price; some customers leave instead.
func (c *Company) renew(a *account, now int64) flags {
	s := &a.seats[0]
	at := s.termEnd
	if c.chance(70) {
		s.end()
		return flags{reason: "not_renewed"}
	}
	s.termStart, s.termEnd = at, addMonths(at, intervals[s.interval])
	if s.termEnd <= now {
		c.startTerm(s, now)
	}
	if c.chance(550) {
		s.price += s.price * c.between(2, 7) / 100
	}
	return flags{renewal: true}
}

// winBack is the return of a customer who left, with a new subscription.
func (c *Company) winBack(a *account, now int64) flags {
	old := a.seats[0]
	count := max(1, old.base*3/4)
	a.seats[0] = subscription{
		status: active, ordinal: old.ordinal + 1, plan: old.plan, count: count, base: count, begun: now,
	}
	a.seats[0].price = c.listPrice(0, &a.seats[0])
	a.otherAt = c.later(clockOther, now, a.region)
	return flags{reason: "returned"}
}
