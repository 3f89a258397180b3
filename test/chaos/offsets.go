package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ends are the last stable offsets of the partitions of topics, without the partitions that are empty.
func (k *cluster) ends(ctx context.Context, topics []string) (map[place]int64, error) {
	metadata := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		one := kmsg.NewMetadataRequestTopic()
		one.Topic = kmsg.StringPtr(t)
		metadata.Topics = append(metadata.Topics, one)
	}
	known, err := metadata.RequestWith(ctx, k.client)
	if err != nil {
		return nil, fmt.Errorf("partitions of %v: %w", topics, err)
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.IsolationLevel = 1
	for _, t := range known.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("partitions of %s: %w", *t.Topic, err)
		}
		one := kmsg.NewListOffsetsRequestTopic()
		one.Topic = *t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewListOffsetsRequestTopicPartition()
			partition.Partition, partition.Timestamp = p.Partition, -1
			one.Partitions = append(one.Partitions, partition)
		}
		request.Topics = append(request.Topics, one)
	}
	ends := map[place]int64{}
	for _, shard := range k.client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, fmt.Errorf("ends of %v: %w", topics, shard.Err)
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("end of %s/%d: %w", t.Topic, p.Partition, err)
				}
				if p.Offset > 0 {
					ends[place{t.Topic, p.Partition}] = p.Offset
				}
			}
		}
	}
	return ends, nil
}
