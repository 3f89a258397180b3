package sink_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
	"processor/internal/sink"
)

// month is a row of one segment of a grouping in a month of 2026.
func month(grouping, segment string, number int, opening, expansion int64) rollup.Row {
	start := time.Date(2026, time.Month(number), 1, 0, 0, 0, 0, time.UTC)
	row := rollup.Row{
		Segment: aggregate.Segment{Grouping: grouping, Name: segment}, Kind: aggregate.KindMonth, Interval: start.Format("2006-01"),
		StartsAt: event.At(start), EndsAt: event.At(start.AddDate(0, 1, 0)),
		Opening: money.Units(opening), Closing: money.Units(opening + expansion),
		AccountsOpening: 7, AccountsClosing: 8,
	}
	row.Sums[aggregate.SumExpansion] = money.Units(expansion)
	row.Sums[aggregate.SumUp+aggregate.Sum(aggregate.UpSeat)] = money.Units(expansion)
	row.Growth.Reason = rollup.ZeroBase
	row.ExpansionRate.Value, _ = money.Ratio(money.Units(expansion), money.Units(opening))
	for _, r := range []*rollup.Ratio{&row.NRR1, &row.NRR12, &row.GRR1, &row.GRR12} {
		r.Reason = rollup.NotDefined
	}
	return row
}

// series are the exporter's lines of one metric, without help and type.
func series(t *testing.T, c prometheus.Collector, metric string) []string {
	t.Helper()
	text, err := testutil.CollectAndFormat(c, expfmt.TypeTextPlain, metric)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func wantSeries(t *testing.T, c prometheus.Collector, metric string, want ...string) {
	t.Helper()
	if got := series(t, c, metric); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n%s\nwant\n%s", metric, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const euMonth = `grouping="region",interval="month",segment="eu"`

func TestRevenueShowsTheLatestPeriodOnly(t *testing.T) {
	r := sink.NewRevenue(sink.RevenueOptions{})
	april := month("region", "eu", 4, 2000, 400)
	r.Observe([]rollup.Row{month("region", "eu", 3, 1000, 250), april})
	restated := month("region", "eu", 3, 1000, 999)
	r.Observe([]rollup.Row{april, restated}) // the same row again adds nothing

	wantSeries(t, r, "expansion_rate_ratio", `expansion_rate_ratio{`+euMonth+`} 0.2`)
	wantSeries(t, r, "expansion_growth_ratio") // has a reason and no value
	wantSeries(t, r, "expansion_up_mrr", `expansion_up_mrr{`+euMonth+`,type="seat"} 400`)
	got := series(t, r, "expansion_mrr")
	if len(got) != 13 || got[0] != `expansion_mrr{`+`grouping="region",interval="month",kind="churned",segment="eu"} 0` {
		t.Errorf("kinds: %q", got)
	}
	for _, want := range []string{`kind="opening",segment="eu"} 2000`, `kind="expansion",segment="eu"} 400`, `kind="closing",segment="eu"} 2400`} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("no %s in %q", want, got)
		}
	}
	if accounts := strings.Join(series(t, r, "expansion_accounts"), "\n"); !strings.Contains(accounts, `state="closing"} 8`) {
		t.Errorf("accounts: %s", accounts)
	}
}

func TestRevenueLabelsWindowsByName(t *testing.T) {
	r := sink.NewRevenue(sink.RevenueOptions{})
	row := month("all", "all", 3, 100, 5)
	row.Kind, row.Interval = aggregate.KindRolling, "30d"
	row.Growth = rollup.Ratio{Value: money.Micros(-250_000)}
	row.NRR12, row.GRR1 = rollup.Ratio{Value: money.Micros(1_250_000)}, rollup.Ratio{}
	r.Observe([]rollup.Row{row})
	wantSeries(t, r, "expansion_growth_ratio", `expansion_growth_ratio{grouping="all",interval="30d",segment="all"} -0.25`)
	wantSeries(t, r, "expansion_nrr_ratio", `expansion_nrr_ratio{grouping="all",interval="30d",months="12",segment="all"} 1.25`)
	wantSeries(t, r, "expansion_grr_ratio", `expansion_grr_ratio{grouping="all",interval="30d",months="1",segment="all"} 0`)
}

