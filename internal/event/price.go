package event

import (
	"math/big"

	"processor/internal/money"
)

type discountFields struct{ percent, amount, endsAt slot }

func (t *tape) discountFields(object slot) (f discountFields) {
	for at, end := object+1, t.after(object); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "percent":
			f.percent = v
		case "amount":
			f.amount = v
		case "ends_at":
			f.endsAt = v
		}
	}
	return f
}

// discounts reads [{percent or amount, ends_at}].
func (d *Decoder) discounts(s slot) []Discount {
	if !d.array(s, "discounts") {
		return nil
	}
	list := []Discount{}
	d.each(s, "discounts", func(_ int, element slot) {
		f := d.tape.discountFields(element)
		var discount Discount
		discount.Percent, _ = d.percent(f.percent, "percent")
		discount.Amount, discount.HasAmount = d.positive(f.amount, "amount")
		switch {
		case f.percent != 0 && f.amount != 0:
			d.fail(ReasonBadField, "amount")
		case f.percent == 0 && f.amount == 0:
			d.fail(ReasonBadField, "percent")
		}
		discount.EndsAt = d.instant(f.endsAt, "ends_at", NoTime)
		list = append(list, discount)
	})
	return list
}

// tiers reads [{up_to, unit_price}], rising from 0; only the last may be open.
func (d *Decoder) tiers(s slot) []Tier {
	if !d.array(s, "tiers") {
		return nil
	}
	list := []Tier{}
	var below money.Decimal
	open := false
	d.each(s, "tiers", func(_ int, element slot) {
		upTo, unitPrice := d.tape.tierFields(element)
		tier := Tier{Open: upTo == 0}
		tier.UpTo, _ = d.positive(upTo, "up_to")
		if open || !tier.Open && tier.UpTo.Cmp(below) <= 0 {
			d.fail(ReasonBadField, "up_to")
		}
		below, open = tier.UpTo, tier.Open
		if unitPrice == 0 {
			d.fail(ReasonMissingField, "unit_price")
		}
		tier.UnitPrice, _ = d.positive(unitPrice, "unit_price")
		list = append(list, tier)
	})
	return list
}

func (t *tape) tierFields(object slot) (upTo, unitPrice slot) {
	for at, end := object+1, t.after(object); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "up_to":
			upTo = v
		case "unit_price":
			unitPrice = v
		}
	}
	return upTo, unitPrice
}

// grossSmall: a quantity and a price below it make less than 10^16 an interval, and no interval
// of rules 2.1 is shorter than a day, so less than 10^18 a month.
const grossSmall = 100_000_000

var grossEnd = new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(18), nil))

// grossBeyond names the field that makes the line's monthly gross 10^18 or more (rules 1.1), ""
// where none does. A metered line's gross is its commit (rules 2.4).
func grossBeyond(it *Item) string {
	switch {
	case it.Metered:
		if !isSmall(it.Commit) && isGrossBeyond(it, it.Commit.Rat()) {
			return "commit"
		}
	case it.HasAmount:
		if !isSmall(it.Amount) && isGrossBeyond(it, it.Amount.Rat()) {
			return "amount"
		}
	case !isSmall(it.Quantity) || !isSmall(it.UnitPrice):
		if isGrossBeyond(it, new(big.Rat).Mul(it.Quantity.Rat(), it.UnitPrice.Rat())) {
			return "unit_price"
		}
	}
	return ""
}

// isSmall is a cheap, sufficient test: a number is at most its coefficient.
func isSmall(n money.Decimal) bool {
	hi, lo, _, _ := n.DecimalParts()
	return hi == 0 && lo < grossSmall
}

func isGrossBeyond(it *Item, perInterval *big.Rat) bool {
	if it.Count < 1 {
		return false // the item is at fault already
	}
	factor := monthly(it.Unit, it.Count)
	return factor.Mul(factor, perInterval).Cmp(grossEnd) >= 0
}

// monthly is the factor from an interval to a month (rules 2.1).
func monthly(unit Unit, count int64) *big.Rat {
	switch unit {
	case UnitDay:
		return big.NewRat(365, 12*count)
	case UnitWeek:
		return big.NewRat(52, 12*count)
	case UnitYear:
		return big.NewRat(1, 12*count)
	case UnitMonth:
	}
	return big.NewRat(1, count)
}
