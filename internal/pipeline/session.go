package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/sink"
)

// leaveWithin bounds leaving the group; the group notices by itself otherwise.
const leaveWithin = 3 * time.Second

// session works on the shards that the group assigns, in rounds, over all generations. In a round all
// shards share one fetch, one clock reading and one send; while they apply what one fetch brought, the
// next is under way. So at most two fetches are in memory, and no queue grows.
type session struct {
	*pipeline

	generation   membership // the present one; nil before the first
	generationID int32
	lasting      context.Context //nolint:containedctx // of the session, as the loop's own ends between two steps
	shards       []*shard        // that are worked on, in order
	working      context.Context //nolint:containedctx // until a stop is asked for: nobody waits for a disk after it
	byNumber     map[int32]*shard
	openings     []*opening    // of those that will join them
	slots        chan struct{} // bounds how many are restored at the same time
	fetchers     [2]fetcher
	turn         int

	asked   time.Time  // the clock when the fetch was sent that was applied last
	clock   event.Time // whole minutes, never backwards
	pending int        // records since the last flush
	flushed time.Time
	slowed  time.Time // the last slow flush
	saved   time.Time // the last checkpoint that was begun
	saving  chan error
}

// newSession has no shards yet.
func (p *pipeline) newSession(working, lasting context.Context) *session {
	now := p.options.schedule.Now()
	s := &session{
		pipeline: p, working: working, lasting: lasting, byNumber: map[int32]*shard{}, slots: make(chan struct{}, p.options.schedule.Processors()),
		flushed: now, saved: now, saving: make(chan error, 1), asked: p.options.Clock(),
	}
	s.saving <- nil
	for i := range s.fetchers {
		s.fetchers[i] = p.options.logs.Fetcher(consumer.FetcherOptions{
			MaxWait: min(p.options.FlushInterval, 100*time.Millisecond), PartitionMaxBytes: p.options.fetchBytes,
		})
	}
	return s
}

// serve works for one generation, until it ends or ctx does. ended says that a graceful stop is
// complete. What it holds when the generation ends is whole: every row of what was applied is
// acknowledged, since neither a flush nor a save is cut short by a generation.
func (s *session) serve(ctx context.Context, generation membership, drain func(context.Context) error) (ended bool, err error) {
	s.status.set(s.pipeline, PhaseRestoring)
	if err := s.assign(ctx, generation); err != nil {
		return false, stopped(ctx, err)
	}
	if len(s.openings) == 0 {
		s.status.open(s.pipeline, s.shards)
	}
	endQuestions := s.options.Questions.open()
	err = s.rounds(ctx)
	endQuestions()
	s.options.Watchdog.left(s.shards)
	var lost *lostError
	switch {
	case errors.As(err, &lost):
		return ctx.Err() != nil, s.letGo(ctx, lost)
	case err != nil || !stopWanted(ctx):
		s.owners.pause() // until the next one has begun
		return ctx.Err() != nil, stopped(ctx, err)
	default:
		return true, s.stop(ctx, drain)
	}
}

// fetched is what one fetch brought.
type fetched struct {
	asked   time.Time
	batches []consumer.Batch
	err     error
}

// rounds fetches, applies, publishes, checkpoints and commits until the generation or ctx ends.
func (s *session) rounds(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	over := s.generation.Done() // of this one: the session goes on with others
	go func() {
		select {
		case <-over:
			cancel()
		case <-work.Done():
		}
	}()
	next := s.positions(nil)
	coming := s.fetch(work, next)
	for {
		got := <-coming
		if got.err != nil {
			if work.Err() != nil {
				return nil
			}
			return got.err
		}
		if s.isOver() && ctx.Err() == nil {
			return nil // what was fetched may be somebody else's to count
		}
		if err := s.step("fetched"); err != nil {
			return s.leave(cancel, nil, err)
		}
		s.asked = got.asked
		coming = s.fetch(work, s.positions(got.batches))
		if err := s.apply(ctx, got.batches); err != nil {
			return s.leave(cancel, coming, err)
		}
		if err := s.advance(s.lasting); err != nil {
			return s.leave(cancel, coming, err)
		}
		if err := s.adopt(ctx); err != nil {
			return s.leave(cancel, coming, err)
		}
		s.options.Watchdog.passed(s.shards)
	}
}

// isOver says whether the generation has ended.
func (s *session) isOver() bool {
	select {
	case <-s.generation.Done():
		return true
	default:
		return false
	}
}

// leave ends the fetch that is under way and waits for it.
func (s *session) leave(cancel context.CancelFunc, coming <-chan fetched, err error) error {
	cancel()
	if coming != nil {
		<-coming
	}
	return err
}

