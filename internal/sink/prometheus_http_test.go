package sink_test

import (
	"testing"

	"processor/internal/sink"
)

func TestHTTPShowsWhatIsCounted(t *testing.T) {
	h := sink.NewHTTP(func() sink.HTTPReading {
		return sink.HTTPReading{
			Requests: map[sink.HTTPRequest]int64{{"/api/v1/metrics", 200}: 7, {"none", 405}: 2}, InFlight: 3, Connections: 4, Streams: 5,
			StreamsRefused: 6, Refused: 8, ConfigFailures: 9,
		}
	})
	for metric, want := range map[string]string{
		"expansion_http_requests_in_flight":    "expansion_http_requests_in_flight 3",
		"expansion_http_connections":           "expansion_http_connections 4",
		"expansion_http_streams":               "expansion_http_streams 5",
		"expansion_http_streams_refused_total": "expansion_http_streams_refused_total 6",
		"expansion_http_refused_total":         "expansion_http_refused_total 8",
		"expansion_http_config_failures_total": "expansion_http_config_failures_total 9",
	} {
		wantSeries(t, h, metric, want)
	}
	wantSeries(t, h, "expansion_http_requests_total",
		`expansion_http_requests_total{code="200",route="/api/v1/metrics"} 7`, `expansion_http_requests_total{code="405",route="none"} 2`)
}
