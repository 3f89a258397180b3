package pipeline

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/row"
)

// simPlan is everything that a seed decides at once; the rest are its dice.
type simPlan struct {
	Seed     uint64
	Company  uint64
	Shards   int
	Topics   int
	Delivery Delivery

	Flush, Metrics, Checkpoint time.Duration
	FlushRecords               int
	FetchBatches               int           // of a partition in one fetch, at most
	Tick                       time.Duration // the most that passes between two steps
	Tombstones                 bool
	Pebble                     bool // the real store, on a file system in memory

	AppendMax    int // records that are written at once, at most
	AppendEvery  int // steps between two writes, on average
	Clock        simClock
	Transactions int // permille of the writes
	Compaction   int // permille of the steps
	Rebalance    int // permille of the steps
	Stop         int // permille of the steps: a stop that was asked for
	LostAnswers  int // permille of the sends

	After       int // steps with faults after the last record
	Crashes     int // at most
	CrashWithin int // steps of a process, on average; 0: at named points
	Lose        int // percent of the crashes that take the checkpoints along
	StopAtEnd   bool
	Parks       bool // every account that is at rest
	Retention   bool // at the end the log loses what was not read, which must be refused
}

// simClock is how the brokers' clock relates to the events.
type simClock int

const (
	clockAtEnd   simClock = iota // everything is history when it is written
	clockFollows                 // it is written soon after it happened
	clockBehind                  // some of it before: the producers' clocks are ahead
	clockExact                   // it is written when it happens
)

func planOf(seed uint64) simPlan {
	dice := rand.New(rand.NewPCG(seed, 0x91a2))
	of := func(choices ...int) int { return choices[dice.IntN(len(choices))] }
	ms := func(choices ...int) time.Duration { return time.Duration(of(choices...)) * time.Millisecond }
	return simPlan{
		Seed: seed, Company: seed / schedulesEach, Shards: of(1, 1, 2, 2, 3, 4), Topics: of(1, 1, 1, 2), Delivery: Delivery(dice.IntN(2)),
		Flush: ms(1, 20, 100, 300), Metrics: ms(1, 50, 200, 500, 1000), Checkpoint: ms(1, 100, 500, 2000), FlushRecords: of(1, 5, 20, 1000),
		FetchBatches: of(1, 1, 2, 5), Tick: ms(1, 10, 50), Tombstones: dice.IntN(4) == 0, Pebble: dice.IntN(100) == 0,
		AppendMax: of(1, 3, 10, 40), AppendEvery: of(1, 2, 5, 12), Clock: simClock(dice.IntN(3)), Transactions: of(0, 0, 100, 400),
		Compaction: of(0, 5, 50), Rebalance: of(0, 0, 0, 5, 20), Stop: of(0, 0, 0, 5), LostAnswers: of(0, 0, 20, 100),
		After: of(0, 20, 100, 400), Crashes: of(0, 1, 2, 4, 8), CrashWithin: of(0, 0, 5, 20, 60, 200), Lose: of(0, 0, 0, 10, 50),
		StopAtEnd: dice.IntN(2) == 0, Retention: dice.IntN(20) == 0, Parks: dice.IntN(2) == 0,
	}
}

// simPrefix is that of the output topics.
const simPrefix = "out."

// simFailure is what a simulation has found.
type simFailure string

// simulation is one schedule: a company's events are written into source topics while the service
// reads them, crashes, starts again, and in the end has caught up. It runs in one goroutine.
type simulation struct {
	plan    simPlan
	dice    *rand.Rand
	company *simCompany
	broker  *simBroker
	store   *simDisk
	decided map[string]bool // transactions whose commit is decided, their markers not yet written
	books   *books
	topics  []string

	now    time.Time  // what flushes are due by
	clock  event.Time // the brokers' and the service's
	steps  int
	quiet  int // steps since the last row
	over   int // steps since the last record
	faults bool

	written            int                                     // records of the company
	places             map[broker.TopicPartition]map[int64]int // where each of them is
	process            *simProcess
	processes          int
	opened             map[int]int // how often each shard was opened
	down               int         // steps until the next start
	crashes            int
	crashIn            int
	crashAt            string
	passes             int
	rounds             int  // fetches of the sources in the calm at the end
	stopping           bool // the stop at the end was asked for
	mayRefuse, refused bool

	hash    *xxhash.Digest
	tracing bool
	trace   []string
}

// outcome of a simulation.
type simOutcome struct {
	plan    simPlan
	steps   int
	starts  int
	crashes int
	hash    uint64
	trace   []string
	failure string // "" where everything holds
}

