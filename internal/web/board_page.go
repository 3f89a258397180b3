package web

import (
	"processor/internal/event"
	"processor/internal/rollup"
)

// page are the first rows behind one, or from the start (nil), of those that a filter chooses: at most one
// more than limit, which says that there are others. total counts all that are chosen.
func (b *Board) page(f Filter, after *rollup.Row, limit int) (rows []*rollup.Row, total int, watermark event.Time) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	chosen := page[*rollup.Row]{limit: limit, compare: compareMetrics}
	take := func(r *rollup.Row) {
		total++
		if after == nil || compareMetrics(r, after) > 0 {
			chosen.add(r)
		}
	}
	for key, t := range b.tracks {
		if f.Grouping != "" && f.Grouping != key.segment.Grouping || f.Segment != "" && f.Segment != key.segment.Name ||
			f.Kind != "" && f.Kind != t.kind.String() {
			continue
		}
		if f.Interval == "" {
			take(t.rows[len(t.rows)-1])
			continue
		}
		for _, r := range t.rows {
			if r.Interval == f.Interval {
				take(r)
			}
		}
	}
	chosen.cut()
	return chosen.kept, total, b.watermark
}
