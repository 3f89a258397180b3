package rollup

import (
	"math/big"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/money"
)

// SignalAnswers are what a signal came to in a month, quarter or year of a segment (spec: rules 11).
// They are never final: what opened in an interval goes on after it.
type SignalAnswers struct {
	aggregate.SignalSum
	Open           int64
	ConversionRate Ratio // converted / (converted + missed)
	ActivationRate Ratio // accounts that converted one / accounts that had one
	MedianDays     Ratio // from the signal to the movement, of those that converted
	RateWith       Ratio // of the accounts with MRR before the interval that had it open, those that expanded
	RateWithout    Ratio // the same of all others
	Lift           Ratio // RateWith / RateWithout
	PotentialRatio Ratio // what came / what the next tier or block would bring
}

// mergeSignals adds what a shard says of signals.
func (v *interval) mergeSignals(sums *aggregate.SignalSums) {
	if sums == nil {
		return
	}
	if v.sum.Signals == nil {
		v.sum.Signals = &aggregate.SignalSums{}
	}
	v.sum.Signals.Merge(sums)
}

// signalRows makes the rows of an interval's signals beside its row of metrics, and takes back those
// of signals that it has no more. said are the names of the last time.
func (r *Rollup) signalRows(row *Row, sum *aggregate.Register, said []string) []string {
	if sum.Signals == nil && said == nil {
		return nil
	}
	var now []string
	if sum.Signals != nil {
		for i := range sum.Signals.Named {
			named := &sum.Signals.Named[i]
			now = append(now, named.Name)
			r.rows = append(r.rows, Row{
				Segment: row.Segment, Kind: row.Kind, Interval: row.Interval, StartsAt: row.StartsAt, EndsAt: row.EndsAt,
				Signal: named.Name, Answers: answers(&named.SignalSum, row), CompleteShards: row.CompleteShards, Shards: row.Shards,
			})
		}
	}
	for _, name := range said {
		if !slices.Contains(now, name) {
			r.rows = append(r.rows, Row{Segment: row.Segment, Kind: row.Kind, Interval: row.Interval, Signal: name, Answers: &SignalAnswers{}, Deleted: true})
		}
	}
	return now
}

// goneSignals takes back the rows of the signals of intervals that have no row any more.
func (r *Rollup) goneSignals(s *series, kind aggregate.Kind, v *interval) {
	for _, name := range v.said {
		r.rows = append(r.rows, Row{
			Segment: s.segment, Kind: kind, Interval: r.options.Calendar.Name(kind, v.index), Signal: name, Answers: &SignalAnswers{}, Deleted: true,
		})
	}
	v.said = nil
}

// answers are made of a signal's sum and the row of metrics of the same interval.
func answers(sum *aggregate.SignalSum, row *Row) *SignalAnswers {
	with, expanding := sum.With, sum.WithExpanding
	without, others := row.AccountsOpening-with, row.Counts[aggregate.CountExpanding]-expanding
	return &SignalAnswers{
		SignalSum:      *sum,
		Open:           sum.Opened - sum.Converted - sum.Missed,
		ConversionRate: perAccount(money.Units(sum.Converted), sum.Converted+sum.Missed),
		ActivationRate: perAccount(money.Units(sum.AccountsConverted), sum.Accounts),
		MedianDays:     median(sum.Days),
		RateWith:       perAccount(money.Units(expanding), with),
		RateWithout:    perAccount(money.Units(others), without),
		Lift:           lift(expanding, with, others, without),
		PotentialRatio: ratio(sum.Expansion, sum.Potential),
	}
}

// lift is how much more of those with expanded than of those without, with one rounding.
func lift(expanding, with, others, without int64) Ratio {
	num := new(big.Int).Mul(big.NewInt(expanding), big.NewInt(without))
	v, ok := money.RatioBig(num, new(big.Int).Mul(big.NewInt(with), big.NewInt(others)))
	if !ok {
		return Ratio{Reason: ZeroBase}
	}
	return Ratio{Value: v}
}

// median is the middle of the days, the mean of two where their number is even.
func median(days []aggregate.DayCount) Ratio {
	var n int64
	for _, d := range days {
		n += d.Count
	}
	if n <= 0 {
		return Ratio{Reason: ZeroBase}
	}
	at := func(place int64) int64 {
		for _, d := range days {
			if place < d.Count {
				return int64(d.Days)
			}
			place -= d.Count
		}
		return 0
	}
	return ratio(money.Units(at((n-1)/2)+at(n/2)), money.Units(2))
}
