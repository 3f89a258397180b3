package rollup

import (
	"fmt"
	"math/big"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// Row is the metrics of one segment in one interval (spec: rules 9, outputs: metrics).
type Row struct {
	Segment  aggregate.Segment
	Kind     aggregate.Kind
	Interval string // 2026-03-05, 2026-W10, 2026-03, 2026-Q1, 2026, 30d
	StartsAt event.Time
	EndsAt   event.Time

	Sums      [aggregate.Sums]money.Amount
	Counts    [aggregate.Counts]int64
	Opening   money.Amount // the opening balance included
	Closing   money.Amount
	Committed money.Amount
	UsageRate money.Amount

	AccountsOpening int64
	AccountsClosing int64

	ExpansionRate  Ratio
	ShareOfNew     Ratio // expansion / (new + reactivation + expansion)
	Growth         Ratio
	MRRGrowth      Ratio
	ARPA           Ratio // an amount per account
	RevenueChurn   Ratio
	LogoChurn      Ratio
	UpsellRate     Ratio
	CrossSellRate  Ratio
	CLV            Ratio // an amount per account
	NRR1, NRR12    Ratio
	GRR1, GRR12    Ratio
	TopShare       Ratio
	HHI            Ratio // 0 to 1
	Breadth        Ratio
	Shares         [aggregate.UpTypes]Ratio
	PrimaryDriver  string // "" when no type has 70 %
	ExpansionBand  Band
	ShareBand      Band
	NRRBand        Band
	Target         money.Amount // planned expansion MRR
	HasTarget      bool
	TargetRatio    Ratio // expansion / target
	CompleteShards int
	Shards         int
	Final          bool
	Restated       bool
	Deleted        bool

	Signal  string         // what a row of signal_metrics is about; "" for a row of metrics
	Answers *SignalAnswers // of the signal, never nil with one

	ranking *aggregate.Ranking
}

// Ratio is a figure that may not exist; its reason says why.
type Ratio struct {
	Value  money.Amount // in millionths
	Reason Reason
}

// Reason is why a ratio is null.
type Reason uint8

// The reasons; Defined means that there is a value.
const (
	Defined Reason = iota
	ZeroBase
	NotDefined
)

// String is the reason's name in output rows.
func (r Reason) String() string { return [...]string{"", "zero_base", "not_defined"}[r] }

func ratio(num, den money.Amount) Ratio {
	v, ok := money.Ratio(num, den)
	if !ok {
		return Ratio{Reason: ZeroBase}
	}
	return Ratio{Value: v}
}

// perAccount is an amount, or a number of accounts, divided by a number of accounts.
func perAccount(amount money.Amount, accounts int64) Ratio {
	return ratio(amount, money.Units(accounts))
}

// level is what the running sums are at the row's end.
func (row *Row) level() level {
	return level{closing: row.Closing, committed: row.Committed, usage: row.UsageRate, accounts: row.AccountsClosing}
}

// check holds the identities of a row: amounts and numbers of accounts (invariant I2).
func (row *Row) check() error {
	r := aggregate.Register{Sums: row.Sums, Counts: row.Counts}
	if row.Opening.Add(r.Movements()) != row.Closing {
		return fmt.Errorf("metrics %s=%s %s: opening %s and its movements do not make closing %s",
			row.Segment.Grouping, row.Segment.Name, row.Interval, row.Opening, row.Closing)
	}
	if row.AccountsOpening+r.Accounts() != row.AccountsClosing || row.AccountsClosing < 0 {
		return fmt.Errorf("metrics %s=%s %s: %d accounts at opening and what happened to them do not make %d",
			row.Segment.Grouping, row.Segment.Name, row.Interval, row.AccountsOpening, row.AccountsClosing)
	}
	return nil
}

// row makes a calendar row from the interval's sum and what was before it.
func (r *Rollup) row(s *series, kind aggregate.Kind, index int32, sum *aggregate.Register, before level) Row {
	c := r.options.Calendar
	row := Row{
		Segment: s.segment, Kind: kind, Interval: c.Name(kind, index), StartsAt: c.Start(kind, index), EndsAt: c.Start(kind, index+1),
		Sums: sum.Sums, Counts: sum.Counts, ranking: sum.Ranking,
		Opening:         before.closing.Add(sum.Sums[aggregate.SumOpeningBalance]),
		Closing:         before.closing.Add(sum.Sums[aggregate.SumChange]),
		Committed:       before.committed.Add(sum.Sums[aggregate.SumCommitted]),
		UsageRate:       before.usage.Add(sum.Sums[aggregate.SumUsageRunRate]),
		AccountsOpening: before.accounts + sum.Counts[aggregate.CountOpening],
	}
	row.AccountsClosing = row.AccountsOpening + sum.Accounts()
	final := row.EndsAt
	if kind >= aggregate.KindMonth {
		final = final.Add(r.options.UsageGrace)
	}
	row.Final = r.now >= final
	row.Growth = growth(sum.Sums[aggregate.SumExpansion], s.kinds[kind].at(index - 1).Sums[aggregate.SumExpansion])
	day := c.Day(r.now)
	if row.EndsAt <= r.now {
		day = c.FirstDay(kind, index+1) - 1
	}
	r.target(&row, index)
	r.finish(s, &row, kind >= aggregate.KindMonth, day)
	return row
}

// rollingRow makes the row of a window that ends at the watermark.
func (r *Rollup) rollingRow(s *series, w aggregate.Window, sum *aggregate.Register, now level) Row {
	row := Row{
		Segment: s.segment, Kind: aggregate.KindRolling, Interval: w.Name, StartsAt: w.Start(r.now), EndsAt: r.now,
		Sums: sum.Sums, Counts: sum.Counts, Closing: now.closing, Committed: now.committed, UsageRate: now.usage, AccountsClosing: now.accounts,
	}
	row.Opening = now.closing.Sub(sum.Sums[aggregate.SumChange]).Add(sum.Sums[aggregate.SumOpeningBalance])
	row.AccountsOpening = now.accounts - sum.Accounts()
	row.Growth = growth(sum.Sums[aggregate.SumExpansion], sum.Sums[aggregate.SumBefore])
	r.target(&row, 0)
	r.finish(s, &row, w.HasCohorts(), r.options.Calendar.Day(r.now))
	return row
}

func growth(now, before money.Amount) Ratio { return ratio(now.Sub(before), before) }

// finish adds the ratios, which come last, from sums. day is the interval's last local date, or
// the watermark's where it is open.
func (r *Rollup) finish(s *series, row *Row, hasCohorts bool, day int32) {
	sums, counts := &row.Sums, &row.Counts
	expansion := sums[aggregate.SumExpansion]
	row.Shards, row.CompleteShards = len(r.shards), r.complete()
	row.ExpansionRate = ratio(expansion, row.Opening)
	row.ShareOfNew = ratio(expansion, sums[aggregate.SumNew].Add(sums[aggregate.SumReactivation]).Add(expansion))
	row.MRRGrowth = growth(row.Closing, row.Opening)
	row.ARPA = perAccount(row.Closing, row.AccountsClosing)
	row.RevenueChurn = ratio(sums[aggregate.SumChurned], row.Opening)
	row.LogoChurn = perAccount(money.Units(counts[aggregate.CountChurned]), row.AccountsOpening)
	row.UpsellRate = perAccount(money.Units(counts[aggregate.CountUp+aggregate.Count(aggregate.UpUpsell)]), row.AccountsOpening)
	row.CrossSellRate = perAccount(money.Units(counts[aggregate.CountUp+aggregate.Count(aggregate.UpCrossSell)]), row.AccountsOpening)
	row.shares()
	undefined := Ratio{Reason: NotDefined}
	row.CLV, row.Breadth, row.TopShare, row.HHI = undefined, undefined, undefined, undefined
	row.NRR1, row.NRR12, row.GRR1, row.GRR12 = undefined, undefined, undefined, undefined
	if hasCohorts {
		row.NRR1, row.GRR1 = r.retention(s, row, day, 1, aggregate.SumNRR1, aggregate.SumGRR1)
		row.NRR12, row.GRR12 = r.retention(s, row, day, 12, aggregate.SumNRR12, aggregate.SumGRR12)
	}
	if row.Kind == aggregate.KindMonth {
		row.CLV = row.lifetimeValue()
		row.Breadth = perAccount(money.Units(counts[aggregate.CountExpanding]), row.AccountsOpening)
		row.concentrate()
		row.ExpansionBand = band(row.ExpansionRate, expansionBands)
		row.ShareBand = band(row.ShareOfNew, shareBands)
		row.NRRBand = band(row.NRR12, nrrBands)
	}
}

// shares are each type's part of all ups; the primary driver has at least 70 % of them.
func (row *Row) shares() {
	var ups money.Amount
	for i := range row.Shares {
		ups = ups.Add(row.Sums[aggregate.SumUp+aggregate.Sum(i)])
	}
	for i := range row.Shares {
		up := row.Sums[aggregate.SumUp+aggregate.Sum(i)]
		row.Shares[i] = ratio(up, ups)
		if !ups.IsZero() && up.Times(10).Cmp(ups.Times(7)) >= 0 {
			row.PrimaryDriver = aggregate.UpNames[i]
		}
	}
}

// concentrate says how few accounts made the expansion: the share of the ten largest, and the
// Herfindahl-Hirschman index (spec: rules 9.6).
func (row *Row) concentrate() {
	expansion := row.Sums[aggregate.SumExpansion]
	row.TopShare, row.HHI = Ratio{Reason: ZeroBase}, Ratio{Reason: ZeroBase}
	if row.ranking == nil || expansion.IsZero() {
		return
	}
	var top money.Amount
	for _, amount := range row.ranking.Top {
		top = top.Add(amount)
	}
	row.TopShare = ratio(top, expansion)
	square := new(big.Int).Mul(expansion.Big(), expansion.Big())
	row.HHI.Value, _ = money.RatioBig(row.ranking.Squares, square)
	row.HHI.Reason = Defined
}

// lifetimeValue is arpa / revenue churn rate, with one rounding.
func (row *Row) lifetimeValue() Ratio {
	churned := row.Sums[aggregate.SumChurned]
	den := new(big.Int).Mul(churned.Big(), money.Units(row.AccountsClosing).Big())
	if row.Opening.IsZero() {
		return Ratio{Reason: ZeroBase}
	}
	v, ok := money.RatioBig(new(big.Int).Mul(row.Closing.Big(), row.Opening.Big()), den)
	if !ok {
		return Ratio{Reason: ZeroBase}
	}
	return Ratio{Value: v}
}

// retention is NRR and GRR over the cohort that had MRR at the end of the local date some months
// before the given one (spec: rules 9.3).
func (r *Rollup) retention(s *series, row *Row, day int32, months int, nrr, grr aggregate.Sum) (net, gross Ratio) {
	then := r.closingOn(s, aggregate.MonthsBefore(day, months))
	return ratio(then.Add(row.Sums[nrr]), then), ratio(then.Add(row.Sums[grr]), then)
}
