package pipeline

import (
	"context"
	"errors"
	"fmt"

	"processor/internal/broker"
	"processor/internal/checkpoint"
	"processor/internal/consumer"
)

// pipeline is one run of the service.
type pipeline struct {
	options    Options
	partitions int // of the sources, and of the outputs
	generation uint64
	identities []consumer.TopicIdentity // of the sources; none where the brokers have no topic ids
	store      store
	producer   outlet // of the ledger
	status     statusBoard
	owners     owners
	unreadable unreadable
}

// store keeps checkpoints: for each shard its records and one marker, together or not at all.
type store interface {
	Load(ctx context.Context, shard int, fn func(key, value []byte) error) (marker []byte, found bool, err error)
	Save(ctx context.Context, shard int, marker []byte, puts []checkpoint.Put) error
}

// Run is the service: it checks the sources, joins the group, and for every generation fetches,
// applies, publishes, checkpoints and commits, while the rollup turns the shards' registers into
// metrics. The end of ctx asks for a graceful stop; nil means that it was one.
func Run(ctx context.Context, options Options) (err error) {
	o, err := options.withDefaults()
	if err != nil {
		return err
	}
	p := &pipeline{options: o}
	o.Questions.whereabouts.Store(newWhereabouts(p.addresses, o.schedule.Now))
	p.status.set(p, PhaseStarting)
	if p.partitions, err = checkSources(ctx, &p.options); err != nil {
		return stopped(ctx, err)
	}
	if err := ensureEvents(ctx, &p.options); err != nil {
		return stopped(ctx, err)
	}
	if err := p.identify(ctx); err != nil {
		return stopped(ctx, err)
	}
	if err := checkOutputs(ctx, &p.options, p.partitions); err != nil {
		return stopped(ctx, err)
	}
	if err := p.options.Format.Open(ctx); err != nil {
		return stopped(ctx, err)
	}
	text := meaning(&o.Core, p.partitions)
	p.generation = generationOf(text)
	closeStore, err := p.openStore(ctx, text)
	if err != nil {
		return stopped(ctx, o.checkpointError(err))
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	if p.producer, err = p.options.outlet(ctx, ""); err != nil {
		return err
	}
	return p.run(ctx)
}

// openStore opens the store that was asked for.
func (p *pipeline) openStore(ctx context.Context, meaning string) (closeStore func() error, err error) {
	if p.options.CheckpointStore == StoreKafka {
		topic, err := openStateTopic(ctx, &p.options, meaning, p.partitions)
		if err != nil {
			return nil, err
		}
		p.store = topic
		return topic.Close, nil
	}
	dir, err := openDisk(func() (*checkpoint.Dir, error) {
		return p.options.openDir(checkpoint.Options{Dir: p.options.CheckpointDir, Fingerprint: meaning, Logger: p.options.Logger})
	})
	if err != nil {
		return nil, err
	}
	p.store = dir
	if p.options.Name == "" {
		p.options.Name = dir.dir.Identity()
	}
	return dir.Close, nil
}

// run ties the ledger, the rollup and the watch over the sources together: the failure of one ends the
// others, and at a graceful stop the rollup drains what the ledger said last.
func (p *pipeline) run(ctx context.Context) error {
	work, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	metrics, err := p.openRollup(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	rolled := make(chan error, 1)
	rolling, endRolling := context.WithCancel(context.WithoutCancel(ctx))
	defer endRolling()
	go func() {
		err := metrics.run(rolling)
		if err != nil {
			fail(otherPartError{err})
		}
		rolled <- err
	}()
	drain := func(ctx context.Context) error {
		endRolling()
		err := <-rolled
		rolled <- err // for the end below
		if err != nil {
			return err
		}
		return metrics.drain(ctx)
	}
	watched, fed := p.startWatch(work, fail), p.startFeed(work, fail)
	err = p.ledger(work, drain)
	endRolling()
	rollupErr, watchErr, feedErr := <-rolled, watched(), fed()
	if watchErr == nil {
		err = p.because(ctx, err)
	}
	if errors.Is(err, rollupErr) { // the stop has met it already
		rollupErr = nil
	}
	return errors.Join(watchErr, feedErr, err, rollupErr)
}

// ledger joins the group and serves one generation after the other.
func (p *pipeline) ledger(ctx context.Context, drain func(context.Context) error) (err error) {
	lasting, end := broker.Outlast(ctx, p.options.StopWithin-leaveWithin)
	defer end()
	session := p.newSession(ctx, lasting)
	defer func() { err = errors.Join(err, session.close()) }()
	if p.options.Instances > 1 {
		_, err := session.serve(ctx, p.ownNumbers(), drain)
		return stopped(ctx, err)
	}
	member, err := consumer.NewMember(ctx, p.options.Cluster, consumer.MemberOptions{
		Group: p.options.Group, Topics: p.options.sourceTopics(), Name: p.options.Name, Address: p.options.Address, Logger: p.options.Logger,
	})
	if err != nil {
		return err
	}
	defer func() {
		leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
		defer cancel()
		if closeErr := member.Close(leave); closeErr != nil {
			p.options.Logger.WarnContext(ctx, "the group will notice by itself that this member left", "error", closeErr)
		}
	}()
	for first := true; ; first = false {
		p.status.set(p, PhaseJoining)
		generation, err := member.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return stopped(ctx, p.stopIdle(ctx, drain))
			}
			return operatorError(err)
		}
		if !first {
			p.options.Metrics.update(func(r *Reading) { r.Rebalances++ })
		}
		p.options.Logger.InfoContext(ctx, "partitions assigned", "generation", generation.ID, "partitions", fmt.Sprint(generation.Partitions))
		ended, err := session.serve(ctx, generation, drain)
		if err != nil {
			return err
		}
		if ended {
			return stopped(ctx, nil)
		}
	}
}

// ownNumbers are the shards of this instance where ordinals share them out. No group is joined, so that
// a shard never leaves the directory that has its state.
func (p *pipeline) ownNumbers() *consumer.Generation {
	var numbers []int32
	for n := p.options.Ordinal; n < p.partitions; n += p.options.Instances {
		numbers = append(numbers, int32(n)) //nolint:gosec // a partition
	}
	return consumer.NewStatic(p.options.Cluster, consumer.MemberOptions{Group: p.options.Group, Topics: p.options.sourceTopics()}, numbers)
}

// stopIdle is a stop while no partition is assigned.
func (p *pipeline) stopIdle(ctx context.Context, drain func(context.Context) error) error {
	if !stopWanted(ctx) {
		return nil
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.options.StopWithin)
	defer cancel()
	return drain(stop)
}

// otherPartError is why a part must end: another one failed, and returns that error itself.
type otherPartError struct{ error }

// stopWanted tells a stop that was asked for from one that a failure forces.
func stopWanted(ctx context.Context) bool {
	var other otherPartError
	return ctx.Err() != nil && !errors.As(context.Cause(ctx), &other)
}

// stopped drops the error with which the end of ctx itself made a part return.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err())) {
		return nil
	}
	return err
}

// together calls work for 0 to n-1 at the same time, where it is waiting and not computing, and joins
// the errors.
func (p *pipeline) together(n int, work func(i int) error) error {
	return p.options.schedule.Together(n, work)
}

// parallel calls work for 0 to n-1 and joins the errors.
func (p *pipeline) parallel(n int, work func(i int) error) error {
	return p.options.schedule.Parallel(n, work)
}
