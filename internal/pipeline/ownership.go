package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"processor/internal/sink"
)

// Which shards a session works on changes with the group's generations. A shard that stays keeps its
// state, its epoch and what it owes; one that is lost is dropped at once, with whatever was not saved;
// one that is new is opened beside the rounds of the others and joins them between two rounds.

// opening is a shard on its way from the checkpoint.
type opening struct {
	number int
	cancel context.CancelFunc
	done   chan struct{} // closed when shard and err are there
	shard  *shard
	err    error
}

// lostError says that shards have newer owners: what was to be sent or saved for them was refused. No
// step may follow for them.
type lostError struct {
	shards []*shard
	cause  error
}

// Error names the shards.
func (e *lostError) Error() string {
	numbers := make([]int, 0, len(e.shards))
	for _, s := range e.shards {
		numbers = append(numbers, s.number)
	}
	return fmt.Sprintf("shards %v: %v", numbers, e.cause)
}

// Unwrap is the broker's refusal.
func (e *lostError) Unwrap() error { return e.cause }

// isFenced says whether a refusal means that somebody else has taken what is ours.
func isFenced(err error) bool { return errors.Is(err, sink.ErrFenced) || errors.Is(err, ErrFenced) }

// assign makes the session's shards those of a generation, or has them on their way.
func (s *session) assign(ctx context.Context, generation membership) error {
	id, partitions := generation.Assignment()
	numbers, err := s.assigned(partitions)
	if err != nil {
		return err
	}
	// The number of a generation rises by one with every assignment. Where none lies between, nobody
	// else can have had what was ours and is ours again.
	follows := s.generation != nil && id == s.generationID+1
	s.generation, s.generationID = generation, id
	var stay []*shard
	again := false // some shard is opened once more
	for _, one := range s.shards {
		keep := slices.Contains(numbers, one.number)
		if keep && !follows {
			if keep, err = s.stillOurs(ctx, one); err != nil {
				return err
			}
			again = again || !keep
		}
		if keep {
			stay = append(stay, one)
		} else {
			s.options.Logger.InfoContext(ctx, "shard dropped", "shard", one.number, "epoch", one.epoch)
		}
	}
	s.work(stay)
	for _, o := range slices.Clone(s.openings) {
		if !follows || !slices.Contains(numbers, o.number) {
			s.abandon(o)
			s.options.Metrics.update(func(r *Reading) { delete(r.Shards, o.number) })
			s.options.Observer.dropped(o.number)
		}
	}
	if again || len(s.saving) > 0 { // what is read must be the last that this process writes
		if err := s.dropUnsaved(); err != nil {
			return err
		}
	}
	s.startOpening(ctx, slices.DeleteFunc(numbers, func(n int) bool { return s.byNumber[int32(n)] != nil || s.isOpening(n) })) //nolint:gosec // a partition
	return nil
}

// dropUnsaved waits for the checkpoint that is being written, and drops the shards for which it was
// refused: who refused them has them no more.
func (s *session) dropUnsaved() error {
	err := s.settleSaving()
	var lost *lostError
	if !errors.As(err, &lost) {
		return err
	}
	s.without(lost.shards)
	return nil
}

// without drops shards.
func (s *session) without(gone []*shard) {
	s.work(slices.DeleteFunc(slices.Clone(s.shards), func(one *shard) bool { return slices.Contains(gone, one) }))
}

// isOpening says whether a shard is on its way.
func (s *session) isOpening(number int) bool {
	return slices.ContainsFunc(s.openings, func(o *opening) bool { return o.number == number })
}

