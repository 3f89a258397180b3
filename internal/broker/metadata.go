package broker

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Topic is what a broker says about a topic right now.
type Topic struct {
	Name       string
	Exists     bool
	Partitions []Partition // by number, dense: Partitions[i].ID == i
}

// Partition is one partition of a Topic. Leader is -1 while there is none.
type Partition struct {
	ID          int32
	Leader      int32
	LeaderEpoch int32
	Replicas    int
}

// Topics asks a broker about the named topics, never from a cache, and remembers the leaders. A
// topic that does not exist is in the answer with Exists false; it is not created.
func (c *Cluster) Topics(ctx context.Context, names ...string) (map[string]Topic, error) {
	if names == nil {
		names = []string{}
	}
	m, err := c.AskAny(ctx, &metadata.Request{TopicNames: names})
	if err != nil {
		return nil, fmt.Errorf("broker: ask for the metadata of %v: %w", names, err)
	}
	topics := make(map[string]Topic, len(names))
	for _, t := range m.(*metadata.Response).Topics {
		topic, err := readTopic(t)
		if err != nil {
			return nil, err
		}
		topics[topic.Name] = topic
	}
	c.remember(topics)
	return topics, nil
}

// What any broker can answer is asked again when the one that was asked goes away, because others are
// there: some tries, and none once so much time has gone by that the trouble is another one.
const (
	anyTries  = 4
	anyWithin = 5 * time.Second
)

// AskAny is Ask of a broker of the cluster's choice, and of another one when that goes away.
func (c *Cluster) AskAny(ctx context.Context, req protocol.Message) (protocol.Message, error) {
	begun := time.Now()
	for try := 1; ; try++ {
		m, err := c.Ask(ctx, AnyNode, req)
		if err == nil || try == anyTries || time.Since(begun) > anyWithin || ctx.Err() != nil || !Transient(err) {
			return m, err
		}
		if Backoff(ctx, try) != nil {
			return nil, err
		}
	}
}

// Controller gives the broker that topics are created at.
func (c *Cluster) Controller(ctx context.Context) (int32, error) {
	m, err := c.AskAny(ctx, &metadata.Request{TopicNames: []string{}})
	if err != nil {
		return AnyNode, fmt.Errorf("broker: find the controller: %w", err)
	}
	return m.(*metadata.Response).ControllerID, nil
}

func readTopic(t metadata.ResponseTopic) (Topic, error) {
	topic := Topic{Name: t.Name}
	switch code := kafka.Error(t.ErrorCode); code {
	case 0, kafka.LeaderNotAvailable: // the latter: created a moment ago
		topic.Exists = true
	case kafka.UnknownTopicOrPartition:
		return topic, nil
	default:
		return topic, fmt.Errorf("broker: metadata of topic %s: %w", t.Name, code)
	}
	topic.Partitions = make([]Partition, len(t.Partitions))
	for _, p := range t.Partitions {
		if p.PartitionIndex < 0 || int(p.PartitionIndex) >= len(t.Partitions) {
			return topic, fmt.Errorf("broker: metadata of topic %s: partition %d among %d", t.Name, p.PartitionIndex, len(t.Partitions))
		}
		leader := p.LeaderID
		if p.ErrorCode != 0 && kafka.Error(p.ErrorCode) != kafka.ReplicaNotAvailable {
			leader = -1
		}
		topic.Partitions[p.PartitionIndex] = Partition{
			ID: p.PartitionIndex, Leader: leader, LeaderEpoch: p.LeaderEpoch, Replicas: len(p.ReplicaNodes),
		}
	}
	return topic, nil
}

func (c *Cluster) remember(topics map[string]Topic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, t := range topics {
		for _, p := range t.Partitions {
			tp := TopicPartition{name, p.ID}
			if p.Leader >= 0 {
				c.leaders[tp] = p.Leader
			} else {
				delete(c.leaders, tp)
			}
		}
	}
}

// Leader gives the broker that leads a partition: the remembered one, or else it asks. Errors are
// kafka-go codes (LeaderNotAvailable, UnknownTopicOrPartition) or those of the connection.
func (c *Cluster) Leader(ctx context.Context, tp TopicPartition) (int32, error) {
	if node, ok := c.remembered(tp); ok {
		return node, nil
	}
	topics, err := c.Topics(ctx, tp.Topic)
	if err != nil {
		return -1, err
	}
	if node, ok := c.remembered(tp); ok {
		return node, nil
	}
	if t := topics[tp.Topic]; !t.Exists || int(tp.Partition) >= len(t.Partitions) || tp.Partition < 0 {
		return -1, kafka.UnknownTopicOrPartition
	}
	return -1, kafka.LeaderNotAvailable
}

func (c *Cluster) remembered(tp TopicPartition) (int32, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	node, ok := c.leaders[tp]
	return node, ok
}

// Forget drops a remembered leader, after an answer that says it is no longer one. The next Leader
// asks again.
func (c *Cluster) Forget(tp TopicPartition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.leaders, tp)
}
