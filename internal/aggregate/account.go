package aggregate

import (
	"bytes"
	"cmp"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// account is everything that is kept of one account: its records, what they say in order, and
// what the last pass made of them.
type account struct {
	id      string
	slot    *slot
	records map[event.Key]*record
	unused  []record // that records are taken from

	snapshots   []*snapshot        // counted subscription events, in order
	revoked     []*snapshot        // revoked subscription events, in order
	attributes  []*attributeChange // counted account events, in order
	charges     []charge           // counted charges that have a rate, by time
	usage       []*event.Event     // counted usage and statements, by time, for the rated months
	formerUsage []*event.Event     // usage that was accepted and no longer counts
	signals     []*event.Event     // counted signals, by time, for readiness
	erasures    []*event.Event     // counted erasures
	meters      []*meter           // of the usage
	metersStale bool               // they must be gathered anew
	aliased     bool               // usage ever named a meter instead of an item
	stated      bool               // a statement was ever among the usage

	settled   []*settledMonth // usage behind the horizon, by month
	view      *frozenView     // where frozen intervals left it, if that is not where it is; or nil
	settledTo event.Time      // the usage horizon that this was done for
	base      *base           // what stands for everything before it, or nil
	reduced   map[string]int  // what the records take that stand for events, by key
	bytes     int64           // of all records, as they are stored

	collapsedTo event.Time // the frozen instant for which the base was made

	revocations map[event.Key]int // target -> how many kept revocations name it

	derived *derived
	memo    []groupMemo
	changed bool // by an event since it was derived

	signalled bool // the same, by signals alone: they change no movement
}

func newAccount(at *slot) *account {
	return &account{id: at.id, slot: at, records: map[event.Key]*record{}, revocations: map[event.Key]int{}}
}

// record is what is kept of one event identity: of each revision the content whose canonical form
// sorts first, so that the order of arrival decides nothing (spec: rules 10.4).
type record struct {
	versions []*event.Event  // ascending by revision
	first    [1]*event.Event // where they are as long as there is one
}

// current is the version that counts: the highest revision.
func (r *record) current() *event.Event { return r.versions[len(r.versions)-1] }

// charge is non-recurring money in the reporting currency: credits and refunds are negative, tax
// is 0.
type charge struct {
	event  *event.Event
	amount money.Amount
}

// Outcome is what became of a record that was not rejected.
type Outcome uint8

// The outcomes: every record read has one of these or a rejection (invariant I3).
const (
	Applied   Outcome = iota
	Duplicate         // the same content again, or a lower revision
	Amended           // a higher revision replaced a lower one
	Revoked           // the event, or all of its revisions, were withdrawn
)

// String is the outcome's name, a metric label.
func (o Outcome) String() string {
	return [...]string{"applied", "duplicate", "amended", "revoked"}[o]
}

// filed is what became of an event that was filed.
type filed struct {
	record   *record
	kept     bool         // the state changed
	amended  bool         // by another revision
	conflict bool         // two contents claim one revision
	replaced *event.Event // the version whose place it took, or nil
}

// keep files an event under its identity, of which r is the record, or nil.
func (a *account) keep(id event.Key, r *record, e *event.Event) filed {
	if r == nil {
		r = a.newRecord()
		a.records[id] = r
	}
	i, found := slices.BinarySearchFunc(r.versions, e.Revision, func(v *event.Event, revision int64) int {
		return cmp.Compare(v.Revision, revision)
	})
	if !found {
		amended := len(r.versions) > 0
		r.versions = slices.Insert(r.versions, i, e)
		return filed{record: r, kept: true, amended: amended}
	}
	switch known := r.versions[i]; bytes.Compare(e.AppendCanonical(nil), known.AppendCanonical(nil)) {
	case 0:
		return filed{record: r}
	case -1:
		r.versions[i] = e
		return filed{record: r, kept: true, conflict: true, replaced: known}
	default:
		return filed{record: r, conflict: true}
	}
}

// newRecord takes one of those that were made together, in ever larger pieces.
func (a *account) newRecord() *record {
	const most = 64
	if len(a.unused) == 0 {
		a.unused = make([]record, min(max(len(a.records), 1), most))
	}
	r := &a.unused[0]
	a.unused = a.unused[1:]
	r.versions = r.first[:0]
	return r
}

// reindex files anew what an identity says, after any of its versions or its revocation changed.
func (a *account) reindex(key event.Key, s *State) {
	a.forget(key)
	a.index(key, a.records[key], s)
}

// index files what an identity says, of which nothing is filed. r is its record, or nil.
func (a *account) index(key event.Key, r *record, s *State) {
	if r == nil {
		return
	}
	e := r.current()
	withdrawn := a.revocations[key] > 0 && e.Type != event.TypeEventRevoked
	switch e.Type {
	case event.TypeSubscriptionChanged:
		n := newSnapshot(e, &s.options, s.calendar)
		a.metersStale = a.metersStale || a.aliased && a.namesMeter(n) // it may give a meter to another item
		if withdrawn {
			a.revoked = insertSnapshot(a.revoked, n)
		} else {
			a.snapshots = insertSnapshot(a.snapshots, n)
		}
	case event.TypeAccountChanged:
		if !withdrawn {
			a.insertAttributes(e, s.calendar)
		}
	case event.TypeChargeRecorded:
		if !withdrawn {
			a.insertCharge(e, &s.options)
		}
	case event.TypeUsageRecorded, event.TypeUsageStatement:
		a.usage = insertEvent(a.usage, e, withdrawn)
		a.stated = a.stated || e.Statement != nil
		a.aliased = a.aliased || e.Usage != nil && e.Usage.Item == ""
		if withdrawn {
			a.formerUsage = append(a.formerUsage, e)
			a.metersStale = true
		} else if !a.metersStale {
			a.meterUsage(e, s.calendar)
		}
	case event.TypeSignalObserved:
		a.signals = insertEvent(a.signals, e, withdrawn)
	case event.TypeAccountErased:
		a.erasures = insertEvent(a.erasures, e, withdrawn)
	case event.TypeEventRevoked:
	}
	for _, v := range r.versions[:len(r.versions)-1] {
		if v.Usage != nil || v.Statement != nil {
			a.formerUsage = append(a.formerUsage, v)
			a.aliased = a.aliased || v.Usage != nil && v.Usage.Item == ""
			a.metersStale = true
		}
	}
}

// namesMeter says whether a snapshot gives a meter to an item to which no other snapshot of its subscription gives it.
func (a *account) namesMeter(n *snapshot) bool {
	for it := range n.items() {
		if it.Meter != "" && !a.knowsMeter(n.name(), it) {
			return true
		}
	}
	return false
}

// knowsMeter says whether a snapshot of a subscription gives an item its meter.
func (a *account) knowsMeter(subscription string, it *event.Item) bool {
	for _, s := range slices.Backward(a.snapshots) { // the latest has it most of the time
		if s.name() != subscription {
			continue
		}
		for known := range s.items() {
			if known.Meter == it.Meter && known.Item == it.Item {
				return true
			}
		}
	}
	return false
}

// insertEvent files a counted event by (time, source, id).
func insertEvent(list []*event.Event, e *event.Event, withdrawn bool) []*event.Event {
	if withdrawn {
		return list
	}
	i, _ := slices.BinarySearchFunc(list, e, compareEvents)
	return slices.Insert(list, i, e)
}

func compareEvents(x, y *event.Event) int {
	return cmp.Or(cmp.Compare(x.Time, y.Time), cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID))
}

