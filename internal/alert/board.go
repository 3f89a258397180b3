package alert

import (
	"time"

	"processor/internal/event"
)

// LaggingAfter is how far the smallest watermark may lie behind the clock before alerts that stand are
// suspected to be of figures that are not complete. It changes what is shown and who is told, not what
// is said: the log alone decides that.
const LaggingAfter = time.Hour

// Board is what stands at a minute of the watermark, as people are shown it. It is not changed after it
// was made.
type Board struct {
	Minute event.Time // of the smallest watermark; 0 before the first
	Alerts []Alert    // in their order, by rule, grouping and segment
	Ours   map[Key]bool
}

// IsLagging says whether the watermark lies so far behind a clock that the alerts are suspect.
func (b *Board) IsLagging(now event.Time) bool {
	return b.Minute > 0 && now-b.Minute > event.Time(LaggingAfter)
}

// At are the alerts as they are to be shown at an instant of the clock: where the watermark lags, what is
// pending or fires is suspect.
func (b *Board) At(now event.Time) []Alert {
	list := make([]Alert, len(b.Alerts))
	copy(list, b.Alerts)
	if b.IsLagging(now) {
		for i := range list {
			if list[i].State == Pending || list[i].State == Firing {
				list[i].State = Suspect
			}
		}
	}
	return list
}

// Firing are those of this instance's alerts that fire at an instant of the clock.
func (b *Board) Firing(now event.Time) (list []Alert) {
	for _, a := range b.At(now) {
		if a.State == Firing && b.Ours[a.Key] {
			list = append(list, a)
		}
	}
	return list
}
