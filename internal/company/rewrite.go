package company

import "processor/internal/event"

// rewritten is the fact as somebody tells it who knows better: the next revision, which may count
// from another instant and says something else where its type has something to say.
func (d *disorder) rewritten(f fact) fact {
	f.revision += 1 + d.dice.IntN(2)
	if f.kind != event.TypeEventRevoked && d.chance(300) {
		f.at = max(1, f.at-d.dice.Int64N(5*day))
	}
	switch f.kind {
	case event.TypeSubscriptionChanged:
		d.dated(&f)
		d.restructure(&f.seats)
	case event.TypeAccountChanged:
		d.dated(&f)
		if f.introduces = false; d.chance(300) {
			f.introduces = true
		}
		f.changed = attribute(d.dice.IntN(int(attributeCSModel) + 1))
		f.account.region = uint8(d.dice.IntN(len(regions)))
		f.account.tier = uint8(d.dice.IntN(len(tiers)))
	case event.TypeUsageRecorded:
		f.item ^= 1 // money instead of calls, or calls instead of money
		f.amount = d.dice.Int64N(50_000) - 5000
	case event.TypeUsageStatement:
		f.amount = d.dice.Int64N(50_000) - 5000
		f.month -= event.Month(d.dice.IntN(2))
	case event.TypeChargeRecorded:
		f.item = uint8(d.dice.IntN(len(chargeKinds)))
		f.amount /= 3
	case event.TypeSignalObserved:
		f.amount++
	case event.TypeAccountErased, event.TypeEventRevoked:
	}
	return f
}

// dated moves the instant from which a fact counts, now and then to its own time.
func (d *disorder) dated(f *fact) {
	f.effective = 0
	if d.chance(700) {
		f.effective = max(1, f.at-50*day+d.dice.Int64N(80*day))
	}
}

// restructure changes the terms of a snapshot.
func (d *disorder) restructure(s *subscription) {
	if s.status == canceled {
		return
	}
	switch d.dice.IntN(7) {
	case 0:
		s.status = [...]status{trialing, active, pastDue, paused, unpaid}[d.dice.IntN(5)]
	case 1:
		s.plan = uint8(d.dice.IntN(2))
	case 2:
		s.price += s.price / 7
	case 3:
		s.discount, s.discountEnd, s.discountTold = 50, 0, false
	case 4:
		s.interval = uint8(d.dice.IntN(len(intervals)))
	case 5:
		s.addOns ^= 1
	default:
		s.end()
	}
	s.count += 3
}
