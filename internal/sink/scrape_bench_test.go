package sink_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"processor/internal/aggregate"
	"processor/internal/rollup"
	"processor/internal/sink"
)

// BenchmarkScrape is a scrape of two groupings with 60 segments each, of every interval, with and
// without a row that changed since the one before.
func BenchmarkScrape(b *testing.B) {
	r := sink.NewRevenue(sink.RevenueOptions{})
	var rows []rollup.Row
	for _, grouping := range []string{"region", "plan_tier,region"} {
		for i := range 60 {
			for kind := aggregate.KindDay; kind < aggregate.KindRolling; kind++ {
				row := month(grouping, fmt.Sprintf("segment-%d", i), 3, 1000, int64(i))
				row.Kind = kind
				rows = append(rows, row)
			}
			for _, window := range aggregate.Windows {
				row := month(grouping, fmt.Sprintf("segment-%d", i), 3, 1000, int64(i))
				row.Kind, row.Interval = aggregate.KindRolling, window.Name
				rows = append(rows, row)
			}
		}
	}
	r.Observe(rows)
	s, err := sink.NewScrape(r)
	if err != nil {
		b.Fatal(err)
	}
	handler := promhttp.HandlerFor(s, promhttp.HandlerOpts{DisableCompression: true})
	request := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/metrics", nil)
	for _, change := range []bool{true, false} {
		b.Run(fmt.Sprintf("changed=%t", change), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if change {
					r.Observe(rows[:1])
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, request)
				b.ReportMetric(float64(w.Body.Len()), "bytes/scrape")
			}
		})
	}
}
