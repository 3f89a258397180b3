package replay_test

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"processor/internal/aggregate"
)

// metrics holds every row, the chain of each segment, the segments against the total, and the
// total against movements and account_months.
func (b *books) metrics(rows []columns, months map[string]sums) {
	slices.SortFunc(rows, func(x, y columns) int { return cmp.Compare(x.text("starts_at"), y.text("starts_at")) })
	last := map[string]columns{}
	segments, longer := map[string]sums{}, map[string]sums{}
	totals := map[string]columns{}
	for _, c := range rows {
		at := fmt.Sprintf("metrics %s=%s %s", c.text("grouping"), c.text("segment"), c.text("interval"))
		b.closes(c, at)
		b.ratios(c, at)
		kind := c.text("interval_kind")
		if kind == "rolling" {
			continue
		}
		track := c.text("grouping") + "=" + c.text("segment") + " " + kind
		if p := last[track]; p != nil {
			if p.micro("closing_mrr")+c.micro("opening_balance") != c.micro("opening_mrr") {
				b.complain("%s opens at %s, %s closed at %s", at, c.text("opening_mrr"), p.text("interval"), p.text("closing_mrr"))
			}
			if p.text("ends_at") != c.text("starts_at") {
				b.complain("%s does not start where %s ended", at, p.text("interval"))
			}
		}
		last[track] = c
		if kind == "month" {
			b.bands(c, at)
			segment := c.text("grouping") + " " + c.text("interval")
			if c.text("grouping") == "all" {
				totals[c.text("interval")] = c
				b.against(c, at, "movements", b.booked[c.text("interval")], false)
				b.against(c, at, "account_months", months[c.text("interval")], true)
			} else {
				add(segments, segment, c)
			}
			year, month, _ := strings.Cut(c.text("interval"), "-")
			n, _ := strconv.Atoi(month)
			add(longer, track[:len(track)-len("month")]+"quarter "+fmt.Sprintf("%s-Q%d", year, (n+2)/3), c)
			add(longer, track[:len(track)-len("month")]+"year "+year, c)
		}
	}
	b.segmentsAddUp(segments, totals)
	b.longerAddUp(rows, longer)
}

// longerAddUp holds that the months of a quarter or year sum to it.
func (b *books) longerAddUp(rows []columns, longer map[string]sums) {
	if b.fiscal {
		return
	}
	for _, c := range rows {
		kind := c.text("interval_kind")
		if kind != "quarter" && kind != "year" {
			continue
		}
		name := c.text("grouping") + "=" + c.text("segment") + " " + kind + " " + c.text("interval")
		b.sameFlows(c, "metrics "+name, "its months", longer[name])
		delete(longer, name)
	}
	for name := range longer {
		b.complain("metrics %s is not there, its months are", name)
	}
}

func add(to map[string]sums, name string, c columns) {
	if to[name] == nil {
		to[name] = sums{}
	}
	ups, downs := partColumns()
	for _, column := range append(ups, downs...) {
		to[name][column] += c.micro(column)
	}
	for column := range signs {
		to[name][column] += c.micro(column)
	}
	to[name]["opening_mrr"] += c.micro("opening_mrr")
	to[name]["closing_mrr"] += c.micro("closing_mrr")
	to[name]["committed_mrr"] += c.micro("committed_mrr")
	to[name]["non_recurring"] += c.micro("non_recurring")
	to[name]["accounts_closing"] += c.count("accounts_closing")
}

func (b *books) sameFlows(c columns, at, what string, s sums) {
	for column := range signs {
		if c.micro(column) != s[column] {
			b.complain("%s: %s is %s, %s sum to %d", at, column, c.text(column), what, s[column])
		}
	}
}

func (b *books) against(c columns, at, what string, s sums, all bool) {
	b.sameFlows(c, at, what, s)
	ups, downs := partColumns()
	columns := append(ups, downs...)
	if all {
		columns = append(columns, "non_recurring", "opening_balance")
	}
	for _, column := range columns {
		if c.micro(column) != s[column] {
			b.complain("%s: %s is %s, %s sum to %d", at, column, c.text(column), what, s[column])
		}
	}
}

func (b *books) segmentsAddUp(segments map[string]sums, totals map[string]columns) {
	for name, s := range segments {
		_, month, _ := strings.Cut(name, " ")
		c := totals[month]
		if c == nil {
			b.complain("segments of %s have rows, the total has none", name)
			continue
		}
		ups, downs := partColumns()
		for _, column := range append(ups, downs...) {
			if c.micro(column) != s[column] {
				b.complain("%s: segments sum to %d, the total is %s of %s", name, s[column], c.text(column), column)
			}
		}
		if splitsParts(name) {
			continue
		}
		b.sameFlows(c, "metrics all "+month, "the segments of "+name, s)
		for _, column := range [...]string{"opening_mrr", "closing_mrr", "committed_mrr", "non_recurring"} {
			if c.micro(column) != s[column] {
				b.complain("%s: segments sum to %d, the total is %s of %s", name, s[column], c.text(column), column)
			}
		}
		if c.count("accounts_closing") != s["accounts_closing"] {
			b.complain("%s: the segments' accounts do not sum to the total's", name)
		}
	}
}

