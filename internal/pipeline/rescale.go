package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/intake"
	"processor/internal/row"
)

// RescaleTo names a new generation of the service.
type RescaleTo struct {
	Group, Prefix string
	Partitions    int // of what the ledger reads and of its outputs; 0: as a start would choose
}

// Rescale is a way from a service whose sources have another number of partitions than it was begun
// with, to a new generation beside it that reads them from their start. Accounts move between shards
// then, so nothing of the old checkpoint can be kept; its topics stay as they are for their readers.
type Rescale struct {
	Before, After int              // partitions of the old and of the new generation
	Sources       []RescaledSource // in the order of the configuration
	Changed       bool             // there is a reason for a new generation
	OldTopics     []string         // of the old generation, that exist
	Copies        string           // the topic that sources are copied to; empty when none is
	Creates       bool             // Prepare creates it

	next Options
}

// RescaledSource is a source, and how the new generation reads it.
type RescaledSource struct {
	Topic          string
	Partitions     int
	WasRead        bool          // by the old generation's shards, partition n by shard n; otherwise it was copied, or is new
	KeyedByAccount bool          // what the new configuration says
	Copied         string        // why it is copied by account; empty where the shards read it
	Retention      time.Duration // after which its beginning may be deleted; negative: never by age
	RetentionSize  int64         // bytes of a partition beyond which it may be deleted; negative: none
}

// PlanRescale looks at the cluster, changes nothing, and finds the way, or refuses with everything that
// stands in it.
func PlanRescale(ctx context.Context, options Options, to RescaleTo) (*Rescale, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	next := o
	next.Group, next.Prefix, next.Sources = to.Group, to.Prefix, slices.Clone(o.Sources)
	found, err := consumer.Topics(ctx, o.Cluster, append(append(o.sourceTopics(), o.allTopics()...), next.allTopics()...)...)
	if err != nil {
		return nil, fmt.Errorf("look at the topics: %w", err)
	}
	r := &Rescale{Before: found[o.topic(row.TopicProgress)].Partitions, next: next}
	for _, name := range o.allTopics() {
		if found[name].Exists {
			r.OldTopics = append(r.OldTopics, name)
		}
	}
	problems := r.names(&o, found)
	if len(problems) > 0 {
		return nil, refusedBy(problems)
	}
	before, err := readBefore(ctx, &o, r.Before)
	if err != nil {
		return nil, err
	}
	if problems, err = detectFormats(ctx, &r.next, found); err != nil || len(problems) > 0 {
		return nil, errors.Join(err, refusedBy(problems))
	}
	for i := range r.next.Sources {
		if err := r.source(ctx, i, to.Partitions, found, before); err != nil {
			return nil, err
		}
	}
	logs, err := r.wholeLogs(ctx, &o, found)
	if err != nil {
		return nil, err
	}
	groups, err := r.freeGroups(ctx)
	if err != nil {
		return nil, err
	}
	chosen := r.choose(to.Partitions, found)
	topics, err := r.freeTopics(ctx, found)
	if err != nil {
		return nil, err
	}
	if problems = slices.Concat(logs, groups, chosen, topics); len(problems) > 0 {
		return nil, fmt.Errorf("%w:\n%w", ErrRefused, errors.Join(problems...))
	}
	return r, nil
}

// Prepare creates the topic of the copies with the wanted number of partitions, where its own choice
// would be another one.
func (r *Rescale) Prepare(ctx context.Context) error {
	if !r.Creates {
		return nil
	}
	return ensureEvents(ctx, &r.next)
}

// allTopics are the names of everything that a service with these options may write.
func (o *Options) allTopics() []string {
	var names []string
	for _, t := range row.Topics {
		names = append(names, o.topic(t))
	}
	return names
}

// names are the problems of the old and the new generation's names.
func (r *Rescale) names(o *Options, found map[string]consumer.TopicInfo) (problems []error) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, s := range o.Sources {
		if !found[s.Topic].Exists {
			add("source %s does not exist: create it, or correct sources[].topic", s.Topic)
		}
		if slices.Contains(r.next.allTopics(), s.Topic) {
			add("source %s is a topic of the new prefix %q: choose another one", s.Topic, r.next.Prefix)
		}
	}
	if r.Before == 0 {
		add("topic %s does not exist, so no service has run with this configuration and there is nothing to go on from: start it with processor run",
			o.topic(row.TopicProgress))
	}
	if r.next.Prefix == o.Prefix {
		add("the new generation needs another output.prefix than %q", o.Prefix)
	}
	for _, taken := range []string{o.Group, intake.GroupOf(o.Group)} {
		if r.next.Group == taken || intake.GroupOf(r.next.Group) == taken {
			add("the new generation needs another group than %q: group %q is in use by the old one", r.next.Group, taken)
		}
	}
	return problems
}

