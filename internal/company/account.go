package company

import (
	"math/rand/v2"

	"processor/internal/event"
)

// lastSecond is the end of the format's range, 2199-12-31T00:00:00Z.
const lastSecond int64 = 7_258_032_000

// identity is what an account's ids are made from.
type identity struct {
	key     uint64 // unique in the company
	serial  uint32 // the account's place in the order of signing up
	hostile uint8  // 1 + the position in hostileIDs; 0 for an ordinary id
}

// account is the whole memory of one account.
type account struct {
	identity
	rng    rand.PCG
	events uint32 // given out so far

	changeAt, usageAt, otherAt int64 // seconds, never when the clock stands still
	born                       int64
	lastPaid                   int64 // when it signed up, for an imported one before the start

	region, tier, industry, channel, csModel, lifecycle uint8
	currency, health                                    uint8
	imported                                            bool
	callsDaily                                          int64
	calls                                               meter

	seats [2]subscription // of the products
}

// meter sums an account's calls by month for its statements.
type meter struct {
	month         event.Month
	current, last int64
}

func (a *account) nextAt() int64 { return min(a.changeAt, a.usageAt, a.otherAt) }

// stalled says whether the story stops this account's seats now.
func (c *Company) stalled(a *account, now int64) bool {
	return a.region == c.stall.region && a.tier == c.stall.tier && now >= c.stall.from
}

// announce prepares the next account that signs up.
func (c *Company) announce() {
	serial := int64(c.born)
	a := account{identity: identity{
		key:    scramble(scramble(c.opts.Seed) + uint64(serial)),
		serial: uint32(serial),
	}}
	a.rng = *rand.NewPCG(scramble(c.opts.Seed^0x5eed), uint64(serial))
	c.faces.PCG = &a.rng
	if permille := c.opts.Mess.Hostile; permille > 0 && c.chance(permille) {
		a.hostile = uint8(1 + c.dice.IntN(len(hostileIDs)))
	}
	a.born = c.birth(serial)
	a.lastPaid = a.born
	if a.imported = serial < c.pace.openings; a.imported {
		a.lastPaid = max(0, a.born-c.between(2*month, 40*month))
	}
	a.changeAt, a.usageAt, a.otherAt = a.born, never, never
	c.coming = a
}

// birth is when an account signs up: imported ones within the first minutes, the others evenly
// over the whole life, each somewhere in its own slice so that births come in order.
func (c *Company) birth(serial int64) int64 {
	p := &c.pace
	first, span, count, i := p.start, min(p.span, 3600), p.openings, serial
	if serial >= p.openings {
		span, count, i = p.span, p.rest, serial-p.openings
	}
	from, to := mulDiv(span, i, count), mulDiv(span, i+1, count)
	return first + from + c.dice.Int64N(max(1, to-from))
}

// signUp admits the coming account; its first event tells its attributes.
func (c *Company) signUp() fact {
	slot := c.settle()
	a := c.account(slot)
	*a = c.coming
	c.faces.PCG = &a.rng
	a.region, a.tier = c.draw(regions), c.draw(tiers)
	a.industry, a.channel = c.draw(industries), c.draw(channels)
	a.csModel = c.draw(csModels)
	a.currency = uint8(c.dice.IntN(len(c.opts.Currencies)))
	a.health = uint8(55 + c.dice.IntN(45))
	shape := tierShapes[a.tier]
	a.callsDaily = c.between(int64(shape.callsMin), int64(shape.callsMax))

	f := a.fact(event.TypeAccountChanged, a.born)
	f.introduces = true
	f.account = a.attributes()
	a.changeAt = a.born + 3 + c.dice.Int64N(90)
	c.pace.running[clockOther]++
	c.pace.running[clockChange]++
	a.otherAt = c.later(clockOther, a.born, a.region)
	c.turns.push(turn{at: a.nextAt(), slot: slot})

	c.born++
	if c.born < c.opts.Accounts {
		c.announce()
	}
	return f
}

func (a *account) attributes() attributes {
	return attributes{
		region: a.region, tier: a.tier, industry: a.industry, channel: a.channel,
		csModel: a.csModel, lifecycle: a.lifecycle, health: a.health,
	}
}

// act lets the clock that is due produce its event.
func (c *Company) act(a *account, now int64) (fact, bool) {
	switch {
	case a.changeAt <= now:
		return c.change(a, now)
	case a.usageAt <= now:
		return c.meterCalls(a, now), true
	default:
		return c.other(a, now), true
	}
}

// later is the next instant of a paced clock: at high pace any, otherwise in working hours.
func (c *Company) later(k clock, now int64, region uint8) int64 {
	mean := c.pace.wait(k, now)
	if mean >= never/2 {
		return never
	}
	at := now + max(1, mean/8+c.dice.Int64N(max(1, mean*14/8)))
	if mean < 3*day {
		return at
	}
	return max(now+1, workingHours(at, regionOffset[region]))
}

// workingHours moves an instant into the working day that it falls on or the next one.
func workingHours(at, offset int64) int64 {
	local := at + offset*3600
	date, second := local/day, local%day
	switch (date + 4) % 7 { // 1970-01-01 was a Thursday
	case 6:
		date += 2
	case 0:
		date++
	}
	const opens, open = 8 * 3600, 10 * 3600
	return date*day + opens + second*open/day - offset*3600
}

// fact starts an event of the account.
func (a *account) fact(kind event.Type, at int64) fact {
	a.events++
	return fact{
		kind: kind, who: a.identity, at: at, currency: a.currency,
		id: scramble(uint64(a.serial)<<32 | uint64(a.events)), sequence: noSequence,
	}
}

// draw picks a position by weight.
func (c *Company) draw(choices []choice) uint8 {
	roll := c.dice.IntN(100)
	for i, choice := range choices {
		if roll -= choice.weight; roll < 0 {
			return uint8(i)
		}
	}
	return uint8(len(choices) - 1)
}

// weigh is draw for bare weights.
func (c *Company) weigh(weights [3]int) uint8 {
	roll := c.dice.IntN(weights[0] + weights[1] + weights[2])
	for i, weight := range weights {
		if roll -= weight; roll < 0 {
			return uint8(i)
		}
	}
	return 2
}

func (c *Company) chance(permille int) bool { return c.dice.IntN(1000) < permille }

// between draws from low to high, both included.
func (c *Company) between(low, high int64) int64 { return low + c.dice.Int64N(high-low+1) }

// seconds is an instant in whole seconds.
func seconds(t event.Time) int64 { return int64(t) / 1_000_000_000 }

// scramble maps numbers one to one on numbers that look random (the finaliser of splitmix64).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
