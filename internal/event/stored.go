package event

import (
	"encoding/binary"

	"processor/internal/money"
)

// storedVersion is the first byte of every stored event. A changed layout gets the next number,
// and the reader keeps reading the old ones (testdata/stored has an example of each for ever).
const storedVersion = 2

// storedPositions is the first version that ends with the position.
const storedPositions = 2

// AppendStored appends the whole event in the compact form of checkpoints: one version byte, then
// the fields in the order of their declaration. Integers are varints, texts and decimals carry
// their length, lists their length plus one (0 is a list that was not sent), booleans are the
// bits of one number before the fields they speak of. The position is last: a topic, and where it
// is known partition and offset.
func (e *Event) AppendStored(dst []byte) []byte {
	dst = append(dst, storedVersion, byte(e.Type))
	dst = storeText(dst, e.ID)
	dst = storeText(dst, e.Source)
	dst = storeText(dst, e.Subject)
	dst = storeTime(dst, e.Time)
	dst = binary.AppendVarint(dst, e.Sequence)
	dst = binary.AppendVarint(dst, e.Revision)
	switch e.Type {
	case TypeAccountChanged:
		dst = e.Account.appendStored(dst)
	case TypeSubscriptionChanged:
		dst = e.Subscription.appendStored(dst)
	case TypeUsageRecorded:
		dst = e.Usage.appendStored(dst)
	case TypeUsageStatement:
		dst = e.Statement.appendStored(dst)
	case TypeChargeRecorded:
		dst = append(dst, byte(e.Charge.Kind))
		dst = storeDecimal(dst, e.Charge.Amount)
		dst = storeText(dst, e.Charge.Currency)
	case TypeSignalObserved:
		dst = e.Signal.appendStored(dst)
	case TypeAccountErased:
	case TypeEventRevoked:
		dst = storeText(dst, e.Revocation.Source)
		dst = storeText(dst, e.Revocation.ID)
	}
	return e.Position.appendStored(dst)
}

func (p *Position) appendStored(dst []byte) []byte {
	dst = storeText(dst, p.Topic)
	if !p.IsKnown() {
		return dst
	}
	dst = binary.AppendVarint(dst, int64(p.Partition))
	return binary.AppendVarint(dst, p.Offset)
}

func (a *AccountChanged) appendStored(dst []byte) []byte {
	dst = storeBits(dst, a.Name.Set, a.Parent.Set, a.Lifecycle.Set, a.HasHealth)
	dst = storeTime(dst, a.EffectiveAt)
	dst = storeLength(dst, len(a.Attributes), a.Attributes == nil)
	for _, attribute := range a.Attributes {
		dst = storeBits(dst, attribute.Null)
		dst = storeText(dst, attribute.Name)
		dst = storeText(dst, attribute.Value)
	}
	dst = storeText(dst, a.Name.Value)
	dst = storeText(dst, a.Parent.Value)
	dst = storeText(dst, a.Lifecycle.Value)
	return storeDecimal(dst, a.Health)
}

func (s *Subscription) appendStored(dst []byte) []byte {
	dst = storeBits(dst, s.Renewal, s.ScheduledStep, s.Opening)
	dst = storeText(dst, s.Subscription)
	dst = storeTime(dst, s.EffectiveAt)
	dst = s.Phase.appendStored(dst)
	dst = storeDiscounts(dst, s.Discounts)
	dst = storeTime(dst, s.CancelAt)
	dst = storeLength(dst, len(s.Schedule), s.Schedule == nil)
	for i := range s.Schedule {
		dst = storeTime(dst, s.Schedule[i].EffectiveAt)
		dst = s.Schedule[i].Phase.appendStored(dst)
	}
	dst = storeTime(dst, s.TermStart)
	dst = storeTime(dst, s.TermEnd)
	dst = storeTime(dst, s.TrialEnd)
	dst = storeTime(dst, s.FirstPaidAt)
	dst = storeText(dst, s.Motion)
	dst = storeText(dst, s.Reason)
	dst = storeText(dst, s.MovedFrom)
	return storeText(dst, s.MovedTo)
}

