package row

import (
	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// MovementKey appends the key of a movements row.
func (*Encoder) MovementKey(dst []byte, r *aggregate.MovementRow) []byte {
	o := open(dst)
	o.text("account", r.Account)
	o.text("movement", r.Key)
	return o.close()
}

// Movement appends a movements row.
func (w *Encoder) Movement(dst []byte, r *aggregate.MovementRow, s Stamp) []byte {
	s.Restated, s.Final, s.Deleted = r.Restated, r.Final, r.Deleted
	o := open(dst)
	o.text("account", r.Account)
	o.text("movement", r.Key)
	o.instant("effective_at", r.At)
	o.text("class", r.Class.String())
	o.amount("change", r.Change)
	o.amount("mrr_before", r.Before)
	o.amount("mrr_after", r.After)
	o.amount("paused", r.Paused)
	o.amount("resumed", r.Resumed)
	o.ups(&r.Parts.Up)
	o.downs(&r.Parts.Down)
	o.text("rule", r.Rule)
	o.boolean("inferred", !r.Renamed)
	o.orNull("merged_into", r.MergedInto)
	o.boolean("provisional", r.Provisional)
	o.boolean("unconfirmed", r.Unconfirmed)
	o.dims(w.Dimensions, r.Dims)
	o.stamp(s)
	return o.close()
}

// AccountKey appends the key of an accounts row.
func (*Encoder) AccountKey(dst []byte, r *aggregate.AccountRow) []byte {
	o := open(dst)
	o.text("account", r.Account)
	return o.close()
}

// Account appends an accounts row. It is never final: the account goes on.
func (w *Encoder) Account(dst []byte, r *aggregate.AccountRow, s Stamp) []byte {
	s.Restated, s.Final, s.Deleted = false, false, false
	o := open(dst)
	o.text("account", r.Account)
	o.orNull("name", r.Name)
	o.text("status", r.Status)
	o.amount("mrr", r.MRR)
	o.amount("committed_mrr", r.Committed)
	o.amount("arr", r.MRR.Times(12))
	o.amount("usage_run_rate", r.UsageRunRate)
	o.instant("first_paid_at", r.FirstPaidAt)
	if r.LastMovementAt == event.NoTime {
		o.null("last_class")
	} else {
		o.text("last_class", r.LastClass.String())
	}
	o.instant("last_movement_at", r.LastMovementAt)
	for i, window := range w.Windows {
		o.amount(window.Name+"_expansion_mrr", r.Windows[i].Expansion)
		o.amount(window.Name+"_contraction_mrr", r.Windows[i].Contraction)
		o.amount(window.Name+"_net_change", r.Windows[i].NetChange)
	}
	o.readiness(r.Readiness)
	o.dims(w.Dimensions, r.Dims)
	o.stamp(s)
	return o.close()
}

// MonthKey appends the key of an account_months row.
func (*Encoder) MonthKey(dst []byte, r *aggregate.MonthRow) []byte {
	o := open(dst)
	o.text("account", r.Account)
	o.text("month", r.Month.String())
	return o.close()
}

// Month appends an account_months row.
func (w *Encoder) Month(dst []byte, r *aggregate.MonthRow, s Stamp) []byte {
	s.Restated, s.Final, s.Deleted = r.Restated, r.Final, r.Deleted
	o := open(dst)
	o.text("account", r.Account)
	o.text("month", r.Month.String())
	o.amount("opening_mrr", r.Opening)
	o.flows(&r.Sums)
	o.amount("opening_balance", r.Sums[aggregate.SumOpeningBalance])
	o.amount("closing_mrr", r.Closing)
	o.types(&r.Sums)
	o.amount("non_recurring", r.Sums[aggregate.SumNonRecurring])
	o.dims(w.Dimensions, r.Dims)
	o.stamp(s)
	return o.close()
}

// flows writes the sums by class, in the order of rules 9.1.
func (o *object) flows(sums *[aggregate.Sums]money.Amount) {
	o.amount("new_mrr", sums[aggregate.SumNew])
	o.amount("expansion_mrr", sums[aggregate.SumExpansion])
	o.amount("contraction_mrr", sums[aggregate.SumContraction])
	o.amount("churned_mrr", sums[aggregate.SumChurned])
	o.amount("reactivation_mrr", sums[aggregate.SumReactivation])
	o.amount("paused_mrr", sums[aggregate.SumPaused])
	o.amount("resumed_mrr", sums[aggregate.SumResumed])
	o.amount("transfer_in_mrr", sums[aggregate.SumTransferIn])
	o.amount("transfer_out_mrr", sums[aggregate.SumTransferOut])
	o.amount("fx_mrr", sums[aggregate.SumFX])
}

// types writes the typed sums.
func (o *object) types(sums *[aggregate.Sums]money.Amount) {
	o.ups((*[aggregate.UpTypes]money.Amount)(sums[aggregate.SumUp : aggregate.SumUp+aggregate.Sum(aggregate.UpTypes)]))
	o.downs((*[aggregate.DownTypes]money.Amount)(sums[aggregate.SumDown : aggregate.SumDown+aggregate.Sum(aggregate.DownTypes)]))
}
