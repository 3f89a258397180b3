package main

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"processor/internal/aggregate"
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
	ledger    *web.Ledger
	transport web.Options // how the server is reached
	alarm     *alarm
}

// init gives `run` its HTTP part.
func init() {
	openHTTP = func(c *config.Config, counted *pipeline.Metrics, log *slog.Logger) (*httpPart, error) {
		core, err := coreOptions(c)
		if err != nil {
			return nil, withCode(exitUsage, err)
		}
		server, err := serverOptions(c, log)
		if err != nil {
			return nil, withCode(exitUsage, err)
		}
		f, err := newFace(counted, core, server)
		if err != nil {
			return nil, err
		}
		f.alarm.tellThrough(c, log)
		serve, err := f.listen(c)
		if err != nil {
			return nil, err
		}
		return &httpPart{observer: f.observer(), questions: f.questions, watchdog: f.watchdog, serve: f.alarm.beside(serve)}, nil
	}
}

// newFace prepares a face for the figures of a core. server says how it is reached; the rest of its fields
// are filled here.
func newFace(counters *pipeline.Metrics, core aggregate.Options, server web.Options) (*face, error) {
	f := &face{
		counters: counters, board: web.NewBoard(web.BoardOptions{}), revenue: sink.NewRevenue(sink.RevenueOptions{}),
		questions: pipeline.NewQuestions(), watchdog: pipeline.NewWatchdog(nil), ledger: web.NewLedger(web.LedgerOptions{}),
		alarm: &alarm{counters: counters, clock: time.Now},
	}
	version, commit := buildIdentity()
	f.exporter = sink.NewPipeline(f.reading, sink.Build{Version: version, Commit: commit, GoVersion: runtime.Version()})
	scrape, err := sink.NewScrape(f.revenue, f.exporter, sink.NewHTTP(f.served), sink.NewAlerts(f.alarm.reading, f.alarm.now), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err != nil {
		return nil, err
	}
	empty, err := aggregate.New(core)
	if err != nil {
		return nil, err
	}
	for _, g := range core.Groupings {
		server.Groupings = append(server.Groupings, strings.Join(g, ","))
	}
	server.Currency, server.Dimensions, server.Windows = core.Currency, empty.Dimensions(), core.Windows
	server.Zone, server.FiscalYearStart = core.Zone, core.FiscalYearStart
	server.Explain, server.Asker, server.Ledger, server.Live = explainer(f.questions), asker{f.questions}, f.ledger, f.watchdog.Live
	server.Alerts = func() []web.Alert { return f.alarm.rows(core.Currency) }
	server.Metrics = promhttp.HandlerFor(scrape, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 20 * time.Second})
	f.server, err = web.New(f.board, server)
	f.transport = server
	return f, err
}

// served is what the HTTP server counted, in the exporter's terms.
func (f *face) served() sink.HTTPReading {
	r := f.server.Read()
	out := sink.HTTPReading{
		Requests: make(map[sink.HTTPRequest]int64, len(r.Requests)), InFlight: r.InFlight, Connections: r.Connections,
		Streams: r.Streams, StreamsRefused: r.StreamsRefused, Refused: r.Refused, ConfigFailures: r.ConfigFailures,
	}
	for q, n := range r.Requests {
		out.Requests[sink.HTTPRequest(q)] = n
	}
	return out
}

// observer is what the service tells the face.
func (f *face) observer() pipeline.Observer {
	return pipeline.Observer{
		Periods: web.Periods,
		Derived: func(shard int, u *aggregate.Updates) {
			f.ledger.Observe(shard, u)
			f.board.ObserveAccount(shard, u)
		},
		Dropped: func(shard int) {
			f.ledger.Drop(shard)
			f.board.DropShard(shard)
		},
		Metrics: func(rows []rollup.Row, watermark event.Time) {
			f.revenue.Observe(rows)
			f.board.Observe(rows, watermark)
		},
		Alerts: f.alarm.observe,
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
	if f.counters.Registry != nil {
		reading := sink.RegistryReading(f.counters.Registry())
		out.Registry = &reading
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
