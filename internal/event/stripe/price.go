package stripe

import (
	"strings"

	"processor/internal/event"
)

// price is a price, or a plan of the versions before there were prices, which says the same in other
// words.
type price struct {
	value      event.Value
	recurring  event.Value // has interval, interval_count, meter
	amounts    event.Value // has the amounts: the price, or one of its currency_options
	amountName string
	currency   string
	metered    bool
	tiered     bool
	mode       string
	tiers      event.Value
	transform  event.Value
}

// priceOf is the price of what has one, in the subscription's currency.
func priceOf(v event.Value, currency string) price {
	at := v.Get("price")
	if !at.IsObject() && v.Get("plan").IsObject() {
		return planPrice(v.Get("plan"))
	}
	return objectPrice(at, currency)
}

func planPrice(at event.Value) price {
	return price{
		value: at, amounts: at, recurring: at, amountName: "amount", currency: strings.ToUpper(at.Get("currency").Text()),
		metered: at.Get("usage_type").Text() == "metered", tiered: at.Get("billing_scheme").Text() == "tiered",
		mode: at.Get("tiers_mode").Text(), tiers: at.Get("tiers"), transform: at.Get("transform_usage"),
	}
}

func objectPrice(at event.Value, currency string) price {
	p := price{
		value: at, amounts: at, recurring: at.Get("recurring"), amountName: "unit_amount", currency: strings.ToUpper(at.Get("currency").Text()),
		metered: at.Find("recurring.usage_type").Text() == "metered", tiered: at.Get("billing_scheme").Text() == "tiered",
		mode: at.Get("tiers_mode").Text(), tiers: at.Get("tiers"), transform: at.Get("transform_quantity"),
	}
	// A price may have amounts in several currencies; those of a subscription in another one than the
	// price's own are under its name.
	if currency = strings.ToUpper(currency); currency != "" && p.currency != "" && currency != p.currency {
		p.amounts = at.Get("currency_options").Get(strings.ToLower(currency))
		p.currency, p.tiers = currency, p.amounts.Get("tiers")
	}
	return p
}

// writeUnit adds the price of a unit, from the exact text where there is one.
func (p *price) writeUnit(f *event.Field) *event.Rejection {
	v := p.amounts.Get(p.amountName + "_decimal")
	if v.Absent() {
		v = p.amounts.Get(p.amountName)
	}
	if v.Absent() {
		f.Missing("unit_price", v)
		return nil
	}
	text, rejection := amountText(v, p.currency)
	if rejection != nil {
		return rejection
	}
	f.Text("unit_price", text, v)
	return nil
}
