package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"processor/internal/consumer"
	"processor/internal/intake"
	"processor/internal/row"
	"processor/internal/sink"
)

// route decides which sources the ledger reads itself and which intake copies for it: those whose
// records of an account may be in any partition, those without the broker's append time, and those with
// another number of partitions than the rest.
type route struct {
	direct     []Source
	taken      []takenSource
	partitions int // of what the ledger reads, and of the outputs
}

// takenSource is a source that intake copies.
type takenSource struct {
	topic      string
	partitions int
	reason     string
	format     string
	decoder    func() intake.Decoder // nil: native
}

// newRoute chooses. found describes the sources, which exist, and what may exist already: the topic of
// the copies or, before there was one, the movements, whose number of partitions must stay.
func newRoute(o *Options, found map[string]consumer.TopicInfo) route {
	r := route{partitions: o.partitionsBefore(found)}
	counts := map[int]bool{}
	able, largest := 0, 0
	allAble := true
	for _, s := range o.Sources {
		info := found[s.Topic]
		counts[info.Partitions] = true
		largest = max(largest, info.Partitions)
		if reason(s, info) == "" {
			able = max(able, info.Partitions)
		} else {
			allAble = false
		}
	}
	switch {
	case allAble && len(counts) == 1:
		return route{direct: o.Sources, partitions: largest}
	case r.partitions == 0 && able > 0:
		r.partitions = able
	case r.partitions == 0:
		r.partitions = largest
	}
	for _, s := range o.Sources {
		info := found[s.Topic]
		why := reason(s, info)
		if why == "" && info.Partitions != r.partitions {
			why = fmt.Sprintf("it has %d partitions, the service has %d", info.Partitions, r.partitions)
		}
		if why == "" {
			r.direct = append(r.direct, s)
			continue
		}
		r.taken = append(r.taken, takenSource{topic: s.Topic, partitions: info.Partitions, reason: why, format: s.Format, decoder: s.Decoder})
	}
	return r
}

// partitionsBefore is how many partitions an earlier run chose; 0 when this is the first.
func (o *Options) partitionsBefore(found map[string]consumer.TopicInfo) int {
	for _, t := range []row.Topic{row.TopicEvents, row.TopicMovements} {
		if info := found[o.topic(t)]; info.Exists {
			return info.Partitions
		}
	}
	return 0
}

// reason is why the ledger cannot read a source itself; empty when it can.
func reason(s Source, info consumer.TopicInfo) string {
	switch {
	case s.Decoder != nil:
		return "format: " + s.Format
	case !s.KeyedByAccount:
		return "keyed_by_account: false"
	case !info.LogAppendTime:
		return "message.timestamp.type=CreateTime"
	}
	return ""
}

// check is what is wrong with the topic of the copies, should it exist already.
func (r *route) check(o *Options, found map[string]consumer.TopicInfo) (problems []error) {
	if len(r.taken) == 0 {
		return nil
	}
	events := found[o.topic(row.TopicEvents)]
	for _, s := range o.Sources {
		if s.Topic == o.topic(row.TopicEvents) {
			problems = append(problems, fmt.Errorf("source %s is the topic that other sources are copied to (source %s: %s): "+
				"take it out of sources, it is read anyway; or choose another output.prefix", s.Topic, r.taken[0].topic, r.taken[0].reason))
		}
	}
	if events.Exists && !events.LogAppendTime {
		problems = append(problems, fmt.Errorf("topic %s has message.timestamp.type=CreateTime; the processor needs the broker's append time: "+
			"kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config message.timestamp.type=LogAppendTime", events.Name, events.Name))
	}
	return problems
}

// take makes the choice what the service works with: the ledger reads the topic of the copies in the
// place of what is copied.
func (r *route) take(o *Options, found map[string]consumer.TopicInfo) {
	o.feed = nil
	if len(r.taken) == 0 {
		return
	}
	o.feed = &feed{taken: r.taken, partitions: r.partitions, fresh: !found[o.topic(row.TopicEvents)].Exists, inflow: new(inflow)}
	o.Sources = append(append([]Source(nil), r.direct...), Source{Topic: o.topic(row.TopicEvents), KeyedByAccount: true})
}

// ensureEvents creates the topics of the copies and of how far they go if they are missing and may be
// created. The copies are kept for ever: a rebuild from the log reads them, and the sources need not hold
// what they hold.
func ensureEvents(ctx context.Context, o *Options) error {
	if o.feed == nil {
		return nil
	}
	for _, s := range o.feed.taken {
		o.Logger.InfoContext(ctx, "a source is copied by account before it is counted", "source", s.topic, "reason", s.reason,
			"to", o.topic(row.TopicEvents), "partitions", o.feed.partitions)
	}
	positions := sink.TopicSpec{
		Name: o.topic(row.TopicIntake), Partitions: intake.WitnessPartitions, Replication: o.Replication, Create: o.CreateTopics,
		Configs: map[string]string{"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime", "segment.bytes": "67108864", "min.cleanable.dirty.ratio": "0.2"},
	}
	err := sink.EnsureTopics(ctx, o.Cluster, []sink.TopicSpec{positions, {
		Name: o.topic(row.TopicEvents), Partitions: o.feed.partitions, Replication: o.Replication, Create: o.CreateTopics,
		Configs: map[string]string{
			"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime", "retention.ms": "-1", "retention.bytes": "-1",
			"max.message.bytes": strconv.Itoa(intake.MessageMax(o.Decoder)),
		},
	}})
	if err := topicsError("the topics of the intake", err); err != nil {
		return err
	}
	found, err := consumer.Topics(ctx, o.Cluster, o.topic(row.TopicEvents))
	if err != nil {
		return err
	}
	if info := found[o.topic(row.TopicEvents)]; info.Retention >= 0 || info.RetentionSize >= 0 {
		o.Logger.WarnContext(ctx, "the topic of the copies does not keep everything: what retention takes away, a rebuild from the log cannot count",
			"topic", info.Name, "retention_ms", info.Retention.Milliseconds(), "retention_bytes", info.RetentionSize)
	}
	return nil
}

// checkSources makes sure that the sources are what they are said to be, decides which of them intake
// copies, and returns how many partitions there are. The error names everything that is wrong.
func checkSources(ctx context.Context, o *Options) (partitions int, err error) {
	names := append(o.sourceTopics(), o.topic(row.TopicEvents), o.topic(row.TopicMovements), o.topic(row.TopicProgress))
	found, err := consumer.Topics(ctx, o.Cluster, names...)
	if err != nil {
		return 0, fmt.Errorf("check the sources: %w", err)
	}
	var problems []error
	for _, s := range o.Sources {
		if !found[s.Topic].Exists {
			problems = append(problems, fmt.Errorf("source %s does not exist: create it, or correct sources[].topic", s.Topic))
		}
	}
	if len(problems) == 0 {
		if problems, err = detectFormats(ctx, o, found); err != nil {
			return 0, err
		}
	}
	r := newRoute(o, found)
	problems = append(problems, r.check(o, found)...)
	if len(problems) == 0 {
		if err := o.sameNumber(ctx, r.partitions, found); err != nil { // a source that has grown is not wrongly keyed
			return 0, err
		}
		if problems, err = checkKeys(ctx, o, found); err != nil {
			return 0, err
		}
	}
	if len(problems) > 0 {
		return 0, fmt.Errorf("%w:\n%w", ErrRefused, errors.Join(problems...))
	}
	r.take(o, found)
	return r.partitions, nil
}