// stillOurs asks whether nobody has taken a shard that was ours before a gap in the generations. A
// store that cannot tell says no.
func (s *session) stillOurs(ctx context.Context, one *shard) (bool, error) {
	type ownable interface {
		Owned(ctx context.Context, shard int) (bool, error)
	}
	store, ok := s.store.(ownable)
	if !ok {
		return false, nil
	}
	owned, err := store.Owned(ctx, one.number)
	if out, ok := one.outlet.(ownedOutlet); ok && owned && err == nil {
		owned, err = out.Owned(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("is shard %d still ours: %w", one.number, err)
	}
	return owned, nil
}

// ownedOutlet is an outlet that somebody else can take.
type ownedOutlet interface {
	// Owned says whether nobody has, and waits until readers see all that was sent by it.
	Owned(ctx context.Context) (bool, error)
}

// awaitVisible waits until readers of committed records see what was sent: a commit is decided some
// milliseconds before the partitions know of it. What was taken meanwhile is its new owner's.
func (p *pipeline) awaitVisible(ctx context.Context, outlets []outlet) error {
	return p.together(len(outlets), func(i int) error {
		out, ok := outlets[i].(ownedOutlet)
		if !ok {
			return nil
		}
		_, err := out.Owned(ctx)
		return err
	})
}

// work sets the shards that the rounds are about.
func (s *session) work(shards []*shard) {
	for _, one := range s.shards {
		if !slices.Contains(shards, one) {
			s.options.Metrics.update(one.leave)
			s.options.Watchdog.left([]*shard{one})
			s.options.Observer.dropped(one.number)
		}
	}
	slices.SortFunc(shards, func(a, b *shard) int { return cmp.Compare(a.number, b.number) })
	s.shards = shards
	clear(s.byNumber)
	epochs := make(map[int]uint64, len(shards))
	for _, one := range shards {
		s.byNumber[int32(one.number)] = one //nolint:gosec // a partition
		epochs[one.number] = one.epoch
		one.state.LimitRoom(s.options.OpenAccountBytes / int64(len(shards)))
	}
	s.owners.set(epochs)
}

// leave takes the gauges of a shard that is dropped out of the reading; what was counted stays.
func (s *shard) leave(r *Reading) {
	delete(r.Shards, s.number)
	for _, src := range s.sources {
		key := Partition{Topic: src.Topic, Partition: src.Partition}
		if p, known := r.Partitions[key]; known {
			p.LagRecords, p.LagTime = 0, 0
			r.Partitions[key] = p
		}
	}
}

// startOpening has shards opened, so many at a time as there are processors.
func (s *session) startOpening(ctx context.Context, numbers []int) {
	for _, number := range numbers {
		restoring, cancel := context.WithCancel(ctx)
		o := &opening{number: number, cancel: cancel, done: make(chan struct{})}
		s.openings = append(s.openings, o)
		s.options.schedule.Beside(besideOpen+strconv.Itoa(number), func() {
			defer close(o.done)
			if o.err = restoring.Err(); o.err != nil { // not by chance, where there is a slot as well
				return
			}
			select {
			case s.slots <- struct{}{}:
				defer func() { <-s.slots }()
				o.shard, o.err = s.openOne(restoring, number)
			case <-restoring.Done():
				o.err = restoring.Err()
			}
		})
	}
}

// abandon ends an opening and waits for it.
func (s *session) abandon(o *opening) {
	o.cancel()
	s.options.schedule.Await(besideOpen + strconv.Itoa(o.number))
	<-o.done
	s.options.Watchdog.forget(s.options.sourceTopics(), o.number)
	s.openings = slices.DeleteFunc(s.openings, func(other *opening) bool { return other == o })
}

// adopt takes over the shards that are open by now. Their epochs are announced in the progress topic,
// ahead of every row that carries them.
func (s *session) adopt(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // a stop in order lets go of what is not open yet
	}
	var fresh []*shard
	for _, o := range slices.Clone(s.openings) {
		select {
		case <-o.done:
		default:
			continue
		}
		s.abandon(o)
		if isFenced(o.err) {
			return &lostError{cause: o.err}
		}
		if o.err != nil {
			return o.err
		}
		fresh = append(fresh, o.shard)
	}
	if len(fresh) == 0 {
		return nil
	}
	s.work(append(slices.Clone(s.shards), fresh...))
	if err := s.firstRows(s.lasting, fresh); err != nil {
		return err
	}
	s.options.Metrics.update(func(r *Reading) { r.ShardLoads += int64(len(fresh)) })
	if len(s.openings) == 0 {
		s.status.open(s.pipeline, s.shards)
	}
	return nil
}

// letGo drops shards that have newer owners. Where the group still counts them as ours, somebody
// outside of it writes what we write: this process must end. Otherwise the next generation is on its
// way.
func (s *session) letGo(ctx context.Context, lost *lostError) error {
	s.without(lost.shards)
	s.owners.pause()
	s.options.Logger.WarnContext(ctx, "shards have newer owners and were dropped; nothing of them was sent or saved since", "error", lost)
	holds, err := s.generation.Holds(ctx)
	switch {
	case err != nil:
		return errors.Join(err, lost)
	case holds:
		return fmt.Errorf("%w: group %s still gives them to this instance: a rebuild, or another service with the same group and output.prefix, "+
			"has taken their transactional ids: %w", ErrFenced, s.options.Group, lost)
	}
	select {
	case <-s.generation.Done():
		return nil
	case <-ctx.Done():
		return nil
	}
}

// close ends what goes on beside the rounds.
func (s *session) close() error {
	for _, o := range slices.Clone(s.openings) {
		s.abandon(o)
	}
	s.owners.pause()
	err := s.settleSaving()
	var lost *lostError
	if errors.As(err, &lost) { // somebody else saves them now
		return nil
	}
	return err
}

// settleSaving waits for the checkpoint that is being written.
func (s *session) settleSaving() error {
	err := s.awaitSave()
	s.saving <- nil
	return s.stillLost(err)
}

// stillLost is an error of a save; nil when it is about shards that are not ours any more anyway.
func (s *session) stillLost(err error) error {
	var lost *lostError
	if !errors.As(err, &lost) {
		return err
	}
	ours := slices.DeleteFunc(slices.Clone(lost.shards), func(one *shard) bool { return !slices.Contains(s.shards, one) })
	if len(ours) == 0 {
		return nil
	}
	return &lostError{shards: ours, cause: lost.cause}
}
