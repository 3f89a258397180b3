package company

import "strconv"

// appendSnapshot writes a subscription with its whole known future.
func (e *encoder) appendSnapshot(b []byte, f *fact) []byte {
	s := &f.seats
	b = appendSubscriptionID(append(b, `"subscription":"`...), f)
	b = append(b, `",`...)
	b = appendField(b, "status", statusNames[s.status])
	if s.status != canceled {
		b = append(e.appendItems(append(b, `"items":[`...), f, s.count), `],`...)
	}
	b = appendDiscount(b, s)
	b = appendInstant(b, "cancel_at", s.cancelAt)
	b = appendInstant(b, "trial_end", s.trialEnd)
	b = appendInstant(b, "term_start", s.termStart)
	b = appendInstant(b, "term_end", s.termEnd)
	if s.rampAt > 0 {
		b = append(b, `"schedule":[{`...)
		b = appendInstant(b, "effective_at", s.rampAt)
		if s.rampPauses {
			b = appendField(b, "status", statusNames[paused])
		}
		b = append(e.appendItems(append(b, `"items":[`...), f, s.rampCount), `]}],`...)
	}
	return appendRare(appendFlags(b, &f.flags), &f.flags)
}

// appendDiscount writes the percentage; its end is left out where the future is not told.
func appendDiscount(b []byte, s *subscription) []byte {
	if s.discount == 0 {
		return b
	}
	b = strconv.AppendInt(append(b, `"discounts":[{"percent":"`...), int64(s.discount), 10)
	b = append(b, `",`...)
	if s.discountTold {
		b = appendInstant(b, "ends_at", s.discountEnd)
	}
	return append(b[:len(b)-1], `}],`...)
}

func appendFlags(b []byte, fl *flags) []byte {
	b = appendTrue(b, "opening", fl.opening)
	b = appendTrue(b, "renewal", fl.renewal)
	b = appendInstant(b, "first_paid_at", fl.firstPaid)
	if fl.reason != "" {
		b = appendField(b, "reason", fl.reason)
	}
	return b
}

// appendItems writes the lines with count seats.
func (e *encoder) appendItems(b []byte, f *fact, count int32) []byte {
	s, p := &f.seats, &products[f.product]
	b = e.appendSeats(b, f, p.item, count)
	if s.rebate > 0 {
		b = e.appendPrice(append(b, `"discounts":[{`...), "amount", s.rebate, f.currency)
		b = append(b[:len(b)-1], `}],`...)
	}
	b = append(b[:len(b)-1], '}', ',')
	for i := range addOns {
		bit := uint8(1) << i
		if (s.addOns|s.addOnTry)&bit == 0 {
			continue
		}
		b = appendField(append(b, '{'), "item", addOns[i].name)
		b = appendField(b, "product", addOns[i].name)
		b = appendField(b, "family", products[0].name)
		b = e.appendPrice(b, "unit_price", addOns[i].priceMinor*intervalPrice[s.interval], f.currency)
		b = appendTrue(b, "add_on", true)
		b = appendTrue(b, "free_trial", s.addOnTry&bit != 0)
		b = e.appendTerms(b, f)
		b = append(b[:len(b)-1], '}', ',')
	}
	if s.abroad > 0 {
		b = e.appendSeats(b, f, "seats-"+regions[s.abroadIn].name, s.abroad)
		b = appendField(b, "region", regions[s.abroadIn].name)
		b = append(b[:len(b)-1], '}', ',')
	}
	if s.metered {
		b = e.appendMetered(b, f)
	}
	return b[:len(b)-1]
}

// appendSeats opens a line of seats.
func (e *encoder) appendSeats(b []byte, f *fact, item string, count int32) []byte {
	s, p := &f.seats, &products[f.product]
	b = appendField(append(b, '{'), "item", item)
	b = appendField(b, "product", p.name)
	b = appendField(b, "plan", p.plans[s.plan].name)
	b = strconv.AppendInt(append(b, `"quantity":"`...), int64(count), 10)
	b = e.appendPrice(append(b, `",`...), "unit_price", s.price, f.currency)
	return e.appendTerms(b, f)
}

// appendTerms writes a line's currency and interval.
func (e *encoder) appendTerms(b []byte, f *fact) []byte {
	b = appendField(b, "currency", e.currencies[f.currency])
	switch months := intervals[f.seats.interval]; months {
	case 1:
	case 12:
		b = append(b, `"interval":{"unit":"year","count":1},`...)
	default:
		b = append(b, `"interval":{"unit":"month","count":`...)
		b = append(strconv.AppendInt(b, int64(months), 10), '}', ',')
	}
	return b
}

func (e *encoder) appendMetered(b []byte, f *fact) []byte {
	s := &f.seats
	b = append(b, `{"item":"`+callsItem+`","product":"api","kind":"metered","meter":"`+callsMeter+`","included":"`...)
	b = strconv.AppendInt(b, s.included, 10)
	b = append(b, `","tiers":[`...)
	for _, tier := range callTiers {
		b = append(b, '{')
		if tier.upTo > 0 {
			b = strconv.AppendInt(append(b, `"up_to":"`...), tier.upTo, 10)
			b = append(b, `",`...)
		}
		b = append(b, `"unit_price":"0.`...)
		for digit := int64(1000); digit > 0; digit /= 10 {
			b = append(b, byte('0'+tier.price/digit%10))
		}
		b = append(b, `"},`...)
	}
	b = append(b[:len(b)-1], `],`...)
	if s.commit > 0 {
		b = e.appendPrice(b, "commit", s.commit, f.currency)
	}
	b = appendField(b, "currency", e.currencies[f.currency])
	return append(b[:len(b)-1], '}', ',')
}

// appendInstant writes an instant that is there.
func appendInstant(b []byte, name string, at int64) []byte {
	if at == 0 {
		return b
	}
	b = append(append(append(b, '"'), name...), `":`...)
	return append(appendTime(b, at), ',')
}

// appendTrue writes a flag that is set.
func appendTrue(b []byte, name string, set bool) []byte {
	if !set {
		return b
	}
	return append(append(append(b, '"'), name...), `":true,`...)
}
