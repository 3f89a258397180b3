package alert

import (
	"time"

	"processor/internal/event"
)

// State is where an alert stands.
type State string

// The states. A segment that never fell is ok and has no alert at all; after resolved the next fall is
// pending again.
const (
	OK       State = "ok"
	Pending  State = "pending"  // the fall is there, but not for long enough
	Firing   State = "firing"   //
	Resolved State = "resolved" // it fired, and is over
	Suspect  State = "suspect"  // a source is silent: what looks like a fall may be a gap in the data
)

// DataGap is the reason of Suspect.
const DataGap = "data gap"

// condition is what a minute says about a rule and a segment.
type condition struct {
	beyond bool // the fall is larger than the threshold
	clear  bool // the fall is at most the clear threshold, or there is nothing to compare any more
	silent bool
}

// step moves an alert on by one minute and says whether its state changed.
//
//	ok, resolved ─ beyond ─► pending ─ beyond for `for` ─► firing ─ clear ─► resolved
//	                 pending ─ not beyond ─► ok
//	pending, firing, or a fall that begins ─ silent ─► suspect ─ heard again ─► firing where it fired
//	                                                   before and is not clear, else as from ok
func (a *Alert) step(minute event.Time, c condition, wait time.Duration) (changed bool) {
	was := a.State
	switch a.State {
	case Suspect:
		if c.silent {
			if c.clear && a.FiredAt == event.NoTime {
				a.to(OK, minute)
			}
			break
		}
		switch {
		case a.FiredAt != event.NoTime && !c.clear:
			a.to(Firing, minute)
		case a.FiredAt != event.NoTime:
			a.resolve(minute)
		case c.beyond:
			a.pend(minute, wait)
		default:
			a.to(OK, minute)
		}
	case Firing:
		switch {
		case c.silent:
			a.to(Suspect, minute)
		case c.clear:
			a.resolve(minute)
		}
	case Pending:
		switch {
		case !c.beyond:
			a.to(OK, minute)
		case c.silent:
			a.PendingSince = event.NoTime
			a.to(Suspect, minute)
		case minute >= a.PendingSince.Add(wait):
			a.fire(minute)
		}
	case OK, Resolved:
		switch {
		case !c.beyond:
		case c.silent:
			a.FiredAt, a.ResolvedAt = event.NoTime, event.NoTime
			a.to(Suspect, minute)
		default:
			a.pend(minute, wait)
		}
	}
	return a.State != was
}

func (a *Alert) to(s State, minute event.Time) {
	a.State, a.Since = s, minute
	if s == OK {
		a.PendingSince = event.NoTime
	}
}

// pend begins to wait, or fires at once where there is nothing to wait for.
func (a *Alert) pend(minute event.Time, wait time.Duration) {
	a.PendingSince, a.FiredAt, a.ResolvedAt = minute, event.NoTime, event.NoTime
	if wait == 0 {
		a.fire(minute)
		return
	}
	a.to(Pending, minute)
}

func (a *Alert) fire(minute event.Time) {
	a.FiredAt, a.ResolvedAt = minute, event.NoTime
	a.to(Firing, minute)
}

func (a *Alert) resolve(minute event.Time) {
	a.ResolvedAt = minute
	a.to(Resolved, minute)
}

// isActive says whether time alone may change the state.
func (s State) isActive() bool { return s == Pending || s == Firing || s == Suspect }
