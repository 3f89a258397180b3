// Package event holds the one form that every input takes before the core sees it: a decoded,
// validated native event (docs/movements.md#events). It decodes, normalises and rejects; it
// never reads a clock, does I/O, logs, or decides what an event means for revenue.
package event

import "processor/internal/money"

// Type is the closed set of native event types.
type Type uint8

// The native event types.
const (
	TypeAccountChanged Type = iota + 1
	TypeSubscriptionChanged
	TypeUsageRecorded
	TypeUsageStatement
	TypeChargeRecorded
	TypeSignalObserved
	TypeAccountErased
	TypeEventRevoked
)

// Event is one accepted fact about one account. Exactly the pointer that belongs to Type is set
// (none for TypeAccountErased). An Event is immutable once decoded.
type Event struct {
	ID       string
	Source   string
	Subject  string // the account
	Type     Type
	Time     Time  // when it happened
	Sequence int64 // order among equal times; 0 when absent
	Revision int64 // 0 when absent

	// Position is where the event was read, set by who read it; it is no part of the content and
	// decides nothing.
	Position Position

	Account      *AccountChanged
	Subscription *Subscription
	Usage        *Usage
	Statement    *Statement
	Charge       *Charge
	Signal       *Signal
	Revocation   *Revocation
}

// AccountChanged carries what became known of an account. Attributes that are not named stay.
type AccountChanged struct {
	EffectiveAt Time        // Event.Time when absent
	Attributes  []Attribute // sorted by name, names unique
	Name        Optional
	Parent      Optional
	Health      money.Decimal // 0-100, meaningful when HasHealth
	HasHealth   bool
	Lifecycle   Optional
}

// Optional is a string field that may be absent; null counts as absent.
type Optional struct {
	Value string
	Set   bool
}

// Attribute is one named value; Null clears it.
type Attribute struct {
	Name  string
	Value string
	Null  bool
}

// Status is the closed set of subscription states.
type Status uint8

// The subscription states.
const (
	StatusTrialing Status = iota + 1
	StatusActive
	StatusPastDue
	StatusPaused
	StatusUnpaid
	StatusCanceled
)

// Subscription is a full snapshot of one subscription from EffectiveAt on, with its whole known
// future (rules.md 2.5).
type Subscription struct {
	Subscription  string
	EffectiveAt   Time // Event.Time when absent
	Phase              // the state from EffectiveAt on
	Discounts     []Discount
	CancelAt      Time        // NoTime when absent
	Schedule      []Scheduled // in the order sent
	TermStart     Time
	TermEnd       Time
	TrialEnd      Time
	FirstPaidAt   Time
	Renewal       bool
	ScheduledStep bool
	Opening       bool
	Motion        string
	Reason        string
	MovedFrom     string // the account, "" when absent
	MovedTo       string
}

// Phase is a status with its items, sorted by item id. A canceled phase has no items.
type Phase struct {
	Status Status
	Items  []Item

	// Sent keeps the order in which the items came, which is part of the content (rules 10.4):
	// the i-th item sent is Items[Sent[i]]. It is nil when they came sorted.
	Sent []uint16
}

// Scheduled is a phase announced for a later instant.
type Scheduled struct {
	EffectiveAt Time
	Phase
}

// Unit is the closed set of billing interval units.
type Unit uint8

// The billing interval units.
const (
	UnitDay Unit = iota + 1
	UnitWeek
	UnitMonth
	UnitYear
)

// Item is one priced line of a subscription.
type Item struct {
	Item        string
	Product     string
	Family      string // Product when absent
	Plan        string
	Metered     bool
	Quantity    money.Decimal // 1 when absent
	UnitPrice   money.Decimal
	Amount      money.Decimal // the line's total per interval, instead of UnitPrice
	HasPrice    bool          // UnitPrice was sent
	HasAmount   bool          // Amount was sent
	Currency    string
	Unit        Unit  // UnitMonth when absent
	Count       int64 // 1 when absent, at least 1
	Discounts   []Discount
	AddOn       bool
	Region      string
	Included    money.Decimal
	HasIncluded bool
	Limit       money.Decimal
	HasLimit    bool
	Tiers       []Tier
	Commit      money.Decimal
	HasCommit   bool
	Replaces    Replaced
	FreeTrial   bool
	Meter       string
}

// Replaced names the line that a new line takes the place of; both empty when absent.
type Replaced struct {
	Subscription string
	Item         string
}

// Discount is a recurring reduction, counting while t < EndsAt (for ever when NoTime).
type Discount struct {
	Percent   money.Decimal // meaningful unless HasAmount
	Amount    money.Decimal // per interval
	HasAmount bool
	EndsAt    Time
}

// Tier is one graduated price step, counting from 0; the last may be open (Open).
type Tier struct {
	UpTo      money.Decimal
	Open      bool // no up_to
	UnitPrice money.Decimal
}

// Usage is a recorded quantity and/or amount of a metered item.
type Usage struct {
	Subscription string
	Item         string // "" when Meter names it
	Meter        string
	Quantity     money.Decimal
	HasQuantity  bool
	Amount       money.Decimal
	HasAmount    bool
	Currency     string // with Amount
}

// Statement is the absolute rated amount of (subscription, item, month).
type Statement struct {
	Subscription string
	Item         string
	Month        Month
	Amount       money.Decimal
	Currency     string
}

// ChargeKind is the closed set of charge kinds.
type ChargeKind uint8

// The charge kinds; none of them is ever MRR.
const (
	ChargeOneOff ChargeKind = iota + 1
	ChargeService
	ChargeCredit
	ChargeRefund
	ChargeTax
)

// Charge is non-recurring money.
type Charge struct {
	Kind     ChargeKind
	Amount   money.Decimal
	Currency string
}

// Signal is an observation that may announce expansion.
type Signal struct {
	Name         string
	Value        string // the text of a number, or a string
	HasValue     bool
	Subscription string
	Item         string
}

// Revocation names the event (of the same subject) that is withdrawn for good.
type Revocation struct {
	Source string
	ID     string
}

// Key identifies an event within its account (rules 10.4).
type Key struct {
	Source string
	ID     string
}

// Key is the event's identity within its account.
func (e *Event) Key() Key { return Key{Source: e.Source, ID: e.ID} }

// Key is the identity of the event that is withdrawn.
func (r *Revocation) Key() Key { return Key{Source: r.Source, ID: r.ID} }
