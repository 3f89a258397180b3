package stripe

import (
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

// line is a line of an invoice, in the words of every version: since 2025-03-31 what it is for stands in
// parent, and its price in pricing.
type line struct {
	value        event.Value
	subscription event.Value
	item         event.Value // of the subscription; absent of one-off lines
	currency     event.Value
	proration    bool
	recurring    bool // of a subscription
	monthly      bool // of a metered price that is billed every month
}

func lineOf(v, of event.Value) line {
	l := line{value: v, subscription: v.Get("subscription"), item: v.Get("subscription_item"), currency: firstOf(v.Get("currency"), of.Get("currency"))}
	l.proration = v.Get("proration").IsTrue()
	l.recurring = v.Get("type").Text() == "subscription"
	parent := v.Get("parent")
	if details := parent.Get("subscription_item_details"); details.IsObject() {
		l.subscription, l.item, l.recurring = details.Get("subscription"), details.Get("subscription_item"), true
		l.proration = l.proration || details.Get("proration").IsTrue()
	}
	if parent.Find("invoice_item_details.proration").IsTrue() {
		l.proration = true
	}
	p := priceOf(v, "")
	if !p.value.IsObject() {
		p = objectPrice(v.Find("pricing.price_details.price"), "")
	}
	count := p.recurring.Get("interval_count").Text()
	l.recurring = l.recurring || p.recurring.IsObject() && l.item.Text() != ""
	l.monthly = p.metered && p.recurring.Get("interval").Text() == "month" && (count == "1" || count == "")
	if l.subscription.Absent() {
		l.subscription = of.Get("subscription")
	}
	l.subscription = idOf(l.subscription)
	return l
}

// minorMax bounds an amount in minor units, so that no sum of a record's lines can wrap.
const minorMax = 1_000_000_000_000_000

func minorOf(v event.Value) (int64, *event.Rejection) {
	n, ok := v.Int()
	switch {
	case v.Absent():
		return 0, v.Reject(event.ReasonMissingField)
	case !ok || n > minorMax || n < -minorMax:
		return 0, v.Reject(event.ReasonBadAmount)
	}
	return n, nil
}

// usageAmount is what the usage of the line is worth: without tax, and before discounts, which do not
// matter to usage (spec: rules 6.1).
func (l *line) usageAmount() (int64, *event.Rejection) {
	amount, rejection := minorOf(l.value.Get("amount"))
	if rejection != nil {
		return 0, rejection
	}
	tax, rejection := l.taxWithin()
	return amount - tax, rejection
}

// chargeAmount is what the line bills without tax, after its discounts.
func (l *line) chargeAmount() (int64, *event.Rejection) {
	amount, rejection := l.usageAmount()
	if rejection != nil {
		return 0, rejection
	}
	for _, v := range l.value.Get("discount_amounts").Elements() {
		off, rejection := minorOf(v.Get("amount"))
		if rejection != nil {
			return 0, rejection
		}
		amount -= off
	}
	return amount, nil
}

// taxWithin is the tax that the amount includes.
func (l *line) taxWithin() (int64, *event.Rejection) {
	var within int64
	for _, list := range []string{"tax_amounts", "taxes"} {
		for _, v := range l.value.Get(list).Elements() {
			if !v.Get("inclusive").IsTrue() && v.Get("tax_behavior").Text() != "inclusive" {
				continue
			}
			tax, rejection := minorOf(v.Get("amount"))
			if rejection != nil {
				return 0, rejection
			}
			within += tax
		}
	}
	return within, nil
}

// eastMax is how far local midnights are ahead of those in UTC.
const eastMax = 14 * time.Hour

// month is the month that the line's period is about: that of its start. A period that begins and ends in
// the last hours of a month in UTC is that of a calendar month further east.
func (l *line) month() (string, *event.Rejection) {
	start, ok := l.value.Find("period.start").Int()
	if !ok || start < 0 || start > secondsMax {
		return "", l.value.Find("period.start").Reject(event.ReasonBadTime)
	}
	end, ok := l.value.Find("period.end").Int()
	if !ok || end < 0 || end > secondsMax {
		return "", l.value.Find("period.end").Reject(event.ReasonBadTime)
	}
	from, to := time.Unix(start, 0).UTC(), time.Unix(end, 0).UTC()
	if from.Add(eastMax).Month() != from.Month() && to.Add(eastMax).Month() != to.Month() {
		from = from.Add(eastMax)
	}
	return from.Format("2006-01"), nil
}

// minorText is an amount in minor units as one in whole units.
func minorText(minor int64, currency string, from event.Value) (string, *event.Rejection) {
	text, ok := money.Shift(formatMinor(minor), digitsOf(currency))
	if !ok {
		return "", from.Reject(event.ReasonBadAmount)
	}
	return text, nil
}
