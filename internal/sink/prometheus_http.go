package sink

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// HTTPReading is what the HTTP server counted since its start, as Prometheus is shown it.
type HTTPReading struct {
	Requests       map[HTTPRequest]int64
	InFlight       int64
	Connections    int64
	Streams        int
	StreamsRefused int64
	Refused        int64
	ConfigFailures int64
}

// HTTPRequest names requests that are counted together. Route is a pattern of a closed set and never a path.
type HTTPRequest struct {
	Route string
	Code  int
}

// HTTP shows what the HTTP server counts to Prometheus. It reads it at every scrape.
type HTTP struct{ read func() HTTPReading }

// NewHTTP is an exporter of what read returns.
func NewHTTP(read func() HTTPReading) *HTTP { return &HTTP{read} }

var (
	requestsDescription       = counted("http_requests_total", "Requests answered, by route and status.", "route", "code")
	inFlightDescription       = counted("http_requests_in_flight", "Requests being answered, open event streams among them.")
	connectionsDescription    = counted("http_connections", "Connections that are open; http.max_connections bounds them.")
	streamsDescription        = counted("http_streams", "Event streams that are open; http.max_streams bounds them.")
	streamsRefusedDescription = counted("http_streams_refused_total", "Event streams that were refused because too many were open.")
	refusedDescription        = counted("http_refused_total", "Requests whose sender may not read what was asked for, or did not say who it is.")
	configFailuresDescription = counted("http_config_failures_total", "Changes of the web configuration file, or of its certificates, that could not be used; the ones before count.")
	httpDescriptions          = []*prometheus.Desc{
		requestsDescription, inFlightDescription, connectionsDescription, streamsDescription, streamsRefusedDescription, refusedDescription, configFailuresDescription,
	}
)

// Describe sends every description.
func (h *HTTP) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range httpDescriptions {
		ch <- d
	}
}

// Collect sends the current values.
func (h *HTTP) Collect(ch chan<- prometheus.Metric) {
	r := h.read()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, float64(n), labels...)
	}
	for q, n := range r.Requests {
		send(requestsDescription, prometheus.CounterValue, n, q.Route, strconv.Itoa(q.Code))
	}
	send(inFlightDescription, prometheus.GaugeValue, r.InFlight)
	send(connectionsDescription, prometheus.GaugeValue, r.Connections)
	send(streamsDescription, prometheus.GaugeValue, int64(r.Streams))
	send(streamsRefusedDescription, prometheus.CounterValue, r.StreamsRefused)
	send(refusedDescription, prometheus.CounterValue, r.Refused)
	send(configFailuresDescription, prometheus.CounterValue, r.ConfigFailures)
}