// fetch starts a fetch with the fetcher whose last batches nobody needs any more.
func (s *session) fetch(ctx context.Context, positions []consumer.Position) <-chan fetched {
	coming := make(chan fetched, 1)
	asked := s.options.Clock()
	f := s.fetchers[s.turn]
	s.turn = 1 - s.turn
	idle := min(s.options.FlushInterval, 100*time.Millisecond)
	if len(s.openings) > 0 {
		idle = min(idle, 5*time.Millisecond)
	}
	s.options.schedule.Beside(besideFetch, func() {
		if len(positions) == 0 {
			coming <- fetched{asked: asked, err: s.options.schedule.Sleep(ctx, idle)}
			return
		}
		batches, err := f.Fetch(ctx, positions)
		coming <- fetched{asked, batches, err}
	})
	return coming
}

// positions are where to read on once the given batches are applied.
func (s *session) positions(batches []consumer.Batch) []consumer.Position {
	after := map[broker.TopicPartition]int64{}
	for i := range batches {
		if batches[i].Err == nil {
			after[batches[i].TopicPartition] = batches[i].Next
		}
	}
	var positions []consumer.Position
	for _, shard := range s.shards {
		for _, src := range shard.sources {
			at := src.Position
			if next, ok := after[at.TopicPartition]; ok {
				at.Next = next
			}
			positions = append(positions, at)
		}
	}
	return positions
}

