package sink

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/client_golang/prometheus"

	"processor/internal/aggregate"
	"processor/internal/money"
	"processor/internal/rollup"
)

// measure is one exported figure of a row of metrics.
type measure struct {
	description *prometheus.Desc
	label       string // the value of the description's last label, "" when it has only the three
	of          func(*rollup.Row) (value money.Amount, there bool)
}

var (
	mrrDescription = describe("expansion_mrr", "Monthly recurring revenue of a segment in the open period or window, by what happened to it.", "kind")
	upDescription  = describe("expansion_up_mrr", "Typed parts of what made monthly recurring revenue grow.", "type")

	accountsDescription = describe("expansion_accounts", "Accounts of a segment in the open period or window, by what they did.", "state")

	rateDescription   = describe("expansion_rate_ratio", "Expansion MRR divided by opening MRR.")
	growthDescription = describe("expansion_growth_ratio", "Expansion MRR against the interval before, less 1.")
	nrrDescription    = describe("expansion_nrr_ratio", "Net revenue retention of the accounts that paid so many months ago.", "months")
	grrDescription    = describe("expansion_grr_ratio", "Gross revenue retention of the accounts that paid so many months ago.", "months")

	transferBalanceDescription = prometheus.NewDesc("expansion_transfer_balance_mrr",
		"What transfers between the segments of a grouping leave over in the open year; 0 when every half has its other.",
		[]string{"grouping"}, nil)

	revenueDescriptions = []*prometheus.Desc{
		mrrDescription, upDescription, accountsDescription, rateDescription, growthDescription,
		nrrDescription, grrDescription, transferBalanceDescription,
	}
)

func describe(name, help string, more ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"grouping", "segment", "interval"}, more...), nil)
}

// The measures that add up over segments come first: kinds, types, states.
const (
	kindMeasures       = 13
	stateMeasures      = 11
	additiveMeasures   = kindMeasures + aggregate.UpTypes + stateMeasures
	measureCount       = additiveMeasures + 6
	measureTransferIn  = 8 // in kinds, below
	measureTransferOut = 9
)

var measures = makeMeasures()

func makeMeasures() (m [measureCount]measure) {
	n := 0
	add := func(d *prometheus.Desc, label string, of func(*rollup.Row) (money.Amount, bool)) {
		m[n] = measure{d, label, of}
		n++
	}
	amount := func(label string, of func(*rollup.Row) money.Amount) {
		add(mrrDescription, label, func(r *rollup.Row) (money.Amount, bool) { return of(r), true })
	}
	sum := func(label string, s aggregate.Sum) {
		amount(label, func(r *rollup.Row) money.Amount { return r.Sums[s] })
	}
	amount("opening", func(r *rollup.Row) money.Amount { return r.Opening })
	sum("new", aggregate.SumNew)
	sum("expansion", aggregate.SumExpansion)
	sum("contraction", aggregate.SumContraction)
	sum("churned", aggregate.SumChurned)
	sum("reactivation", aggregate.SumReactivation)
	sum("paused", aggregate.SumPaused)
	sum("resumed", aggregate.SumResumed)
	sum("transfer_in", aggregate.SumTransferIn)
	sum("transfer_out", aggregate.SumTransferOut)
	sum("fx", aggregate.SumFX)
	sum("usage_change", aggregate.SumUsageChange)
	amount("closing", func(r *rollup.Row) money.Amount { return r.Closing })

	for i, name := range aggregate.UpNames {
		add(upDescription, name, func(r *rollup.Row) (money.Amount, bool) { return r.Sums[aggregate.SumUp+aggregate.Sum(i)], true })
	}

	state := func(label string, of func(*rollup.Row) int64) {
		add(accountsDescription, label, func(r *rollup.Row) (money.Amount, bool) { return money.Units(of(r)), true })
	}
	count := func(label string, c aggregate.Count) {
		state(label, func(r *rollup.Row) int64 { return r.Counts[c] })
	}
	state("opening", func(r *rollup.Row) int64 { return r.AccountsOpening })
	count("new", aggregate.CountNew)
	count("churned", aggregate.CountChurned)
	count("reactivated", aggregate.CountReactivated)
	count("paused", aggregate.CountPaused)
	count("resumed", aggregate.CountResumed)
	count("transferred_in", aggregate.CountTransferredIn)
	count("transferred_out", aggregate.CountTransferredOut)
	count("expanding", aggregate.CountExpanding)
	count("contracting", aggregate.CountContracting)
	state("closing", func(r *rollup.Row) int64 { return r.AccountsClosing })

	ratio := func(d *prometheus.Desc, label string, of func(*rollup.Row) rollup.Ratio) {
		add(d, label, func(r *rollup.Row) (money.Amount, bool) {
			v := of(r)
			return v.Value, v.Reason == rollup.Defined
		})
	}
	ratio(rateDescription, "", func(r *rollup.Row) rollup.Ratio { return r.ExpansionRate })
	ratio(growthDescription, "", func(r *rollup.Row) rollup.Ratio { return r.Growth })
	ratio(nrrDescription, "1", func(r *rollup.Row) rollup.Ratio { return r.NRR1 })
	ratio(nrrDescription, "12", func(r *rollup.Row) rollup.Ratio { return r.NRR12 })
	ratio(grrDescription, "1", func(r *rollup.Row) rollup.Ratio { return r.GRR1 })
	ratio(grrDescription, "12", func(r *rollup.Row) rollup.Ratio { return r.GRR12 })
	return m
}

// intervalLabel is the open period's kind, or the window's name: a label must not move with time.
func intervalLabel(r *rollup.Row) string {
	if r.Kind == aggregate.KindRolling {
		return r.Interval
	}
	return r.Kind.String()
}

// otherSegment is the label of all segments beyond the top ones.
const otherSegment = "(other)"

// labelBytes bounds a label's value: attributes come from outside and may be as long as an event.
const labelBytes = 96

// names are the label values given out; two series must never have the same labels.
type names map[string]bool

// label is a name as the value of a label: valid UTF-8 of bounded length. A name that had to be
// changed ends in a hash of all of it, so that long names with one beginning stay apart. It is not
// ok when the value is taken.
func (n names) label(name string) (value string, ok bool) {
	value = name
	if len(name) > labelBytes || !utf8.ValidString(name) {
		kept := strings.ToValidUTF8(name[:min(len(name), labelBytes-17)], "?")
		value = kept + "~" + strconv.FormatUint(xxhash.Sum64String(name), 16)
	}
	if n[value] {
		return "", false
	}
	n[value] = true
	return value, true
}