func TestRevenueSeriesGoWithTheirSegment(t *testing.T) {
	r := sink.NewRevenue(sink.RevenueOptions{Top: 1})
	r.Observe([]rollup.Row{month("region", "eu", 3, 900, 0), month("region", "us", 3, 100, 10), month("region", "apac", 3, 50, 1)})
	gone := rollup.Row{Segment: aggregate.Segment{Grouping: "region", Name: "eu"}, Kind: aggregate.KindMonth, Interval: "2026-02", Deleted: true}
	r.Observe([]rollup.Row{gone}) // a month that is not shown
	wantSeries(t, r, "expansion_rate_ratio", `expansion_rate_ratio{`+euMonth+`} 0`)
	gone.Interval = "2026-03"
	r.Observe([]rollup.Row{gone, gone})
	wantSeries(t, r, "expansion_rate_ratio", `expansion_rate_ratio{grouping="region",interval="month",segment="us"} 0.1`)
	wantSeries(t, r, "expansion_up_mrr",
		`expansion_up_mrr{grouping="region",interval="month",segment="(other)",type="seat"} 1`,
		`expansion_up_mrr{grouping="region",interval="month",segment="us",type="seat"} 10`)
	r.Forget()
	if n := testutil.CollectAndCount(r); n != 0 {
		t.Errorf("%d series after the rows were given up", n)
	}
}

// The segments beyond the top N are summed, exactly, and a promoted one comes back with its own figures.
func TestRevenueClampsSegments(t *testing.T) {
	r := sink.NewRevenue(sink.RevenueOptions{Top: 2})
	rows := []rollup.Row{
		month("region", "a", 3, 500, 1), month("region", "b", 3, 400, 2), month("region", "d", 3, 400, 16),
		month("region", "c", 3, 300, 4), month("region", "e", 3, 0, 0),
	}
	rows[3].Sums[aggregate.SumExpansion] = money.Micros(4_000_001)
	r.Observe(rows)
	up := func(segment, value string) string {
		return `expansion_up_mrr{grouping="region",interval="month",segment="` + segment + `",type="seat"} ` + value
	}
	wantSeries(t, r, "expansion_up_mrr", up("(other)", "6"), up("a", "1"), up("d", "16"))
	if got := strings.Join(series(t, r, "expansion_mrr"), "\n"); !strings.Contains(got, `kind="expansion",segment="(other)"} 6.000001`) {
		t.Errorf("the others' expansion is not 6.000001: %s", got)
	}
	r.Observe([]rollup.Row{month("region", "a", 3, 1, 0)})
	wantSeries(t, r, "expansion_up_mrr", up("(other)", "4"), up("b", "2"), up("d", "16"))
	if rates := series(t, r, "expansion_rate_ratio"); len(rates) != 2 {
		t.Errorf("the others have a ratio, which is no sum: %q", rates)
	}
}

func TestRevenueLabelValuesAreBoundedAndDistinct(t *testing.T) {
	long := strings.Repeat("é", 4000)
	hostile := []string{long + "1", long + "2", "bad\xff", "bad\xfe", `"><img src=x>`, "\x00", "line\nbreak", "(other)", "\u202eevil"}
	r := sink.NewRevenue(sink.RevenueOptions{})
	for i, name := range hostile {
		r.Observe([]rollup.Row{month("region", name, 3, int64(i+1)*100, 1)})
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	segments := map[string]bool{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if v := l.GetValue(); len(v) > 96 || !utf8.ValidString(v) {
					t.Errorf("label %s is %d bytes, valid %v", l.GetName(), len(v), utf8.ValidString(v))
				}
				if l.GetName() == "segment" {
					segments[l.GetValue()] = true
				}
			}
		}
	}
	if len(segments) != len(hostile) { // the segment that is named (other) is part of the others
		t.Errorf("%d segments for %d names: %v", len(segments), len(hostile), segments)
	}
}

