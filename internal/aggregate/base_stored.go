package aggregate

import (
	"math/big"

	"processor/internal/event"
)

// The stored form of a base: its fields in the order of their declaration. Rationals are texts.

func (b *base) appendStored(dst []byte) []byte {
	dst = appendInt(dst, int64(b.at))
	dst = append(dst, boolByte(b.paid), boolByte(b.hasPaid))
	dst = appendInt(appendInt(dst, int64(b.firstPaidAt)), int64(b.endedAt))
	dst = appendText(dst, b.cohort)
	dst = appendInt(dst, int64(b.newMonth))
	dst = appendInt(append(dst, byte(b.lastClass)), int64(b.lastAt))
	dst = appendCount(dst, len(b.levels))
	for _, l := range b.levels {
		dst = appendText(appendText(dst, l.key.subscription), l.key.item)
		dst = appendCount(dst, len(l.levels))
		for _, u := range l.levels {
			dst = u.appendStored(dst)
		}
	}
	dst = appendCount(dst, len(b.firsts))
	for _, f := range b.firsts {
		dst = appendText(appendText(appendText(dst, f.name.Subscription), f.name.Item), f.name.Meter)
		dst = appendInt(dst, int64(f.at))
	}
	dst = appendCount(dst, len(b.meters))
	for _, m := range b.meters {
		dst = appendText(appendText(appendText(dst, m.subscription), m.meter), m.item)
	}
	dst = appendCount(dst, len(b.ended))
	for _, l := range b.ended {
		dst = appendText(appendText(appendText(appendText(dst, l.family), l.product), l.plan), l.region)
		dst = appendInt(dst, int64(l.at))
	}
	dst = appendCount(dst, len(b.regions))
	for _, region := range b.regions {
		dst = appendText(dst, region)
	}
	dst = appendCount(dst, len(b.overtaken))
	for _, o := range b.overtaken {
		dst = appendInt(appendText(dst, o.key), int64(o.at))
	}
	dst = appendCount(dst, len(b.pastDue))
	for _, p := range b.pastDue {
		dst = appendInt(appendText(dst, p.subscription), int64(p.since))
	}
	var attributes []byte
	if b.attributes != nil {
		attributes = b.attributes.AppendStored(nil)
	}
	dst = appendText(dst, string(attributes))
	dst = appendCount(dst, len(b.gone))
	for i := range b.gone {
		dst = append(dst, b.gone[i][:]...)
	}
	return dst
}

func (r *reducedReader) base() *base {
	b := &base{at: event.Time(r.int()), paid: r.bool(), hasPaid: r.bool()}
	b.firstPaidAt, b.endedAt = event.Time(r.int()), event.Time(r.int())
	b.cohort, b.newMonth = r.text(), r.int32()
	b.lastClass, b.lastAt = Class(r.octet()), event.Time(r.int())
	if b.lastClass > ClassRevoked {
		r.fail()
	}
	b.levels = readList(r, func() baseLevel {
		return baseLevel{meterKey{r.text(), r.text()}, readList(r, r.level)}
	})
	b.firsts = readList(r, func() firstUsage {
		return firstUsage{event.Usage{Subscription: r.text(), Item: r.text(), Meter: r.text()}, event.Time(r.int())}
	})
	b.meters = readList(r, func() meterName { return meterName{r.text(), r.text(), r.text()} })
	b.ended = readList(r, func() baseLine {
		return baseLine{r.text(), r.text(), r.text(), r.text(), event.Time(r.int())}
	})
	b.regions = readList(r, r.text)
	b.overtaken = readList(r, func() overtaken { return overtaken{r.text(), event.Time(r.int())} })
	b.pastDue = readList(r, func() basePastDue { return basePastDue{r.text(), event.Time(r.int())} })
	if stored := r.text(); stored != "" {
		e, err := event.DecodeStored([]byte(stored))
		if err != nil || e.Account == nil {
			r.fail()
			return b
		}
		b.attributes = e
	}
	b.gone = readList(r, func() identityHash { return identityHash(r.take(len(identityHash{}))) })
	return b
}

// A level whose worth never changes is that worth; another is what it is made of.
func (u *usageLevel) appendStored(dst []byte) []byte {
	dst = appendText(dst, u.family)
	if u.isValued && u.parts == nil {
		return appendAmount(append(dst, 0), u.worth)
	}
	dst = append(dst, 1, boolByte(u.commit != nil))
	dst = appendText(dst, u.scale.RatString())
	parts := u.parts
	if u.commit != nil {
		parts = append([]currencyPart{*u.commit}, parts...)
	}
	dst = appendCount(dst, len(parts))
	for _, p := range parts {
		dst = appendText(appendText(dst, p.currency), p.amount.RatString())
	}
	return dst
}

func (r *reducedReader) level() *usageLevel {
	family := r.text()
	if r.octet() == 0 {
		return &usageLevel{isValued: true, worth: r.amount(), scale: one, family: family}
	}
	u, hasCommit := &usageLevel{family: family}, r.bool()
	u.scale = r.rat()
	parts := readList(r, func() currencyPart { return currencyPart{r.text(), r.rat()} })
	if hasCommit && len(parts) > 0 {
		u.commit, parts = &parts[0], parts[1:]
	}
	u.parts = parts
	return u
}

// rat reads a rational as it was written; the bound keeps an exponent from taking memory.
func (r *reducedReader) rat() *big.Rat {
	text := r.text()
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && c != '-' && c != '/' {
			r.fail()
			return new(big.Rat)
		}
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		r.fail()
		return new(big.Rat)
	}
	return n
}

func (r *reducedReader) bool() bool { return r.octet() != 0 }

func (r *reducedReader) take(n int) []byte {
	if n > len(r.left) {
		r.fail()
		return make([]byte, n)
	}
	taken := r.left[:n]
	r.left = r.left[n:]
	return taken
}

func boolByte(b bool) byte { return byte(boolCount(b)) }
