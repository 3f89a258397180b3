package stripe

import (
	"strings"

	"processor/internal/event"
)

// discount is a recurring discount.
type discount struct {
	percent event.Value
	amount  string // in whole units; empty: a percentage
	from    event.Value
	end     event.Value
	only    event.Value // the ids of the products that it is for; absent: all
}

// discountsMax bounds the discounts of one object; Stripe allows 20.
const discountsMax = 100

// discounts reads those of the items and of the subscription.
func (s *snapshot) discounts() *event.Rejection {
	for i := range s.items {
		it := &s.items[i]
		list, rejection := readDiscounts(it.value, it.price.currency)
		if rejection != nil {
			return rejection
		}
		it.discounts = list
	}
	currency := strings.ToUpper(s.object.Get("currency").Text())
	if currency == "" && len(s.items) > 0 {
		currency = s.items[0].price.currency
	}
	list, rejection := readDiscounts(s.object, currency)
	if rejection != nil {
		return rejection
	}
	for _, one := range list {
		if one.only.Absent() {
			s.wide = append(s.wide, one)
			continue
		}
		if rejection := s.narrow(one); rejection != nil {
			return rejection
		}
	}
	return nil
}

// narrow gives a discount of some products to their items. An amount cannot be shared between several of
// them here.
func (s *snapshot) narrow(d discount) *event.Rejection {
	found, products := 0, idsOf(d.only)
	for i := range s.items {
		it := &s.items[i]
		if products[idOf(it.price.value.Get("product")).Text()] {
			it.discounts = append(it.discounts, d)
			found++
		}
	}
	if d.amount != "" && found > 1 {
		return d.only.Reject(event.ReasonBadField)
	}
	return nil
}

// readDiscounts reads the discounts of an object: a list, or one in the versions before there were
// several. An id that nothing beside it explains is money that is not known.
func readDiscounts(of event.Value, currency string) ([]discount, *event.Rejection) {
	legacy := of.Get("discount")
	list := of.Get("discounts")
	var all []discount
	if list.Element(0).Absent() {
		if !legacy.IsObject() {
			return nil, nil
		}
		return appendDiscount(all, legacy, currency)
	}
	for i, v := range list.Elements() {
		if i == discountsMax {
			return nil, list.Reject(event.ReasonTooLarge)
		}
		if v.IsString() {
			if legacy.Get("id").Text() != v.Text() {
				return nil, v.Reject(event.ReasonMissingField)
			}
			v = legacy
		}
		var rejection *event.Rejection
		if all, rejection = appendDiscount(all, v, currency); rejection != nil {
			return nil, rejection
		}
	}
	return all, nil
}

// appendDiscount reads one discount. One that counts once takes from one invoice and is no part of what
// recurs.
func appendDiscount(all []discount, v event.Value, currency string) ([]discount, *event.Rejection) {
	coupon := v.Get("coupon")
	if coupon.Absent() {
		coupon = v.Find("source.coupon")
	}
	if !coupon.IsObject() {
		return nil, coupon.Reject(event.ReasonMissingField)
	}
	if coupon.Get("duration").Text() == "once" {
		return all, nil
	}
	d := discount{percent: coupon.Get("percent_off"), from: coupon.Get("percent_off"), end: v.Get("end"), only: coupon.Find("applies_to.products")}
	if amount := coupon.Get("amount_off"); !amount.Absent() {
		if own := strings.ToUpper(coupon.Get("currency").Text()); own != currency {
			other := coupon.Get("currency_options").Get(strings.ToLower(currency)).Get("amount_off")
			if other.Absent() {
				return nil, coupon.Get("currency").Reject(event.ReasonBadCurrency)
			}
			amount = other
		}
		var rejection *event.Rejection
		if d.amount, rejection = amountText(amount, currency); rejection != nil {
			return nil, rejection
		}
		d.from = amount
	}
	return append(all, d), nil
}

func writeDiscounts(f *event.Field, from event.Value, all []discount) {
	array := f.Array("discounts", from)
	for _, d := range all {
		one := array.Element(d.from)
		if d.amount != "" {
			one.Text("amount", d.amount, d.from)
		} else {
			one.Copy("percent", d.percent)
		}
		copyTime(one, "ends_at", d.end)
	}
}
