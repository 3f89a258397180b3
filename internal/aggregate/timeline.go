package aggregate

import (
	"cmp"
	"slices"
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

// change is one member of the timeline of subscriptions: a snapshot (phase 0) or a step of one.
type change struct {
	at       event.Time
	snapshot *snapshot
	phase    int
}

func (c *change) state() *phase { return &c.snapshot.phases[c.phase] }

// key is that of the row which the change owns.
func (c *change) key() string {
	if c.phase == 0 {
		return c.snapshot.key
	}
	return c.state().key
}

// compare is the order of rules 3.1: steps come before events at an equal instant, and steps of
// one instant in the order of their events.
func (c *change) compare(d *change) int {
	if r := cmp.Compare(c.at, d.at); r != 0 {
		return r
	}
	if (c.phase == 0) != (d.phase == 0) {
		if c.phase > 0 {
			return -1
		}
		return 1
	}
	return c.snapshot.order.compare(&d.snapshot.order)
}

// changesUpTo are the changes in force by the watermark, in order, the steps that were overtaken
// by a later snapshot of their subscription, and the events that are still ahead. The snapshots
// must be in order.
func changesUpTo(snapshots []*snapshot, now event.Time) (changes, superseded []change, ahead []*snapshot) {
	for i, s := range snapshots {
		if s.order.at > now {
			ahead = append(ahead, s)
			continue
		}
		changes = append(changes, change{at: s.order.at, snapshot: s})
		if len(s.phases) == 1 {
			continue
		}
		next := nextOf(snapshots[i+1:], s.name())
		for j := 1; j < len(s.phases) && s.phases[j].at <= now; j++ {
			step := change{at: s.phases[j].at, snapshot: s, phase: j}
			if next != nil && next.order.at < step.at {
				superseded = append(superseded, step)
			} else {
				changes = append(changes, step)
			}
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return a.compare(&b) })
	return changes, superseded, ahead
}

func nextOf(later []*snapshot, subscription string) *snapshot {
	for _, s := range later {
		if s.name() == subscription {
			return s
		}
	}
	return nil
}

// group is a run of changes that count as one (spec: rules 3.3).
type group struct {
	members []change
	finalAt event.Time // the watermark from which no further member can join
}

func (g *group) at() event.Time { return g.members[0].at }

// groupsOf coalesces the changes: a group takes each change less than the window after its first
// member, never across local midnight; changes of the same instant are always one group.
func groupsOf(changes []change, window time.Duration, c *Calendar) []group {
	var groups []group
	for start := 0; start < len(changes); {
		first := changes[start].at
		end := min(first.Add(window), c.DayStart(c.Day(first)+1))
		next := start + 1
		for next < len(changes) && (changes[next].at < end || changes[next].at == first) {
			next++
		}
		groups = append(groups, group{members: changes[start:next:next], finalAt: end})
		start = next
	}
	return groups
}

// subscriptions are those that the members change, each once.
func (g *group) subscriptions() []string {
	names := make([]string, len(g.members))
	for i := range g.members {
		names[i] = g.members[i].snapshot.name()
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// opens says whether a member brings the imported base.
func (g *group) opens() bool {
	return slices.ContainsFunc(g.members, func(c change) bool { return c.phase == 0 && c.snapshot.sub().Opening })
}

// moves says whether a member comes from, or goes to, another account.
func (g *group) moves() bool {
	return slices.ContainsFunc(g.members, func(c change) bool {
		return c.phase == 0 && (c.snapshot.sub().MovedFrom != "" || c.snapshot.sub().MovedTo != "")
	})
}

// firstPaidAt is the earliest first_paid_at of the members, or NoTime.
func (g *group) firstPaidAt() event.Time {
	first := event.NoTime
	for i := range g.members {
		t := g.members[i].snapshot.sub().FirstPaidAt
		if g.members[i].phase == 0 && t != event.NoTime && (first == event.NoTime || t < first) {
			first = t
		}
	}
	return first
}

// flags are what the members say of one subscription: of each flag, the last member that has it
// (steps carry none of their event's).
type flags struct {
	motion        string
	renewal       bool
	scheduledStep bool
	scheduled     bool // an entry of the schedule is among the members
}

func (g *group) flagsOf(subscription string) flags {
	var f flags
	for i := range g.members {
		m := &g.members[i]
		if m.snapshot.name() != subscription {
			continue
		}
		if m.phase > 0 {
			f.scheduled = f.scheduled || m.state().scheduled
			continue
		}
		sub := m.snapshot.sub()
		if sub.Motion != "" {
			f.motion = sub.Motion
		}
		f.renewal = f.renewal || sub.Renewal
		f.scheduledStep = f.scheduledStep || sub.ScheduledStep
	}
	return f
}

// standing is where one subscription stands at a point of the fold.
type standing struct {
	subscription string
	change       change
	licensed     money.Amount // held MRR, paused lines included
	paused       money.Amount // of which paused
	foreign      bool         // has counted MRR in a foreign currency
}

// lines are the subscription's lines, nil before its first change.
func (s *standing) lines() []line {
	if s.change.snapshot == nil {
		return nil
	}
	return s.change.state().lines
}

// revalue sums the subscription's held lines under a rate table.
func (s *standing) revalue(o *Options, table int) {
	s.licensed, s.paused, s.foreign = money.Amount{}, money.Amount{}, false
	if s.change.snapshot == nil {
		return
	}
	p := s.change.state()
	if p.isSummed {
		s.licensed, s.paused = p.licensed, p.paused
		return
	}
	lines, native := p.lines, true
	for i := range lines {
		l := &lines[i]
		if !l.held() {
			continue
		}
		net := l.valueUnder(o, table)
		native = native && l.item.Currency == o.Currency
		s.licensed = s.licensed.Add(net)
		if l.paused() {
			s.paused = s.paused.Add(net)
		} else if l.item.Currency != o.Currency && !net.IsZero() {
			s.foreign = true
		}
	}
	if native {
		p.licensed, p.paused, p.isSummed = s.licensed, s.paused, true
	}
}

// book is the running state of the fold: every subscription, and what they sum to.
type book struct {
	options  *Options
	table    int
	subs     []standing // sorted by subscription
	licensed money.Amount
	paused   money.Amount
	usage    money.Amount
	paid     bool
}

func (b *book) held() money.Amount { return b.licensed.Add(b.usage) }
func (b *book) mrr() money.Amount  { return b.held().Sub(b.paused) }

// find is the place of a subscription, and whether it is known yet.
func (b *book) find(subscription string) (int, bool) {
	return slices.BinarySearchFunc(b.subs, subscription, func(s standing, name string) int {
		return cmp.Compare(s.subscription, name)
	})
}

// set puts a subscription into the state of a change.
func (b *book) set(c change) {
	s := b.place(c)
	b.licensed, b.paused = b.licensed.Sub(s.licensed), b.paused.Sub(s.paused)
	s.revalue(b.options, b.table)
	b.licensed, b.paused = b.licensed.Add(s.licensed), b.paused.Add(s.paused)
}

// place is set without what the lines are worth.
func (b *book) place(c change) *standing {
	i, known := b.find(c.snapshot.name())
	if !known {
		b.subs = slices.Insert(b.subs, i, standing{subscription: c.snapshot.name()})
	}
	b.subs[i].change = c
	return &b.subs[i]
}

// revalue values every line under another rate table, and says whether any that counts is in a
// foreign currency.
func (b *book) revalue(table int) (foreign bool) {
	b.table = table
	b.licensed, b.paused = money.Amount{}, money.Amount{}
	for i := range b.subs {
		s := &b.subs[i]
		foreign = foreign || s.foreign
		s.revalue(b.options, table)
		foreign = foreign || s.foreign
		b.licensed, b.paused = b.licensed.Add(s.licensed), b.paused.Add(s.paused)
	}
	return foreign
}
