package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// errDelivery is what a producer gives up with; what it has sent may have arrived.
var errDelivery = errors.New("no answer to what was sent")

// simProcess is one run of the service: its real loops, each a coroutine that hands back control
// whenever it asks the outside for something. A crash lets none of them do anything any more.
type simProcess struct {
	*simulation

	number  int
	service *pipeline
	tasks   []*simTask
	current *simTask
	ctx     context.Context //nolint:containedctx // of this run
	cancel  context.CancelCauseFunc
	rolling context.CancelFunc // ends the rollup's loop

	dead       bool // it has crashed: every call fails
	ended      bool // it has stopped in order
	generation *simGeneration

	asked     map[broker.TopicPartition]int64 // where the next fetch of a source must ask
	joined    map[broker.TopicPartition]bool  // the rounds have asked for it since its shard was opened
	published map[broker.TopicPartition]int64 // up to where the rows of a source are acknowledged
}

// simGeneration is one assignment.
type simGeneration struct {
	id         int32
	partitions map[string][]int32
	done       chan struct{}
	closed     bool
}

func (g *simGeneration) Assignment() (id int32, partitions map[string][]int32) {
	return g.id, g.partitions
}

func (g *simGeneration) Holds(context.Context) (bool, error) { return !g.closed, nil }

func (g *simGeneration) Done() <-chan struct{} { return g.done }

func (g *simGeneration) Commit(context.Context, map[broker.TopicPartition]int64) error { return nil }

func (g *simGeneration) end() {
	if !g.closed {
		g.closed = true
		close(g.done)
	}
}

// simTask is one loop.
type simTask struct {
	name     string
	resume   func() (string, bool)
	stop     func()
	yield    func(string) bool
	finished bool
	failure  any // what it panicked with
}

// isFirst says whether no shard was ever opened twice.
func (p *simProcess) isFirst() bool {
	for _, n := range p.opened {
		if n > 1 {
			return false
		}
	}
	return true
}

// task starts a loop, which runs when the simulation lets it.
func (p *simProcess) task(name string, work func()) *simTask {
	t := &simTask{name: name}
	t.resume, t.stop = iter.Pull(func(yield func(string) bool) {
		defer func() {
			if failure := recover(); failure != nil {
				if _, own := failure.(simFailure); !own {
					failure = simFailure(fmt.Sprintf("panic: %v\n%s", failure, debug.Stack()))
				}
				t.failure = failure
			}
		}()
		t.yield = yield
		work()
	})
	p.tasks = append(p.tasks, t)
	return t
}

// run lets a loop go on to its next call.
func (p *simProcess) run(t *simTask) {
	before := p.current
	p.current = t
	if _, more := t.resume(); !more {
		t.finished = true
	}
	p.current = before
	if t.failure != nil {
		panic(t.failure)
	}
}

// pause is a point between two steps: others may go on, or everything ends here.
func (p *simProcess) pause(at string) error {
	if p.dead {
		return errCrash
	}
	p.note(at, int64(p.number))
	p.current.yield(at)
	if p.dead {
		return errCrash
	}
	return nil
}

// crash ends the process between two of its steps.
func (p *simProcess) crash() {
	p.note("crash", int64(p.number))
	p.dead = true
}

// bury takes every loop of a process that has crashed to its end; none can do anything on its way.
func (p *simProcess) bury() {
	for i := 0; i < len(p.tasks); i++ {
		for !p.tasks[i].finished {
			p.run(p.tasks[i])
		}
	}
	p.cancel(nil)
	p.store.crash(p)
}

// alive says whether there is anything left to do.
func (p *simProcess) alive() bool {
	for _, t := range p.tasks {
		if !t.finished {
			return true
		}
	}
	return false
}

// Now, Beside, Await and Parallel make the process the schedule of its own loops.
func (p *simProcess) Now() time.Time { return p.now }

// Beside fetches at once, because the answer may come at any time, and saves beside the loop.
func (p *simProcess) Beside(name string, work func()) {
	if name == besideFetch {
		work()
		return
	}
	p.task(name, work)
}

func (p *simProcess) Await(name string) {
	for i := 0; i < len(p.tasks); i++ {
		for t := p.tasks[i]; t.name == name && !t.finished; {
			if p.dead {
				p.run(t)
			} else {
				_ = p.pause("await " + name) // a crash is seen in the loop
			}
		}
	}
}

