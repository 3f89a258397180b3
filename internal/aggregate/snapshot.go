package aggregate

import (
	"cmp"
	"iter"
	"math/big"
	"slices"
	"strings"

	"processor/internal/event"
	"processor/internal/money"
)

// order is the place of an event in an account's timeline (spec: rules 3.1).
type order struct {
	at       event.Time // settled effective_at
	time     event.Time
	sequence int64
	source   string
	id       string
}

func (o *order) compare(p *order) int {
	return cmp.Or(cmp.Compare(o.at, p.at), cmp.Compare(o.time, p.time), cmp.Compare(o.sequence, p.sequence),
		strings.Compare(o.source, p.source), strings.Compare(o.id, p.id))
}

func orderOf(e *event.Event, effective event.Time, c *Calendar) order {
	return order{at: c.Settle(effective), time: e.Time, sequence: e.Sequence, source: e.Source, id: e.ID}
}

// snapshot is one counted subscription event with its whole known future.
type snapshot struct {
	order  order
	event  *event.Event
	key    string
	phases []phase // the first from order.at on; each later one is a step
}

func (s *snapshot) sub() *event.Subscription { return s.event.Subscription }

func (s *snapshot) name() string { return s.event.Subscription.Subscription }

// items are those that the snapshot states, and those of its schedule.
func (s *snapshot) items() iter.Seq[*event.Item] {
	return func(yield func(*event.Item) bool) {
		sub := s.sub()
		for i := range sub.Items {
			if !yield(&sub.Items[i]) {
				return
			}
		}
		for i := range sub.Schedule {
			for j := range sub.Schedule[i].Items {
				if !yield(&sub.Schedule[i].Items[j]) {
					return
				}
			}
		}
	}
}

// final is the phase after every known change.
func (s *snapshot) final() *phase { return &s.phases[len(s.phases)-1] }

// phase is a stretch of a snapshot's life in which its lines do not change.
type phase struct {
	at        event.Time
	status    event.Status
	scheduled bool // an entry of the schedule starts it
	lines     []line
	key       string // of the step's row; "" for the first phase

	licensed, paused money.Amount // as in standing, where no rate table decides them
	isSummed         bool
}

// newSnapshot lays out the known future of a subscription event: a step at each instant at which
// its lines, their status or the held net of a line change (spec: rules 2.5).
func newSnapshot(e *event.Event, o *Options, c *Calendar) *snapshot {
	sub := e.Subscription
	s := &snapshot{order: orderOf(e, sub.EffectiveAt, c), event: e, key: eventKey(e)}
	plan := planOf(s, c)
	last := plan.phaseAt(s.order.at)
	last.at = s.order.at
	s.phases = append(s.phases, last)
	for _, t := range plan.instants() {
		next := plan.phaseAt(t)
		if sameLines(&s.phases[len(s.phases)-1], &next, o) {
			continue
		}
		next.at = t
		next.key = stepKey(e, t)
		s.phases = append(s.phases, next)
	}
	for i := range s.phases {
		for j := range s.phases[i].lines {
			s.phases[i].lines[j].value(o)
		}
	}
	return s
}

// plan is a snapshot's future as it was sent, with settled instants.
type plan struct {
	snapshot *snapshot
	calendar *Calendar
	cancelAt event.Time
	entries  []planEntry // after the snapshot's own instant, by instant
}

type planEntry struct {
	at    event.Time
	phase *event.Phase
}

func planOf(s *snapshot, c *Calendar) *plan {
	sub := s.sub()
	p := &plan{snapshot: s, calendar: c, cancelAt: c.Settle(sub.CancelAt)}
	for i := range sub.Schedule {
		at := c.Settle(sub.Schedule[i].EffectiveAt)
		if at <= s.order.at {
			continue // past, and ignored
		}
		p.entries = append(p.entries, planEntry{at, &sub.Schedule[i].Phase})
	}
	slices.SortStableFunc(p.entries, func(a, b planEntry) int { return cmp.Compare(a.at, b.at) })
	return p
}

// instants are the known instants after the snapshot's own, ascending and unique.
func (p *plan) instants() []event.Time {
	var at []event.Time
	add := func(t event.Time) {
		if t > p.snapshot.order.at {
			at = append(at, t)
		}
	}
	ends := func(discounts []event.Discount) {
		for i := range discounts {
			add(p.calendar.Settle(discounts[i].EndsAt))
		}
	}
	phaseEnds := func(ph *event.Phase) {
		for i := range ph.Items {
			ends(ph.Items[i].Discounts)
		}
	}
	add(p.cancelAt)
	ends(p.snapshot.sub().Discounts)
	phaseEnds(&p.snapshot.sub().Phase)
	for _, entry := range p.entries {
		add(entry.at)
		phaseEnds(entry.phase)
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// phaseAt is the state that the plan gives an instant, with the lines valued at that instant.
func (p *plan) phaseAt(t event.Time) phase {
	source, scheduled := &p.snapshot.sub().Phase, false
	for _, entry := range p.entries { // of two at one instant the later in the list counts
		if entry.at <= t {
			source, scheduled = entry.phase, entry.at == t
		}
	}
	if p.cancelAt != event.NoTime && p.cancelAt <= t {
		return phase{status: event.StatusCanceled}
	}
	made := phase{status: source.Status, scheduled: scheduled}
	if source.Status == event.StatusCanceled {
		return made
	}
	made.lines = linesOf(p.snapshot, source, t, p.calendar)
	return made
}

// sameLines says whether a phase changes nothing of the one before it.
func sameLines(a, b *phase, o *Options) bool {
	if len(a.lines) != len(b.lines) {
		return false
	}
	if len(a.lines) > 0 && a.status != b.status {
		return false
	}
	for i := range a.lines {
		x, y := &a.lines[i], &b.lines[i]
		if x.item != y.item && !sameTerms(x.item, y.item) {
			return false
		}
		if x.held() && x.exactNet(o).Cmp(y.exactNet(o)) != 0 {
			return false
		}
	}
	return true
}

// sameTerms compares two items but for their discounts, which count by what they make of the net.
func sameTerms(a, b *event.Item) bool {
	x, y := *a, *b
	if !slices.Equal(x.Tiers, y.Tiers) {
		return false
	}
	x.Discounts, y.Discounts, x.Tiers, y.Tiers = nil, nil, nil, nil
	return itemsEqual(&x, &y)
}

// factor is what brings an amount per interval to a month (spec: rules 2.1).
func factor(it *event.Item, o *Options) *big.Rat {
	n := big.NewRat(it.Count, 1)
	switch it.Unit {
	case event.UnitMonth:
		return n.Inv(n)
	case event.UnitYear:
		return n.Inv(n.Mul(n, big.NewRat(12, 1)))
	case event.UnitWeek:
		return n.Quo(big.NewRat(52, 12), n)
	case event.UnitDay:
		return n.Quo(o.DaysPerMonth, n)
	}
	panic("aggregate: an item without an interval passed the decoder")
}
