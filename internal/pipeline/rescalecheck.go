package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/intake"
	"processor/internal/row"
)

// readBefore is up to where the shards of the old generation have read its sources, as their newest
// progress rows say.
func readBefore(ctx context.Context, o *Options, shards int) (map[broker.TopicPartition]int64, error) {
	read := map[broker.TopicPartition]int64{}
	for _, tp := range partitionsOf(o.topic(row.TopicProgress), shards) {
		_, newest, _, err := lastProgress(ctx, o, int(tp.Partition))
		if err != nil {
			return nil, operatorError(fmt.Errorf("progress of the old generation: %w", err))
		}
		for _, text := range strings.FieldsFunc(newest.Positions, func(c rune) bool { return c == ',' }) {
			at, next, err := parsePosition(text)
			if err != nil {
				return nil, fmt.Errorf("progress of the old generation in %s: %w", tp, err)
			}
			read[at] = next
		}
	}
	return read, nil
}

// parsePosition reads topic/partition:next.
func parsePosition(text string) (tp broker.TopicPartition, next int64, err error) {
	place, offset, _ := strings.Cut(text, ":")
	topic, number, _ := strings.Cut(place, "/")
	partition, partitionErr := strconv.ParseInt(number, 10, 32)
	next, err = strconv.ParseInt(offset, 10, 64)
	if err != nil || partitionErr != nil || topic == "" {
		return tp, 0, fmt.Errorf("position %q is not topic/partition:offset", text)
	}
	return broker.TopicPartition{Topic: topic, Partition: int32(partition)}, next, nil
}

// wholeLogs are the sources that no longer hold all their records: numbers from the rest would be wrong.
func (r *Rescale) wholeLogs(ctx context.Context, o *Options, found map[string]consumer.TopicInfo) (problems []error, err error) {
	for _, s := range r.Sources {
		if found[s.Topic].Compacted {
			problems = append(problems, fmt.Errorf("source %s is compacted (cleanup.policy), so records that a later one of their key replaced are gone: %s", s.Topic, wholeRemedy))
		}
		all := partitionsOf(s.Topic, s.Partitions)
		starts, err := o.logs.Starts(ctx, all)
		if err != nil {
			return nil, fmt.Errorf("where source %s begins: %w", s.Topic, err)
		}
		var gone []string
		for _, tp := range all {
			if starts[tp] > 0 {
				gone = append(gone, fmt.Sprintf("\n  %s: offsets [0,%d)", tp, starts[tp]))
			}
		}
		if len(gone) > 0 {
			problems = append(problems, fmt.Errorf("source %s no longer holds its beginning. Gone are%s\n%s", s.Topic, strings.Join(gone, ""), wholeRemedy))
		}
	}
	return problems, nil
}

// wholeRemedy is what can be done about a source that is not whole.
const wholeRemedy = "write the whole history, from the system of record or a copy that was kept, into a topic that deletes nothing, name that " +
	"under sources in its place with keyed_by_account: false, and run the command again; rows that were sent stay in their topics"

// freeGroups are the new generation's groups that somebody uses or has used: what their positions lie
// behind would never be copied.
func (r *Rescale) freeGroups(ctx context.Context) (problems []error, err error) {
	for _, group := range []string{r.next.Group, intake.GroupOf(r.next.Group)} {
		use, err := consumer.DescribeGroup(ctx, r.next.Cluster, group)
		if err != nil {
			return nil, fmt.Errorf("look at the new group: %w", err)
		}
		switch {
		case use.Unknown():
		case len(use.Members) > 0:
			problems = append(problems, fmt.Errorf("group %s is in use by %s: choose another name", group, strings.Join(use.Members, ", ")))
		default:
			problems = append(problems, fmt.Errorf("group %s has positions (its state is %s): choose another name, or delete it: "+
				"kafka-consumer-groups.sh --delete --group %s", group, use.State, group))
		}
	}
	return problems, nil
}

// freeTopics are the new generation's topics that hold or held records, or do not fit it.
func (r *Rescale) freeTopics(ctx context.Context, found map[string]consumer.TopicInfo) (problems []error, err error) {
	for _, name := range r.next.allTopics() {
		info := found[name]
		if !info.Exists {
			continue
		}
		ends, err := consumer.LogEnds(ctx, r.next.Cluster, partitionsOf(name, info.Partitions))
		if err != nil {
			return nil, fmt.Errorf("where topic %s ends: %w", name, err)
		}
		written := slices.ContainsFunc(partitionsOf(name, info.Partitions), func(tp broker.TopicPartition) bool { return ends[tp] > 0 })
		switch {
		case written:
			problems = append(problems, fmt.Errorf("topic %s has been written to: choose another prefix, or delete it", name))
		case name != r.next.topic(row.TopicIntake) && info.Partitions != r.After:
			problems = append(problems, fmt.Errorf("topic %s has %d partitions, the new generation has %d: delete it", name, info.Partitions, r.After))
		}
	}
	return problems, nil
}

// sameNumber refuses to go on with outputs that shards of another number have written to.
func (o *Options) sameNumber(ctx context.Context, partitions int, found map[string]consumer.TopicInfo) error {
	name := o.topic(row.TopicProgress)
	has := found[name].Partitions
	if has == 0 || has == partitions {
		return nil
	}
	ends, err := consumer.LogEnds(ctx, o.Cluster, partitionsOf(name, has))
	if err != nil {
		return fmt.Errorf("where topic %s ends: %w", name, err)
	}
	for _, end := range ends {
		if end > 0 {
			return fmt.Errorf("%w: the topics under %q were made over %d partitions, the sources have %d, %s", ErrRefused, o.Prefix, has, partitions, o.grownRemedy())
		}
	}
	return nil
}
