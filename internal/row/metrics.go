package row

import (
	"processor/internal/aggregate"
	"processor/internal/rollup"
)

// MetricKey appends the key of a metrics or signal_metrics row.
func (*Encoder) MetricKey(dst []byte, r *rollup.Row) []byte {
	o := open(dst)
	o.metricKey(r)
	if r.Signal != "" {
		o.text("signal", r.Signal)
	}
	return o.close()
}

func (o *object) metricKey(r *rollup.Row) {
	o.text("grouping", r.Segment.Grouping)
	o.text("segment", r.Segment.Name)
	o.text("interval_kind", r.Kind.String())
	o.text("interval", r.Interval)
}

// Metric appends a metrics row, or, of a row that is about a signal, a signal_metrics row. A deleted one
// carries its key and zeros.
func (*Encoder) Metric(dst []byte, r *rollup.Row, s Stamp) []byte {
	s.Restated, s.Final, s.Deleted = r.Restated, r.Final, r.Deleted
	o := open(dst)
	o.metricKey(r)
	if r.Signal != "" {
		o.answers(r)
		o.stamp(s)
		return o.close()
	}
	o.instant("starts_at", r.StartsAt)
	o.instant("ends_at", r.EndsAt)
	o.amount("opening_mrr", r.Opening)
	o.flows(&r.Sums)
	o.amount("opening_balance", r.Sums[aggregate.SumOpeningBalance])
	o.amount("usage_change", r.Sums[aggregate.SumUsageChange])
	o.amount("closing_mrr", r.Closing)
	o.amount("committed_mrr", r.Committed)
	o.amount("confirmed_expansion_mrr", r.Sums[aggregate.SumExpansion].Sub(r.Sums[aggregate.SumUnconfirmed]))
	o.amount("usage_run_rate", r.UsageRate)
	o.amount("arr", r.Closing.Times(12))
	o.types(&r.Sums)
	o.amount("non_recurring", r.Sums[aggregate.SumNonRecurring])
	o.amount("cohort_expansion_net", r.Sums[aggregate.SumCohort])
	o.accounts(r)
	o.ratios(r)
	o.orNull("primary_driver", r.PrimaryDriver)
	o.orNull("expansion_rate_band", string(r.ExpansionBand))
	o.orNull("share_band", string(r.ShareBand))
	o.orNull("nrr_band", string(r.NRRBand))
	if r.HasTarget {
		o.amount("target", r.Target)
	} else {
		o.null("target")
	}
	o.ratio("target_ratio", r.TargetRatio)
	o.integer("complete_shards", int64(r.CompleteShards))
	o.integer("shards", int64(r.Shards))
	o.stamp(s)
	return o.close()
}

// accounts writes the numbers of accounts.
func (o *object) accounts(r *rollup.Row) {
	o.integer("accounts_opening", r.AccountsOpening)
	o.integer("accounts_closing", r.AccountsClosing)
	for _, c := range [...]struct {
		name  string
		count aggregate.Count
	}{
		{"new", aggregate.CountNew},
		{"churned", aggregate.CountChurned},
		{"reactivated", aggregate.CountReactivated},
		{"paused", aggregate.CountPaused},
		{"resumed", aggregate.CountResumed},
		{"transferred_in", aggregate.CountTransferredIn},
		{"transferred_out", aggregate.CountTransferredOut},
		{"expanding", aggregate.CountExpanding},
		{"contracting", aggregate.CountContracting},
	} {
		o.integer("accounts_"+c.name, r.Counts[c.count])
	}
	for i, name := range aggregate.UpNames {
		o.integer("accounts_up_"+name, r.Counts[aggregate.CountUp+aggregate.Count(i)])
	}
}

// ratios writes every ratio beside its reason.
func (o *object) ratios(r *rollup.Row) {
	o.ratio("expansion_rate", r.ExpansionRate)
	o.ratio("expansion_share_of_gross_new", r.ShareOfNew)
	for i, name := range aggregate.UpNames {
		o.ratio("share_"+name, r.Shares[i])
	}
	o.ratio("growth_rate", r.Growth)
	o.ratio("mrr_growth_rate", r.MRRGrowth)
	o.ratio("arpa", r.ARPA)
	o.ratio("revenue_churn_rate", r.RevenueChurn)
	o.ratio("logo_churn_rate", r.LogoChurn)
	o.ratio("upsell_rate", r.UpsellRate)
	o.ratio("cross_sell_rate", r.CrossSellRate)
	o.ratio("clv", r.CLV)
	o.ratio("nrr_1m", r.NRR1)
	o.ratio("grr_1m", r.GRR1)
	o.ratio("nrr_12m", r.NRR12)
	o.ratio("grr_12m", r.GRR12)
	o.ratio("top_share", r.TopShare)
	o.ratio("hhi", r.HHI)
	o.ratio("breadth", r.Breadth)
}

func (o *object) ratio(name string, r rollup.Ratio) {
	if r.Reason != rollup.Defined {
		o.null(name)
		o.text(name+"_reason", r.Reason.String())
		return
	}
	o.amount(name, r.Value)
	o.null(name + "_reason")
}
