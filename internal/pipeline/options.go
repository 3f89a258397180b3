package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/event"
	"processor/internal/intake"
	"processor/internal/rollup"
	"processor/internal/row"
	"processor/internal/sink"
)

// Source is one topic that events come from.
type Source struct {
	Topic          string
	KeyedByAccount bool // its keys are account ids under the Java client's partitioner

	Format  string                // its name; empty: native
	Decoder func() intake.Decoder // of a format that is not native: intake decodes it
	Detect  Detect                // finds Format and Decoder out from records of the topic; nil: they are known
}

// Detect tells the format of records from the beginning of a topic. The error says what to do where it is
// not clear.
type Detect func(sample []event.Record) (format string, decoder func() intake.Decoder, err error)

// The checkpoint stores.
const (
	StoreDir   = "dir"   // a directory, of one process
	StoreKafka = "kafka" // the topic `state`, of any number of instances
)

// Delivery says what readers of the outputs may meet after a crash of ours.
type Delivery int

// The deliveries. After AtLeastOnce readers may meet a row again under a higher version, and rows of
// half a flush; after ExactlyOnce, readers of committed records meet every flush of a shard once, whole.
const (
	AtLeastOnce Delivery = iota
	ExactlyOnce
)

// String is the delivery's name in the configuration.
func (d Delivery) String() string { return [...]string{"at_least_once", "exactly_once"}[d] }

// Options are what the service depends on. Cluster, Group and Sources are required, and CheckpointDir
// with the store dir.
type Options struct {
	Cluster *broker.Cluster
	Group   string
	Name    string // that no other living process of the group has; the directory's identity, or none with the store kafka, when empty
	Sources []Source
	Address string // of this instance's HTTP server, as readers of the others reach it; empty: none. With Instances, {ordinal} stands for the number

	Delivery           Delivery
	Prefix             string // of every output topic, such as "expansion."
	CreateTopics       bool
	Replication        int           // of topics that are created; 0 is the cluster's default
	FlushInterval      time.Duration // longest wait between a change and its row, but far behind; 250 ms when 0
	FlushRecords       int           // records after which a flush is due at once; 20,000 when 0
	MetricsInterval    time.Duration // at most one row per key of accounts and metrics; 1 s when 0
	CheckpointStore    string        // StoreDir when empty
	CheckpointDir      string        // of the store dir
	CheckpointInterval time.Duration // 10 s when 0
	Instances          int           // that share the shards by their ordinals; 0 or 1: the group shares them out
	Ordinal            int           // which of them this is, from 0
	OpenAccountBytes   int64         // of memory for accounts that are not parked; 0 for no limit
	Tombstones         bool          // follow a deleted row with a tombstone
	Format             Format        // of the rows for readers; FormatJSON when nil
	StopWithin         time.Duration // of a graceful stop; 20 s when 0: Kubernetes kills after 30 s
	ConfigFile         string        // where the configuration was read from, for commands in messages

	Core    aggregate.Options
	Targets rollup.Targets
	Alerts  []alert.Rule // none: nothing is watched
	// AlertsEvery is how far apart the minutes are at which alerts are looked at, history or not; every
	// minute when 0, and none of a history that was imported. It is for a made-up one that passes fast.
	AlertsEvery time.Duration
	Decoder     event.Options
	Lateness    time.Duration // how far the watermark stays behind the latest event

	AcceptGaps []Gap // ranges of lost records to go on without; each must be exactly what is missing

	Clock     func() time.Time // time.Now when nil
	Metrics   *Metrics         // nil: counted for nobody
	Observer  Observer
	Questions *Questions   // nil: nobody asks
	Watchdog  *Watchdog    // nil: nobody looks
	Logger    *slog.Logger // nil: silent

	// program is what derives: another one does not take over what this one derived. program() when empty; for tests.
	program string
	feed    *feed // what intake copies; nil: nothing. checkSources decides

	// Of Cluster and of the machine; a test may put others in their place.
	logs     logs
	outlet   func(ctx context.Context, id string) (outlet, error) // with the id of its transactions, if it has any
	schedule schedule

	// step is called at named points of the loops; an error ends the service there, as a crash
	// would. It is for tests.
	step func(point string) error
	// fetchBytes bounds what one fetch brings of a partition; the fetcher's default when 0. It is for
	// tests that need many fetches.
	fetchBytes int32
	// watchEvery is how often the sources' identities are compared; 10 s when 0. It is for tests.
	watchEvery time.Duration
	// openDir opens the checkpoint directory; checkpoint.Open when nil. diskWait waits before a failed
	// save is tried again; some seconds when nil. They are for tests of broken disks.
	openDir  func(checkpoint.Options) (*checkpoint.Dir, error)
	diskWait func(context.Context) error
}

