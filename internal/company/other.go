package company

import "processor/internal/event"

// The kinds of charges and signals, as written.
var (
	chargeKinds = []choice{{"one_off", 15}, {"service", 20}, {"credit", 12}, {"refund", 8}, {"tax", 45}}
	signalNames = []choice{
		{"seats_used", 45}, {"feature_request", 18}, {"team_growth", 15}, {"nps", 14}, {"feature_adopted", 8},
	}
)

// Positions in signalNames.
const (
	signalSeatsUsed = iota
	signalFeatureRequest
	signalTeamGrowth
	signalNPS
	signalFeatureAdopted
)

// other is a charge, a signal or a change of the account itself.
func (c *Company) other(a *account, now int64) fact {
	a.otherAt = c.later(clockOther, now, a.region)
	c.pace.done[clockOther]++
	switch roll := c.dice.IntN(100); {
	case roll < 35:
		return c.charge(a, now)
	case roll < 85:
		return c.signal(a, now)
	default:
		return c.accountChange(a, now)
	}
}

func (c *Company) charge(a *account, now int64) fact {
	f := a.fact(event.TypeChargeRecorded, now)
	f.item = c.draw(chargeKinds)
	f.amount = c.between(500, 20_000) * (1 + int64(a.tier)*3)
	return f
}

func (c *Company) signal(a *account, now int64) fact {
	f := a.fact(event.TypeSignalObserved, now)
	f.item, f.seats = c.draw(signalNames), a.seats[0]
	switch f.item {
	case signalSeatsUsed:
		f.amount = int64(a.seats[0].count) * c.between(55, 100) / 100
	case signalTeamGrowth:
		f.amount = c.between(1, 15)
	case signalNPS:
		f.amount = c.between(0, 10)
	default:
		f.amount = c.dice.Int64N(int64(len(features)))
	}
	return f
}

// accountChange mostly moves the account's health; seldom its region or tier.
func (c *Company) accountChange(a *account, now int64) fact {
	f := a.fact(event.TypeAccountChanged, now)
	switch roll := c.dice.IntN(100); {
	case roll < 62:
		f.changed = attributeHealth
		a.health = uint8(min(100, max(5, int64(a.health)+c.between(-12, 14))))
	case roll < 82:
		f.changed = attributeLifecycle
		a.lifecycle = min(a.lifecycle+1, uint8(len(lifecycles)-1))
	case roll < 92:
		f.changed = attributeCSModel
		a.csModel = c.draw(csModels)
	case roll < 97:
		f.changed = attributeTier
		a.tier = min(a.tier+1, uint8(len(tiers)-1))
	default:
		f.changed = attributeRegion
		a.region = c.draw(regions)
	}
	f.account = a.attributes()
	if c.opts.Rare {
		c.rareAccountChange(a, &f)
	}
	return f
}