// splitsParts says whether a grouping splits the typed amounts only.
func splitsParts(name string) bool {
	return strings.Contains(name, aggregate.DimensionProductFamily) || strings.Contains(name, aggregate.DimensionMotion)
}

func (b *books) closes(c columns, at string) {
	sum := c.micro("opening_mrr") + c.movedIn() + c.micro("usage_change")
	for name, sign := range signs {
		sum += sign * c.micro(name)
	}
	if sum != c.micro("closing_mrr") {
		b.complain("%s does not close", at)
	}
	n := func(name string) int64 { return c.count("accounts_" + name) }
	if n("opening")+n("new")+n("reactivated")-n("churned")-n("paused")+n("resumed")+n("transferred_in")-n("transferred_out") != n("closing") {
		b.complain("%s: the numbers of accounts do not close", at)
	}
	if c.micro("closing_mrr") > 0 != (n("closing") > 0) {
		b.complain("%s: %s of MRR in %d accounts", at, c.text("closing_mrr"), n("closing"))
	}
	if c.micro("arr") != 12*c.micro("closing_mrr") {
		b.complain("%s: arr is not 12 x closing_mrr", at)
	}
}

// ratios makes each ratio anew from the columns of its row.
func (b *books) ratios(c columns, at string) {
	n := func(name string) int64 {
		if strings.HasPrefix(name, "accounts") {
			return c.count(name)
		}
		return c.micro(name)
	}
	check := func(name string, above, below int64) {
		want := any(nil)
		if below != 0 {
			want = ratioText(above, below)
		}
		if c[name] != want {
			b.complain("%s: %s is %v, its columns say %v", at, name, c[name], want)
		}
		if (c[name] == nil) != (c.text(name+"_reason") == "zero_base") {
			b.complain("%s: %s is %v because of %q", at, name, c[name], c.text(name+"_reason"))
		}
	}
	check("expansion_rate", n("expansion_mrr"), n("opening_mrr"))
	check("expansion_share_of_gross_new", n("expansion_mrr"), n("new_mrr")+n("reactivation_mrr")+n("expansion_mrr"))
	check("mrr_growth_rate", n("closing_mrr")-n("opening_mrr"), n("opening_mrr"))
	check("revenue_churn_rate", n("churned_mrr"), n("opening_mrr"))
	check("logo_churn_rate", n("accounts_churned"), n("accounts_opening"))
	check("arpa", n("closing_mrr"), n("accounts_closing")*1_000_000)
	check("upsell_rate", n("accounts_up_upsell"), n("accounts_opening"))
	check("cross_sell_rate", n("accounts_up_cross_sell"), n("accounts_opening"))
	var ups int64
	names, _ := partColumns()
	for _, name := range names {
		ups += n(name)
	}
	driver := any(nil)
	for i, name := range names {
		check("share_"+aggregate.UpNames[i], n(name), ups)
		if ups > 0 && 10*n(name) >= 7*ups {
			driver = aggregate.UpNames[i]
		}
	}
	if c["primary_driver"] != driver {
		b.complain("%s: primary_driver is %v, want %v", at, c["primary_driver"], driver)
	}
}

// ratioText is the quotient with six digits, half to even.
func ratioText(above, below int64) string {
	q := new(big.Rat).SetFrac64(above, below)
	exact := new(big.Rat).Mul(q, big.NewRat(1_000_000, 1))
	whole, rest := new(big.Int).DivMod(exact.Num(), exact.Denom(), new(big.Int))
	switch twice := rest.Lsh(rest, 1).Cmp(exact.Denom()); {
	case twice > 0, twice == 0 && whole.Bit(0) == 1:
		whole.Add(whole, big.NewInt(1))
	}
	return new(big.Rat).SetFrac(whole, big.NewInt(1_000_000)).FloatString(6)
}

// bands holds that each band is that of the published ratio.
func (b *books) bands(c columns, at string) {
	for _, x := range [...]struct {
		band, ratio      string
		good, great, top int64
	}{
		{"expansion_rate_band", "expansion_rate", 20_000, 30_000, 50_000},
		{"share_band", "expansion_share_of_gross_new", 200_000, 300_000, 500_000},
		{"nrr_band", "nrr_12m", 1_000_000, 1_100_000, 1_300_000},
	} {
		want := any(nil)
		if c[x.ratio] != nil {
			switch r := c.micro(x.ratio); {
			case r > x.top:
				want = "best"
			case r >= x.great:
				want = "great"
			case r >= x.good:
				want = "good"
			default:
				want = "below_benchmark"
			}
		}
		if c[x.band] != want {
			b.complain("%s: %s is %v for %v", at, x.band, c[x.band], c[x.ratio])
		}
	}
}
