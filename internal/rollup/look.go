package rollup

import (
	"slices"

	"processor/internal/aggregate"
	"processor/internal/money"
)

// Settle brings the running sums up to the watermark without making rows, for those who look at few
// intervals very often. It returns the segments of which anything may be other than at the last Settle
// or Flush, in their order; a broken identity is an error.
func (r *Rollup) Settle() ([]aggregate.Segment, error) {
	var changed []aggregate.Segment
	crossed := r.crossed()
	for _, name := range r.changedNames(crossed) {
		s := r.segments[name]
		if crossed {
			r.reopen(s)
		}
		r.rows = r.rows[:0]
		if err := r.settleSeries(s); err != nil {
			return nil, err
		}
		s.touched = false
		changed = append(changed, name)
	}
	r.before = r.now
	return changed, nil
}

// changedNames are the segments that registers have touched, or all where the watermark crossed the end
// of a day.
func (r *Rollup) changedNames(all bool) []aggregate.Segment {
	if all {
		return r.names()
	}
	var some []aggregate.Segment
	for name, s := range r.segments {
		if s.touched {
			some = append(some, name)
		}
	}
	slices.SortFunc(some, compareSegments)
	return some
}

// settleSeries is flushSeries for the calendar alone.
func (r *Rollup) settleSeries(s *series) error {
	first := s.first()
	if first != clean && r.now < r.options.Calendar.DayStart(first) {
		first = clean
	}
	if first != s.firstDay {
		for k := range s.kinds {
			s.kinds[k].dirtyFrom, s.kinds[k].rows = -clean, nil
		}
		s.firstDay = first
	}
	if first == clean {
		return nil
	}
	for k := range s.kinds {
		if err := r.flushTrack(s, aggregate.Kind(k)); err != nil {
			return err
		}
	}
	return nil
}

// Began is the first local day into which anything of a segment is dated; found is false where there is
// nothing yet.
func (r *Rollup) Began(segment aggregate.Segment) (day int32, found bool) {
	s := r.segments[segment]
	if s == nil || s.firstDay == clean {
		return 0, false
	}
	return s.firstDay, true
}

// Rolling is the row of a window, by its place in the options, as of the last Settle; found is false for
// a segment in which nothing is dated yet.
func (r *Rollup) Rolling(segment aggregate.Segment, window int) (row Row, found bool) {
	s := r.segments[segment]
	if s == nil || s.firstDay == clean {
		return row, false
	}
	days := s.kinds[aggregate.KindDay].rows
	return r.rollingRow(s, r.options.Windows[window], &s.rolling[window].sum, days[len(days)-1]), true
}

// Period is the row of a calendar interval, as of the last Settle; found is false for one before the
// segment's first or after the watermark's.
func (r *Rollup) Period(segment aggregate.Segment, kind aggregate.Kind, index int32) (row Row, found bool) {
	s := r.segments[segment]
	if s == nil || s.firstDay == clean {
		return row, false
	}
	t := &s.kinds[kind]
	place := index - t.base
	if place < 0 || int(place) >= len(t.rows) {
		return row, false
	}
	var before level
	if place > 0 {
		before = t.rows[place-1]
	}
	return r.row(s, kind, index, t.at(index), before), true
}

// ExpansionOn is what a segment expanded by, without usage, on the local days from first to last, both
// included: in all, and by type.
func (r *Rollup) ExpansionOn(segment aggregate.Segment, first, last int32) (total money.Amount, up [aggregate.UpTypes]money.Amount) {
	s := r.segments[segment]
	if s == nil {
		return total, up
	}
	days := s.kinds[aggregate.KindDay].intervals
	for i := range days {
		if days[i].index < first || days[i].index > last {
			continue
		}
		sums := &days[i].sum.Sums
		total = total.Add(sums[aggregate.SumExpansion])
		for j := range up {
			up[j] = up[j].Add(sums[aggregate.SumUp+aggregate.Sum(j)])
		}
	}
	return total, up
}

// SegmentsOf are those of a grouping in which anything is dated, in their order.
func (r *Rollup) SegmentsOf(grouping string) []aggregate.Segment {
	var some []aggregate.Segment
	for name, s := range r.segments {
		if name.Grouping == grouping && s.firstDay != clean {
			some = append(some, name)
		}
	}
	slices.SortFunc(some, compareSegments)
	return some
}

// Calendar is that of the options.
func (r *Rollup) Calendar() *aggregate.Calendar { return r.options.Calendar }

// Windows are those of the options.
func (r *Rollup) Windows() []aggregate.Window { return r.options.Windows }
