package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// waitPause is the pause while a partition waits for what its records refer to.
const waitPause = time.Second

// lanesAtOnce bounds how many transactions are under way: each waits for the brokers most of its time.
const lanesAtOnce = 16

// session is one generation of the group: the source partitions that it assigned, worked on in rounds.
// While the partitions copy what one fetch brought, the next is under way. So at most two fetches are
// in memory, and no queue grows.
type session struct {
	options    *Options
	generation *consumer.Generation
	lasting    context.Context //nolint:containedctx // of the run, as a transaction's own must outlive a stop

	lanes    []*lane
	fetchers [2]*consumer.Fetcher
	turn     int
	compared time.Time // when the sources' identities were looked at last
	ids      map[string]consumer.TopicIdentity
	gone     map[string]bool // topics that were not there at the last look
}

// serve works for one generation, until it ends or ctx does.
func serve(ctx, lasting context.Context, o *Options, generation *consumer.Generation) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-generation.Done():
			cancel()
		case <-work.Done():
		}
	}()
	s := &session{options: o, generation: generation, lasting: lasting, gone: map[string]bool{}}
	for i := range s.fetchers {
		s.fetchers[i] = consumer.NewFetcher(o.Cluster, consumer.FetcherOptions{PartitionMaxBytes: o.FetchBytes})
	}
	defer s.leave()
	err := s.open(work)
	if err == nil {
		err = s.rounds(work)
	}
	if work.Err() != nil && (errors.Is(err, work.Err()) || errors.Is(err, errNotOurs)) {
		return nil
	}
	if errors.Is(err, errNotOurs) {
		// The coordinator knows already that the generation is over; the member hears of it soon.
		<-work.Done()
		return nil
	}
	return err
}

// open opens a lane for each assigned partition.
func (s *session) open(ctx context.Context) error {
	topics, err := s.describe(ctx)
	if err != nil {
		return err
	}
	for topic, partitions := range s.generation.Partitions {
		for _, partition := range partitions {
			l, err := s.lane(broker.TopicPartition{Topic: topic, Partition: partition}, topics[topic].Compacted)
			if err != nil {
				return err
			}
			s.lanes = append(s.lanes, l)
		}
	}
	return s.parallel(s.lanes, func(l *lane) error { return l.open(ctx) })
}

// describe asks what the sources are, and keeps their identities for comparison.
func (s *session) describe(ctx context.Context) (map[string]consumer.TopicInfo, error) {
	topics, err := consumer.Topics(ctx, s.options.Cluster, s.options.Sources...)
	if err != nil {
		return nil, err
	}
	s.ids, err = consumer.TopicIDs(ctx, s.options.Cluster, s.watched()...)
	switch {
	case errors.Is(err, broker.ErrNoTopicIDs):
		s.options.Logger.WarnContext(ctx, "a source that is deleted and created again can only be noticed by its offsets", "error", err)
		s.ids = nil
	case err != nil:
		return nil, fmt.Errorf("identify the sources: %w", err)
	}
	s.compared = time.Now()
	return topics, nil
}

// watched are the topics that positions are about: the sources, and where their copies are.
func (s *session) watched() []string {
	return append(slices.Clone(s.options.Sources), s.options.Events)
}

// compare looks whether the sources are still the topics that they were. More partitions are none of
// a change: the group shares them out, and they are read from their start.
func (s *session) compare(ctx context.Context) error {
	if s.ids == nil || time.Since(s.compared) < s.options.WatchEvery {
		return nil
	}
	s.compared = time.Now()
	present, err := consumer.TopicIDs(ctx, s.options.Cluster, s.watched()...)
	if err != nil {
		if broker.Transient(err) || ctx.Err() != nil {
			return nil //nolint:nilerr // that nothing can be read is for the fetch to say
		}
		return fmt.Errorf("identify the sources: %w", err)
	}
	var changes []error
	for _, name := range s.watched() {
		// One that seems to be gone may only be unknown to a broker that has just started.
		now, before := present[name], s.gone[name]
		s.gone[name] = now.Partitions == 0
		if now.Partitions == 0 && before || now.Partitions > 0 && now.ID != s.ids[name].ID {
			changes = append(changes, &consumer.ErrTopicChanged{Was: s.ids[name], Now: now})
		}
	}
	return errors.Join(changes...)
}

// fetched is what one fetch brought, and from where.
type fetched struct {
	asked   map[broker.TopicPartition]int64
	batches []consumer.Batch
	err     error
}

// rounds fetches and copies until the generation or ctx ends.
func (s *session) rounds(ctx context.Context) error {
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	coming := s.fetch(work, s.positions(nil), 0)
	for {
		got := <-coming
		if got.err != nil {
			return got.err
		}
		if err := s.options.Step("fetched"); err != nil {
			return err
		}
		coming = s.fetch(work, s.positions(&got), s.pause(&got))
		err := s.copy(work, &got)
		if err == nil {
			err = s.compare(work)
		}
		if err != nil {
			cancel()
			<-coming
			return s.because(err)
		}
	}
}