// simulate runs the schedule of a seed. trace keeps its last steps as text.
func simulate(c *simCompany, plan simPlan, tracing bool) (o simOutcome) {
	s := &simulation{
		plan: plan, dice: rand.New(rand.NewPCG(plan.Seed, 0x51b)), company: c, store: newSimDisk(plan.Pebble), books: newBooks(),
		broker: &simBroker{logs: map[broker.TopicPartition]*simLog{}}, topics: []string{"events", "more"}[:plan.Topics],
		now: time.Unix(0, 0), places: map[broker.TopicPartition]map[int64]int{}, opened: map[int]int{}, decided: map[string]bool{}, faults: true,
		hash: xxhash.New(), tracing: tracing,
	}
	defer func() {
		if failure := recover(); failure != nil {
			found, own := failure.(simFailure)
			if !own {
				panic(failure)
			}
			o.failure = string(found)
		}
		o.plan, o.steps, o.starts, o.crashes, o.hash, o.trace = plan, s.steps, s.processes, s.crashes, s.hash.Sum64(), s.trace
	}()
	if c.plain {
		s.plan.Clock, plan.Clock = clockExact, clockExact
	}
	s.clock = event.At(c.final)
	if plan.Clock != clockAtEnd && len(c.records) > 0 {
		s.clock = c.records[0].Time
	}
	s.planCrash()
	for !s.drained() {
		s.turn()
	}
	s.finish()
	if p := s.process; p != nil { // a loop that waits for ever keeps all that it knows in memory
		p.dead = true
		p.bury()
	}
	return o
}

// note adds a step to the trace.
func (s *simulation) note(what string, n int64, more ...string) {
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], uint64(n)) //nolint:gosec // the bits
	_, _ = s.hash.WriteString(what)
	_, _ = s.hash.Write(number[:])
	for _, text := range more {
		_, _ = s.hash.WriteString(text)
	}
	if !s.tracing {
		return
	}
	task := ""
	if s.process != nil && s.process.current != nil {
		task = s.process.current.name
	}
	s.trace = append(s.trace, strings.TrimSpace(fmt.Sprintf("%6d %-7s %s %d %s", s.steps, task, what, n, strings.Join(more, " "))))
}

// turnsMax is what no schedule needs: one that takes longer does not get on.
const turnsMax = 30_000

// turn is one step of somebody.
func (s *simulation) turn() {
	if s.steps++; s.steps > turnsMax {
		panic(simFailure(fmt.Sprintf("it does not get on: %d of %d records are written, quiet for %d steps", s.written, len(s.company.records), s.quiet)))
	}
	s.quiet++
	s.now = s.now.Add(time.Duration(s.dice.Int64N(int64(s.plan.Tick) + 1)))
	s.world()
	if s.process == nil {
		if s.down--; s.down < 0 {
			s.start()
		}
		return
	}
	p := s.process
	if t := s.pick(p.tasks); t != nil {
		p.run(t)
	}
	if s.faults && s.crashIn > 0 && !p.dead {
		if s.crashIn--; s.crashIn == 0 {
			p.crash()
		}
	}
	if p.dead || !p.alive() {
		p.bury()
		s.buried(p)
	}
}

