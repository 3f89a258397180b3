package alert

import (
	"time"

	"processor/internal/aggregate"
	"processor/internal/money"
	"processor/internal/rollup"
)

// figure is what a rule sees of a segment at one minute.
type figure struct {
	value   money.Amount // now
	base    money.Amount // what it is held against
	opening money.Amount // MRR, of the interval
	fall    money.Amount // (base - value) / base, in millionths; below 0 for a rise
	defined bool         // there is a base to fall from, and the segment is large enough
}

// measure looks at the rows as they are known.
func (r *Rule) measure(sums *rollup.Rollup, at span, segment aggregate.Segment) figure {
	row, before, found := r.rows(sums, at, segment)
	if !found {
		return figure{}
	}
	f := figure{opening: row.Opening}
	value, ok := r.valueOf(&row)
	if !ok {
		return f
	}
	f.value = value
	switch r.Comparison {
	case Previous:
		f.base, ok = r.previous(at, &row, before)
	case TrailingMean:
		f.base, ok = r.trailing(sums, at, segment, &row)
	case Target:
		f.base, ok = row.Target, row.HasTarget
		if r.Target != nil {
			f.base, ok = *r.Target, true
		}
	}
	if !ok || f.base.Sign() <= 0 || f.opening.Cmp(r.MinBase) < 0 {
		return f
	}
	f.fall, f.defined = money.Ratio(f.base.Sub(f.value), f.base)
	return f
}

// rows are the rule's interval, and the one before it, of the calendar.
func (r *Rule) rows(sums *rollup.Rollup, at span, segment aggregate.Segment) (row rollup.Row, before *rollup.Row, found bool) {
	if at.kind == aggregate.KindRolling {
		row, found = sums.Rolling(segment, at.window)
		return row, nil, found
	}
	c := sums.Calendar()
	index := c.Index(at.kind, c.Day(sums.Watermark())) - 1
	if row, found = sums.Period(segment, at.kind, index); !found {
		return row, nil, false
	}
	if earlier, ok := sums.Period(segment, at.kind, index-1); ok {
		before = &earlier
	}
	return row, before, true
}

// valueOf is the rule's metric in a row; false where it is not defined.
func (r *Rule) valueOf(row *rollup.Row) (money.Amount, bool) {
	ratio := func(x rollup.Ratio) (money.Amount, bool) { return x.Value, x.Reason == rollup.Defined }
	switch r.Metric {
	case MetricExpansionRate:
		return ratio(row.ExpansionRate)
	case MetricNRR1:
		return ratio(row.NRR1)
	case MetricNRR12:
		return ratio(row.NRR12)
	case MetricGRR1:
		return ratio(row.GRR1)
	case MetricGRR12:
		return ratio(row.GRR12)
	case MetricExpansion:
	}
	return expansionIn(row).Of(r.Type), true
}

// expansionIn is what a row expanded by, in all and by type.
func expansionIn(row *rollup.Row) *aggregate.Expansion {
	x := &aggregate.Expansion{Total: row.Sums[aggregate.SumExpansion]}
	copy(x.Up[:], row.Sums[aggregate.SumUp:aggregate.SumDown])
	return x
}

// expansionBefore is the same of the window before a rolling row's.
func expansionBefore(row *rollup.Row) *aggregate.Expansion {
	x := &aggregate.Expansion{Total: row.Sums[aggregate.SumBefore]}
	copy(x.Up[:], row.Sums[aggregate.SumBeforeUp:aggregate.Sums])
	return x
}

// previous is the metric of the interval before.
func (r *Rule) previous(at span, row, before *rollup.Row) (money.Amount, bool) {
	if at.kind == aggregate.KindRolling {
		return expansionBefore(row).Of(r.Type), true
	}
	if before == nil {
		return money.Amount{}, false
	}
	return r.valueOf(before)
}

// trailing is the mean of the intervals before; false where the segment is younger than they are.
func (r *Rule) trailing(sums *rollup.Rollup, at span, segment aggregate.Segment, row *rollup.Row) (money.Amount, bool) {
	x, ok := r.trailingExpansion(sums, at, segment, row)
	if !ok {
		return money.Amount{}, false
	}
	return x.Of(r.Type), true
}

// trailingExpansion is that mean, in all and by type. Of a window it counts whole local days, up to the
// last one that has ended when the window begins: its edges are those of no row.
func (r *Rule) trailingExpansion(sums *rollup.Rollup, at span, segment aggregate.Segment, row *rollup.Row) (*aggregate.Expansion, bool) {
	c := sums.Calendar()
	began, found := sums.Began(segment)
	if !found {
		return nil, false
	}
	sum := &aggregate.Expansion{}
	if at.kind == aggregate.KindRolling {
		last := c.Day(row.StartsAt) - 1
		days := int32(sums.Windows()[at.window].Length/(24*time.Hour)) * int32(r.Of) //nolint:gosec // at most 24 years
		first := last - days + 1
		if began > first {
			return nil, false
		}
		sum.Total, sum.Up = sums.ExpansionOn(segment, first, last)
		return mean(sum, r.Of), true
	}
	index := c.Index(at.kind, c.Day(sums.Watermark())) - 1
	if c.Index(at.kind, began) > index-int32(r.Of) { //nolint:gosec // at most TrailingMax
		return nil, false
	}
	for i := range int32(r.Of) { //nolint:gosec // at most TrailingMax
		if earlier, ok := sums.Period(segment, at.kind, index-1-i); ok {
			x := expansionIn(&earlier)
			sum.Total = sum.Total.Add(x.Total)
			for j := range sum.Up {
				sum.Up[j] = sum.Up[j].Add(x.Up[j])
			}
		}
	}
	return mean(sum, r.Of), true
}

// mean divides by a number, each figure rounded once.
func mean(sum *aggregate.Expansion, n int) *aggregate.Expansion {
	share := func(a money.Amount) money.Amount {
		m, _ := money.Ratio(a, money.Units(int64(n))) // n is at least 2
		return m
	}
	x := &aggregate.Expansion{Total: share(sum.Total)}
	for i := range x.Up {
		x.Up[i] = share(sum.Up[i])
	}
	return x
}
