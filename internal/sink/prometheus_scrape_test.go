package sink_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"processor/internal/rollup"
	"processor/internal/sink"
)

func textOf(t *testing.T, g prometheus.Gatherer) (text string, families []*dto.MetricFamily) {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&out, f); err != nil {
			t.Fatal(err)
		}
	}
	return out.String(), families
}

// A scrape is what a registry of everything gathers, also after rows changed or were given up; what did not change is
// not gathered again.
func TestScrapeIsFreshAndCheap(t *testing.T) {
	revenue, flushes := sink.NewRevenue(sink.RevenueOptions{}), int64(0)
	pipeline := sink.NewPipeline(func() sink.PipelineReading { return sink.PipelineReading{Rebalances: flushes} }, sink.Build{})
	s, err := sink.NewScrape(revenue, pipeline)
	if err != nil {
		t.Fatal(err)
	}
	all := prometheus.NewRegistry()
	all.MustRegister(revenue, pipeline)
	same := func(when string) []*dto.MetricFamily {
		t.Helper()
		got, families := textOf(t, s)
		if want, _ := textOf(t, all); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", when, got, want)
		}
		return families
	}
	same("before the first row")
	revenue.Observe([]rollup.Row{month("region", "eu", 3, 1000, 250)})
	first := same("with a row")
	flushes++
	second := same("with another counter")
	named := func(families []*dto.MetricFamily, name string) *dto.MetricFamily {
		for _, f := range families {
			if f.GetName() == name {
				return f
			}
		}
		return nil
	}
	if mrr := named(first, "expansion_mrr"); mrr == nil || mrr != named(second, "expansion_mrr") {
		t.Error("rows that did not change were gathered again")
	}
	revenue.Observe([]rollup.Row{month("region", "eu", 3, 1000, 251), month("region", "us", 3, 1, 0)})
	same("with other rows")
	revenue.Forget()
	same("without rows")
}
