package event

// usageFields serve usage.recorded, usage.statement, charge.recorded and signal.observed, whose
// fields mean the same thing under the same name.
type usageFields struct {
	subscription, item, meter, quantity, amount, currency, month, kind, name, value, revokes slot
}

func (t *tape) usageFields(data slot) (f usageFields) {
	for at, end := data+1, t.after(data); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "subscription":
			f.subscription = v
		case "item":
			f.item = v
		case "meter":
			f.meter = v
		case "quantity":
			f.quantity = v
		case "amount":
			f.amount = v
		case "currency":
			f.currency = v
		case "month":
			f.month = v
		case "kind":
			f.kind = v
		case "name":
			f.name = v
		case "value":
			f.value = v
		case "revokes":
			f.revokes = v
		}
	}
	return f
}

// usage reads the data of usage.recorded. Quantity and amount may be negative: a correction
// (rules 6.1).
func (d *Decoder) usage(data slot) *Usage {
	f := d.tape.usageFields(data)
	u := new(Usage)
	u.Subscription = d.requiredID(f.subscription, "subscription")
	u.Item = d.sharedID(f.item, "item")
	u.Meter = d.sharedID(f.meter, "meter")
	if u.Item == "" && u.Meter == "" {
		d.fail(ReasonMissingField, "item")
	}
	u.Quantity, u.HasQuantity = d.decimal(f.quantity, "quantity")
	if f.quantity == 0 && f.amount == 0 {
		d.fail(ReasonMissingField, "quantity")
	}
	u.Amount, u.HasAmount = d.decimal(f.amount, "amount")
	if u.HasAmount {
		u.Currency = d.requiredCurrency(f.currency)
	} else {
		u.Currency = d.currency(f.currency, "currency")
	}
	return u
}

// statement reads the data of usage.statement; its amount may be negative (rules 6.1).
func (d *Decoder) statement(data slot) *Statement {
	f := d.tape.usageFields(data)
	s := new(Statement)
	s.Subscription = d.requiredID(f.subscription, "subscription")
	s.Item = d.requiredSharedID(f.item, "item")
	s.Month = d.month(f.month, "month")
	if f.amount == 0 {
		d.fail(ReasonMissingField, "amount")
	}
	s.Amount, _ = d.decimal(f.amount, "amount")
	s.Currency = d.requiredCurrency(f.currency)
	return s
}

// month reads a calendar month that must be there.
func (d *Decoder) month(s slot, name string) Month {
	if s == 0 {
		d.fail(ReasonMissingField, name)
	}
	text, _ := d.textOf(s, name)
	m, ok := ParseMonth(text)
	if !ok {
		d.fail(ReasonBadTime, name)
	}
	return m
}

// charge reads the data of charge.recorded. The kind says which way the money goes, so the
// amount is never negative.
func (d *Decoder) charge(data slot) *Charge {
	f := d.tape.usageFields(data)
	c := new(Charge)
	if f.kind == 0 {
		d.fail(ReasonMissingField, "kind")
	}
	text, _ := d.textOf(f.kind, "kind")
	if c.Kind = ChargeKind(indexOf(chargeKindNames[:], text)); c.Kind == 0 {
		d.fail(ReasonBadField, "kind")
	}
	if f.amount == 0 {
		d.fail(ReasonMissingField, "amount")
	}
	c.Amount, _ = d.positive(f.amount, "amount")
	c.Currency = d.requiredCurrency(f.currency)
	return c
}