func (p *simProcess) Parallel(n int, work func(i int) error) error {
	var problems []error
	for i := range n {
		problems = append(problems, work(i))
	}
	return errors.Join(problems...)
}

func (p *simProcess) Processors() int { return p.plan.Shards }

// Sleep is over when others have had their turn.
func (p *simProcess) Sleep(ctx context.Context, _ time.Duration) error {
	if err := p.pause("sleep"); err != nil {
		return err
	}
	if p.generation.closed {
		<-ctx.Done() // the loop's own goroutine has heard of it, or will in a moment
	}
	return ctx.Err()
}

func (p *simProcess) Together(n int, work func(i int) error) error { return p.Parallel(n, work) }

// step is a named point of the loops.
func (p *simProcess) step(point string) error {
	if p.dead {
		return errCrash
	}
	if point == "published" {
		for tp, reading := range p.service.options.Metrics.reading.Partitions {
			p.published[broker.TopicPartition{Topic: tp.Topic, Partition: tp.Partition}] = reading.Position
		}
	}
	if p.planned(point) {
		p.note("crash at", int64(p.number), point)
		p.dead = true
		return errCrash
	}
	return p.pause(point)
}

// start begins a run of the service: what Run does without brokers.
func (s *simulation) start() {
	s.processes++
	p := &simProcess{
		simulation: s, number: s.processes, asked: map[broker.TopicPartition]int64{},
		joined: map[broker.TopicPartition]bool{}, published: map[broker.TopicPartition]int64{},
	}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	s.process = p
	o := Options{
		Cluster: new(broker.Cluster), Group: "group", Delivery: s.plan.Delivery, CheckpointDir: "checkpoint", Prefix: simPrefix,
		FlushInterval: s.plan.Flush, FlushRecords: s.plan.FlushRecords, MetricsInterval: s.plan.Metrics,
		CheckpointInterval: s.plan.Checkpoint, Tombstones: s.plan.Tombstones,
		Core: s.company.core, Lateness: s.company.lateness, Clock: func() time.Time { return s.clock.UTC() },
		Metrics: new(Metrics), logs: simLogs{p}, outlet: p.outlet, schedule: p, step: p.step,
	}
	o.program = fmt.Sprint((s.plan.Seed + uint64(p.number)) / 2) // every other one is another program
	if s.plan.Parks {
		o.OpenAccountBytes = int64(s.plan.Shards) // one byte each
	}
	for _, topic := range s.topics {
		o.Sources = append(o.Sources, Source{Topic: topic, KeyedByAccount: true})
	}
	o, err := o.withDefaults()
	if err != nil {
		panic(simFailure(err.Error()))
	}
	p.service = &pipeline{options: o, partitions: s.plan.Shards, generation: s.company.generation, store: simStore{p}, producer: simOutlet{simProcess: p}}
	p.task("ledger", func() { p.end(p.ledger()) })
}

// ledger opens the rollup, which goes on beside it, and serves one generation after the other.
func (p *simProcess) ledger() error {
	m, err := p.service.openRollup(p.ctx)
	if err != nil {
		return err
	}
	rolling, endRolling := context.WithCancel(context.Background())
	p.rolling = endRolling
	var rolled error
	p.task("rollup", func() {
		if rolled = m.run(rolling); rolled != nil {
			p.cancel(otherPartError{rolled})
			p.end(rolled)
		}
	})
	drain := func(ctx context.Context) error {
		endRolling()
		p.Await("rollup")
		if rolled != nil {
			return rolled
		}
		return m.drain(ctx)
	}
	defer endRolling()
	partitions := map[string][]int32{}
	for _, topic := range p.topics {
		for shard := range p.plan.Shards {
			partitions[topic] = append(partitions[topic], int32(shard)) //nolint:gosec // a partition
		}
	}
	lasting, endLasting := broker.Outlast(p.ctx, defaultStopWithin-leaveWithin)
	defer endLasting()
	session := p.service.newSession(p.ctx, lasting)
	defer func() { p.end(session.close()) }()
	for id := int32(1); ; id += 1 + int32(p.dice.IntN(2)) { // where one lies between, somebody else may have had the shards
		if p.ctx.Err() != nil { // the group is left
			p.ended = stopWanted(p.ctx)
			return stopped(p.ctx, p.service.stopIdle(p.ctx, drain))
		}
		p.generation = &simGeneration{id: id, partitions: partitions, done: make(chan struct{})}
		for _, one := range session.shards { // what was fetched and not applied is asked for again
			for _, src := range one.sources {
				p.asked[src.TopicPartition] = src.Next
			}
		}
		ended, err := session.serve(p.ctx, p.generation, drain)
		p.generation.end()
		if ended && err == nil && stopWanted(p.ctx) {
			p.ended = true
		}
		if err != nil || ended {
			return err
		}
		p.note("rebalance", int64(p.number))
	}
}

