package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"processor/internal/consumer"
	"processor/internal/event"
)

// detectFormats finds the formats of the sources that leave it to their records. It looks at the first
// ones of every partition, so that every start sees the same as long as they are kept.
func detectFormats(ctx context.Context, o *Options, found map[string]consumer.TopicInfo) (problems []error, err error) {
	known := append([]Source(nil), o.Sources...)
	for i := range known {
		s := &known[i]
		if s.Detect == nil {
			continue
		}
		sample, err := sampleOf(ctx, o, s.Topic, found[s.Topic].Partitions)
		if err != nil {
			return nil, err
		}
		format, decoder, err := s.Detect(sample)
		if err != nil {
			problems = append(problems, fmt.Errorf("source %s: %w", s.Topic, err))
			continue
		}
		o.Logger.InfoContext(ctx, "the format of a source was detected", "topic", s.Topic, "format", format, "records", len(sample))
		s.Format, s.Decoder, s.Detect = format, decoder, nil
	}
	o.Sources = known
	return problems, nil
}

// sampleOf are the first records of every partition of a topic.
func sampleOf(ctx context.Context, o *Options, topic string, partitions int) (sample []event.Record, err error) {
	for partition := range partitions {
		seen := 0
		_, err := consumer.ReadRange(ctx, o.Cluster, topic, int32(partition), consumer.FromStart, func(r *consumer.Record) error { //nolint:gosec // a partition
			if seen++; seen > sampledRecords {
				return errEnough
			}
			one := event.Record{Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
			for _, h := range r.Headers {
				one.Headers = append(one.Headers, event.Header{Key: string(h.Key), Value: bytes.Clone(h.Value)})
			}
			sample = append(sample, one)
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, operatorError(fmt.Errorf("sample source %s/%d: %w", topic, partition, err))
		}
	}
	return sample, nil
}
