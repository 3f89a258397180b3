package stripe

import (
	"math/big"

	"processor/internal/event"
	"processor/internal/money"
)

// item is a line of a subscription, or of a phase of its schedule.
type item struct {
	value     event.Value
	id        event.Value
	price     price
	quantity  event.Value
	discounts []discount
}

func (s *snapshot) itemOf(v event.Value) item {
	return item{value: v, id: v.Get("id"), price: priceOf(v, s.object.Get("currency").Text()), quantity: v.Get("quantity")}
}

// writeItems adds the items as a list.
func (s *snapshot) writeItems(into *event.Field, from event.Value, items []item) *event.Rejection {
	array := into.Array("items", from)
	for i := range items {
		if rejection := s.writeItem(array.Element(items[i].value), &items[i]); rejection != nil {
			return rejection
		}
	}
	return nil
}

func (s *snapshot) writeItem(f *event.Field, it *item) *event.Rejection {
	p := &it.price
	f.Copy("item", it.id)
	f.Copy("product", idOf(p.value.Get("product")))
	if plan := s.reader.options.plan; plan == "price" {
		f.Copy("plan", p.value.Get("id"))
	} else if plan != "product" {
		f.Copy("plan", p.value.Get(plan))
	}
	if p.currency == "" {
		f.Missing("currency", p.value.Get("currency"))
	} else {
		f.Text("currency", p.currency, p.value.Get("currency"))
	}
	interval := f.Object("interval", p.recurring)
	interval.Copy("unit", p.recurring.Get("interval"))
	interval.Copy("count", p.recurring.Get("interval_count"))
	if p.recurring.Get("interval").Absent() {
		return p.recurring.Get("interval").Reject(event.ReasonMissingField)
	}
	if len(it.discounts) > 0 {
		writeDiscounts(f, it.value.Get("discounts"), it.discounts)
	}
	if p.metered {
		return s.writeMetered(f, p)
	}
	return writeLicensed(f, it)
}

// writeLicensed adds quantity and price. Packages are the quantity where the price is one of packages;
// tiers become the line's amount.
func writeLicensed(f *event.Field, it *item) *event.Rejection {
	p := &it.price
	quantity, given := it.quantity.Int()
	if !given {
		if !it.quantity.Absent() {
			return it.quantity.Reject(event.ReasonBadAmount)
		}
		quantity = 1
	}
	if divide := p.transform.Get("divide_by"); !divide.Absent() {
		by, ok := divide.Int()
		if !ok || by <= 0 || quantity < 0 {
			return divide.Reject(event.ReasonBadField)
		}
		whole := quantity / by
		if quantity%by > 0 && p.transform.Get("round").Text() == "up" {
			whole++
		}
		quantity = whole
	}
	f.Text("quantity", big.NewInt(quantity).String(), it.quantity)
	if !p.tiered {
		return p.writeUnit(f)
	}
	if quantity == 0 {
		f.Text("unit_price", "0", p.tiers)
		return nil
	}
	amount, rejection := p.tierAmount(quantity)
	if rejection != nil {
		return rejection
	}
	f.Text("amount", amount, p.tiers)
	return nil
}

// writeMetered adds the price of usage where the native format can say it: per unit, or in graduated tiers
// without flat amounts. Other usage is counted by the statements that invoices give.
func (s *snapshot) writeMetered(f *event.Field, p *price) *event.Rejection {
	f.Text("kind", "metered", p.recurring)
	f.Copy("meter", p.recurring.Get("meter"))
	switch {
	case !p.transform.Absent():
		return nil
	case !p.tiered:
		if p.amounts.Get(p.amountName).Absent() && p.amounts.Get(p.amountName+"_decimal").Absent() {
			return nil
		}
		return p.writeUnit(f)
	case p.mode != "graduated" || !p.tiers.IsArray() || p.hasFlat():
		return nil
	}
	return p.writeTiers(f)
}

// exponents are the digits behind the point where Stripe's minor units are not those of ISO 4217
// (docs.stripe.com/currencies, zero-decimal currencies and special cases).
var exponents = map[string]int{"ISK": 2, "UGX": 2, "MGA": 0}

// digitsOf are the digits behind the point of Stripe's amounts in a currency; an unknown one has 0, and is
// rejected for itself.
func digitsOf(currency string) int {
	if n, special := exponents[currency]; special {
		return n
	}
	n, _ := money.Currency(currency)
	return n
}

// amountText is an amount in minor units as an amount in whole ones.
func amountText(v event.Value, currency string) (string, *event.Rejection) {
	text, ok := money.Shift(v.Text(), digitsOf(currency))
	if !ok {
		return "", v.Reject(event.ReasonBadAmount)
	}
	return text, nil
}

// listMax bounds the lists that are compared with each other: no subscription has so many.
const listMax = 1000

// idsOf are the ids in a list.
func idsOf(list event.Value) map[string]bool {
	ids := map[string]bool{}
	for _, v := range list.Elements() {
		ids[idOf(v).Text()] = true
	}
	return ids
}