// Two segments that would have the same label never make a scrape fail: one of them joins the others.
func TestRevenueLabelsNeverCollide(t *testing.T) {
	r := sink.NewRevenue(sink.RevenueOptions{Top: 3})
	r.Observe([]rollup.Row{month("region", "bad\xff", 3, 500, 1)})
	line := series(t, r, "expansion_rate_ratio")[0]
	_, taken, _ := strings.Cut(line, `segment="`)
	taken, _, _ = strings.Cut(taken, `"`)
	r.Observe([]rollup.Row{month("region", taken, 3, 400, 2), month("region", "(other)", 3, 300, 4), month("region", "small", 3, 1, 8)})
	wantSeries(t, r, "expansion_up_mrr",
		`expansion_up_mrr{grouping="region",interval="month",segment="(other)",type="seat"} 14`,
		`expansion_up_mrr{grouping="region",interval="month",segment="`+taken+`",type="seat"} 1`)
}

func TestTransferBalance(t *testing.T) {
	r := sink.NewRevenue(sink.RevenueOptions{Top: 1})
	year := func(grouping, segment string, in, out int64) rollup.Row {
		row := month(grouping, segment, 1, 1000, 0)
		row.Kind, row.Interval = aggregate.KindYear, "2026"
		row.Sums[aggregate.SumTransferIn], row.Sums[aggregate.SumTransferOut] = money.Units(in), money.Units(out)
		return row
	}
	r.Observe([]rollup.Row{year("all", "all", 30, 10), year("region", "eu", 130, 5), year("region", "us", 0, 105)})
	wantSeries(t, r, "expansion_transfer_balance_mrr",
		`expansion_transfer_balance_mrr{grouping="all"} 0`, `expansion_transfer_balance_mrr{grouping="region"} 0`)
	r.Observe([]rollup.Row{year("region", "us", 0, 100)})
	wantSeries(t, r, "expansion_transfer_balance_mrr",
		`expansion_transfer_balance_mrr{grouping="all"} 0`, `expansion_transfer_balance_mrr{grouping="region"} 5`)
}

// However many segments there are, the number of series has a bound, and nothing is lost.
func TestAMillionSegmentsHaveBoundedSeries(t *testing.T) {
	const segments = 1_000_000
	r := sink.NewRevenue(sink.RevenueOptions{Top: 50})
	row := month("industry", "", 3, 100, 1)
	for i := range segments {
		row.Segment.Name = fmt.Sprintf("segment-%d", i)
		r.Observe([]rollup.Row{row})
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(r)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n, sum := 0, 0.0
	for _, f := range families {
		n += len(f.GetMetric())
		for _, m := range f.GetMetric() {
			if f.GetName() == "expansion_up_mrr" {
				sum += m.GetGauge().GetValue()
			}
		}
	}
	if limit := 51 * (13 + 12 + 11 + 6); n > limit {
		t.Errorf("%d series, more than %d", n, limit)
	}
	if sum != segments {
		t.Errorf("the series sum to %v, want %v", sum, segments)
	}
	text, err := testutil.CollectAndFormat(r, expfmt.TypeTextPlain)
	if err != nil || len(text) > 1<<20 {
		t.Errorf("a scrape of %d bytes: %v", len(text), err)
	}
}

func TestRevenueIsLintClean(t *testing.T) {
	r := sink.NewRevenue(sink.RevenueOptions{})
	row := month("all", "all", 3, 100, 5)
	row.Growth, row.NRR1, row.GRR1 = rollup.Ratio{}, rollup.Ratio{}, rollup.Ratio{}
	r.Observe([]rollup.Row{row})
	problems, err := testutil.CollectAndLint(r)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}
