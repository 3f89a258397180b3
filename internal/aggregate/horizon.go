package aggregate

import (
	"sort"

	"processor/internal/event"
)

// How far back events are accepted, in local days before the day of a partition's watermark (spec:
// rules 10.3 and 10.4).
const (
	floorDays = 400
	usageDays = 35
)

// Horizons are the instants before which nothing is accepted any more: Floor for every event by the
// instant at which it counts, Usage for recorded usage by its time. NoTime is no bound.
type Horizons struct {
	Floor event.Time
	Usage event.Time
}

// NoHorizons accept everything, as replay does unless it is told otherwise.
var NoHorizons = Horizons{Floor: event.NoTime, Usage: event.NoTime}

// Horizons are those of a watermark that is made of records alone, never of a clock: what is accepted
// must not depend on when it is read (spec: rules 10.1). 0, before the first record, has none.
func (c *Calendar) Horizons(watermark event.Time) Horizons {
	if watermark <= 0 {
		return NoHorizons
	}
	if watermark < c.today.from || watermark >= c.today.until { // asked once a record
		day := c.Day(watermark)
		c.today = horizonsOfDay{
			from: c.DayStart(day), until: c.DayStart(day + 1),
			horizons: Horizons{Floor: c.DayStart(day - floorDays), Usage: c.DayStart(day - usageDays)},
		}
	}
	return c.today.horizons
}

// horizonsOfDay are the horizons of the watermarks within one local day.
type horizonsOfDay struct {
	from, until event.Time
	horizons    Horizons
}

// Judge is the rejection of an event that comes too late, or nil.
func (h Horizons) Judge(e *event.Event, c *Calendar) *event.Rejection {
	at, field := effectiveAt(e)
	if c.Settle(at) < h.Floor || e.Usage != nil && e.Time < h.Usage {
		return &event.Rejection{Reason: event.ReasonBeyondHorizon, Detail: field, Time: e.Time, HasTime: true}
	}
	return nil
}

// effectiveAt is when an event counts, and the field that says so.
func effectiveAt(e *event.Event) (at event.Time, field string) {
	switch {
	case e.Subscription != nil:
		return e.Subscription.EffectiveAt, "data.effective_at"
	case e.Account != nil:
		return e.Account.EffectiveAt, "data.effective_at"
	default:
		return e.Time, "time"
	}
}

// SetHorizons moves the horizons forward; an earlier one is ignored. Recorded usage behind them is
// settled when the next event of its account arrives, or at the next flush that derives it: the
// result depends on the records and the horizons only. The watermark at a flush must have reached
// the horizons.
func (s *State) SetHorizons(h Horizons) {
	s.horizons.Usage = max(s.horizons.Usage, h.Usage)
	if h.Floor > s.horizons.Floor { // asked once a record, and moves once a day
		s.horizons.Floor = h.Floor
		s.bound = s.calendar.frozenAt(h.Floor)
	}
}

// Horizons are those that were set last.
func (s *State) Horizons() Horizons { return s.horizons }

// Freezes says whether Freeze would freeze anything: where nothing is booked below the floor there is no
// need for the Flush that must precede it.
func (s *State) Freezes() bool { return s.bound > s.frozen && s.first < s.bound }

// noteFirst moves the bound before which nothing is booked. An event books nothing before it counts, but
// for usage, which is booked by its month.
func (s *State) noteFirst(e *event.Event) {
	at, _ := effectiveAt(e)
	if e.Statement != nil {
		at = s.calendar.Start(KindMonth, int32(e.Statement.Month))
	}
	if at < s.firstEvent {
		s.setFirst(at)
	}
}

// setFirst says when the first event counts.
func (s *State) setFirst(at event.Time) {
	s.firstEvent = at
	if at == never {
		s.first = never
		return
	}
	s.first = s.calendar.Start(KindMonth, int32(monthOfDay(s.calendar.Day(max(at, 0))))-1)
}

// Freeze freezes what lies below the floor, and lets accounts collapse from then on. It must follow a
// Flush whose rows are on their way: what is booked below is never returned again. Until then
// nothing is given up; what is accepted does not depend on it.
func (s *State) Freeze() { s.frozen = max(s.frozen, s.bound) }

// RestoreFrozen is Freeze for a state that is restored: up to where it was frozen when it was saved.
// It must precede the first Flush.
func (s *State) RestoreFrozen(at event.Time) { s.frozen = max(s.frozen, min(at, s.bound)) }

// Frozen is the instant before which rows are booked, and intervals end, that are never returned
// again; NoTime for none.
func (s *State) Frozen() event.Time { return s.frozen }

// reduce makes what lies behind the horizons of an account smaller.
func (s *State) reduce(a *account) {
	if a.settledTo < s.horizons.Usage {
		s.settleUsage(a)
	}
	if a.collapsedTo < s.frozen {
		s.collapse(a)
	}
}

// frozenMonth is the first local month whose rows are returned.
func (s *State) frozenMonth() int32 {
	if s.frozen == event.NoTime {
		return 0
	}
	return int32(monthOfDay(s.calendar.Day(s.frozen)))
}

// rowsFrom are the rows booked from an instant on.
func (d *derived) rowsFrom(at event.Time) []Movement {
	if d == nil {
		return nil
	}
	first := sort.Search(len(d.rows), func(i int) bool { return d.rows[i].At >= at })
	return d.rows[first:]
}

// ended says whether a register is of an interval that ended before the frozen instant.
func (s *State) ended(key RegisterKey) bool { return s.Ended(key.Kind, key.Index) }

// Ended says whether an interval ended before the frozen instant: its register stands with the
// readers for ever, and the state may not have it any more.
func (s *State) Ended(kind Kind, index int32) bool {
	return kind != KindRolling && s.frozen != event.NoTime && s.calendar.Start(kind, index+1) <= s.frozen
}

// Forget gives up the registers of intervals that ended before the frozen instant. It must follow
// their being sent.
func (s *State) Forget() {
	if s.forgotten == s.frozen {
		return
	}
	s.forgotten = s.frozen
	for key := range s.registers {
		if s.ended(key) {
			delete(s.registers, key)
			delete(s.expansions, key)
			delete(s.signals, key)
			s.change(key)
		}
	}
}
