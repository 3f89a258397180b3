package event

import "processor/internal/money"

type itemFields struct {
	item, product, family, plan, kind, quantity, unitPrice, amount, currency, interval, discounts,
	addOn, region, included, limit, tiers, commit, replaces, freeTrial, meter slot
}

func (t *tape) itemFields(object slot) (f itemFields) {
	for at, end := object+1, t.after(object); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "item":
			f.item = v
		case "product":
			f.product = v
		case "family":
			f.family = v
		case "plan":
			f.plan = v
		case "kind":
			f.kind = v
		case "quantity":
			f.quantity = v
		case "unit_price":
			f.unitPrice = v
		case "amount":
			f.amount = v
		case "currency":
			f.currency = v
		case "interval":
			f.interval = v
		case "discounts":
			f.discounts = v
		case "add_on":
			f.addOn = v
		case "region":
			f.region = v
		case "included":
			f.included = v
		case "limit":
			f.limit = v
		case "tiers":
			f.tiers = v
		case "commit":
			f.commit = v
		case "replaces":
			f.replaces = v
		case "free_trial":
			f.freeTrial = v
		case "meter":
			f.meter = v
		}
	}
	return f
}

// item reads the last item of the list; the others came before it.
func (d *Decoder) item(object slot, list []Item) {
	f := d.tape.itemFields(object)
	it := &list[len(list)-1]
	it.Item = d.requiredSharedID(f.item, "item")
	for i := range list[:len(list)-1] {
		if list[i].Item == it.Item {
			d.fail(ReasonBadField, "item")
		}
	}
	it.Product = d.requiredSharedID(f.product, "product")
	if it.Family = d.sharedID(f.family, "family"); it.Family == "" {
		it.Family = it.Product
	}
	it.Plan = d.sharedID(f.plan, "plan")
	it.Metered = d.metered(f.kind)
	d.price(f, it)
	it.Currency = d.requiredCurrency(f.currency)
	it.Unit, it.Count = d.interval(f.interval)
	it.Discounts = d.discounts(f.discounts)
	it.AddOn = d.flag(f.addOn, "add_on")
	it.Region = d.word(f.region, "region")
	it.Included, it.HasIncluded = d.positive(f.included, "included")
	it.Limit, it.HasLimit = d.positive(f.limit, "limit")
	it.Tiers = d.tiers(f.tiers)
	it.Commit, it.HasCommit = d.positive(f.commit, "commit")
	it.Replaces = d.replaced(f.replaces)
	it.FreeTrial = d.flag(f.freeTrial, "free_trial")
	it.Meter = d.sharedID(f.meter, "meter")
	if field := grossBeyond(it); field != "" {
		d.fail(ReasonBadAmount, field)
	}
}

// metered reads the kind of a line.
func (d *Decoder) metered(s slot) bool {
	if s == 0 {
		return false
	}
	text, _ := d.textOf(s, "kind")
	switch string(text) {
	case "licensed":
	case "metered":
		return true
	default:
		d.fail(ReasonBadField, "kind")
	}
	return false
}

// price reads quantity and unit price or amount. A metered line needs neither: usage waits for
// its price (rules 6.1).
func (d *Decoder) price(f itemFields, it *Item) {
	var sent bool
	if it.Quantity, sent = d.positive(f.quantity, "quantity"); !sent {
		it.Quantity = money.Int(1)
	}
	it.UnitPrice, it.HasPrice = d.positive(f.unitPrice, "unit_price")
	if !it.HasPrice && f.amount == 0 && !it.Metered {
		d.fail(ReasonMissingField, "unit_price")
	}
	it.Amount, it.HasAmount = d.positive(f.amount, "amount")
	if it.HasPrice && it.HasAmount {
		d.fail(ReasonBadField, "amount")
	}
	if it.HasAmount && it.Quantity.IsZero() {
		d.fail(ReasonBadAmount, "quantity") // the unit price would be amount / 0 (rules 2.1)
	}
}

// countMax bounds an interval's count, so that no later arithmetic can pass 64 bits.
const countMax = 1_000_000

// interval reads {unit, count}, each with its default: one month.
func (d *Decoder) interval(s slot) (Unit, int64) {
	unit, count := UnitMonth, int64(1)
	if !d.object(s, "interval") {
		return unit, count
	}
	t := &d.tape
	var unitAt, countAt slot
	for at, end := s+1, t.after(s); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "unit":
			unitAt = v
		case "count":
			countAt = v
		}
	}
	if unitAt != 0 {
		text, _ := d.textOf(unitAt, "unit")
		if unit = Unit(indexOf(unitNames[:], text)); unit == 0 {
			d.fail(ReasonBadField, "unit")
		}
	}
	if countAt != 0 {
		if count = d.integer(countAt, "count", false); count < 1 || count > countMax {
			d.fail(ReasonBadField, "count")
		}
	}
	d.within("interval")
	return unit, count
}

// replaced reads {subscription, item} of the line that a new line takes the place of.
func (d *Decoder) replaced(s slot) (r Replaced) {
	if !d.object(s, "replaces") {
		return r
	}
	t := &d.tape
	var subscription, item slot
	for at, end := s+1, t.after(s); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "subscription":
			subscription = v
		case "item":
			item = v
		}
	}
	r.Subscription = d.requiredID(subscription, "subscription")
	r.Item = d.requiredSharedID(item, "item")
	d.within("replaces")
	return r
}
