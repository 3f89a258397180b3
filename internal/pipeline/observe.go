package pipeline

import (
	"maps"
	"sync"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/broker"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// Observer is told what the service does. Each function may be nil, must not block, and must not
// keep what it is given unless it says so.
type Observer struct {
	// Metrics is called on the rollup's goroutine with the rows that changed since the last call,
	// deleted ones included, as of the watermark. The first call has every row of the Periods.
	Metrics func(rows []rollup.Row, watermark event.Time)
	// Periods is how many of the latest days, weeks, ... Metrics is told of; 0 is all.
	Periods [aggregate.KindRolling + 1]int
	// Derived is called with the rows of one account after the other whenever they are made anew, on the
	// shard's goroutine; after a shard is opened, with those of all its accounts, at once or a few at a time.
	// They are valid during the call. Dropped is called when the shard is another instance's, or is opened once more.
	Derived func(shard int, u *aggregate.Updates)
	Dropped func(shard int)
	// Alerts is called on the rollup's goroutine after every flush, where there are rules: with the changes
	// of state that this instance has published since the last call, in their order, and with what stands
	// now. Both may be kept.
	Alerts func(changes []alert.Alert, now *alert.Board)
	// Status is called when the phase changes, and after every flush. The status may be kept.
	Status func(Status)
}

func (o *Observer) derived(shard int, u *aggregate.Updates) {
	if o.Derived != nil {
		o.Derived(shard, u)
	}
}

func (o *Observer) dropped(shard int) {
	if o.Dropped != nil {
		o.Dropped(shard)
	}
}

// Phase is what the service is doing, for readiness and for people.
type Phase string

// The phases, in their order.
const (
	PhaseStarting   Phase = "starting"    // checks, topics, checkpoint directory
	PhaseJoining    Phase = "joining"     // waits for the group to assign partitions
	PhaseRestoring  Phase = "restoring"   // reads the checkpoints of the assigned shards
	PhaseCatchingUp Phase = "catching up" // behind the ends that the sources had at the start
	PhaseRunning    Phase = "running"
	PhaseStopping   Phase = "stopping"
)

// Status is where the service stands.
type Status struct {
	Phase     Phase
	Shards    []ShardStatus // those that this instance owns, in order
	Of        int           // how many shards there are in all
	Watermark event.Time    // the smallest of the owned shards'; NoTime before it is known
}

// Ready says whether the rows are those of everything that was in the sources at the start.
func (s Status) Ready() bool { return s.Phase == PhaseRunning }

// ShardStatus is where one shard stands.
type ShardStatus struct {
	Shard      int
	Watermark  event.Time
	Accounts   int
	LagRecords int64
	CaughtUp   bool
	Epoch      uint64
	Flush      uint64
	Saved      time.Time // of the last checkpoint; zero before the first
}

// Result is what became of a record; it is a metric label. Every record read has exactly one
// (invariant I3).
type Result string

// The results.
const (
	ResultApplied   Result = "applied"
	ResultDuplicate Result = "duplicate"
	ResultAmended   Result = "amended"
	ResultRevoked   Result = "revoked"
	ResultRejected  Result = "rejected"
	ResultIgnored   Result = "ignored"
	ResultSkipped   Result = "skipped" // control markers, records of aborted transactions, intake's marks

	ResultCopied Result = "copied" // by intake; the copy has a result of its own
)

// IntakeResults are what may become of a record of a source that intake copies, in their order.
var IntakeResults = []Result{ResultCopied, ResultRejected, ResultIgnored, ResultSkipped}

// Results are what may become of a record that the ledger reads, in their order.
var Results = []Result{
	ResultApplied, ResultDuplicate, ResultAmended, ResultRevoked, ResultRejected, ResultIgnored, ResultSkipped,
}

// Reading is the value of every counter and gauge at one moment. Counters count since the start of
// the process. It is the reader's own.
type Reading struct {
	Partitions map[Partition]PartitionReading
	Shards     map[int]ShardReading
	Rejections map[event.Reason]int64
	Rows       map[row.Topic]int64 // acknowledged, by topic without its prefix

	Flushes            int64
	FlushTime          time.Duration // of all flushes: derive, encode and send
	Checkpoints        int64
	CheckpointFailures int64
	CheckpointTime     time.Duration // of all checkpoints
	CheckpointBytes    int64         // handed to the store by all checkpoints
	Rebalances         int64         // assignments of partitions after the first
	ShardLoads         int64         // shards opened: those that stay over an assignment are not
	IdentityBreaks     int64
	MetricsWatermark   event.Time // of the rollup; NoTime before it is known
	Segments           int        // of the rollup
	AlertsWaiting      int        // registers that wait for slower shards before alerts look at them
	AlertsMerged       int64      // what shards said of minutes that were merged because too much waited

	Security broker.Security // of the connections to the brokers
}

// Partition names a source partition.
type Partition struct {
	Topic     string
	Partition int32
}

// PartitionReading is about one source partition. Read is the sum of Results.
type PartitionReading struct {
	Read       int64
	Results    map[Result]int64
	Position   int64
	Lost       int64 // records that operators gave up: gaps that they accepted
	LagRecords int64
	LagTime    time.Duration // between the append time of the last record and the clock; 0 when caught up
}

// ShardReading is about one shard that this instance owns.
type ShardReading struct {
	Watermark event.Time
	Saved     time.Time // of the last checkpoint; zero before the first
	SaveTime  time.Duration
	SaveBytes int64
	Accounts  int
	Bytes     int64 // of the kept records as they are stored
	Open      int   // accounts that are not parked
	OpenBytes int64 // that they take, by an estimate
	Unrated   int   // months of usage without a price
	Restored  int64 // records read from the checkpoint
	Restoring bool
}

// RegistryReading is what the client of the schema registry counted since its start.
type RegistryReading struct {
	Answered int64 // requests that gave a schema
	Unknown  int64 // requests for a schema that the registry does not know
	Failed   int64 // requests without an answer that decides: records wait
	Schemas  int   // that are kept
}

// Metrics collects what the service counts. The zero value is ready; it is safe for use by several
// goroutines.
type Metrics struct {
	// Registry is what the client of the schema registry counted; nil: there is none. It is set before the
	// service starts.
	Registry func() RegistryReading

	mu      sync.Mutex
	reading Reading
}

// Read copies the current values.
func (m *Metrics) Read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.reading
	r.Partitions = make(map[Partition]PartitionReading, len(m.reading.Partitions))
	for tp, p := range m.reading.Partitions {
		p.Results = maps.Clone(p.Results)
		r.Partitions[tp] = p
	}
	r.Shards = maps.Clone(m.reading.Shards)
	r.Rejections = maps.Clone(m.reading.Rejections)
	r.Rows = maps.Clone(m.reading.Rows)
	return r
}

// update changes values under the lock; the maps exist.
func (m *Metrics) update(change func(r *Reading)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reading.Partitions == nil {
		m.reading = Reading{
			Partitions: map[Partition]PartitionReading{}, Shards: map[int]ShardReading{},
			Rejections: map[event.Reason]int64{}, Rows: map[row.Topic]int64{}, MetricsWatermark: event.NoTime,
		}
	}
	change(&m.reading)
}
