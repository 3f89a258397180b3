package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/intake"
	"processor/internal/row"
	"processor/internal/sink"
)

// feed is what intake copies for the ledger.
type feed struct {
	taken      []takenSource
	partitions int  // of the copies
	fresh      bool // their topic does not exist yet
	inflow     *inflow
}

func (f *feed) topics() []string {
	names := make([]string, 0, len(f.taken))
	for _, t := range f.taken {
		names = append(names, t.topic)
	}
	return names
}

// formats are those of the sources that are not native, by topic.
func (f *feed) formats() map[string]intake.Format {
	formats := map[string]intake.Format{}
	for _, t := range f.taken {
		if t.decoder != nil {
			formats[t.topic] = intake.Format{Name: t.format, New: t.decoder}
		}
	}
	return formats
}

// partitionsNow are the partitions that the sources have, those that were added since the start too.
func (f *feed) partitionsNow(ctx context.Context, o *Options) ([]broker.TopicPartition, error) {
	found, err := o.Cluster.Topics(ctx, f.topics()...)
	if err != nil {
		return nil, err
	}
	var all []broker.TopicPartition
	for _, t := range f.taken {
		for _, p := range found[t.topic].Partitions {
			all = append(all, broker.TopicPartition{Topic: t.topic, Partition: p.ID})
		}
	}
	return all, nil
}

// startFeed copies beside the ledger what it cannot read itself: a failure ends it. end ends the
// copying, and says how it went.
func (p *pipeline) startFeed(ctx context.Context, fail context.CancelCauseFunc) (end func() error) {
	if p.options.feed == nil {
		return func() error { return nil }
	}
	copying, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		p.options.feed.inflow.follow(copying, &p.options)
	}()
	go func() {
		err := p.options.feedError(stopped(copying, intake.Run(copying, p.intakeOptions())))
		if err != nil {
			fail(otherPartError{err})
		}
		ended <- err
	}()
	return func() error {
		cancel()
		<-followed
		return <-ended
	}
}

func (p *pipeline) intakeOptions() intake.Options {
	o := &p.options
	return intake.Options{
		Cluster: o.Cluster, Group: o.Group, Name: o.Name, Sources: o.feed.topics(), Formats: o.feed.formats(),
		Events: o.topic(row.TopicEvents), Partitions: o.feed.partitions,
		DeadLetters: o.topic(row.TopicDeadLetters), DeadLetterPartitions: p.partitions, Positions: o.topic(row.TopicIntake),
		Decoder: o.Decoder, Lateness: o.Lateness, Interval: min(o.FlushInterval, 100*time.Millisecond),
		Clock: o.Clock, Observe: p.countCopies, Progress: o.Watchdog.progress, Logger: o.Logger,
		Step: func(point string) error { return o.step("intake " + point) }, FetchBytes: o.fetchBytes, WatchEvery: o.watchEvery,
	}
}

// countCopies counts what became of records of a source that is copied.
func (p *pipeline) countCopies(c intake.Count) {
	clock := p.options.Clock()
	p.options.Metrics.update(func(r *Reading) {
		key := Partition{Topic: c.Topic, Partition: c.Partition}
		one := r.Partitions[key]
		if one.Results == nil {
			one.Results = map[Result]int64{}
			for _, result := range IntakeResults {
				one.Results[result] = 0
			}
		}
		var rejected int64
		for reason, n := range c.Rejected {
			r.Rejections[reason] += n
			rejected += n
		}
		one.Results[ResultCopied] += c.Copied
		one.Results[ResultRejected] += rejected
		one.Results[ResultIgnored] += c.Ignored
		one.Results[ResultSkipped] += c.Skipped
		one.Read += c.Copied + rejected + c.Ignored + c.Skipped
		one.Position, one.LagRecords, one.LagTime = c.Next, max(c.End-c.Next, 0), 0
		if one.LagRecords > 0 && c.Appended != event.NoTime {
			one.LagTime = max(clock.Sub(c.Appended.UTC()), 0)
		}
		r.Partitions[key] = one
		r.Rows[row.TopicEvents] += c.Events + c.Marks
		r.Rows[row.TopicDeadLetters] += rejected
	})
}

// feedError gives intake's errors that need a person their kind and their remedy.
func (o *Options) feedError(err error) error {
	var changed *consumer.ErrTopicChanged
	var diverged *consumer.ErrDiverged
	var gap *consumer.ErrGap
	var lost *intake.LostStartError
	var refused *sink.ErrRefused
	switch {
	case err == nil:
		return nil
	case errors.As(err, &changed) && changed.Was.Name == o.topic(row.TopicEvents):
		return fmt.Errorf("%w: %w; what was copied to the old one is not in it. Restore the topic with the id %s from the brokers' backup; or, where the sources "+
			"still have everything, let it be copied anew, %s", ErrOperator, err, changed.Was.ID, o.copyAnew(strings.Join(o.feed.topics(), " --topic ")))
	case errors.As(err, &changed) && changed.Now.Partitions == 0:
		return fmt.Errorf("%w: %w; what was copied of it is kept in %s. Restore the topic with the id %s from the brokers' backup, or take it out of sources",
			ErrOperator, err, o.topic(row.TopicEvents), changed.Was.ID)
	case errors.As(err, &changed):
		return fmt.Errorf("%w: %w; nothing of the new topic was copied since that was noticed. What was copied of the old one is kept in %s, and ids "+
			"that are known count once. Restore the topic with the id %s from the brokers' backup; or, to have the new one copied from its start, %s",
			ErrOperator, err, o.topic(row.TopicEvents), changed.Was.ID, o.copyAnew(changed.Was.Name))
	case errors.As(err, &diverged):
		return fmt.Errorf("%w: %w; what was copied is kept in %s, and ids that are known count once. Restore the partition from a replica that has "+
			"what was read; or, to have what is there now copied from its start, %s",
			ErrOperator, err, o.topic(row.TopicEvents), o.copyAnew(fmt.Sprintf("%s:%d", diverged.Topic, diverged.Partition)))
	case errors.As(err, &gap):
		return fmt.Errorf("%w: %w; what was lost was never copied to %s. Write the missing events to the source again; then, or to do without them, %s",
			ErrOperator, err, o.topic(row.TopicEvents), o.copyAnew(fmt.Sprintf("%s:%d", gap.Topic, gap.Partition)))
	case errors.As(err, &lost):
		return fmt.Errorf("%w: %w. Name a topic that has the whole history as source; or, to do without what is gone, %s",
			ErrOperator, err, o.copyAnew(fmt.Sprintf("%s:%d", lost.Topic, lost.Partition)))
	case errors.As(err, &refused):
		return fmt.Errorf("%w: %w; nothing after it was copied: raise max.message.bytes of %s to %d or more, and see that its brokers take writes",
			ErrOperator, err, refused.Topic, intake.MessageMax(o.Decoder))
	}
	return operatorError(err)
}

// copyAnew is the command that lets intake begin at what the log holds. The position that it sets has no
// topic id beside it, and is taken as it is.
func (o *Options) copyAnew(topic string) string {
	brokers := strings.Join(o.Cluster.Brokers(), ",")
	return fmt.Sprintf("with all instances stopped:\n  kafka-consumer-groups.sh --bootstrap-server %s --group %s --topic %s --reset-offsets --to-earliest --execute\n"+
		"(docs/runbooks/source-changed.md)", brokers, intake.GroupOf(o.Group), topic)
}
