package web

import (
	"slices"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
)

// period is the row of a track that a view is about, and its place: the named one, else the newest that
// tells something. A month of which a day has passed has no figures that a person could read: the open
// period counts once half of it is over.
func (t *track) period(name string, watermark event.Time) int {
	if i := t.find(name); i >= 0 {
		return i
	}
	last := len(t.rows) - 1
	if r := t.rows[last]; last > 0 && t.kind != aggregate.KindRolling && watermark < r.StartsAt+(r.EndsAt-r.StartsAt)/2 {
		return last - 1
	}
	return last
}

// find is the place of the row of an interval, or -1.
func (t *track) find(interval string) int {
	return slices.IndexFunc(t.rows, func(r *rollup.Row) bool { return r.Interval == interval })
}
