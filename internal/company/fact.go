package company

import "processor/internal/event"

// noSequence stands for an event that carries no sequence.
const noSequence int64 = -1

// fact is one event before it is written down. It is a plain value, so that mess can keep one
// back and write it again with other content.
type fact struct {
	kind      event.Type
	who       identity
	id        uint64
	at        int64 // seconds
	sequence  int64
	revision  int
	effective int64 // 0 when it is the event's time
	currency  uint8

	introduces bool // account.changed: with the name and all attributes
	account    attributes
	changed    attribute

	product uint8
	seats   subscription
	flags   flags

	parent identity // account.changed: the account that this one belongs to; key 0 without

	item   uint8 // usage, charges and signals: which one of its kind
	amount int64 // hundredths, calls or the value of a signal
	month  event.Month
	target event.Type // event.revoked: the type of the event withdrawn
	rival  uint64     // event.revoked: its id
}

// flags are what a snapshot says beside its state.
type flags struct {
	opening, renewal bool
	firstPaid        int64 // 0 when absent
	reason           string
	motion           string
	movedTo          identity // the account that it left for; key 0 when absent
	movedFrom        identity
}

// attribute names what an account.changed is about.
type attribute uint8

const (
	attributeHealth attribute = iota
	attributeLifecycle
	attributeRegion
	attributeTier
	attributeCSModel
)

// attributes are an account's values, as positions in the catalogue.
type attributes struct {
	region, tier, industry, channel, csModel, lifecycle, health uint8
}

// varied is the fact with other content under the same identity.
func (f fact) varied() fact {
	switch f.kind {
	case event.TypeSubscriptionChanged:
		f.seats.count++
		f.flags.reason = "correction"
	case event.TypeAccountChanged:
		f.account.health = (f.account.health + 1) % 101
		f.introduces = f.introduces || f.changed != attributeHealth
	case event.TypeUsageRecorded, event.TypeUsageStatement, event.TypeChargeRecorded, event.TypeSignalObserved,
		event.TypeAccountErased, event.TypeEventRevoked:
		f.amount++
	}
	return f
}

// source is the system that an event of this type comes from.
func source(t event.Type) string {
	switch t {
	case event.TypeAccountChanged:
		return "crm"
	case event.TypeUsageRecorded, event.TypeUsageStatement:
		return "metering"
	case event.TypeSignalObserved:
		return "product"
	case event.TypeSubscriptionChanged, event.TypeChargeRecorded, event.TypeAccountErased, event.TypeEventRevoked:
	}
	return "billing"
}
