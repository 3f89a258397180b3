package alert

import (
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// Ticker finds the minutes of a shard's watermark at which anything that rules see can change: a record
// was filed, or time alone moves a row. All others need not be looked at.
type Ticker struct {
	Step  time.Duration // whole minutes between two looks; one when 0
	last  event.Time
	noted bool // a record came since then
}

// Note says that a record came: the next minute is looked at, if only to know that a source is alive.
func (t *Ticker) Note() { t.noted = true }

// Tick calls derive for every such minute up to a watermark, in order. Records have to be given to the
// state before the watermark passes a minute, as they come: that is what makes alerts those of the log and
// not of the batches it came in. derive has to move the state to the minute and flush it.
func (t *Ticker) Tick(s *aggregate.State, watermark event.Time, derive func(minute event.Time)) {
	step := t.step()
	end := watermark - watermark%step
	t.last = max(t.last, s.Watermark()-s.Watermark()%step)
	for t.last < end {
		next := t.last + step
		if s.IsQuiet() && !t.noted {
			wake, found := s.NextWake()
			if !found || wake > end {
				t.last = end
				return
			}
			next = max(next, (wake+step-1)/step*step)
		}
		t.last, t.noted = next, false
		derive(next)
	}
}

// IsDue says whether a watermark has come to a minute that was not looked at. It is cheap enough to be
// asked for every record.
func (t *Ticker) IsDue(watermark event.Time) bool { return watermark-t.last >= t.step() }

// Skip leaves out the minutes up to a watermark.
func (t *Ticker) Skip(watermark event.Time) { t.last = max(t.last, watermark-watermark%t.step()) }

func (t *Ticker) step() event.Time { return event.Time(max(t.Step, time.Minute)) }
