package aggregate

import (
	"maps"
	"math/big"
	"slices"

	"processor/internal/event"
)

// Role is what an event did to the row that names it.
type Role string

// The roles.
const (
	RoleEvent      Role = "event"       // the row is of this event, or of a step of it
	RoleMember     Role = "member"      // of the same group (spec: rules 3.3)
	RoleOwner      Role = "owner"       // of the group that the row was merged into
	RoleTerms      Role = "terms"       // the snapshot whose terms priced a month of usage
	RoleStatement  Role = "statement"   // the stated amount of a month of usage
	RoleUsage      Role = "usage"       // usage that counts in the row
	RoleReplacedBy Role = "replaced_by" // the later snapshot that replaced a step
	RoleRevokedBy  Role = "revoked_by"  // the revocation
)

// EventRef names an event behind a row, and where it was read.
type EventRef struct {
	Role        Role
	Source      string
	ID          string
	Type        event.Type
	Time        event.Time
	EffectiveAt event.Time
	Revision    int64
	Step        event.Time // the instant of the step, NoTime for the event itself
	Position    event.Position
}

// RateChange is what one unit of a currency was worth before and after a rate table began, in the
// reporting currency; Before is nil where there was no table.
type RateChange struct {
	Currency string
	Before   *big.Rat
	After    *big.Rat
}

// witness knows what stood behind the rows of one pass.
type witness struct {
	fold       *fold
	members    map[string]member // by row
	superseded map[string]change
	ahead      map[string]*snapshot
	revoked    map[string]*snapshot
	usage      map[string]*usageBooking
	recorded   map[meterKey][]*event.Event // nil until it is asked for
}

// member is a change within its group.
type member struct {
	group *group
	place int
}

func newWitness(f *fold) *witness {
	w := &witness{
		fold: f, members: map[string]member{}, superseded: map[string]change{}, ahead: map[string]*snapshot{},
		revoked: map[string]*snapshot{}, usage: map[string]*usageBooking{},
	}
	for i := range f.groups {
		for j := range f.groups[i].members {
			w.members[f.groups[i].members[j].key()] = member{&f.groups[i], j}
		}
	}
	_, superseded, ahead := changesUpTo(f.snapshots, f.now)
	for i := range superseded {
		w.superseded[superseded[i].key()] = superseded[i]
	}
	for _, s := range ahead {
		w.ahead[s.key] = s
	}
	for _, s := range f.account.revoked {
		w.revoked[s.key] = s
	}
	for i := range f.usage.bookings {
		b := &f.usage.bookings[i]
		w.usage[usageKey(b.key, b.month)] = b
	}
	return w
}

// explain finds what stood behind a row. A row whose events are no longer kept says so.
func (w *witness) explain(r *ExplainedRow) {
	switch {
	case r.transfer != nil:
		r.Events = append(r.Events, refOf(RoleEvent, r.transfer.event))
	case r.Class == ClassFX:
		r.Rates = w.ratesAt(r.At)
	case r.IsUsage:
		b := w.usage[r.Key]
		if b == nil {
			r.Forgotten = true
			return
		}
		w.explainUsage(r, b)
	default:
		r.Events = w.eventsOf(r.Key)
		r.Forgotten = len(r.Events) == 0
	}
}

// eventsOf are the events behind a row of the subscriptions' timeline.
func (w *witness) eventsOf(key string) []EventRef {
	if m, ok := w.members[key]; ok {
		return groupRefs(m)
	}
	if c, ok := w.superseded[key]; ok {
		refs := []EventRef{refOfChange(RoleEvent, &c)}
		snapshots := w.fold.snapshots
		if next := nextOf(snapshots[slices.Index(snapshots, c.snapshot)+1:], c.snapshot.name()); next != nil {
			refs = append(refs, refOf(RoleReplacedBy, next.event))
		}
		return refs
	}
	if s, ok := w.ahead[key]; ok {
		return []EventRef{refOf(RoleEvent, s.event)}
	}
	if s, ok := w.revoked[key]; ok {
		return append([]EventRef{refOf(RoleEvent, s.event)}, w.revocationsOf(s.event.Key())...)
	}
	return nil
}

// groupRefs are the owner with all members, or a merged member with its owner.
func groupRefs(m member) []EventRef {
	members := m.group.members
	refs := []EventRef{refOfChange(RoleEvent, &members[m.place])}
	if m.place > 0 {
		return append(refs, refOfChange(RoleOwner, &members[0]))
	}
	for i := range members[1:] {
		refs = append(refs, refOfChange(RoleMember, &members[i+1]))
	}
	return refs
}

// revocationsOf are the events that withdraw another, by time; every revision of one counts.
func (w *witness) revocationsOf(key event.Key) []EventRef {
	var found []*event.Event
	for _, r := range w.fold.account.records {
		for _, v := range r.versions {
			if v.Type == event.TypeEventRevoked && v.Revocation.Key() == key {
				found = append(found, v)
			}
		}
	}
	slices.SortFunc(found, compareEvents)
	refs := make([]EventRef, len(found))
	for i, e := range found {
		refs[i] = refOf(RoleRevokedBy, e)
	}
	return refs
}

// ratesAt are the rates of the table that begins at an instant, and of the one before it.
func (w *witness) ratesAt(at event.Time) []RateChange {
	o := w.fold.options
	table := slices.IndexFunc(o.Rates, func(t RateTable) bool { return t.From == at })
	if table < 0 {
		return nil
	}
	var changes []RateChange
	for _, currency := range slices.Sorted(maps.Keys(o.Rates[table].Rates)) {
		changes = append(changes, RateChange{currency, o.rate(currency, table-1), o.rate(currency, table)})
	}
	return changes
}

func refOfChange(role Role, c *change) EventRef {
	ref := refOf(role, c.snapshot.event)
	if c.phase > 0 {
		ref.Step = c.at
	}
	return ref
}

func refOf(role Role, e *event.Event) EventRef {
	ref := EventRef{
		Role: role, Source: e.Source, ID: e.ID, Type: e.Type, Time: e.Time, EffectiveAt: e.Time, Revision: e.Revision,
		Step: event.NoTime, Position: e.Position,
	}
	switch {
	case e.Subscription != nil:
		ref.EffectiveAt = e.Subscription.EffectiveAt
	case e.Account != nil:
		ref.EffectiveAt = e.Account.EffectiveAt
	}
	return ref
}
