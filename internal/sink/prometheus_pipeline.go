package sink

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"processor/internal/broker"
	"processor/internal/event"
)

// PipelineReading is what the service counted since its start, as Prometheus is shown it.
type PipelineReading struct {
	Sources    []SourceReading
	Shards     []ShardReading
	Rejections map[event.Reason]int64
	Rows       map[string]int64 // acknowledged, by topic without its prefix

	Flushes            int64
	FlushTime          time.Duration // of all flushes
	Checkpoints        int64
	CheckpointTime     time.Duration // of all checkpoints
	CheckpointBytes    int64
	CheckpointFailures int64
	Rebalances         int64
	ShardLoads         int64
	IdentityBreaks     int64
	Stalled            int // source partitions that stand still although there is something to read

	Security broker.Security  // of the connections to the brokers
	Registry *RegistryReading // nil: there is no schema registry
}

// RegistryReading is about the schema registry.
type RegistryReading struct {
	Answered, Unknown, Failed int64 // requests
	Schemas                   int   // that are kept
}

// SourceReading is about one source partition.
type SourceReading struct {
	Topic      string
	Partition  int32
	Results    map[string]int64 // of a closed set
	LagRecords int64
	LagTime    time.Duration
	Lost       int64 // records in gaps that operators accepted
}

// ShardReading is about one shard of this process.
type ShardReading struct {
	Shard     int
	Watermark event.Time // NoTime before it is known
	Saved     time.Time  // of the last checkpoint; zero before the first
	Accounts  int
	Bytes     int64   // of the state; below 0 when it is not known
	Open      int     // accounts that are not parked
	OpenBytes int64   // that they take
	Unrated   int     // months of usage without a price
	Restored  float64 // 0 to 1
}

// Build says which program this is.
type Build struct{ Version, Commit, GoVersion string }

// Pipeline shows what the service counts to Prometheus. It reads it at every scrape.
type Pipeline struct {
	read  func() PipelineReading
	build Build

	mu          sync.Mutex
	flushes     durations
	checkpoints durations
}

// NewPipeline is an exporter of what read returns.
func NewPipeline(read func() PipelineReading, b Build) *Pipeline {
	return &Pipeline{read: read, build: b}
}

var (
	recordsDescription    = counted("records_total", "Records read from the sources, by what became of them.", "topic", "partition", "result")
	rejectionsDescription = counted("rejections_total", "Records that were not accepted, by reason; they are in the dead-letter topic.", "reason")
	lagRecordsDescription = counted("lag_records", "Records between the position of a source partition and its end.", "topic", "partition")
	lagSecondsDescription = counted("lag_seconds", "How long the oldest record not yet applied has waited.", "topic", "partition")
	lostDescription       = counted("lost_records", "Records of a source partition that are in no figure: lost by the log, in gaps that an operator accepted.", "topic", "partition")
	watermarkDescription  = counted("watermark_timestamp_seconds", "The instant up to which a shard's figures are complete.", "shard")
	stalledDescription    = counted("stalled_partitions", "Source partitions whose position did not move for 60 s although there is something to read, or whose loop did not come by.")
	rebalancesDescription = counted("rebalances_total", "Assignments of partitions after the first.")
	loadsDescription      = counted("shard_loads_total", "Shards whose state was read from the checkpoint store; those that stay over an assignment are not.")

	savedDescription      = counted("checkpoint_timestamp_seconds", "When a shard's state was last saved.", "shard")
	checkpointDescription = counted("checkpoint_duration_seconds", "How long saving a shard's state took.")
	savedBytesDescription = counted("checkpoint_bytes_total", "Bytes handed to the checkpoint store.")
	failuresDescription   = counted("checkpoint_failures_total", "Checkpoints that could not be saved.")
	restoredDescription   = counted("restore_progress_ratio", "How much of a shard's state is restored: 1 when it is complete.", "shard")
	stateDescription      = counted("state_accounts", "Accounts in a shard's state.", "shard")
	stateBytesDescription = counted("state_bytes", "Bytes of a shard's state.", "shard")
	openDescription       = counted("open_accounts", "Accounts of a shard that are ready to be worked on; the others are parked.", "shard")
	openBytesDescription  = counted("open_account_bytes", "Memory of a shard's open accounts, by an estimate; limits.open_account_bytes bounds the sum.", "shard")
	unratedDescription    = counted("unrated_usage_months", "Months of a metered item with recorded usage that no snapshot prices: no revenue until one does.", "shard")
	breaksDescription     = counted("identity_breaks_total", "Figures that did not reconcile; the process refuses to save them and ends.")
	registryDescription   = counted("registry_requests_total", "Requests to the schema registry: with a schema, for one that it does not know, and without an answer, for which records wait.", "result")
	schemasDescription    = counted("registry_schemas", "Schemas that are kept in memory; schema_registry.schemas_max bounds them.")
	flushDescription      = counted("flush_duration_seconds", "How long deriving, encoding and sending the changed rows took.")
	rowsDescription       = counted("rows_total", "Rows that all replicas acknowledged.", "topic")
	unverifiedDescription = counted("kafka_tls_unverified", "1 where kafka.tls.insecure_skip_verify is set: the brokers' certificates are not checked.")
	staleDescription      = counted("kafka_certificate_stale", "1 where the files of kafka.tls have changed and cannot be used: what was read before still counts.")
	expiryDescription     = counted("kafka_certificate_expiry_timestamp_seconds", "When this program's certificate for the brokers ends.")
	buildInfoDescription  = counted("build_info", "1, with the program's version.", "version", "commit", "go_version")
	pipelineDescriptions  = []*prometheus.Desc{
		recordsDescription, rejectionsDescription, lagRecordsDescription, lagSecondsDescription, lostDescription, watermarkDescription,
		stalledDescription, rebalancesDescription, loadsDescription, savedDescription, checkpointDescription, savedBytesDescription, failuresDescription,
		restoredDescription, stateDescription, stateBytesDescription, openDescription, openBytesDescription, unratedDescription, breaksDescription, flushDescription,
		rowsDescription, registryDescription, schemasDescription, unverifiedDescription, staleDescription, expiryDescription, buildInfoDescription,
	}
)