// end notes why a loop ended. Only a crash and an outlet without an answer may end one.
func (p *simProcess) end(err error) {
	switch {
	case err == nil || p.dead:
	case errors.Is(err, errDelivery) || p.mayRefuse && errors.Is(err, ErrOperator):
		p.refused = p.refused || errors.Is(err, ErrOperator)
	default:
		panic(simFailure("the service ended by itself: " + err.Error()))
	}
	if p.rolling != nil {
		p.rolling()
	}
}

// simLogs are the brokers' logs for one process.
type simLogs struct{ *simProcess }

func (l simLogs) Starts(_ context.Context, of []broker.TopicPartition) (map[broker.TopicPartition]int64, error) {
	starts := make(map[broker.TopicPartition]int64, len(of))
	for _, tp := range of {
		starts[tp] = l.broker.log(tp).start
	}
	return starts, l.pause("starts")
}

func (l simLogs) Ends(_ context.Context, of []broker.TopicPartition) (map[broker.TopicPartition]int64, error) {
	if err := l.pause("ends"); err != nil {
		return nil, err
	}
	ends := make(map[broker.TopicPartition]int64, len(of))
	for _, tp := range of {
		ends[tp] = l.broker.log(tp).stable()
	}
	return ends, nil
}

func (l simLogs) Read(_ context.Context, tp broker.TopicPartition, from int64, fn func(*consumer.Record) error) (int64, error) {
	if err := l.pause("read"); err != nil {
		return from, err
	}
	l.quiet = 0 // somebody is still about to begin
	log := l.broker.log(tp)
	if from == consumer.FromStart {
		from = log.start
	}
	if from < log.start || from > log.next {
		return from, &consumer.ErrGap{Topic: tp.Topic, Partition: tp.Partition, Asked: from, LogStart: log.start, End: log.next}
	}
	end := log.stable()
	for i := log.at(from); i < len(log.entries) && log.entries[i].Offset < end; i++ {
		if log.entries[i].kind != entryRecord {
			continue
		}
		record := log.entries[i].Record
		if err := fn(&record); err != nil {
			return record.Offset, err
		}
	}
	return end, nil
}

func (l simLogs) Verify(_ context.Context, p consumer.Position, applied consumer.Mark, _ bool) error {
	if err := l.pause("verify"); err != nil {
		return err
	}
	return l.broker.log(p.TopicPartition).verify(p, applied)
}

func (l simLogs) Compacted(context.Context, []string) (map[string]bool, error) {
	return map[string]bool{}, l.pause("compacted")
}

func (l simLogs) Fetcher(consumer.FetcherOptions) fetcher { return simFetcher(l) }

type simFetcher struct{ *simProcess }

func (f simFetcher) Fetch(ctx context.Context, positions []consumer.Position) ([]consumer.Batch, error) {
	if err := f.pause("fetch"); err != nil {
		return nil, err
	}
	source := f.isSource(positions[0].Topic)
	if source && positions[0].Until == 0 && f.generation.closed {
		<-ctx.Done() // the loop's own goroutine has heard of it, or will in a moment
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var batches []consumer.Batch
	switch {
	case source && positions[0].Until == 0:
		f.rounds++
	case source: // a shard that is still being opened
		f.rounds = 0
	}
	for _, at := range positions {
		if want, known := f.asked[at.TopicPartition]; source && (!known || at.Next != want) {
			panic(simFailure(fmt.Sprintf("%s is read on at %d, not at %d", at.TopicPartition, at.Next, want)))
		}
		if f.faults && len(positions) > 1 && f.dice.IntN(8) == 0 {
			continue // its leader moves
		}
		b := f.broker.log(at.TopicPartition).fetch(at, 1+f.dice.IntN(f.plan.FetchBatches))
		if source && b.Err == nil {
			f.asked[at.TopicPartition], f.joined[at.TopicPartition] = b.Next, positions[0].Until == 0
			if b.Next > at.Next {
				f.quiet = 0
			}
		}
		f.note("fetched", b.Next)
		batches = append(batches, b)
	}
	return batches, nil
}
