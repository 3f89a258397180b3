package aggregate

import (
	"processor/internal/event"
	"processor/internal/money"
)

// Class is the closed set of what a movement can be (spec: rules 4).
type Class uint8

// The classes.
const (
	ClassNone Class = iota
	ClassOpening
	ClassNew
	ClassExpansion
	ClassContraction
	ClassChurn
	ClassReactivation
	ClassPause
	ClassResume
	ClassTransfer
	ClassFX
	ClassScheduled
	ClassRevoked
)

// String is the class's name in output rows.
func (c Class) String() string {
	return [...]string{
		"none", "opening", "new", "expansion", "contraction", "churn", "reactivation", "pause",
		"resume", "transfer", "fx", "scheduled", "revoked",
	}[c]
}

// Up is the closed set of types of an expansion part (spec: rules 5).
type Up uint8

// The types of what makes revenue grow, in the order of the output columns.
const (
	UpSeat Up = iota
	UpUpsell
	UpCrossSell
	UpAddOn
	UpUsage
	UpPriceIncrease
	UpRenewalUplift
	UpContractRamp
	UpDiscountExpiry
	UpGeographic
	UpFeatureAdoption
	UpOther
	UpTypes = iota
)

// UpNames are the types' names, by Up.
var UpNames = [UpTypes]string{
	"seat", "upsell", "cross_sell", "add_on", "usage", "price_increase", "renewal_uplift",
	"contract_ramp", "discount_expiry", "geographic", "feature_adoption", "other",
}

// Down is the closed set of types of a contraction part.
type Down uint8

// The types of what makes revenue shrink, in the order of the output columns.
const (
	DownSeat Down = iota
	DownDowngrade
	DownRemoved
	DownUsage
	DownPriceDecrease
	DownDiscount
	DownTypes = iota
)

// DownNames are the types' names, by Down.
var DownNames = [DownTypes]string{"seat", "downgrade", "removed", "usage", "price_decrease", "discount"}

// Parts are the typed amounts of a movement; all are positive.
type Parts struct {
	Up   [UpTypes]money.Amount
	Down [DownTypes]money.Amount
}

// Net is the sum of the ups less the sum of the downs.
func (p *Parts) Net() money.Amount {
	var net money.Amount
	for _, up := range p.Up {
		net = net.Add(up)
	}
	for _, down := range p.Down {
		net = net.Sub(down)
	}
	return net
}

var noParts Parts

// Movement is one classified change of one account's MRR, and one row for ever (spec: rules 3.4).
type Movement struct {
	Key        string     // event/<source>/<id>, ...@<instant>, transfer/..., usage/..., fx/...
	At         event.Time // the booked instant
	Class      Class
	Change     money.Amount // of MRR: the class amount + Resumed - Paused
	Before     money.Amount // MRR, not held
	After      money.Amount
	Paused     money.Amount // rise of the MRR of paused lines
	Resumed    money.Amount // fall of the MRR of paused lines
	Parts      *Parts       // never nil; shared when there are none
	Rule       string       // the number of the rule that decided
	MergedInto string       // the key of the row that owns the group, or ""
	Renamed    bool         // an explicit motion changed a part: not inferred
	Final      bool
	Dims       *Dims
	Slices     []Slice // the parts by product family and motion, where a grouping splits them

	IsUsage     bool // a month of usage
	Provisional bool // the month is open
	Unconfirmed bool // a rise that the next month has not held yet (spec: rules 6.5)

	heldBefore money.Amount // of groups, usage and fx: paused lines are revalued without a row
	heldAfter  money.Amount
	usageAfter money.Amount     // the level of usage, which is part of held
	transfer   *attributeChange // of which the row is a half, or nil
	leaves     bool             // the half that goes out
}

// Amount is the class amount: the change of held MRR that the class is about.
func (m *Movement) Amount() money.Amount { return m.Change.Sub(m.Resumed).Add(m.Paused) }

// equal says whether two rows are the same bytes, but for their version.
func (m *Movement) equal(o *Movement) bool {
	return m.Key == o.Key && m.At == o.At && m.Class == o.Class && m.Change == o.Change &&
		m.Before == o.Before && m.After == o.After && m.Paused == o.Paused && m.Resumed == o.Resumed &&
		(m.Parts == o.Parts || *m.Parts == *o.Parts) && m.Rule == o.Rule && m.MergedInto == o.MergedInto &&
		m.Renamed == o.Renamed && m.Final == o.Final && m.Dims == o.Dims && m.heldBefore == o.heldBefore && m.heldAfter == o.heldAfter &&
		m.Provisional == o.Provisional && m.Unconfirmed == o.Unconfirmed && m.usageAfter == o.usageAfter
}

// keySpecial are the characters, beside control characters, that are encoded in a part of a key.
const keySpecial = "%/,@"

func eventKey(e *event.Event) string {
	return "event/" + escape(e.Source, keySpecial) + "/" + escape(e.ID, keySpecial)
}

func stepKey(e *event.Event, at event.Time) string { return eventKey(e) + "@" + at.String() }

func transferKey(e *event.Event, half string) string {
	return "transfer/" + escape(e.Source, keySpecial) + "/" + escape(e.ID, keySpecial) + "/" + half
}
