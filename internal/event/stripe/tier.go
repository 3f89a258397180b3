package stripe

import (
	"math/big"

	"processor/internal/event"
	"processor/internal/money"
)

// tier is one step of a tiered price, in minor units.
type tier struct {
	upTo int64 // open: the last
	open bool
	unit *big.Rat
	flat *big.Rat
	from event.Value
}

// readTiers reads the tiers, which Stripe leaves out unless a relay has them expanded.
func (p *price) readTiers() ([]tier, *event.Rejection) {
	if !p.tiers.IsArray() {
		return nil, p.tiers.Reject(event.ReasonMissingField)
	}
	var all []tier
	for _, v := range p.tiers.Elements() {
		one := tier{from: v}
		upTo, ok := v.Get("up_to").Int()
		one.upTo, one.open = upTo, v.Get("up_to").Absent() || v.Get("up_to").Text() == "inf"
		if !ok && !one.open || !one.open && (upTo <= 0 || len(all) > 0 && upTo <= all[len(all)-1].upTo) || len(all) > 0 && all[len(all)-1].open {
			return nil, v.Get("up_to").Reject(event.ReasonBadField)
		}
		var rejection *event.Rejection
		if one.unit, rejection = tierPart(v, "unit_amount"); rejection == nil {
			one.flat, rejection = tierPart(v, "flat_amount")
		}
		if rejection != nil {
			return nil, rejection
		}
		all = append(all, one)
	}
	if len(all) == 0 || !all[len(all)-1].open {
		return nil, p.tiers.Reject(event.ReasonBadField)
	}
	return all, nil
}

// tierPart is an amount of a tier; absent is nothing.
func tierPart(v event.Value, name string) (*big.Rat, *event.Rejection) {
	at := v.Get(name + "_decimal")
	if at.Absent() {
		at = v.Get(name)
	}
	if at.Absent() {
		return new(big.Rat), nil
	}
	text, ok := money.Shift(at.Text(), 0)
	n, parsed := new(big.Rat).SetString(text)
	if !ok || !parsed || n.Sign() < 0 {
		return nil, at.Reject(event.ReasonBadAmount)
	}
	return n, nil
}

// tierAmount is what a quantity costs: with volume all of it at the tier that it reaches, with graduated
// each part at its own tier. A tier that is reached adds its flat amount.
func (p *price) tierAmount(quantity int64) (string, *event.Rejection) {
	tiers, rejection := p.readTiers()
	if rejection != nil {
		return "", rejection
	}
	total, below := new(big.Rat), int64(0)
	for i := range tiers {
		t := &tiers[i]
		last := t.open || quantity <= t.upTo
		switch {
		case p.mode == "volume" && !last:
			continue
		case p.mode == "volume":
			total.Add(t.flat, cost(quantity, t.unit))
		case p.mode == "graduated":
			upTo := quantity
			if !last {
				upTo = t.upTo
			}
			total.Add(total, t.flat).Add(total, cost(upTo-below, t.unit))
			below = t.upTo
		default:
			return "", p.value.Get("tiers_mode").Reject(event.ReasonBadField)
		}
		if last {
			break
		}
	}
	text, ok := money.Exact(total)
	if !ok {
		return "", p.tiers.Reject(event.ReasonBadAmount)
	}
	if text, ok = money.Shift(text, digitsOf(p.currency)); !ok {
		return "", p.tiers.Reject(event.ReasonBadAmount)
	}
	return text, nil
}

func cost(quantity int64, unit *big.Rat) *big.Rat {
	return new(big.Rat).Mul(new(big.Rat).SetInt64(quantity), unit)
}

func (p *price) hasFlat() bool {
	for _, v := range p.tiers.Elements() {
		if n, rejection := tierPart(v, "flat_amount"); rejection != nil || n.Sign() != 0 {
			return true
		}
	}
	return false
}

// writeTiers adds graduated tiers of usage.
func (p *price) writeTiers(f *event.Field) *event.Rejection {
	tiers, rejection := p.readTiers()
	if rejection != nil {
		return rejection
	}
	array := f.Array("tiers", p.tiers)
	for i := range tiers {
		one := array.Element(tiers[i].from)
		if !tiers[i].open {
			one.Text("up_to", big.NewInt(tiers[i].upTo).String(), tiers[i].from.Get("up_to"))
		}
		text, ok := money.Exact(tiers[i].unit)
		if ok {
			text, ok = money.Shift(text, digitsOf(p.currency))
		}
		if !ok {
			return tiers[i].from.Get("unit_amount").Reject(event.ReasonBadAmount)
		}
		one.Text("unit_price", text, tiers[i].from.Get("unit_amount"))
	}
	return nil
}
