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

// notKeyed is the remedy for a source whose records are not where its configuration says.
const notKeyed = "or say keyed_by_account: false, and its records are copied by account before they are counted"

// sampledRecords is how many records of each source partition are looked at before the start.
const sampledRecords = 64

// errEnough ends a sample.
var errEnough = errors.New("enough")

// checkKeys looks at the first records of every partition of the sources that say that they are keyed by
// account: is the key the account, and is it in the partition that the Java client's partitioner chooses.
// One example for each source is enough.
func checkKeys(ctx context.Context, o *Options, found map[string]consumer.TopicInfo) (problems []error, err error) {
	decoder := event.NewDecoder(o.Decoder)
	for _, s := range o.Sources {
		if !s.KeyedByAccount || s.Decoder != nil {
			continue
		}
		partitions := found[s.Topic].Partitions
		for partition := range partitions {
			var problem error
			seen := 0
			_, err := consumer.ReadRange(ctx, o.Cluster, s.Topic, int32(partition), consumer.FromStart, func(r *consumer.Record) error { //nolint:gosec // a partition
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
	e, _ := decoder.Decode(r.Value, headersOf(r.Headers, nil))
	if e == nil {
		return nil
	}
	if string(r.Key) != e.Subject {
		return fmt.Errorf("source %s is not keyed by account: the record at %s/%d offset %d has key %q and subject %q: "+
			"write it with the subject as key; %s", topic, topic, partition, r.Offset, shown(r.Key), shown([]byte(e.Subject)), notKeyed)
	}
	if want := sink.Partition(r.Key, partitions); want != partition {
		return fmt.Errorf("source %s is not partitioned as the Java client does (murmur2): the record at %s/%d offset %d with key %q "+
			"belongs in partition %d: write it with that partitioner; %s", topic, topic, partition, r.Offset, shown(r.Key), want, notKeyed)
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
func headersOf(list []consumer.Header, reuse []event.Header) []event.Header {
	headers := reuse[:0]
	for _, h := range list {
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
		spec(row.TopicSignals, compact),
		spec(row.TopicMetrics, busy),
		spec(row.TopicSignalMetrics, compact),
		spec(row.TopicVintage, compact),
		spec(row.TopicPartials, busy),
		spec(row.TopicProgress, busy),
		spec(row.TopicDeadLetters, configs("delete", "retention.ms", "2592000000")),
	}
	if len(o.Alerts) > 0 { // a log, which is also the memory of the alerts: a fall may last long
		specs = append(specs, spec(row.TopicAlerts, configs("delete", "retention.ms", "34560000000")))
	}
	if o.CheckpointStore == StoreKafka {
		specs = append(specs, spec(row.TopicState, busy))
	}
	return specs
}

// checkOutputs creates the output topics that are missing and checks the others.
func checkOutputs(ctx context.Context, o *Options, partitions int) error {
	return topicsError("output topics", sink.EnsureTopics(ctx, o.Cluster, outputs(o, partitions)))
}

// topicsError tells topics that are not as they must be from brokers that do not answer.
func topicsError(which string, err error) error {
	var problems *sink.TopicsError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problems):
		return fmt.Errorf("%w: %s:\n%w", ErrRefused, which, err)
	default:
		return fmt.Errorf("%s: %w", which, err)
	}
}
