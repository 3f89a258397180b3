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
// known of its future changes. The levels, the changes and what is known come in the order of their instants.
func (f *fold) committedMeter(key meterKey, levels []levelChange, known []*snapshot) []point {
	walk := meterWalk{key: key, levels: levels, changes: f.changes, known: known, ends: true}
	var points []point
	var before money.Amount
	for {
		t, found := walk.next()
		if !found {
			return points
		}
		level := walk.level
		if walk.holds && walk.ends {
			level = money.Amount{} // its line is held, and ended by what is known by then
		}
		if level != before {
			points = append(points, point{t, level.Sub(before)})
			before = level
		}
	}
}

// meterWalk is a metered item from one instant to the next.
type meterWalk struct {
	key     meterKey
	levels  []levelChange // the rest of them
	changes []change      // of all subscriptions
	known   []*snapshot   // the same

	level  money.Amount
	holds  bool      // the subscription holds the item as metered
	latest *snapshot // known of the subscription, in order
	ends   bool      // and it does not hold the item in the end
}

// next takes everything of the next instant.
func (w *meterWalk) next() (t event.Time, found bool) {
	for len(w.changes) > 0 && w.changes[0].snapshot.name() != w.key.subscription {
		w.changes = w.changes[1:]
	}
	for len(w.known) > 0 && w.known[0].name() != w.key.subscription {
		w.known = w.known[1:]
	}
	t = never
	if len(w.levels) > 0 {
		t = w.levels[0].at
	}
	if len(w.changes) > 0 {
		t = min(t, w.changes[0].at)
	}
	if len(w.known) > 0 {
		t = min(t, knownAt(w.known[0]))
	}
	if t == never {
		return t, false
	}
	for ; len(w.levels) > 0 && w.levels[0].at <= t; w.levels = w.levels[1:] {
		w.level = w.levels[0].level
	}
	var now *phase
	for ; len(w.changes) > 0 && w.changes[0].at <= t; w.changes = w.changes[1:] {
		if w.changes[0].snapshot.name() == w.key.subscription {
			now = w.changes[0].state()
		}
	}
	if now != nil {
		w.holds = now.meters(w.key.item)
	}
	before := w.latest
	for ; len(w.known) > 0 && knownAt(w.known[0]) <= t; w.known = w.known[1:] {
		if s := w.known[0]; s.name() == w.key.subscription && (w.latest == nil || w.latest.order.compare(&s.order) < 0) {
			w.latest = s
		}
	}
	if w.latest != before {
		w.ends = !w.latest.final().meters(w.key.item)
	}
	return t, true
}

// meters says whether the phase holds an item as metered.
func (p *phase) meters(item string) bool {
	if p == nil {
		return false
	}
	l := p.line(item)
	return l != nil && l.held() && l.item.Metered
}
