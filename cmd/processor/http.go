package main

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/pipeline"
	"processor/internal/rollup"
	"processor/internal/sink"
	"processor/internal/web"
)

// face is what a running service shows of itself: the page, the API, the probes and Prometheus'
// scrape. It hears of the service as its observer and by its counters only.
type face struct {
	counters  *pipeline.Metrics
	board     *web.Board
	revenue   *sink.Revenue
	exporter  *sink.Pipeline
	server    *web.Server
	questions *pipeline.Questions
	watchdog  *pipeline.Watchdog
}

// init gives `run` its HTTP part.
func init() {
	openHTTP = func(c *config.Config, counted *pipeline.Metrics, log *slog.Logger) (*httpPart, error) {
		var groupings [][]string
		for _, g := range c.Groupings {
			groupings = append(groupings, g)
		}
		f, err := newFace(counted, c.Reporting.Currency, groupings, log)
		if err != nil {
			return nil, err
		}
		l, err := web.Listen(context.Background(), c.HTTP.Address) //nolint:contextcheck // opening a port does not wait
		if err != nil {
			return nil, err
		}
		log.Info("the page and the API are served", "address", l.Addr().String())
		return &httpPart{observer: f.observer(), questions: f.questions, watchdog: f.watchdog, serve: func(ctx context.Context) error { return f.serve(ctx, l) }}, nil
	}
}

// newFace prepares a face for figures in a currency, grouped as configured.
func newFace(counters *pipeline.Metrics, currency string, groupings [][]string, log *slog.Logger) (*face, error) {
	f := &face{
		counters: counters, board: web.NewBoard(web.BoardOptions{}), revenue: sink.NewRevenue(sink.RevenueOptions{}),
		questions: pipeline.NewQuestions(), watchdog: pipeline.NewWatchdog(nil),
	}
	version, commit := buildIdentity()
	f.exporter = sink.NewPipeline(f.reading, sink.Build{Version: version, Commit: commit, GoVersion: runtime.Version()})
	registry := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		f.revenue, f.exporter, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, g := range groupings {
		names = append(names, strings.Join(g, ","))
	}
	var err error
	f.server, err = web.New(f.board, web.Options{
		Currency: currency, Groupings: names, Log: log, Explain: explainer(f.questions), Live: f.watchdog.Live,
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second}),
	})
	return f, err
}

// observer is what the service tells the face.
func (f *face) observer() pipeline.Observer {
	return pipeline.Observer{
		Periods: web.Periods,
		Metrics: func(rows []rollup.Row, watermark event.Time) {
			f.revenue.Observe(rows)
			f.board.Observe(rows, watermark)
		},
		Status: func(s pipeline.Status) {
			f.exporter.Sample()
			f.board.SetStatus(statusOf(s, f.counters.Read()))
		},
	}
}

// serve answers on a listener until ctx ends.
func (f *face) serve(ctx context.Context, l net.Listener) error { return f.server.Serve(ctx, l) }

// statusOf is where the service stands, in the page's terms.
func statusOf(s pipeline.Status, r pipeline.Reading) web.Status {
	out := web.Status{Phase: string(s.Phase), Ready: s.Ready(), Watermark: s.Watermark, Segments: r.Segments, Of: s.Of}
	for _, p := range r.Partitions {
		out.Records += p.Read - p.Results[pipeline.ResultCopied] // the copy counts
		out.Rejected += p.Results[pipeline.ResultRejected]
		out.LagRecords += p.LagRecords
		out.Lag = max(out.Lag, p.LagTime)
	}
	for _, shard := range s.Shards {
		out.Accounts += shard.Accounts
		out.Shards = append(out.Shards, web.ShardStatus{
			Shard: shard.Shard, Watermark: shard.Watermark, Accounts: shard.Accounts, LagRecords: shard.LagRecords, CaughtUp: shard.CaughtUp,
		})
	}
	return out
}

// reading is what the service counted, in the exporter's terms.
func (f *face) reading() sink.PipelineReading {
	r := f.counters.Read()
	out := sink.PipelineReading{
		Rejections: r.Rejections, Rows: map[string]int64{},
		Flushes: r.Flushes, FlushTime: r.FlushTime, Checkpoints: r.Checkpoints, CheckpointTime: r.CheckpointTime,
		CheckpointBytes: r.CheckpointBytes, CheckpointFailures: r.CheckpointFailures, Rebalances: r.Rebalances, ShardLoads: r.ShardLoads, IdentityBreaks: r.IdentityBreaks,
		Stalled: f.watchdog.Stalled(), Security: r.Security,
	}
	for topic, n := range r.Rows {
		out.Rows[string(topic)] = n
	}
	for at, p := range r.Partitions {
		source := sink.SourceReading{
			Topic: at.Topic, Partition: at.Partition, Results: map[string]int64{}, LagRecords: p.LagRecords, LagTime: p.LagTime, Lost: p.Lost,
		}
		results := pipeline.Results
		if _, copied := p.Results[pipeline.ResultCopied]; copied {
			results = pipeline.IntakeResults
		}
		for _, result := range results {
			source.Results[string(result)] = p.Results[result]
		}
		out.Sources = append(out.Sources, source)
	}
	for number, s := range r.Shards {
		shard := sink.ShardReading{Shard: number, Watermark: s.Watermark, Saved: s.Saved, Accounts: s.Accounts, Bytes: s.Bytes, Open: s.Open, OpenBytes: s.OpenBytes, Unrated: s.Unrated, Restored: 1}
		if s.Restoring {
			shard.Restored = 0
		}
		out.Shards = append(out.Shards, shard)
	}
	slices.SortFunc(out.Shards, func(a, b sink.ShardReading) int { return a.Shard - b.Shard })
	return out
}