// because finds the reason of an error that reading met first: the position of a recreated topic is
// first of all outside its log.
func (s *session) because(err error) error {
	var gap *consumer.ErrGap
	if !errors.As(err, &gap) {
		return err
	}
	s.compared = time.Time{}
	if reason := s.compare(s.lasting); reason != nil {
		return fmt.Errorf("%w\nit was noticed by: %w", reason, err)
	}
	return err
}

// fetch starts a fetch with the fetcher whose last batches nobody needs any more.
func (s *session) fetch(ctx context.Context, positions []consumer.Position, pause time.Duration) <-chan fetched {
	coming := make(chan fetched, 1)
	f := s.fetchers[s.turn]
	s.turn = 1 - s.turn
	asked := make(map[broker.TopicPartition]int64, len(positions))
	for _, p := range positions {
		asked[p.TopicPartition] = p.Next
	}
	go func() {
		if len(positions) == 0 {
			pause = time.Second
		}
		if err := broker.Sleep(ctx, pause); err != nil || len(positions) == 0 {
			coming <- fetched{err: err}
			return
		}
		batches, err := f.Fetch(ctx, positions)
		coming <- fetched{asked, batches, err}
	}()
	return coming
}

// pause is how long to wait before the next fetch: while there is little to copy, it is worth waiting
// for more, because a transaction costs as much for one record as for thousands.
func (s *session) pause(got *fetched) time.Duration {
	for _, l := range s.lanes {
		if l.waits != nil {
			return waitPause
		}
	}
	for i := range got.batches {
		if b := &got.batches[i]; b.Next < b.LastStable {
			return 0
		}
	}
	return s.options.Interval
}

// positions are where to read on once what was fetched is copied.
func (s *session) positions(got *fetched) []consumer.Position {
	after := map[broker.TopicPartition]int64{}
	if got != nil {
		for i := range got.batches {
			if b := &got.batches[i]; b.Err == nil && got.asked[b.TopicPartition] == s.next(b.TopicPartition) {
				after[b.TopicPartition] = b.Next
			}
		}
	}
	positions := make([]consumer.Position, 0, len(s.lanes))
	for _, l := range s.lanes {
		at := l.Position
		if next, ok := after[at.TopicPartition]; ok {
			at.Next = next
		}
		positions = append(positions, at)
	}
	return positions
}

func (s *session) find(tp broker.TopicPartition) *lane {
	for _, l := range s.lanes {
		if l.TopicPartition == tp {
			return l
		}
	}
	return nil
}

func (s *session) next(tp broker.TopicPartition) int64 { return s.find(tp).Next }

// copy hands each lane its batch, the lanes in parallel.
func (s *session) copy(ctx context.Context, got *fetched) error {
	batches := map[*lane]*consumer.Batch{}
	var busy []*lane
	for i := range got.batches {
		b := &got.batches[i]
		l := s.find(b.TopicPartition)
		var unavailable *consumer.ErrUnavailable
		switch {
		case errors.As(b.Err, &unavailable):
			s.options.Logger.WarnContext(ctx, "a source partition cannot be read; trying on", "error", b.Err)
		case got.asked[b.TopicPartition] != l.Next:
			// The lane went elsewhere while this fetch was under way.
		case b.Err != nil:
			return b.Err
		default:
			batches[l] = b
			busy = append(busy, l)
		}
	}
	err := s.parallel(busy, func(l *lane) error { return l.copy(ctx, batches[l]) })
	now := s.options.Clock()
	for _, l := range s.lanes {
		end := l.end
		if l.waits != nil {
			end = l.Next // it waits for something outside, which no restart would bring
		}
		s.options.Progress.Note(l.TopicPartition, l.Next, end, now)
	}
	return err
}

// parallel calls work for each lane, some at a time, and joins the errors. What only says that the
// generation is over does not hide another one.
func (s *session) parallel(lanes []*lane, work func(*lane) error) error {
	problems := make([]error, len(lanes))
	slots := make(chan struct{}, lanesAtOnce)
	var wait sync.WaitGroup
	for i, l := range lanes {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			problems[i] = work(l)
		})
	}
	wait.Wait()
	var over error
	for i, err := range problems {
		if errors.Is(err, errNotOurs) || errors.Is(err, context.Canceled) {
			over, problems[i] = err, nil
		}
	}
	return cmp.Or(errors.Join(problems...), over)
}

// leave lets go of the partitions: what is left to copy in them is somebody else's lag.
func (s *session) leave() {
	for _, l := range s.lanes {
		s.options.Progress.Forget(l.TopicPartition)
		s.options.Observe(Count{TopicPartition: l.TopicPartition, Next: l.Next, End: l.Next, Appended: l.appended})
	}
}
