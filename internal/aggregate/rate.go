package aggregate

import (
	"fmt"

	"processor/internal/event"
)

// missingRate is the field of an event that names a currency without a rate at the event's instant:
// effective_at of a snapshot with its whole schedule, `time` of everything else (spec: rules 8). ""
// when every currency has one.
func missingRate(e *event.Event, o *Options) (field string) {
	lacks := func(currency string, at event.Time) bool { return o.rate(currency, o.tableAt(at)) == nil }
	first := func(items []event.Item, at event.Time) int {
		for i := range items {
			if lacks(items[i].Currency, at) {
				return i
			}
		}
		return -1
	}
	const currency = "data.currency"
	switch e.Type {
	case event.TypeSubscriptionChanged:
		sub := e.Subscription
		if i := first(sub.Items, sub.EffectiveAt); i >= 0 {
			return fmt.Sprintf("data.items[%d].currency", i)
		}
		for i := range sub.Schedule {
			if j := first(sub.Schedule[i].Items, sub.EffectiveAt); j >= 0 {
				return fmt.Sprintf("data.schedule[%d].items[%d].currency", i, j)
			}
		}
	case event.TypeUsageRecorded:
		if e.Usage.HasAmount && lacks(e.Usage.Currency, e.Time) {
			return currency
		}
	case event.TypeUsageStatement:
		if lacks(e.Statement.Currency, e.Time) {
			return currency
		}
	case event.TypeChargeRecorded:
		if lacks(e.Charge.Currency, e.Time) {
			return currency
		}
	case event.TypeAccountChanged, event.TypeSignalObserved, event.TypeAccountErased, event.TypeEventRevoked:
	}
	return ""
}
