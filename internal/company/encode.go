package company

import (
	"slices"
	"strconv"
	"time"

	"processor/internal/event"
)

// encoder writes facts as native events, into buffers that it uses again.
type encoder struct {
	currencies []string
	key, value []byte
}

// record writes one fact.
func (e *encoder) record(f *fact) Record {
	e.key = appendSubject(e.key[:0], f.who)
	b := append(e.value[:0], `{"specversion":"1.0","id":"`...)
	b = appendID(b, "evt_", f.id)
	b = append(b, `","source":"`...)
	b = append(b, source(f.kind)...)
	b = append(b, `","type":"`...)
	b = append(b, typeNames[f.kind]...)
	b = append(b, `","subject":`...)
	b = appendText(b, e.key)
	b = append(b, `,"time":`...)
	b = appendTime(b, f.at)
	if f.sequence != noSequence {
		b = strconv.AppendInt(append(b, `,"sequence":`...), f.sequence, 10)
	}
	if f.revision > 0 {
		b = strconv.AppendInt(append(b, `,"revision":`...), int64(f.revision), 10)
	}
	b = append(b, `,"datacontenttype":"application/json","data":{`...)
	b = e.appendBody(b, f)
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	e.value = append(b, '}', '}')
	return Record{Key: e.key, Value: e.value, Time: event.Time(f.at * 1_000_000_000), Type: f.kind}
}

var typeNames = [...]string{
	event.TypeAccountChanged:      "account.changed",
	event.TypeSubscriptionChanged: "subscription.changed",
	event.TypeUsageRecorded:       "usage.recorded",
	event.TypeUsageStatement:      "usage.statement",
	event.TypeChargeRecorded:      "charge.recorded",
	event.TypeSignalObserved:      "signal.observed",
	event.TypeAccountErased:       "account.erased",
	event.TypeEventRevoked:        "event.revoked",
}

// appendBody writes the fields of data, each followed by a comma.
func (e *encoder) appendBody(b []byte, f *fact) []byte {
	if f.effective != 0 {
		b = append(appendTime(append(b, `"effective_at":`...), f.effective), ',')
	}
	switch f.kind {
	case event.TypeAccountChanged:
		return appendAccount(b, f)
	case event.TypeSubscriptionChanged:
		return e.appendSnapshot(b, f)
	case event.TypeUsageRecorded:
		return e.appendUsage(b, f)
	case event.TypeUsageStatement:
		b = appendSubscriptionID(append(b, `"subscription":"`...), f)
		b = append(b, `","item":"`+callsItem+`","month":"`...)
		b = appendMonth(b, f.month)
		return e.appendMoney(append(b, `",`...), "amount", f)
	case event.TypeChargeRecorded:
		b = appendField(b, "kind", chargeKinds[f.item].name)
		return e.appendMoney(b, "amount", f)
	case event.TypeSignalObserved:
		return appendSignal(b, f)
	case event.TypeEventRevoked:
		b = append(b, `"revokes":{"source":"`...)
		b = append(b, source(f.target)...)
		b = appendID(append(b, `","id":"`...), "evt_", f.rival)
		return append(b, `"},`...)
	case event.TypeAccountErased: // it carries nothing
	}
	return b
}

func appendAccount(b []byte, f *fact) []byte {
	a := f.account
	if !f.introduces {
		switch f.changed {
		case attributeHealth:
			return append(strconv.AppendInt(append(b, `"health":`...), int64(a.health), 10), ',')
		case attributeLifecycle:
			return appendField(b, "lifecycle", lifecycles[a.lifecycle].name)
		}
		b = append(b, `"attributes":{`...)
		switch f.changed {
		case attributeRegion:
			b = appendField(b, "region", regions[a.region].name)
		case attributeTier:
			b = appendField(b, "plan_tier", tiers[a.tier].name)
		default:
			b = appendField(b, "cs_model", csModels[a.csModel].name)
		}
		return append(b[:len(b)-1], '}', ',')
	}
	if f.parent.key != 0 {
		b = append(appendText(append(b, `"parent":`...), appendSubject(nil, f.parent)), ',')
	}
	b = append(b, `"name":`...)
	b = append(appendText(b, f.who.name()), `,"attributes":{`...)
	b = appendField(b, "region", regions[a.region].name)
	b = appendField(b, "plan_tier", tiers[a.tier].name)
	b = appendField(b, "industry", industries[a.industry].name)
	b = appendField(b, "channel", channels[a.channel].name)
	b = appendField(b, "cs_model", csModels[a.csModel].name)
	b = append(b[:len(b)-1], `},"health":`...)
	b = append(strconv.AppendInt(b, int64(a.health), 10), ',')
	return appendField(b, "lifecycle", lifecycles[a.lifecycle].name)
}