// source decides how one source is read. A sample of its records cannot prove that none of an account
// lies in another partition. What can is that the old generation's shards have read it, partition for
// partition, under the number that it still has.
func (r *Rescale) source(ctx context.Context, i, wanted int, found map[string]consumer.TopicInfo, before map[broker.TopicPartition]int64) error {
	s, info := &r.next.Sources[i], found[r.next.Sources[i].Topic]
	one := RescaledSource{
		Topic: s.Topic, Partitions: info.Partitions, WasRead: true, KeyedByAccount: s.KeyedByAccount, Retention: -1, RetentionSize: -1,
	}
	if info.Deletes {
		one.Retention, one.RetentionSize = info.Retention, info.RetentionSize
	}
	some := false
	for _, tp := range partitionsOf(s.Topic, r.Before) {
		_, read := before[tp]
		one.WasRead, some = one.WasRead && read, some || read
	}
	one.Copied = reason(*s, info)
	if one.Copied == "" {
		var err error
		if one.Copied, err = r.doubt(ctx, *s, &one, wanted, found, before); err != nil {
			return err
		}
		r.Changed = r.Changed || some && one.Copied != ""
	}
	if one.Copied != "" { // what a start would sample says nothing about a source that has grown
		one.KeyedByAccount, s.KeyedByAccount = false, false
	}
	r.Sources = append(r.Sources, one)
	return nil
}

// doubt is why a source that is said to be keyed is copied nevertheless; empty when it need not be.
func (r *Rescale) doubt(ctx context.Context, s Source, one *RescaledSource, wanted int, found map[string]consumer.TopicInfo,
	before map[broker.TopicPartition]int64,
) (string, error) {
	switch {
	case one.Partitions != r.Before:
		return fmt.Sprintf("it has %d partitions, the old generation has %d: records of an account may lie in two", one.Partitions, r.Before), nil
	case !one.WasRead:
		return "the old generation did not read it by partition: records of an account may lie in two", nil
	case wanted > 0 && wanted != one.Partitions:
		return fmt.Sprintf("it has %d partitions, the new generation has %d", one.Partitions, wanted), nil
	}
	ends, err := r.next.logs.Ends(ctx, partitionsOf(s.Topic, one.Partitions))
	if err != nil {
		return "", fmt.Errorf("where source %s ends: %w", s.Topic, err)
	}
	for _, tp := range partitionsOf(s.Topic, one.Partitions) {
		if ends[tp] < before[tp] {
			return fmt.Sprintf("%s ends at offset %d, before the old generation's position %d: it is not the topic that was read", tp, ends[tp], before[tp]), nil
		}
	}
	sampled := r.next
	sampled.Sources = []Source{s}
	problems, err := checkKeys(ctx, &sampled, found)
	if err != nil || len(problems) == 0 {
		return "", err
	}
	return problems[0].Error(), nil
}

// choose decides the number of partitions as a start of the new generation will.
func (r *Rescale) choose(wanted int, found map[string]consumer.TopicInfo) (problems []error) {
	events := r.next.topic(row.TopicEvents)
	copies := found[events]
	if wanted > 0 && !copies.Exists {
		found[events] = consumer.TopicInfo{Name: events, Exists: true, Partitions: wanted, LogAppendTime: true}
	}
	way := newRoute(&r.next, found)
	problems = way.check(&r.next, found)
	r.After = way.partitions
	for _, t := range way.taken {
		i := slices.IndexFunc(r.Sources, func(s RescaledSource) bool { return s.Topic == t.topic })
		if r.Sources[i].Copied == "" {
			r.Sources[i].Copied, r.Sources[i].KeyedByAccount = t.reason, false
		}
	}
	if wanted > 0 && r.After != wanted {
		problems = append(problems, fmt.Errorf("%d partitions are wanted, and %s decides for %d: delete the topic, or choose another prefix", wanted, events, r.After))
	}
	if len(way.taken) > 0 {
		r.Copies, r.Creates = events, wanted > 0 && !copies.Exists
	}
	r.Changed = r.Changed || wanted > 0 && wanted != r.Before
	found[events] = copies
	way.take(&r.next, found)
	return problems
}

// refusedBy is the refusal for problems; nil where there are none.
func refusedBy(problems []error) error {
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%w", ErrRefused, errors.Join(problems...))
}

// partitionsOf are all partitions of a topic.
func partitionsOf(topic string, n int) []broker.TopicPartition {
	all := make([]broker.TopicPartition, n)
	for p := range all {
		all[p] = broker.TopicPartition{Topic: topic, Partition: int32(p)} //nolint:gosec // a partition
	}
	return all
}