func (p *Phase) appendStored(dst []byte) []byte {
	dst = append(dst, byte(p.Status))
	dst = storeLength(dst, len(p.Items), p.Items == nil)
	for i := range p.Items {
		dst = p.Items[i].appendStored(dst)
	}
	dst = storeLength(dst, len(p.Sent), p.Sent == nil)
	for _, place := range p.Sent {
		dst = binary.AppendUvarint(dst, uint64(place))
	}
	return dst
}

func (it *Item) appendStored(dst []byte) []byte {
	dst = storeBits(dst, it.Metered, it.HasPrice, it.HasAmount, it.AddOn, it.HasIncluded, it.HasLimit,
		it.HasCommit, it.FreeTrial)
	dst = storeText(dst, it.Item)
	dst = storeText(dst, it.Product)
	dst = storeText(dst, it.Family)
	dst = storeText(dst, it.Plan)
	dst = storeDecimal(dst, it.Quantity)
	dst = storeDecimal(dst, it.UnitPrice)
	dst = storeDecimal(dst, it.Amount)
	dst = storeText(dst, it.Currency)
	dst = append(dst, byte(it.Unit))
	dst = binary.AppendVarint(dst, it.Count)
	dst = storeDiscounts(dst, it.Discounts)
	dst = storeText(dst, it.Region)
	dst = storeDecimal(dst, it.Included)
	dst = storeDecimal(dst, it.Limit)
	dst = storeLength(dst, len(it.Tiers), it.Tiers == nil)
	for _, tier := range it.Tiers {
		dst = storeBits(dst, tier.Open)
		dst = storeDecimal(dst, tier.UpTo)
		dst = storeDecimal(dst, tier.UnitPrice)
	}
	dst = storeDecimal(dst, it.Commit)
	dst = storeText(dst, it.Replaces.Subscription)
	dst = storeText(dst, it.Replaces.Item)
	return storeText(dst, it.Meter)
}

func (u *Usage) appendStored(dst []byte) []byte {
	dst = storeBits(dst, u.HasQuantity, u.HasAmount)
	dst = storeText(dst, u.Subscription)
	dst = storeText(dst, u.Item)
	dst = storeText(dst, u.Meter)
	dst = storeDecimal(dst, u.Quantity)
	dst = storeDecimal(dst, u.Amount)
	return storeText(dst, u.Currency)
}

func (s *Statement) appendStored(dst []byte) []byte {
	dst = storeText(dst, s.Subscription)
	dst = storeText(dst, s.Item)
	dst = binary.AppendVarint(dst, int64(s.Month))
	dst = storeDecimal(dst, s.Amount)
	return storeText(dst, s.Currency)
}

func (s *Signal) appendStored(dst []byte) []byte {
	dst = storeBits(dst, s.HasValue)
	dst = storeText(dst, s.Name)
	dst = storeText(dst, s.Value)
	dst = storeText(dst, s.Subscription)
	return storeText(dst, s.Item)
}

func storeDiscounts(dst []byte, discounts []Discount) []byte {
	dst = storeLength(dst, len(discounts), discounts == nil)
	for _, discount := range discounts {
		dst = storeBits(dst, discount.HasAmount)
		dst = storeDecimal(dst, discount.Percent)
		dst = storeDecimal(dst, discount.Amount)
		dst = storeTime(dst, discount.EndsAt)
	}
	return dst
}

func storeText(dst []byte, text string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

func storeTime(dst []byte, t Time) []byte { return binary.AppendVarint(dst, int64(t)) }

// storeDecimal writes a decimal as its text, which no change of its form in memory can break; 0,
// by far the most common one, is an empty text.
func storeDecimal(dst []byte, n money.Decimal) []byte {
	at := len(dst)
	dst = append(dst, 0)
	if n.IsZero() {
		return dst
	}
	dst = n.AppendTo(dst)
	dst[at] = byte(len(dst) - at - 1)
	return dst
}

func storeLength(dst []byte, n int, absent bool) []byte {
	if absent {
		return append(dst, 0)
	}
	return binary.AppendUvarint(dst, uint64(n)+1)
}

func storeBits(dst []byte, set ...bool) []byte {
	var flags byte
	for i, b := range set {
		if b {
			flags |= 1 << i
		}
	}
	return append(dst, flags)
}
