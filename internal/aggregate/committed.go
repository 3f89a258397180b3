package aggregate

import (
	"cmp"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// point is a change of committed MRR, at the instant at which it became known or took effect.
type point struct {
	at     event.Time
	change money.Amount
}

// committedPoints are the changes of the MRR that remains after every known future change
// (spec: rules 2.6): of the lines and of usage, by time.
func (f *fold) committedPoints() []point {
	known := f.knownSnapshots()
	points := f.committedLines(known)
	if len(f.usage.history) > 0 {
		points = append(points, f.committedUsage(known)...)
		slices.SortStableFunc(points, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	}
	return points
}

// committedLines takes of each subscription the last snapshot in order that is known or in force,
// in its last phase, at the rates of the instant.
func (f *fold) committedLines(known []*snapshot) []point {
	last := map[string]*snapshot{}
	worth := map[string]money.Amount{}
	var points []point
	set := func(at event.Time, subscription string, amount money.Amount) {
		if change := amount.Sub(worth[subscription]); !change.IsZero() {
			points = append(points, point{at, change})
			worth[subscription] = amount
		}
	}
	tables := f.options.Rates
	next := f.options.tableAt(0) + 1
	revalue := func(until event.Time) {
		for ; next < len(tables) && tables[next].From <= until; next++ {
			for _, s := range f.snapshots { // in order, for equal sums in equal order
				if last[s.name()] == s {
					set(tables[next].From, s.name(), s.final().counted(f.options, next))
				}
			}
		}
	}
	for _, s := range known {
		revalue(knownAt(s))
		if l := last[s.name()]; l != nil && l.order.compare(&s.order) > 0 {
			continue
		}
		last[s.name()] = s
		set(knownAt(s), s.name(), s.final().counted(f.options, f.options.tableAt(knownAt(s))))
	}
	revalue(f.now)
	return points
}

// knownSnapshots are the snapshots that count for committed MRR by the watermark, by the instant
// at which they start to.
func (f *fold) knownSnapshots() []*snapshot {
	known := make([]*snapshot, 0, len(f.snapshots))
	for _, s := range f.snapshots {
		if knownAt(s) <= f.now {
			known = append(known, s)
		}
	}
	slices.SortStableFunc(known, func(a, b *snapshot) int { return cmp.Compare(knownAt(a), knownAt(b)) })
	return known
}

// knownAt is when a snapshot starts to count for committed MRR.
func knownAt(s *snapshot) event.Time { return min(s.event.Time, s.order.at) }

// counted is the phase's MRR under a rate table: paused lines are held but not counted.
func (p *phase) counted(o *Options, table int) money.Amount {
	var sum money.Amount
	for i := range p.lines {
		if l := &p.lines[i]; l.held() && !l.paused() {
			sum = sum.Add(l.valueUnder(o, max(table, 0)))
		}
	}
	return sum
}

// levelChange is the level of a metered item from an instant on.
type levelChange struct {
	at    event.Time
	key   meterKey
	level money.Amount
}

// committedUsage is usage at its level, without the lines that known future changes end.
func (f *fold) committedUsage(known []*snapshot) []point {
	byKey := map[meterKey][]levelChange{}
	var keys []meterKey
	for _, c := range f.usage.history {
		if byKey[c.key] == nil {
			keys = append(keys, c.key)
		}
		byKey[c.key] = append(byKey[c.key], c)
	}
	var points []point
	for _, key := range keys {
		points = append(points, f.committedMeter(key, byKey[key], known)...)
	}
	return points
}

// committedMeter walks one item through every instant at which its level, its line or what is
// known of its future changes.
func (f *fold) committedMeter(key meterKey, levels []levelChange, known []*snapshot) []point {
	var at []event.Time
	for _, l := range levels {
		at = append(at, l.at)
	}
	for i := range f.changes {
		if f.changes[i].snapshot.name() == key.subscription {
			at = append(at, f.changes[i].at)
		}
	}
	for _, s := range known {
		if s.name() == key.subscription {
			at = append(at, knownAt(s))
		}
	}
	slices.Sort(at)
	var points []point
	var before money.Amount
	for _, t := range slices.Compact(at) {
		var level money.Amount
		for _, l := range levels {
			if l.at <= t {
				level = l.level
			}
		}
		if f.willEnd(key, t, known) {
			level = money.Amount{}
		}
		if level != before {
			points = append(points, point{t, level.Sub(before)})
			before = level
		}
	}
	return points
}

// willEnd says whether the item's line is held at an instant and ended by what is known then.
func (f *fold) willEnd(key meterKey, t event.Time, known []*snapshot) bool {
	var now, last *phase
	for i := range f.changes {
		if c := &f.changes[i]; c.at <= t && c.snapshot.name() == key.subscription {
			now = c.state()
		}
	}
	var latest *snapshot
	for _, s := range known {
		if s.name() == key.subscription && knownAt(s) <= t && (latest == nil || latest.order.compare(&s.order) < 0) {
			latest, last = s, s.final()
		}
	}
	return now.meters(key.item) && !last.meters(key.item)
}

// meters says whether the phase holds an item as metered.
func (p *phase) meters(item string) bool {
	if p == nil {
		return false
	}
	l := p.line(item)
	return l != nil && l.held() && l.item.Metered
}
