package aggregate

import (
	"slices"

	"processor/internal/event"
)

// prepareOpening adds the rows that take away what passed to an item before the base (spec: rules 6.3): where
// the item was not used itself it has no row of its own. Where usage named a meter the level may be that of
// another item by now, and goes without a row (see startUsage).
func (f *fold) prepareOpening(ended map[usageMonthKey]bool, changes []change, last int32) {
	b := f.account.base
	if b == nil {
		return
	}
	month := f.rowAfter(b.at - 1)
	for i := range b.levels {
		key := b.levels[i].key
		booked := slices.ContainsFunc(f.usage.bookings, func(u usageBooking) bool { return u.key == key && u.month == month })
		if booked || f.account.namesMeters(key.subscription, month) {
			continue
		}
		f.usage.passed[usageMonthKey{key, month}] = true
		unused := &meter{key: key, first: event.NoTime, levels: map[int32]*usageLevel{}}
		f.bookMeter(unused, map[int32]bool{month: false}, ended, changes, last)
	}
}

// namesMeters says whether settled usage of a subscription before a month named a meter instead of an item.
func (a *account) namesMeters(subscription string, before int32) bool {
	return slices.ContainsFunc(a.settled, func(m *settledMonth) bool {
		return m.month < before && slices.ContainsFunc(m.items, func(i settledItem) bool {
			return i.named.Usage.Subscription == subscription && i.named.Usage.Item == ""
		})
	})
}