// defaultStep does nothing, but in a program that is built to be killed (failpoint.go).
var defaultStep = func(string) error { return nil }

// defaultStopWithin bounds a graceful stop: Kubernetes kills after 30 s.
const defaultStopWithin = 20 * time.Second

// withDefaults fills what was left out and reports every problem.
func (o Options) withDefaults() (Options, error) {
	var problems []error
	need := func(missing bool, what string) {
		if missing {
			problems = append(problems, fmt.Errorf("pipeline: Options.%s is missing", what))
		}
	}
	need(o.Cluster == nil, "Cluster")
	need(o.Group == "", "Group")
	need(len(o.Sources) == 0, "Sources")
	if o.StopWithin == 0 {
		o.StopWithin = defaultStopWithin
	}
	switch o.CheckpointStore {
	case "":
		o.CheckpointStore = StoreDir
	case StoreDir, StoreKafka:
	default:
		problems = append(problems, fmt.Errorf("pipeline: Options.CheckpointStore is %q", o.CheckpointStore))
	}
	if o.Instances > 1 && (o.Ordinal < 0 || o.Ordinal >= o.Instances) {
		problems = append(problems, fmt.Errorf("pipeline: Options.Ordinal is %d of %d", o.Ordinal, o.Instances))
	}
	if o.Instances > 1 && o.CheckpointStore == StoreKafka {
		problems = append(problems, errors.New("pipeline: Options.Instances is for the store dir: with the store kafka the group shares the shards out"))
	}
	need(o.CheckpointStore == StoreDir && o.CheckpointDir == "", "CheckpointDir")
	set := func(d *time.Duration, initial time.Duration, what string) {
		switch {
		case *d == 0:
			*d = initial
		case *d < 0:
			problems = append(problems, fmt.Errorf("pipeline: Options.%s is %s", what, *d))
		}
	}
	set(&o.FlushInterval, 250*time.Millisecond, "FlushInterval")
	set(&o.MetricsInterval, time.Second, "MetricsInterval")
	set(&o.CheckpointInterval, 10*time.Second, "CheckpointInterval")
	set(&o.Lateness, 0, "Lateness")
	if err := alert.Check(o.Alerts, o.Core.Groupings, o.Core.Windows); err != nil {
		problems = append(problems, fmt.Errorf("%w: %w", ErrRefused, err))
	}
	if o.FlushRecords <= 0 {
		o.FlushRecords = 20_000
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = new(Metrics)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.logs == nil {
		o.logs = clusterLogs{o.Cluster}
	}
	if o.openDir == nil {
		o.openDir = checkpoint.Open
	}
	if o.schedule == nil {
		o.schedule = goroutines{}
	}
	if o.step == nil {
		o.step = defaultStep
	}
	if o.outlet == nil {
		o.outlet = o.openOutlet
	}
	o.withFormat()
	if o.Watchdog == nil {
		o.Watchdog = NewWatchdog(o.Clock)
	}
	if o.Questions == nil {
		o.Questions = NewQuestions()
	}
	if o.Observer.Status == nil {
		o.Observer.Status = func(Status) {}
	}
	return o, errors.Join(problems...)
}

// withFormat has rows leave, and come back, in the form that was asked for.
func (o *Options) withFormat() {
	asIs := o.Format == nil // so that JSON passes through nothing on its way out
	if asIs {
		o.Format = FormatJSON{}
	}
	f := form{o.Prefix, o.Format}
	o.logs = formattedLogs{o.logs, f}
	if asIs {
		return
	}
	open := o.outlet
	o.outlet = func(ctx context.Context, id string) (outlet, error) {
		out, err := open(ctx, id)
		if err != nil {
			return nil, err
		}
		return f.outlet(out), nil
	}
}

// openOutlet opens the outlet of a cluster.
func (o *Options) openOutlet(ctx context.Context, id string) (outlet, error) {
	if id == "" {
		return sink.NewProducer(o.Cluster, sink.ProducerOptions{Compression: sink.LZ4})
	}
	return o.openTransactions(ctx, id)
}

// topic is the full name of an output topic.
func (o *Options) topic(t row.Topic) string { return o.Prefix + string(t) }

// checkpointPlace names where the checkpoint is, for people.
func (o *Options) checkpointPlace() string {
	if o.CheckpointStore == StoreKafka {
		return o.topic(row.TopicState)
	}
	return o.CheckpointDir
}

// sourceTopics are the names of the sources, in their order.
func (o *Options) sourceTopics() []string {
	names := make([]string, 0, len(o.Sources))
	for _, s := range o.Sources {
		names = append(names, s.Topic)
	}
	return names
}