// appendUsage reports calls by item or by meter, or the money that another system rated.
func (e *encoder) appendUsage(b []byte, f *fact) []byte {
	b = appendSubscriptionID(append(b, `"subscription":"`...), f)
	b = append(b, `",`...)
	if f.item == 1 {
		return e.appendMoney(appendField(b, "item", callsItem), "amount", f)
	}
	if f.who.key%2 == 0 {
		b = appendField(b, "meter", callsMeter)
	} else {
		b = appendField(b, "item", callsItem)
	}
	b = strconv.AppendInt(append(b, `"quantity":"`...), f.amount, 10)
	return append(b, `",`...)
}

func appendSignal(b []byte, f *fact) []byte {
	b = appendField(b, "name", signalNames[f.item].name)
	switch f.item {
	case signalFeatureRequest, signalFeatureAdopted:
		return appendField(b, "value", features[f.amount%int64(len(features))])
	case signalSeatsUsed:
		b = appendSubscriptionID(append(b, `"subscription":"`...), f)
		b = append(b, `","item":"seats",`...)
	}
	return append(strconv.AppendInt(append(b, `"value":`...), f.amount, 10), ',')
}

// appendMoney writes the fact's amount under a name, and its currency.
func (e *encoder) appendMoney(b []byte, name string, f *fact) []byte {
	b = e.appendPrice(b, name, f.amount, f.currency)
	return appendField(b, "currency", e.currencies[f.currency])
}

// appendPrice writes hundredths; currencies without minor units take them as whole units.
func (e *encoder) appendPrice(b []byte, name string, minor int64, currency uint8) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	if minor < 0 {
		b, minor = append(b, '-'), -minor
	}
	if slices.Contains(wholeCurrencies, e.currencies[currency]) {
		b = strconv.AppendInt(b, minor, 10)
	} else {
		b = strconv.AppendInt(b, minor/100, 10)
		b = append(b, '.', byte('0'+minor/10%10), byte('0'+minor%10))
	}
	return append(b, `",`...)
}

// wholeCurrencies have no minor unit (ISO 4217, exponent 0).
var wholeCurrencies = []string{"JPY", "KRW", "CLP", "VND", "ISK"}

// appendField writes a field whose value needs no escaping.
func appendField(b []byte, name, value string) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	return append(append(b, value...), `",`...)
}

func appendTime(b []byte, at int64) []byte {
	b = append(b, '"')
	b = time.Unix(at, 0).UTC().AppendFormat(b, time.RFC3339)
	return append(b, '"')
}

func appendMonth(b []byte, m event.Month) []byte {
	b = strconv.AppendInt(b, int64(m.Year()), 10)
	return append(b, '-', byte('0'+m.Number()/10), byte('0'+m.Number()%10))
}

// appendID writes a prefix and 13 characters of Crockford's base 32 for the 64 bits.
func appendID(b []byte, prefix string, id uint64) []byte {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	b = append(b, prefix...)
	for shift := 60; shift >= 0; shift -= 5 {
		b = append(b, alphabet[id>>shift&31])
	}
	return b
}

func appendSubject(b []byte, who identity) []byte {
	b = appendID(b, "acct_", who.key)
	if who.hostile > 0 {
		b = append(b, hostileIDs[who.hostile-1]...)
	}
	return b
}

func appendSubscriptionID(b []byte, f *fact) []byte {
	return appendID(b, "sub_", scramble(f.who.key^uint64(f.product)<<8^uint64(f.seats.ordinal)))
}
