package event

import "strconv"

// AppendCanonical appends the event's content in its canonical form (rules 10.4): compact JSON of
// {data, sequence, time, type}, names sorted by bytes at every level, absent and null fields left
// out, defaults filled in, arrays as sent. Two records are the same content exactly when these
// bytes are equal, whatever their white space, field order, escapes, offsets and number forms.
//
// Beyond the rule's text: false is the default of every boolean and so left out; the null of an
// account attribute is a value ("clear it") and stays; control characters are escaped as in
// RFC 8785; integers (sequence, an interval's count) are numbers.
func (e *Event) AppendCanonical(dst []byte) []byte {
	dst = append(dst, `{"data":`...)
	dst = e.appendData(dst)
	dst = append(dst, `,"sequence":`...)
	dst = strconv.AppendInt(dst, e.Sequence, 10)
	dst = appendTime(dst, "time", e.Time)
	dst = appendName(dst, "type")
	dst = appendString(dst, e.Type.String())
	return append(dst, '}')
}

// AppendNative appends the event as a CloudEvent in structured mode, which decodes to an equal
// event.
func (e *Event) AppendNative(dst []byte) []byte {
	dst = append(dst, `{"specversion":"1.0"`...)
	dst = appendString(appendName(dst, "id"), e.ID)
	dst = appendString(appendName(dst, "source"), e.Source)
	dst = appendString(appendName(dst, "type"), e.Type.String())
	dst = appendString(appendName(dst, "subject"), e.Subject)
	dst = appendTime(dst, "time", e.Time)
	if e.Sequence != 0 {
		dst = strconv.AppendInt(appendName(dst, "sequence"), e.Sequence, 10)
	}
	if e.Revision != 0 {
		dst = strconv.AppendInt(appendName(dst, "revision"), e.Revision, 10)
	}
	dst = e.appendData(appendName(dst, "data"))
	return append(dst, '}')
}

// appendData appends the payload with its names sorted, which is also valid native data.
func (e *Event) appendData(dst []byte) []byte {
	dst = append(dst, '{')
	switch e.Type {
	case TypeAccountChanged:
		dst = e.Account.appendFields(dst)
	case TypeSubscriptionChanged:
		dst = e.Subscription.appendFields(dst)
	case TypeUsageRecorded:
		dst = e.Usage.appendFields(dst)
	case TypeUsageStatement:
		dst = e.Statement.appendFields(dst)
	case TypeChargeRecorded:
		dst = e.Charge.appendFields(dst)
	case TypeSignalObserved:
		dst = e.Signal.appendFields(dst)
	case TypeAccountErased:
	case TypeEventRevoked:
		dst = e.Revocation.appendFields(dst)
	}
	return append(dst, '}')
}

func (a *AccountChanged) appendFields(dst []byte) []byte {
	if a.Attributes != nil {
		dst = append(appendName(dst, "attributes"), '{')
		for _, attribute := range a.Attributes {
			dst = append(appendString(appendComma(dst), attribute.Name), ':')
			if attribute.Null {
				dst = append(dst, "null"...)
			} else {
				dst = appendString(dst, attribute.Value)
			}
		}
		dst = append(dst, '}')
	}
	dst = appendTime(dst, "effective_at", a.EffectiveAt)
	dst = appendDecimal(dst, "health", a.Health, a.HasHealth)
	dst = appendOptional(dst, "lifecycle", a.Lifecycle)
	dst = appendOptional(dst, "name", a.Name)
	return appendOptional(dst, "parent", a.Parent)
}

func (u *Usage) appendFields(dst []byte) []byte {
	dst = appendDecimal(dst, "amount", u.Amount, u.HasAmount)
	dst = appendText(dst, "currency", u.Currency)
	dst = appendText(dst, "item", u.Item)
	dst = appendText(dst, "meter", u.Meter)
	dst = appendDecimal(dst, "quantity", u.Quantity, u.HasQuantity)
	return appendText(dst, "subscription", u.Subscription)
}

func (s *Statement) appendFields(dst []byte) []byte {
	dst = appendDecimal(dst, "amount", s.Amount, true)
	dst = appendText(dst, "currency", s.Currency)
	dst = appendText(dst, "item", s.Item)
	dst = append(appendName(dst, "month"), '"')
	dst = append(s.Month.AppendTo(dst), '"')
	return appendText(dst, "subscription", s.Subscription)
}

func (c *Charge) appendFields(dst []byte) []byte {
	dst = appendDecimal(dst, "amount", c.Amount, true)
	dst = appendText(dst, "currency", c.Currency)
	return appendText(dst, "kind", c.Kind.String())
}

func (s *Signal) appendFields(dst []byte) []byte {
	dst = appendText(dst, "item", s.Item)
	dst = appendText(dst, "name", s.Name)
	dst = appendText(dst, "subscription", s.Subscription)
	return appendOptional(dst, "value", Optional{Value: s.Value, Set: s.HasValue})
}

func (r *Revocation) appendFields(dst []byte) []byte {
	dst = append(appendName(dst, "revokes"), '{')
	dst = appendText(dst, "id", r.ID)
	dst = appendText(dst, "source", r.Source)
	return append(dst, '}')
}
