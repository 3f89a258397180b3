package pipeline

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// identify asks what the sources are. Positions belong to these topics and to no others, whatever
// stands under their names later (invariant I7). Brokers without topic ids are said once and not
// asked again.
func (p *pipeline) identify(ctx context.Context) error {
	present, err := consumer.TopicIDs(ctx, p.options.Cluster, p.options.sourceTopics()...)
	if errors.Is(err, broker.ErrNoTopicIDs) {
		p.warnNoIDs(ctx, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("identify the sources: %w", err)
	}
	for _, name := range p.options.sourceTopics() {
		now := present[name]
		if now.Partitions == 0 {
			return fmt.Errorf("identify the sources: topic %s was there a moment ago, and the broker does not know it", name)
		}
		now.Partitions = p.partitions // what was checked: one that was added since is noticed
		p.identities = append(p.identities, now)
	}
	return nil
}

func (p *pipeline) warnNoIDs(ctx context.Context, err error) {
	p.options.Logger.WarnContext(ctx, "a source that is deleted and created again can only be noticed by its offsets", "error", err)
}

// topicID is the id of a source as a marker keeps it; empty where the brokers have none.
func (p *pipeline) topicID(topic string) string {
	for _, t := range p.identities {
		if t.Name == topic {
			return t.ID.String()
		}
	}
	return ""
}

// sameTopics holds the ids in a shard's marker against the present ones. A marker from before there
// were ids in it says nothing.
func (p *pipeline) sameTopics(number int, m *marker) error {
	var problems []error
	for _, now := range p.identities {
		at := m.in(now.Name)
		if at == nil || at.ID == "" || at.ID == now.ID.String() {
			continue
		}
		was := consumer.TopicIdentity{Name: now.Name, Partitions: p.partitions}
		id, err := base64.RawURLEncoding.DecodeString(at.ID)
		if err != nil {
			return fmt.Errorf("the checkpoint's marker has the topic id %q of %s: %w", at.ID, now.Name, err)
		}
		copy(was.ID[:], id)
		problems = append(problems, p.options.changedError(&consumer.ErrTopicChanged{Was: was, Now: now},
			map[int32]int64{int32(number): at.Next})) //nolint:gosec // a partition
	}
	return errors.Join(problems...)
}

// verify makes sure that the logs in front of a shard's positions are those that were read: one that
// was cut and written anew may be as long as before.
func (p *pipeline) verify(ctx context.Context, s *shard, compacted map[string]bool) error {
	var problems []error
	for _, src := range s.sources {
		if src.last == (consumer.Mark{}) {
			continue // nothing was applied yet, or by a version that kept no mark: the borders are checked
		}
		err := p.options.logs.Verify(ctx, src.Position, src.last, compacted[src.Topic])
		var diverged *consumer.ErrDiverged
		if errors.As(err, &diverged) {
			err = p.options.divergedError(diverged)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("verify the position of %s: %w", src.TopicPartition, err))
		}
	}
	return errors.Join(problems...)
}

// sameLog compares the log in front of a position once more when records of a new leader come: whatever
// an election cut off was written anew under that leader's epoch, and may reach beyond our position. The
// position is still the one in front of these records.
func (p *pipeline) sameLog(ctx context.Context, src *source, b *consumer.Batch) error {
	if src.last == (consumer.Mark{}) || b.Last == (consumer.Mark{}) || b.Last.LeaderEpoch == src.last.LeaderEpoch {
		return nil
	}
	compacted, err := p.options.logs.Compacted(ctx, []string{src.Topic})
	if err == nil {
		err = p.options.logs.Verify(ctx, src.Position, src.last, compacted[src.Topic])
	}
	var diverged *consumer.ErrDiverged
	if errors.As(err, &diverged) {
		err = p.options.divergedError(diverged)
	}
	if err != nil {
		return fmt.Errorf("verify the position of %s under a new leader: %w", src.TopicPartition, operatorError(err))
	}
	return nil
}

// startWatch watches beside the ledger: a change ends it. end ends the watch, and says what it saw.
func (p *pipeline) startWatch(ctx context.Context, fail context.CancelCauseFunc) (end func() error) {
	watching, cancel := context.WithCancel(ctx)
	seen := make(chan error, 1)
	go func() {
		err := p.watch(watching)
		if err != nil {
			fail(otherPartError{err})
		}
		seen <- err
	}()
	return func() error {
		cancel()
		return <-seen
	}
}

