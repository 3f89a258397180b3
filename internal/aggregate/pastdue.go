package aggregate

import (
	"slices"

	"processor/internal/event"
)

// snapshotsInForce are the account's snapshots as the fold sees them. By the alternative
// `past_due_for` (spec: rules 4) a subscription that has been past due for that long without a break
// is dropped: from then on it is unpaid. That instant is a step of the snapshot in force, which no
// event announced; a snapshot that only repeats `past_due` does not start the clock again.
func (f *fold) snapshotsInForce() []*snapshot {
	all := f.account.snapshots
	limit := f.options.PastDueFor
	if limit == 0 || !slices.ContainsFunc(all, (*snapshot).everPastDue) {
		return all
	}
	since := map[string]event.Time{} // of the subscriptions that are past due at this point
	made := slices.Clone(all)
	for i, s := range all {
		if knownAt(s) > f.now {
			continue
		}
		start, running := since[s.name()]
		switch {
		case running:
		case s.order.at < f.account.from():
			start = f.account.base.pastDueBefore(s.name())
		default:
			start = event.NoTime
		}
		if start != event.NoTime {
			f.pastDue = append(f.pastDue, pastDueRun{s, start})
		}
		until := never
		if next := nextOf(all[i+1:], s.name()); next != nil && knownAt(next) <= f.now {
			until = next.order.at
		}
		made[i] = s.drop(start, event.Time(limit), f.options)
		if until == s.order.at {
			continue // never in force
		}
		if start = s.pastDueSince(start, until); start == event.NoTime {
			delete(since, s.name())
		} else {
			since[s.name()] = start
		}
	}
	return made
}

// pastDueRun is since when a subscription was past due when a snapshot came into force.
type pastDueRun struct {
	snapshot *snapshot
	since    event.Time
}

// pastDueBefore is since when a subscription was past due when the one snapshot came into force that is
// kept of the time before the base, or NoTime.
func (b *base) pastDueBefore(subscription string) event.Time {
	for i := range b.pastDue {
		if b.pastDue[i].subscription == subscription {
			return b.pastDue[i].since
		}
	}
	return event.NoTime
}

// everPastDue says whether any phase of the snapshot is past due.
func (s *snapshot) everPastDue() bool {
	return slices.ContainsFunc(s.phases, func(p phase) bool { return p.status == event.StatusPastDue })
}

// pastDueSince is since when the subscription is past due just before an instant, or NoTime; before
// says since when it was when the snapshot came into force.
func (s *snapshot) pastDueSince(before, until event.Time) event.Time {
	since := before
	for i := range s.phases {
		p := &s.phases[i]
		if p.at >= until {
			break
		}
		since = p.pastDueSince(since)
	}
	return since
}

// pastDueSince is the start of the run of past_due phases that the phase belongs to, or NoTime.
func (p *phase) pastDueSince(before event.Time) event.Time {
	switch {
	case p.status != event.StatusPastDue:
		return event.NoTime
	case before != event.NoTime:
		return before
	default:
		return p.at
	}
}

// drop is the snapshot with its lines unpaid from the instant on at which it has been past due for
// longer than the limit allows; the snapshot itself where that never comes.
func (s *snapshot) drop(since, limit event.Time, o *Options) *snapshot {
	dropped := *s
	dropped.phases = make([]phase, 0, len(s.phases)+1)
	add := func(p phase) {
		if n := len(dropped.phases); n > 0 && sameLines(&dropped.phases[n-1], &p, o) {
			return
		}
		dropped.phases = append(dropped.phases, p)
	}
	for i := range s.phases {
		p := s.phases[i]
		since = p.pastDueSince(since)
		if since == event.NoTime || len(p.lines) == 0 {
			add(p)
			continue
		}
		end := since + limit
		if end <= p.at {
			add(p.unpaidFrom(p.at))
			continue
		}
		add(p)
		if i+1 == len(s.phases) || end < s.phases[i+1].at {
			last := p.unpaidFrom(end)
			last.key = stepKey(s.event, end)
			add(last)
		}
	}
	return &dropped
}

// unpaidFrom is the phase with the same lines, not held from an instant on.
func (p *phase) unpaidFrom(at event.Time) phase {
	unpaid := *p
	unpaid.at, unpaid.status, unpaid.scheduled, unpaid.isSummed = at, event.StatusUnpaid, false, false
	unpaid.lines = slices.Clone(p.lines)
	for i := range unpaid.lines {
		unpaid.lines[i].status = event.StatusUnpaid
	}
	return unpaid
}
