package pipeline

import (
	"context"
	"errors"
	"fmt"

	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/row"
	"processor/internal/sink"
)

// intakeHop is said wherever only the intake hop could help.
const intakeHop = "the intake hop, which stamps and re-keys records, is not in this version"

// sampledRecords is how many records of each source partition are looked at before the start.
const sampledRecords = 64

// checkSources makes sure that the sources are what the ledger relies on, and returns how many
// partitions they have. The error names everything that is wrong.
func checkSources(ctx context.Context, o *Options) (partitions int, err error) {
	found, err := consumer.Topics(ctx, o.Cluster, o.sourceTopics()...)
	if err != nil {
		return 0, fmt.Errorf("check the sources: %w", err)
	}
	var problems []error
	complain := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for _, s := range o.Sources {
		info := found[s.Topic]
		switch {
		case !s.KeyedByAccount:
			complain("source %s has keyed_by_account: false; the processor needs all records of an account in one partition: "+
				"key the topic by account (Java client's partitioner) and say keyed_by_account: true; %s", s.Topic, intakeHop)
		case !info.Exists:
			complain("source %s does not exist: create it, or correct sources[].topic", s.Topic)
			continue
		}
		if info.Exists && !info.LogAppendTime {
			complain("source %s has message.timestamp.type=CreateTime; the processor needs the broker's append time: "+
				"kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config message.timestamp.type=LogAppendTime; %s",
				s.Topic, s.Topic, intakeHop)
		}
		if partitions == 0 {
			partitions = info.Partitions
		}
		if info.Exists && info.Partitions != partitions {
			complain("source %s has %d partitions, %s has %d; an account must have the same partition in all sources: "+
				"copy one of them into a topic with as many partitions as the other", s.Topic, info.Partitions, o.Sources[0].Topic, partitions)
		}
	}
	if len(problems) == 0 {
		var err error
		if problems, err = checkKeys(ctx, o, partitions); err != nil {
			return 0, err
		}
	}
	if len(problems) > 0 {
		return 0, fmt.Errorf("%w:\n%w", ErrRefused, errors.Join(problems...))
	}
	return partitions, nil
}

// errEnough ends a sample.
var errEnough = errors.New("enough")

// checkKeys looks at the first records of every partition: is the key the account, and is it in the
// partition that the Java client's partitioner chooses. One example for each source is enough.
func checkKeys(ctx context.Context, o *Options, partitions int) (problems []error, err error) {
	decoder := event.NewDecoder(o.Decoder)
	for _, s := range o.Sources {
		for partition := range partitions {
			var problem error
			seen := 0
			_, err := consumer.ReadRange(ctx, o.Cluster, s.Topic, int32(partition), consumer.FromStart, func(r *consumer.Record) error {
				if seen++; seen > sampledRecords {
					return errEnough
				}
				if problem = misplaced(decoder, s.Topic, partition, partitions, r); problem != nil {
					return errEnough
				}
				return nil
			})
			if err != nil && !errors.Is(err, errEnough) {
				return nil, operatorError(fmt.Errorf("sample source %s/%d: %w", s.Topic, partition, err))
			}
			if problem != nil {
				problems = append(problems, problem)
				break
			}
		}
	}
	return problems, nil
}

// misplaced says what is wrong with the key or the place of a record, if it can be decoded at all:
// the others go to the dead letters whatever their key.
func misplaced(decoder *event.Decoder, topic string, partition, partitions int, r *consumer.Record) error {
	e, _ := decoder.Decode(r.Value, headersOf(r, nil))
	if e == nil {
		return nil
	}
	if string(r.Key) != e.Subject {
		return fmt.Errorf("source %s is not keyed by account: the record at %s/%d offset %d has key %q and subject %q: "+
			"write it with the subject as key; %s", topic, topic, partition, r.Offset, shown(r.Key), shown([]byte(e.Subject)), intakeHop)
	}
	if want := sink.Partition(r.Key, partitions); want != partition {
		return fmt.Errorf("source %s is not partitioned as the Java client does (murmur2): the record at %s/%d offset %d with key %q "+
			"belongs in partition %d: write it with that partitioner; %s", topic, topic, partition, r.Offset, shown(r.Key), want, intakeHop)
	}
	return nil
}

// shown is a key for an error message: short, whatever a producer sent.
func shown(key []byte) string {
	if len(key) > 64 {
		return string(key[:64]) + "..."
	}
	return string(key)
}

// headersOf gives the decoder a record's headers.
func headersOf(r *consumer.Record, reuse []event.Header) []event.Header {
	headers := reuse[:0]
	for _, h := range r.Headers {
		headers = append(headers, event.Header{Key: string(h.Key), Value: h.Value})
	}
	return headers
}

// outputs are the topics that rows go to. Those by account have as many partitions as the sources,
// so that shard n writes partition n.
func outputs(o *Options, partitions int) []sink.TopicSpec {
	spec := func(t row.Topic, configs map[string]string) sink.TopicSpec {
		return sink.TopicSpec{
			Name: o.topic(t), Partitions: partitions, Replication: o.Replication, Create: o.CreateTopics, Configs: configs,
		}
	}
	// The broker stamps the records, so that a wrong clock here neither has them refused nor makes
	// retention drop a dead letter early.
	configs := func(policy string, more ...string) map[string]string {
		all := map[string]string{"cleanup.policy": policy, "message.timestamp.type": "LogAppendTime"}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	compact := configs("compact")
	// What is overwritten many times a second is compacted early: a start reads it from the beginning.
	busy := configs("compact", "segment.bytes", "67108864", "min.cleanable.dirty.ratio", "0.2")
	specs := []sink.TopicSpec{
		spec(row.TopicMovements, compact),
		spec(row.TopicAccounts, compact),
		spec(row.TopicAccountMonths, compact),
		spec(row.TopicMetrics, busy),
		spec(row.TopicVintage, compact),
		spec(row.TopicPartials, busy),
		spec(row.TopicProgress, busy),
		spec(row.TopicDeadLetters, configs("delete", "retention.ms", "2592000000")),
	}
	if o.CheckpointStore == StoreKafka {
		specs = append(specs, spec(row.TopicState, busy))
	}
	return specs
}

// checkOutputs creates the output topics that are missing and checks the others.
func checkOutputs(ctx context.Context, o *Options, partitions int) error {
	err := sink.EnsureTopics(ctx, o.Cluster, outputs(o, partitions))
	if err != nil {
		return fmt.Errorf("%w: output topics:\n%w", ErrRefused, err)
	}
	return nil
}