// watch looks after the sources' identities until ctx ends; the error says which changed.
func (p *pipeline) watch(ctx context.Context) error {
	if len(p.identities) == 0 {
		return nil
	}
	err := consumer.WatchTopics(ctx, p.options.Cluster, p.options.watchEvery, p.identities...)
	if errors.Is(err, broker.ErrNoTopicIDs) { // a broker that was set back to an old version
		p.warnNoIDs(ctx, err)
		return nil
	}
	return p.explainChange(stopped(ctx, err))
}

// askWithin bounds the question why a log is not what it was.
const askWithin = 5 * time.Second

// because finds the reason of an error that reading met before the watch did: the position of a
// recreated topic is first of all outside its log.
func (p *pipeline) because(ctx context.Context, err error) error {
	var known, changed *consumer.ErrTopicChanged
	if !errors.Is(err, ErrOperator) || errors.As(err, &known) || len(p.identities) == 0 {
		return err
	}
	ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
	defer cancel()
	reason := consumer.CompareTopics(ask, p.options.Cluster, p.identities...)
	if !errors.As(reason, &changed) || changed.Now.Partitions == 0 {
		return err // a broker that has just started may not know a topic: that it is gone is for the watch to say
	}
	return fmt.Errorf("%w\nit was noticed by: %w", p.explainChange(reason), err)
}

// explainChange gives each changed topic in an error its kind, the positions that are void, and the
// remedy; other errors stay as they are.
func (p *pipeline) explainChange(err error) error {
	var changes []error
	for _, one := range joined(err) {
		var changed *consumer.ErrTopicChanged
		if !errors.As(one, &changed) {
			return err
		}
		changes = append(changes, p.options.changedError(changed, p.positionsIn(changed.Was.Name)))
	}
	return errors.Join(changes...)
}

// joined are the errors that one joins, or it alone.
func joined(err error) []error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return several.Unwrap()
	}
	return []error{err}
}

// positionsIn are the positions up to which this instance published rows of a topic, by partition.
func (p *pipeline) positionsIn(topic string) map[int32]int64 {
	positions := map[int32]int64{}
	for at, reading := range p.options.Metrics.Read().Partitions {
		if at.Topic == topic {
			positions[at.Partition] = reading.Position
		}
	}
	return positions
}

// changedError says what a changed source means for an operator. positions are those of this instance
// in it.
func (o *Options) changedError(changed *consumer.ErrTopicChanged, positions map[int32]int64) error {
	switch {
	case changed.Now.Partitions == 0:
		return fmt.Errorf("%w: %w; nothing behind%s was read. If it was deleted by mistake, restore it with this id from the brokers' backup; "+
			"one that is created anew is another topic, %s", ErrOperator, changed, placesOf(changed.Was.Name, positions), o.anewRemedy())
	case changed.Recreated():
		return fmt.Errorf("%w: %w; void is%s: what was counted up to there is not in this topic. Restore the topic with the id %s from the brokers' backup; or, %s",
			ErrOperator, changed, placesOf(changed.Was.Name, positions), changed.Was.ID, o.anewRemedy())
	default:
		return fmt.Errorf("%w: %w: from now on producers write an account's records to another partition than before, and nothing was read of "+
			"partitions [%d,%d). The number of partitions cannot change without a new start from the log, %s",
			ErrOperator, changed, changed.Was.Partitions, changed.Now.Partitions, o.grownRemedy())
	}
}

// divergedError says what a truncated log means for an operator.
func (o *Options) divergedError(diverged *consumer.ErrDiverged) error {
	from, least := diverged.AgreesTo, "exactly"
	if from < 0 {
		from, least = diverged.Applied.Offset, "at least"
	}
	return fmt.Errorf("%w: %w; counted and no longer in the log are %s the offsets [%d,%d). "+
		"Restore the partition from a replica that has them; or, %s", ErrOperator, diverged, least, from, diverged.Next, o.anewRemedy())
}

// anewRemedy is what can be done where the log is not the one that was read.
func (o *Options) anewRemedy() string {
	return "once the topic holds the whole history from its offset 0, have it counted anew, with the service stopped:\n  " +
		o.rebuildCommand(FromLog) + "\n(docs/runbooks/source-changed.md)"
}

// placesOf are positions in a topic, in order.
func placesOf(topic string, positions map[int32]int64) string {
	if len(positions) == 0 {
		return " every position in it"
	}
	var b strings.Builder
	for i, partition := range slices.Sorted(maps.Keys(positions)) {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, " position %d of %s", positions[partition], broker.TopicPartition{Topic: topic, Partition: partition})
	}
	return b.String()
}
