package rollup

import (
	"processor/internal/aggregate"
	"processor/internal/money"
)

// TargetKey is a segment in a month.
type TargetKey struct {
	Segment aggregate.Segment
	Month   int32 // as aggregate.Calendar.Index(KindMonth, ...)
}

// Targets are planned amounts of expansion MRR (spec: rules 9.8).
type Targets map[TargetKey]money.Amount

// target puts the plan beside the row: that of its month, or the sum over the months of a quarter or
// year where every one of them has a plan. Days, weeks and windows have none.
func (r *Rollup) target(row *Row, index int32) {
	row.TargetRatio = Ratio{Reason: NotDefined}
	if len(r.options.Targets) == 0 || row.Kind < aggregate.KindMonth || row.Kind == aggregate.KindRolling {
		return
	}
	c := r.options.Calendar
	first := c.Index(aggregate.KindMonth, c.FirstDay(row.Kind, index))
	end := c.Index(aggregate.KindMonth, c.FirstDay(row.Kind, index+1))
	var sum money.Amount
	for month := first; month < end; month++ {
		planned, known := r.options.Targets[TargetKey{row.Segment, month}]
		if !known {
			return
		}
		sum = sum.Add(planned)
	}
	row.Target, row.HasTarget = sum, true
	row.TargetRatio = ratio(row.Sums[aggregate.SumExpansion], sum)
}
