package company

// wish is something that an active customer may do. It says false when it does not apply, and
// then changes nothing.
type wish struct {
	permille int // how often at the natural pace; rarer the faster changes come
	do       func(c *Company, a *account, now int64) (product uint8, fl flags, ok bool)
	buys     bool // what a customer at a standstill puts off (Options.Standstill)
}

// wishes are tried by one roll; what they leave is for more or fewer seats.
var wishes = []wish{
	{permille: 60, do: upgrade, buys: true},
	{permille: 15, do: downgrade},
	{permille: 70, do: addAddOn, buys: true},
	{permille: 15, do: dropAddOn},
	{permille: 20, do: tryAddOn, buys: true},
	{permille: 45, do: crossSell, buys: true},
	{permille: 8, do: dropSecond},
	{permille: 10, do: raisePrice},
	{permille: 40, do: discountMore},
	{permille: 30, do: seatsAbroad},
	{permille: 30, do: startMeter, buys: true},
	{permille: 15, do: ramp},
	{permille: 12, do: pause},
	{permille: 25, do: missPayment},
	{permille: 28, do: cancel},
}

func (c *Company) wish(a *account, now int64) (uint8, flags) {
	tempo := int(c.pace.tempo(now))
	roll := c.dice.IntN(1_000_000)
	for _, w := range c.wishes {
		if roll -= w.permille * tempo; roll < 0 {
			if w.buys && c.opts.Standstill && c.stalled(a, now) {
				break
			}
			if product, fl, ok := w.do(c, a, now); ok {
				return product, fl
			}
			break
		}
	}
	return c.resize(a, now, int64(tempo)), flags{}
}

// resize changes the seats of one product: growth outweighs shrinking until the ceiling.
func (c *Company) resize(a *account, now, tempo int64) uint8 {
	product := uint8(0)
	if a.seats[1].status == active && c.chance(250) {
		product = 1
	}
	s := &a.seats[product]
	grow, shrink := 780, 150
	if s.count > s.ceiling(now) {
		grow, shrink = 350, 580
	}
	delta := int32(max(1, int64(s.count)*c.between(3, 13)*tempo/100_000))
	switch roll := c.dice.IntN(1000); {
	case roll < grow:
		if !c.stalled(a, now) {
			s.count += delta
		}
	case roll < grow+shrink:
		s.count = max(1, s.count-max(1, delta/2))
	}
	return product
}

func upgrade(c *Company, a *account, _ int64) (uint8, flags, bool) {
	return c.replan(&a.seats[0], +1)
}

func downgrade(c *Company, a *account, _ int64) (uint8, flags, bool) {
	return c.replan(&a.seats[0], -1)
}

func (c *Company) replan(s *subscription, step int) (uint8, flags, bool) {
	to := int(s.plan) + step
	if to < 0 || to >= len(products[0].plans) {
		return 0, flags{}, false
	}
	s.plan, s.rampAt = uint8(to), 0
	s.price = c.listPrice(0, s)
	return 0, flags{}, true
}

// addAddOn pays for an add-on, first of all one that was on trial.
func addAddOn(c *Company, a *account, _ int64) (uint8, flags, bool) {
	s := &a.seats[0]
	bit := uint8(1) << c.dice.IntN(len(addOns))
	if s.addOnTry != 0 {
		bit = s.addOnTry & -s.addOnTry
	}
	if s.addOns&bit != 0 {
		return 0, flags{}, false
	}
	s.addOns, s.addOnTry = s.addOns|bit, s.addOnTry&^bit
	return 0, flags{}, true
}

func tryAddOn(c *Company, a *account, _ int64) (uint8, flags, bool) {
	s := &a.seats[0]
	bit := uint8(1) << c.dice.IntN(len(addOns))
	if (s.addOns|s.addOnTry)&bit != 0 {
		return 0, flags{}, false
	}
	s.addOnTry |= bit
	return 0, flags{}, true
}

func dropAddOn(_ *Company, a *account, _ int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if s.addOns == 0 {
		return 0, flags{}, false
	}
	s.addOns &= s.addOns - 1
	return 0, flags{}, true
}

// crossSell starts the second product in a subscription of its own.
func crossSell(c *Company, a *account, now int64) (uint8, flags, bool) {
	second := &a.seats[1]
	if second.held() {
		return 0, flags{}, false
	}
	count := max(1, a.seats[0].count/5)
	ordinal := second.ordinal
	if second.status == canceled {
		ordinal++
	}
	*second = subscription{
		status: active, ordinal: ordinal, plan: uint8(c.dice.IntN(2)), interval: a.seats[0].interval,
		count: count, base: count, begun: now,
	}
	second.price = c.listPrice(1, second)
	return 1, flags{}, true
}

func dropSecond(_ *Company, a *account, _ int64) (uint8, flags, bool) {
	if !a.seats[1].held() {
		return 0, flags{}, false
	}
	a.seats[1].end()
	return 1, flags{reason: "too_little_used"}, true
}

func raisePrice(c *Company, a *account, _ int64) (uint8, flags, bool) {
	s := &a.seats[0]
	s.price += s.price * c.between(2, 6) / 100
	return 0, flags{reason: "price_list"}, true
}

func discountMore(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if s.discount > 0 {
		return 0, flags{}, false
	}
	c.grantDiscount(s, now)
	return 0, flags{}, true
}

// seatsAbroad buys the first product for teams in a region that it has no line for yet.
func seatsAbroad(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if s.abroad > 0 || c.stalled(a, now) {
		return 0, flags{}, false
	}
	s.abroadIn = uint8((int(a.region) + 1 + c.dice.IntN(len(regions)-1)) % len(regions))
	s.abroad = max(1, s.count/8)
	return 0, flags{}, true
}

func startMeter(c *Company, a *account, _ int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if !c.opts.Usage || s.metered || !c.chance(c.meteredShare()*2) {
		return 0, flags{}, false
	}
	c.adoptMeter(a, s)
	return 0, flags{}, true
}

// ramp agrees on more seats at the start of a coming month.
func ramp(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if !c.opts.Future || s.rampAt > 0 || c.stalled(a, addMonths(now, 3)) {
		return 0, flags{}, false
	}
	s.rampAt = monthStart(addMonths(now, int(c.between(1, 3))))
	s.rampCount = s.count + max(2, s.count/10)
	return 0, flags{}, true
}

func pause(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	s.status, s.due, s.rampAt = paused, now+c.between(20*day, 80*day), 0
	return 0, flags{reason: "seasonal"}, true
}

func missPayment(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	s.status, s.due = pastDue, now+c.between(2*day, 18*day)
	return 0, flags{}, true
}

// cancel ends the subscription now or announces its end.
func cancel(c *Company, a *account, now int64) (uint8, flags, bool) {
	s := &a.seats[0]
	if c.opts.Future && c.chance(500) {
		s.cancelAt, s.rampAt = now+c.between(5*day, 40*day), 0
		return 0, flags{reason: "leaving"}, true
	}
	s.end()
	return 0, flags{reason: "leaving"}, true
}