func counted(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("expansion_"+name, help, labels, nil)
}

// Describe sends every description.
func (p *Pipeline) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range pipelineDescriptions {
		ch <- d
	}
}

// Sample notes how long the flushes and checkpoints since the last call took. The service counts
// their number and their whole time, so the more often this is called, the finer the histograms.
func (p *Pipeline) Sample() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sample()
}

func (p *Pipeline) sample() PipelineReading {
	r := p.read()
	p.flushes.observe(r.Flushes, r.FlushTime)
	p.checkpoints.observe(r.Checkpoints, r.CheckpointTime)
	return r
}

// Collect sends the current values.
func (p *Pipeline) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.sample()
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if r.Registry != nil {
		counter(registryDescription, r.Registry.Answered, "answered")
		counter(registryDescription, r.Registry.Unknown, "unknown")
		counter(registryDescription, r.Registry.Failed, "failed")
		gauge(schemasDescription, float64(r.Registry.Schemas))
	}
	for _, s := range r.Sources {
		partition := strconv.Itoa(int(s.Partition))
		for result, n := range s.Results {
			counter(recordsDescription, n, s.Topic, partition, result)
		}
		gauge(lagRecordsDescription, float64(s.LagRecords), s.Topic, partition)
		gauge(lagSecondsDescription, s.LagTime.Seconds(), s.Topic, partition)
		gauge(lostDescription, float64(s.Lost), s.Topic, partition)
	}
	for _, s := range r.Shards {
		collectShard(gauge, &s)
	}
	for reason, n := range r.Rejections {
		counter(rejectionsDescription, n, string(reason))
	}
	for topic, n := range r.Rows {
		counter(rowsDescription, n, topic)
	}
	gauge(stalledDescription, float64(r.Stalled))
	counter(rebalancesDescription, r.Rebalances)
	counter(loadsDescription, r.ShardLoads)
	counter(savedBytesDescription, r.CheckpointBytes)
	counter(failuresDescription, r.CheckpointFailures)
	counter(breaksDescription, r.IdentityBreaks)
	ch <- p.flushes.metric(flushDescription)
	ch <- p.checkpoints.metric(checkpointDescription)
	gauge(unverifiedDescription, oneIf(r.Security.Unverified))
	gauge(staleDescription, oneIf(r.Security.Reading != nil))
	if !r.Security.Certificate.IsZero() {
		gauge(expiryDescription, float64(r.Security.Certificate.Unix()))
	}
	gauge(buildInfoDescription, 1, p.build.Version, p.build.Commit, p.build.GoVersion)
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func collectShard(gauge func(*prometheus.Desc, float64, ...string), s *ShardReading) {
	shard := strconv.Itoa(s.Shard)
	if s.Watermark != event.NoTime {
		gauge(watermarkDescription, float64(s.Watermark)/1e9, shard)
	}
	if !s.Saved.IsZero() {
		gauge(savedDescription, float64(s.Saved.UnixNano())/1e9, shard)
	}
	if s.Bytes >= 0 {
		gauge(stateBytesDescription, float64(s.Bytes), shard)
	}
	gauge(stateDescription, float64(s.Accounts), shard)
	gauge(restoredDescription, s.Restored, shard)
	gauge(openDescription, float64(s.Open), shard)
	gauge(openBytesDescription, float64(s.OpenBytes), shard)
	gauge(unratedDescription, float64(s.Unrated), shard)
}

// durationBounds are the upper bounds of the histograms' buckets, in seconds: from a flush of a few
// rows to a disk that does not answer.
var durationBounds = [...]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// durations is a histogram made from a number and a sum that only grow. What happened between two
// readings is booked as that many times the mean.
type durations struct {
	count   int64
	sum     time.Duration
	buckets [len(durationBounds)]uint64 // not cumulative
}

func (d *durations) observe(count int64, sum time.Duration) {
	n := count - d.count
	if n <= 0 {
		return
	}
	mean := ((sum - d.sum) / time.Duration(n)).Seconds()
	d.count, d.sum = count, sum
	for i, bound := range durationBounds {
		if mean <= bound {
			d.buckets[i] += uint64(n)
			return
		}
	}
}

func (d *durations) metric(description *prometheus.Desc) prometheus.Metric {
	cumulative, n := make(map[float64]uint64, len(durationBounds)), uint64(0)
	for i, bound := range durationBounds {
		n += d.buckets[i]
		cumulative[bound] = n
	}
	return prometheus.MustNewConstHistogram(description, uint64(d.count), d.sum.Seconds(), cumulative)
}
