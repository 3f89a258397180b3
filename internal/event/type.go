package event

// typeNames are the native event types as CloudEvents name them.
var typeNames = [...]string{
	TypeAccountChanged:      "account.changed",
	TypeSubscriptionChanged: "subscription.changed",
	TypeUsageRecorded:       "usage.recorded",
	TypeUsageStatement:      "usage.statement",
	TypeChargeRecorded:      "charge.recorded",
	TypeSignalObserved:      "signal.observed",
	TypeAccountErased:       "account.erased",
	TypeEventRevoked:        "event.revoked",
}

var statusNames = [...]string{
	StatusTrialing: "trialing",
	StatusActive:   "active",
	StatusPastDue:  "past_due",
	StatusPaused:   "paused",
	StatusUnpaid:   "unpaid",
	StatusCanceled: "canceled",
}

var unitNames = [...]string{UnitDay: "day", UnitWeek: "week", UnitMonth: "month", UnitYear: "year"}

var chargeKindNames = [...]string{
	ChargeOneOff:  "one_off",
	ChargeService: "service",
	ChargeCredit:  "credit",
	ChargeRefund:  "refund",
	ChargeTax:     "tax",
}

// String is the type as CloudEvents name it; "" outside the closed set.
func (t Type) String() string { return nameOf(typeNames[:], uint8(t)) }

// String is the status as events name it; "" outside the closed set.
func (s Status) String() string { return nameOf(statusNames[:], uint8(s)) }

// String is the unit as events name it; "" outside the closed set.
func (u Unit) String() string { return nameOf(unitNames[:], uint8(u)) }

// String is the kind as events name it; "" outside the closed set.
func (k ChargeKind) String() string { return nameOf(chargeKindNames[:], uint8(k)) }

func nameOf(names []string, n uint8) string {
	if int(n) >= len(names) {
		return ""
	}
	return names[n]
}

// typeNamed is the type of that name, 0 when there is none.
func typeNamed(text []byte) Type { return Type(indexOf(typeNames[:], text)) }

// indexOf is the place of a name in a closed set, 0 when it is not in it.
func indexOf(names []string, text []byte) uint8 {
	for i := 1; i < len(names); i++ {
		if names[i] == string(text) {
			return uint8(i)
		}
	}
	return 0
}
