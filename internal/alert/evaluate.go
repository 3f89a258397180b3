package alert

import (
	"maps"
	"slices"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
)

// evaluator holds every alert's state and moves it on, minute by minute.
type evaluator struct {
	rules  []watched
	sums   *rollup.Rollup
	below  map[string][]string // of a grouping, those that explain it
	alerts map[Key]*Alert
	active map[Key]struct{} // those that time alone may change
	shards []map[contribution][]rollup.Contribution
	heard  []source
}

// source is how far all shards together have heard of a source, as a minute of the watermark may know it: a
// record that lies ahead of the minute has not ended a silence yet.
type source struct {
	last  event.Time   // the latest record up to the minute; NoTime before the first
	ahead []event.Time // later ones, in order, a minute apart at least
}

// watched is a rule with its interval.
type watched struct {
	Rule
	at span
}

func newEvaluator(o *Options, sums *rollup.Rollup) *evaluator {
	e := &evaluator{sums: sums, below: groupingsBelow(o.Groupings), alerts: map[Key]*Alert{}, active: map[Key]struct{}{}}
	for i := range o.Rules {
		at, _ := spanOf(o.Rules[i].Interval, o.Windows) // Check has found it
		e.rules = append(e.rules, watched{o.Rules[i], at})
	}
	for range o.Shards {
		e.shards = append(e.shards, map[contribution][]rollup.Contribution{})
	}
	return e
}

// evaluate looks at the segments that changed, and at every alert that time alone may change. It returns
// copies of the alerts whose state is another, by rule and segment.
func (e *evaluator) evaluate(minute event.Time, changed []aggregate.Segment) (moved []Alert) {
	e.reach(minute)
	for i := range e.rules {
		r := &e.rules[i]
		silent := e.isSilent(r, minute)
		for _, segment := range changed {
			if r.watches(segment) {
				moved = e.look(moved, r, segment, minute, silent)
			}
		}
		for _, key := range e.activeOf(r) {
			segment := aggregate.Segment{Grouping: key.Grouping, Name: key.Segment}
			if !slices.Contains(changed, segment) {
				moved = e.look(moved, r, segment, minute, silent)
			}
		}
	}
	return moved
}

// keep files an alert.
func (e *evaluator) keep(a *Alert) {
	e.alerts[a.Key] = a
	if a.State.isActive() {
		e.active[a.Key] = struct{}{}
	} else {
		delete(e.active, a.Key)
	}
}

// activeOf are the alerts of a rule that time alone may change, in order.
func (e *evaluator) activeOf(r *watched) []Key {
	var keys []Key
	for key := range e.active {
		if key.Rule == r.Name {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, Key.Compare)
	return keys
}

// look moves one alert on.
func (e *evaluator) look(moved []Alert, r *watched, segment aggregate.Segment, minute event.Time, silent bool) []Alert {
	f := r.measure(e.sums, r.at, segment)
	c := condition{
		beyond: f.defined && f.fall.Cmp(r.Threshold) > 0,
		clear:  !f.defined || f.fall.Cmp(r.Clear) <= 0,
		silent: silent,
	}
	key := Key{r.Name, segment.Grouping, segment.Name}
	a := e.alerts[key]
	if a == nil {
		if !c.beyond {
			return moved
		}
		a = &Alert{Key: key, State: OK, PendingSince: event.NoTime, FiredAt: event.NoTime, ResolvedAt: event.NoTime, By: &r.Rule}
	}
	if a.Since >= minute && a.Since > 0 { // it was said already, by a run that had come further
		return moved
	}
	if !a.step(minute, c, r.For) {
		return moved
	}
	e.keep(a)
	a.Value, a.Base, a.Fall, a.Opening = f.value, f.base, f.fall, f.opening
	a.Explanation = Explanation{}
	if a.State != OK && a.State != Resolved {
		a.Explanation = e.explain(r, segment)
	}
	return append(moved, *a)
}

// isSilent says whether a source has said nothing for so long that a fall may be a gap in the data. A
// source that never said anything is not waited for.
func (e *evaluator) isSilent(r *watched, minute event.Time) bool {
	if r.SilentAfter == 0 {
		return false
	}
	return slices.ContainsFunc(e.heard, func(s source) bool {
		return s.last != event.NoTime && s.last.Add(r.SilentAfter) < minute
	})
}

// reach moves what was heard on to a minute.
func (e *evaluator) reach(minute event.Time) {
	for i := range e.heard {
		s := &e.heard[i]
		for len(s.ahead) > 0 && s.ahead[0] <= minute {
			s.last, s.ahead = max(s.last, s.ahead[0]), s.ahead[1:]
		}
	}
}

// hear notes how far a shard has heard of the sources.
func (e *evaluator) hear(heard []event.Time) {
	for len(e.heard) < len(heard) {
		e.heard = append(e.heard, source{last: event.NoTime})
	}
	for i, t := range heard {
		s := &e.heard[i]
		latest := s.last
		if n := len(s.ahead); n > 0 {
			latest = s.ahead[n-1]
		}
		if t != event.NoTime && (latest == event.NoTime || t >= latest.Add(time.Minute)) {
			s.ahead = append(s.ahead, t)
		}
	}
}

// nextTimer is the earliest minute after another one at which time alone may change an alert; found is
// false when there is none.
func (e *evaluator) nextTimer(after event.Time) (at event.Time, found bool) {
	soon := func(t event.Time) {
		if t = wholeMinute(t); t > after && (!found || t < at) {
			at, found = t, true
		}
	}
	for i := range e.rules {
		r := &e.rules[i]
		active := e.activeOf(r)
		if len(active) == 0 {
			continue
		}
		for _, key := range active {
			if a := e.alerts[key]; a.State == Pending {
				soon(a.PendingSince.Add(r.For))
			}
		}
		if r.SilentAfter == 0 {
			continue
		}
		for _, s := range e.heard {
			if s.last != event.NoTime {
				soon(s.last.Add(r.SilentAfter) + 1)
			}
			if len(s.ahead) > 0 {
				soon(s.ahead[0])
			}
		}
	}
	return at, found
}

// wholeMinute is the first whole minute at or after an instant.
func wholeMinute(t event.Time) event.Time {
	minute := event.Time(time.Minute)
	return (t + minute - 1) / minute * minute
}

// all are copies of all alerts, in order.
func (e *evaluator) all() []Alert {
	list := make([]Alert, 0, len(e.alerts))
	for _, key := range slices.SortedFunc(maps.Keys(e.alerts), Key.Compare) {
		list = append(list, *e.alerts[key])
	}
	return list
}