// pick chooses the loop that goes on.
func (s *simulation) pick(tasks []*simTask) *simTask {
	var waiting []*simTask
	for _, t := range tasks {
		if !t.finished {
			waiting = append(waiting, t)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	return waiting[s.dice.IntN(len(waiting))]
}

// buried is what follows the end of a process.
func (s *simulation) buried(p *simProcess) {
	s.process, s.down = nil, s.dice.IntN(8)
	if p.dead {
		s.crashes++
	}
	if s.faults && !p.ended && s.dice.IntN(100) < s.plan.Lose {
		s.lose()
	}
	s.planCrash()
}

// crashPoints are the named points of the loops.
var crashPoints = []string{
	"fetched", "applied", "derived", "published", "published", "sent again", "saving", "saved a shard", "saved", "vintage published", "metrics published",
}

// planCrash decides where the next process dies.
func (s *simulation) planCrash() {
	s.crashIn, s.crashAt = 0, ""
	switch {
	case s.crashes >= s.plan.Crashes:
	case s.plan.CrashWithin > 0:
		s.crashIn = 1 + s.dice.IntN(2*s.plan.CrashWithin)
	default:
		s.crashAt, s.passes = crashPoints[s.dice.IntN(len(crashPoints))], 1+s.dice.IntN(4)
	}
}

// planned says whether the process dies at this point.
func (s *simulation) planned(point string) bool {
	if !s.faults || point != s.crashAt {
		return false
	}
	s.passes--
	return s.passes == 0
}

// world is what happens around the service.
func (s *simulation) world() {
	s.write()
	if !s.faults {
		return
	}
	if s.dice.IntN(1000) < s.plan.Compaction {
		s.compact()
	}
	if s.written == len(s.company.records) {
		if s.over++; s.over > s.plan.After {
			s.faults, s.quiet = false, 0 // from here on everything must come to an end
		}
	}
	p := s.process
	if p == nil || p.dead {
		return
	}
	if p.generation != nil && s.dice.IntN(1000) < s.plan.Rebalance {
		p.generation.end()
	}
	if s.dice.IntN(1000) < s.plan.Stop {
		s.note("stop", int64(p.number))
		p.cancel(nil)
	}
}

// write appends some of the company's records to the source topics.
func (s *simulation) write() {
	if s.dice.IntN(s.plan.AppendEvery) > 0 {
		return
	}
	left := s.company.records[s.written:]
	if len(left) == 0 {
		s.endTransactions()
		s.clock = event.At(s.company.final)
		return
	}
	for range 1 + s.dice.IntN(min(s.plan.AppendMax, len(left))) {
		s.writeOne()
	}
	if s.plan.Transactions > 0 && s.dice.IntN(12) == 0 {
		s.endTransactions()
	}
}

// sourceID is the transactional id of who writes the source topics.
const sourceID = "source"

func (s *simulation) writeOne() {
	r := s.company.records[s.written]
	tp := broker.TopicPartition{Topic: s.topics[s.dice.IntN(len(s.topics))], Partition: partitionOf(r.Key, s.plan.Shards)}
	log := s.broker.log(tp)
	switch s.plan.Clock {
	case clockFollows:
		s.clock = max(s.clock, r.Time.Add(time.Duration(s.dice.IntN(90))*time.Minute))
	case clockBehind:
		s.clock = max(s.clock, r.Time.Add(-time.Duration(s.dice.IntN(90))*time.Minute))
	case clockExact:
		s.clock = max(s.clock, r.Time)
	case clockAtEnd:
	}
	s.clock = min(s.clock, event.At(s.company.final))
	kind := entryRecord
	if _, isOpen := log.open[sourceID]; isOpen {
		kind = entryPending
	} else if s.dice.IntN(1000) < s.plan.Transactions {
		kind = entryPending
		if s.dice.IntN(2) == 0 { // one that comes to nothing goes before
			log.append(entryPending, sourceID, int64(s.clock), consumer.Record{Key: r.Key, Value: r.Value})
			log.end(sourceID, false, int64(s.clock))
		}
	}
	offset := log.append(kind, sourceID, int64(s.clock), consumer.Record{Key: r.Key, Value: r.Value})
	if s.places[tp] == nil {
		s.places[tp] = map[int64]int{}
	}
	s.places[tp][offset] = s.written
	s.written++
	s.note("write", offset, tp.String(), r.Time.String(), s.clock.String(), fmt.Sprint(kind))
}

// endTransactions commits whatever is open.
func (s *simulation) endTransactions() {
	for _, topic := range s.topics {
		for shard := range s.plan.Shards {
			s.broker.log(broker.TopicPartition{Topic: topic, Partition: int32(shard)}).end(sourceID, true, int64(s.clock)) //nolint:gosec // a partition
		}
	}
}

// compactedTopics are those of which a cleaner keeps the last record of a key.
var compactedTopics = []row.Topic{
	row.TopicMovements, row.TopicAccounts, row.TopicAccountMonths, row.TopicSignals, row.TopicMetrics, row.TopicSignalMetrics,
	row.TopicVintage, row.TopicPartials, row.TopicProgress,
}

func (s *simulation) compact() {
	topic := compactedTopics[s.dice.IntN(len(compactedTopics))]
	log := s.broker.log(broker.TopicPartition{Topic: simPrefix + string(topic), Partition: int32(s.dice.IntN(s.plan.Shards))}) //nolint:gosec // a partition
	if log.next > 0 {
		log.compact(s.dice.Int64N(log.next+1), s.dice.IntN(2) == 0)
		s.note("compact", log.next, string(topic))
	}
}

func (s *simulation) isSource(topic string) bool { return !strings.HasPrefix(topic, simPrefix) }

// quietSteps is how long nothing may be sent before everything was: some rounds of every loop.
const quietSteps = 60

// drained says whether everything was written and read and sent, and a service that is to stop has
// done so.
func (s *simulation) drained() bool {
	if s.faults || s.written < len(s.company.records) || s.clock != event.At(s.company.final) {
		s.rounds = 0
		return false
	}
	s.plan.Tick = max(s.plan.Metrics, s.plan.Flush, s.plan.Checkpoint)
	p := s.process
	switch {
	case s.stopping && p == nil:
		return true
	case s.stopping || p == nil || !s.read(p) || s.rounds < 3:
		return false
	case s.plan.StopAtEnd:
		s.stopping = true
		p.cancel(nil)
		return false
	}
	return s.quiet >= quietSteps
}

// read says whether a process has read everything there is, each shard as one that it works on: a stop in
// order lets go of one that is open and has not joined yet.
func (s *simulation) read(p *simProcess) bool {
	for _, topic := range s.topics {
		for shard := range s.plan.Shards {
			tp := broker.TopicPartition{Topic: topic, Partition: int32(shard)} //nolint:gosec // a partition
			if asked, known := p.asked[tp]; !known || !p.joined[tp] || asked != s.broker.log(tp).next {
				return false
			}
		}
	}
	return true
}
