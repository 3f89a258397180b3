package intake

import (
	"context"
	"time"

	"processor/internal/consumer"
	"processor/internal/event"
)

// quietFor is how long nothing must have come before a partition counts as complete without records.
const quietFor = 24 * time.Hour

// idle lets a partition that rests go on in steps of a day: without it, one key range that is out of
// use would hold back for ever what every shard may forget. A topic that nobody has used yet stays where
// it is, because what comes first may be its history.
func (l *lane) idle(ctx context.Context, b *consumer.Batch, now time.Time) error {
	if len(b.Records) > 0 || b.Next < b.LastStable {
		return nil
	}
	since := l.opened
	if l.place.At > 0 {
		since = time.Unix(l.place.At, 0)
	}
	const day = event.Time(quietFor)
	upTo := event.At(now.Add(-quietFor))
	if now.Sub(since) < quietFor || l.place.Seen != event.NoTime && upTo/day <= l.place.Seen/day {
		return nil
	}
	if l.place.Seen == event.NoTime && b.Next == 0 {
		used, err := l.topicInUse(ctx)
		if !used || err != nil {
			return err
		}
	}
	l.draft.place.Seen = max(l.draft.place.Seen, upTo)
	return nil
}

// topicInUse says whether any partition of the lane's topic ever held a record.
func (l *lane) topicInUse(ctx context.Context) (bool, error) {
	topics, err := l.options.Cluster.Topics(ctx, l.Topic)
	if err != nil {
		return false, err
	}
	var all []consumer.TopicPartition
	for _, p := range topics[l.Topic].Partitions {
		all = append(all, consumer.TopicPartition{Topic: l.Topic, Partition: p.ID})
	}
	ends, err := consumer.EndOffsets(ctx, l.options.Cluster, all)
	if err != nil {
		return false, err
	}
	for _, end := range ends {
		if end > 0 {
			return true, nil
		}
	}
	return false, nil
}