// apply hands each shard its batches, the shards in parallel.
func (s *session) apply(ctx context.Context, batches []consumer.Batch) error {
	byShard := make(map[*shard][]*consumer.Batch, len(s.shards))
	for _, shard := range s.shards {
		for _, src := range shard.sources {
			src.atEnd = false // until its answer says so again
		}
	}
	for i := range batches {
		b := &batches[i]
		var unavailable *consumer.ErrUnavailable
		switch {
		case errors.As(b.Err, &unavailable):
			s.warnUnreadable(ctx, b.Err)
			continue
		case b.Err != nil:
			return operatorError(b.Err)
		}
		shard := s.byNumber[b.Partition]
		if err := s.sameLog(s.lasting, shard.source(b.Topic), b); err != nil {
			return err
		}
		byShard[shard] = append(byShard[shard], b)
		s.pending += len(b.Records)
	}
	return s.parallel(len(s.shards), func(i int) error {
		for _, b := range byShard[s.shards[i]] {
			if err := s.shards[i].apply(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// advance does what is due after a round: a flush, what is owed from before the start, a checkpoint.
func (s *session) advance(ctx context.Context) error {
	if err := s.step("applied"); err != nil {
		return err
	}
	if len(s.saving) > 0 {
		if err := s.settleSaving(); err != nil {
			return err
		}
	}
	if err := s.tellAccounts(); err != nil {
		return err
	}
	now := s.options.schedule.Now()
	if !s.flushDue(now) {
		return nil
	}
	slow := now.Sub(s.slowed) >= s.options.MetricsInterval
	if err := s.flush(ctx, slow); err != nil {
		return err
	}
	if !slow {
		return nil
	}
	if err := s.sendAgain(ctx); err != nil {
		return err
	}
	if kept := s.keptBytes(); now.Sub(s.saved) >= s.options.CheckpointInterval || kept >= checkpointBytes {
		return s.checkpoint(ctx, kept >= keptMax)
	}
	return nil
}

// Far behind the ends of the logs every row is old anyway, and what a flush costs is deriving the
// accounts that it touches: there it waits for more records, and until a checkpoint is due.
const behindTimes = 15 // FlushRecords, at most

// flushDue says whether it is time to send what changed. Far behind is what a flush of FlushRecords does
// not bring to the end.
func (s *session) flushDue(now time.Time) bool {
	records, wait := s.options.FlushRecords, s.options.FlushInterval
	if lag := s.lag(); lag > int64(records) && !s.isCrowded() { // about as many as lie ahead: there are few flushes, whatever the way
		records, wait = int(min(lag, int64(behindTimes*records))), max(wait, s.options.CheckpointInterval)
	}
	return s.pending >= records || now.Sub(s.flushed) >= wait
}

// isCrowded says whether the open accounts take more than they may: only a flush lets them be parked.
func (s *session) isCrowded() bool {
	var open int64
	for _, one := range s.shards {
		bytes, _ := one.state.Room()
		open += bytes
	}
	return s.options.OpenAccountBytes > 0 && open > s.options.OpenAccountBytes
}

// lag is how many records lie between the shards and the ends of their logs, as of the last fetch.
func (s *session) lag() (records int64) {
	for _, one := range s.shards {
		for _, src := range one.sources {
			records += src.lag()
		}
	}
	return records
}

// What is kept since the last checkpoint is saved early when there is much of it, and bounds how far
// the loop runs ahead of a slow disk.
const (
	checkpointBytes = 64 << 20
	keptMax         = 256 << 20
)

func (s *session) keptBytes() int {
	kept := 0
	for _, shard := range s.shards {
		kept += shard.keptBytes
	}
	return kept
}

// flush sends what changed in all shards.
func (s *session) flush(ctx context.Context, slow bool) error {
	begun := s.options.schedule.Now()
	// The clock of the fetch and not of now: what came into the log since then was not read, and a
	// partition that was at its end then says nothing about it.
	s.clock = max(s.clock, wholeMinute(s.asked, s.options.Lateness))
	s.flushed, s.pending = begun, 0
	if slow {
		s.slowed = begun
	}
	now := s.now()
	err := s.parallel(len(s.shards), func(i int) error {
		s.shards[i].flush(s.clock, now, slow)
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.step("derived"); err != nil {
		return err
	}
	if err := s.publish(ctx, s.shards); err != nil {
		return err
	}
	s.report(s.options.schedule.Now().Sub(begun))
	s.answerQuestions()
	return s.step("published")
}

// now is the time that goes into records where the broker does not stamp them; nothing depends on it.
func (p *pipeline) now() int64 { return p.options.schedule.Now().UnixNano() }

// step is a named point at which a test may end everything.
func (p *pipeline) step(point string) error { return p.options.step(point) }

// publish sends the shards' outboxes and waits until all replicas have them (invariant I5). A
// *lostError says which of them belong to somebody else; what the others sent is acknowledged.
func (p *pipeline) publish(ctx context.Context, shards []*shard) error {
	if p.options.Delivery != ExactlyOnce {
		count := 0
		for _, s := range shards {
			count += len(s.outbox.messages)
		}
		messages := make([]sink.Message, 0, count)
		for _, s := range shards {
			messages = append(messages, s.outbox.messages...)
		}
		return p.send(ctx, p.producer, messages, shards)
	}
	refused := make([]error, len(shards))
	err := p.together(len(shards), func(i int) error {
		one := shards[i : i+1]
		err := p.send(ctx, one[0].outlet, one[0].outbox.messages, one)
		if isFenced(err) {
			refused[i], err = err, nil
		}
		return err
	})
	if err != nil {
		return err
	}
	var lost []*shard
	for i := range refused {
		if refused[i] != nil {
			lost = append(lost, shards[i])
		}
	}
	if len(lost) > 0 {
		return &lostError{shards: lost, cause: errors.Join(refused...)}
	}
	return nil
}

// send sends what is of the given shards.
func (p *pipeline) send(ctx context.Context, out outlet, messages []sink.Message, of []*shard) error {
	if len(messages) == 0 {
		return nil
	}
	acknowledged, err := out.Send(ctx, messages)
	if err != nil {
		return fmt.Errorf("publish rows: %w", err)
	}
	for _, s := range of {
		for _, out := range outputPartitions(s.number, s.of) {
			if s.resend.owes(out) {
				continue // until the debt is paid the rows behind the old end must be found again
			}
			tp := broker.TopicPartition{Topic: p.options.topic(out.Topic), Partition: out.Partition}
			if next, ok := acknowledged[tp]; ok {
				s.ends[out] = next
			}
		}
	}
	p.countRows(messages)
	return nil
}

// sendAgain pays the shards' debts, each once it has caught up.
func (s *session) sendAgain(ctx context.Context) error {
	for i, one := range s.shards {
		if one.resend == nil || !one.caughtUp() {
			continue
		}
		begun := s.options.schedule.Now()
		send := func() error { return s.publish(ctx, s.shards[i:i+1]) }
		rows, err := one.sendAgain(ctx, s.now(), send, func() { s.options.Watchdog.worked(s.shards) })
		if err != nil {
			return err
		}
		if rows == 0 {
			continue
		}
		s.options.Logger.InfoContext(ctx, "rows of the run before were sent again", "shard", one.number, "rows", rows, "took", s.options.schedule.Now().Sub(begun).String())
		if err := s.step("sent again"); err != nil {
			return err
		}
	}
	return nil
}

// stop is the graceful end: what was fetched is applied; it is flushed with one clock reading for
// all shards, drained through the rollup, saved and committed.
func (s *session) stop(ctx context.Context, drain func(context.Context) error) error {
	s.status.set(s.pipeline, PhaseStopping)
	stop := s.lasting
	for _, o := range slices.Clone(s.openings) {
		s.abandon(o)
	}
	if err := s.settleSaving(); err != nil {
		return err
	}
	if err := s.flush(stop, true); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if err := s.sendAgain(stop); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	outlets := make([]outlet, 0, len(s.shards))
	for _, one := range s.shards {
		outlets = append(outlets, one.outlet)
	}
	if err := s.awaitVisible(stop, outlets); err != nil { // for the rollup
		return fmt.Errorf("stop: %w", err)
	}
	if err := drain(stop); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if err := s.checkpoint(stop, true); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	if err := s.settleSaving(); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	s.options.Logger.InfoContext(ctx, "stopped in order; every row is sent and saved")
	return nil
}