func insertSnapshot(list []*snapshot, n *snapshot) []*snapshot {
	i, _ := slices.BinarySearchFunc(list, n, func(x, y *snapshot) int { return x.order.compare(&y.order) })
	return slices.Insert(list, i, n)
}

func (a *account) insertAttributes(e *event.Event, c *Calendar) {
	o := orderOf(e, e.Account.EffectiveAt, c)
	i, _ := slices.BinarySearchFunc(a.attributes, &o, func(x *attributeChange, y *order) int { return x.order.compare(y) })
	a.attributes = slices.Insert(a.attributes, i, &attributeChange{order: o, event: e, at: o.at})
}

func (a *account) insertCharge(e *event.Event, o *Options) {
	n := charge{event: e}
	if e.Charge.Kind != event.ChargeTax { // tax is no revenue
		amount := e.Charge.Amount.Rat()
		n.amount = money.Round(amount.Mul(amount, orOne(o.rate(e.Charge.Currency, o.tableAt(e.Time)))))
	}
	if e.Charge.Kind == event.ChargeCredit || e.Charge.Kind == event.ChargeRefund {
		n.amount = n.amount.Neg()
	}
	i, _ := slices.BinarySearchFunc(a.charges, n, func(x, y charge) int { return compareEvents(x.event, y.event) })
	a.charges = slices.Insert(a.charges, i, n)
}

// forget takes out whatever was filed of an identity.
func (a *account) forget(key event.Key) {
	bySnapshot := func(s *snapshot) bool { return s.event.Key() == key }
	held := len(a.snapshots)
	a.snapshots = slices.DeleteFunc(a.snapshots, bySnapshot)
	a.metersStale = a.metersStale || a.aliased && len(a.snapshots) != held
	a.revoked = slices.DeleteFunc(a.revoked, bySnapshot)
	a.attributes = slices.DeleteFunc(a.attributes, func(c *attributeChange) bool { return c.event.Key() == key })
	a.charges = slices.DeleteFunc(a.charges, func(c charge) bool { return c.event.Key() == key })
	byEvent := func(e *event.Event) bool { return e.Key() == key }
	counted, former := len(a.usage), len(a.formerUsage)
	a.usage = slices.DeleteFunc(a.usage, byEvent)
	a.formerUsage = slices.DeleteFunc(a.formerUsage, byEvent)
	if len(a.usage) != counted || len(a.formerUsage) != former {
		a.metersStale = true
	}
	a.signals = slices.DeleteFunc(a.signals, byEvent)
	a.erasures = slices.DeleteFunc(a.erasures, byEvent)
}

// dimensionLine is the account's timeline of dimension values.
func (a *account) dimensionLine(d *dimensions, cohort string) *dimensionLine {
	return &dimensionLine{names: d.names, changes: a.attributes, cohort: d.cohort, month: cohort, erased: len(a.erasures) > 0}
}

// name is the account's latest name by a watermark, "" when there is none or it was erased.
func (a *account) name(now event.Time) string {
	name := ""
	if len(a.erasures) > 0 {
		return name
	}
	for _, c := range a.attributes {
		if c.at <= now && c.event.Account.Name.Set {
			name = c.event.Account.Name.Value
		}
	}
	return name
}
