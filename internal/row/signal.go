package row

import (
	"processor/internal/aggregate"
	"processor/internal/money"
	"processor/internal/rollup"
)

// SignalKey appends the key of a signals row.
func (*Encoder) SignalKey(dst []byte, r *aggregate.SignalRow) []byte {
	o := open(dst)
	o.text("account", r.Account)
	o.text("signal", r.Key)
	return o.close()
}

// Signal appends a signals row.
func (w *Encoder) Signal(dst []byte, r *aggregate.SignalRow, s Stamp) []byte {
	s.Restated, s.Final, s.Deleted = r.Restated, r.Final, r.Deleted
	o := open(dst)
	o.text("account", r.Account)
	o.text("signal", r.Key)
	o.text("name", r.Name)
	o.integerIf("threshold", int64(r.Threshold), r.Threshold > 0)
	o.orNull("subscription", r.Subscription)
	o.orNull("item", r.Item)
	o.orNull("detail", r.Detail)
	o.instant("opened_at", r.OpenedAt)
	o.instant("ends_at", r.EndsAt)
	o.text("state", r.State.String())
	o.instant("closed_at", r.ClosedAt)
	o.orNull("movement", r.Movement)
	o.integerIf("days_to_expand", int64(r.Days), r.State == aggregate.SignalConverted)
	o.amountIf("value", r.Value, r.HasValue)
	o.amountIf("bound", r.Bound, r.HasBound)
	o.ratio("utilization", utilization(r))
	o.orNull("reached_on", r.ReachedOn())
	o.orNull("projected_on", r.ProjectedOn())
	o.amountIf("potential_mrr", r.Potential, r.HasPotential)
	o.amount("expansion_mrr", r.Expansion)
	o.orNull("gated_by", r.Gated.String())
	o.dims(w.Dimensions, r.Dims)
	o.stamp(s)
	return o.close()
}

// utilization is what was used when the signal opened, of what there was.
func utilization(r *aggregate.SignalRow) rollup.Ratio {
	if !r.HasBound {
		return rollup.Ratio{Reason: rollup.NotDefined}
	}
	v, ok := money.Ratio(r.Value, r.Bound)
	if !ok {
		return rollup.Ratio{Reason: rollup.ZeroBase}
	}
	return rollup.Ratio{Value: v}
}

// readiness writes the columns of an accounts row that say how ready the account is.
func (o *object) readiness(r *aggregate.Readiness) {
	if r == nil {
		o.ratio("utilization", rollup.Ratio{Reason: rollup.NotDefined})
		o.null("readiness_index")
		o.null("gated")
		return
	}
	used := rollup.Ratio{Reason: rollup.NotDefined}
	switch r.Known {
	case aggregate.MeasuredSome:
		used = rollup.Ratio{Value: r.Utilization}
	case aggregate.MeasuredZeroBase:
		used.Reason = rollup.ZeroBase
	case aggregate.MeasuredNothing:
	}
	o.ratio("utilization", used)
	o.integer("readiness_index", int64(r.Index))
	o.boolean("gated", r.Gated != 0)
}

// answers writes a signal_metrics row: what a signal came to in a segment and interval.
func (o *object) answers(r *rollup.Row) {
	a := r.Answers
	o.text("signal", r.Signal)
	o.instant("starts_at", r.StartsAt)
	o.instant("ends_at", r.EndsAt)
	o.integer("opened", a.Opened)
	o.integer("converted", a.Converted)
	o.integer("missed", a.Missed)
	o.integer("open", a.Open)
	o.integer("accounts", a.Accounts)
	o.integer("accounts_converted", a.AccountsConverted)
	o.ratio("conversion_rate", a.ConversionRate)
	o.ratio("activation_rate", a.ActivationRate)
	o.ratio("median_days_to_expand", a.MedianDays)
	o.integer("accounts_with", a.With)
	o.integer("accounts_with_expanding", a.WithExpanding)
	o.ratio("expanding_rate_with", a.RateWith)
	o.ratio("expanding_rate_without", a.RateWithout)
	o.ratio("lift", a.Lift)
	o.amount("potential_mrr", a.Potential)
	o.amount("open_potential_mrr", a.OpenPotential)
	o.amount("expansion_mrr", a.Expansion)
	o.ratio("potential_ratio", a.PotentialRatio)
	o.integer("complete_shards", int64(r.CompleteShards))
	o.integer("shards", int64(r.Shards))
}

// MetricTopic is the topic of a row of the rollup.
func MetricTopic(r *rollup.Row) Topic {
	if r.Signal != "" {
		return TopicSignalMetrics
	}
	return TopicMetrics
}

// integerIf writes null where there is no number.
func (o *object) integerIf(name string, n int64, has bool) {
	if !has {
		o.null(name)
		return
	}
	o.integer(name, n)
}

// amountIf writes null where there is no amount.
func (o *object) amountIf(name string, a money.Amount, has bool) {
	if !has {
		o.null(name)
		return
	}
	o.amount(name, a)
}
