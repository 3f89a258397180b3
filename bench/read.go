package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
)

// load fills the topic, unless it already holds the events.
func (o *options) load(ctx context.Context) error {
	held, err := o.held(ctx)
	if err != nil {
		return err
	}
	if held == int64(o.events) {
		return nil
	}
	if held > 0 {
		return fmt.Errorf("topic %s holds %d events, not %d: delete it, or name another with -topic", o.topic, held, o.events)
	}
	cmd := exec.CommandContext(ctx, o.processor, "generate",
		"--events", strconv.Itoa(o.events), "--accounts", strconv.Itoa(o.accounts),
		"--topic", o.topic, "--brokers", o.brokers[0], "--partitions", strconv.Itoa(o.partitions))
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("load the topic: %w", err)
	}
	return nil
}

// held is how many records the topic holds; 0 when there is none.
func (o *options) held(ctx context.Context) (int64, error) {
	cluster, partitions, err := o.open(ctx)
	if err != nil {
		return 0, err
	}
	defer cluster.Close()
	if len(partitions) == 0 {
		return 0, nil
	}
	ends, err := consumer.EndOffsets(ctx, cluster, partitions)
	if err != nil {
		return 0, err
	}
	var held int64
	for _, end := range ends {
		held += end
	}
	return held, nil
}

// open connects, and lists the topic's partitions.
func (o *options) open(ctx context.Context) (*broker.Cluster, []consumer.TopicPartition, error) {
	cluster, err := broker.New(broker.Options{Brokers: o.brokers})
	if err != nil {
		return nil, nil, err
	}
	topics, err := consumer.Topics(ctx, cluster, o.topic)
	if err != nil {
		cluster.Close()
		return nil, nil, err
	}
	var partitions []consumer.TopicPartition
	for p := range topics[o.topic].Partitions {
		partitions = append(partitions, consumer.TopicPartition{Topic: o.topic, Partition: int32(p)})
	}
	return cluster, partitions, nil
}

var errRejected = errors.New("a generated event was rejected")

// read fetches the whole topic, as the service does, and decodes it or not.
func (o *options) read(ctx context.Context, decode bool) error {
	cluster, partitions, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer cluster.Close()
	positions := make([]consumer.Position, len(partitions))
	for i, p := range partitions {
		positions[i] = consumer.Position{TopicPartition: p}
	}
	fetcher := consumer.NewFetcher(cluster, consumer.FetcherOptions{})
	decoder := event.NewDecoder(event.Options{})
	for read := 0; read < o.events; {
		batches, err := fetcher.Fetch(ctx, positions)
		if err != nil {
			return err
		}
		for i := range batches {
			b := &batches[i]
			if b.Err != nil {
				return b.Err
			}
			read += len(b.Records)
			positions[b.Partition].Next = b.Next
			if !decode {
				continue
			}
			for j := range b.Records {
				if _, rejection := decoder.Decode(b.Records[j].Value, nil); rejection != nil {
					return fmt.Errorf("%w: %s %s", errRejected, rejection.Reason, rejection.Detail)
				}
			}
		}
	}
	return nil
}
