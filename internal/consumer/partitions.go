package consumer

import (
	"context"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"processor/internal/broker"
)

// leadership is the balancer of one member: what the member holds, and how many partitions each topic
// had when it, as the leader of the group, shared them out.
//
// kafka-go's own watch is not used: it counts for the first time when the generation has begun, so
// partitions that were added in between are never noticed. What was shared out is the only count
// that misses none.
type leadership struct {
	byNumber
	mu     sync.Mutex
	shared map[string]int // nil: another member leads
	held   claim
}

// hold notes what the member got in a generation.
func (l *leadership) hold(generation int32, numbers []int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held.Generation, l.held.Numbers = generation, numbers
}

// UserData satisfies kafka.GroupBalancer: it goes with every join.
func (l *leadership) UserData() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held.encode()
}

// AssignGroups satisfies kafka.GroupBalancer; only the leader's is called.
func (l *leadership) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	shared := map[string]int{}
	for _, p := range partitions {
		shared[p.Topic]++
	}
	l.mu.Lock()
	l.shared = shared
	l.mu.Unlock()
	return l.byNumber.AssignGroups(members, partitions)
}

// take gives the counts of the generation that begins, nil when another member leads it. Generations
// are shared out and handed over in turn, so the counts are of no other.
func (l *leadership) take() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	shared := l.shared
	l.shared = nil
	return shared
}

// watchPartitions returns when some topic has another number of partitions than was shared out, or
// ctx ends. Its return ends the generation, and the next one shares out anew. While no broker
// answers there is nothing to compare.
func watchPartitions(ctx context.Context, c *broker.Cluster, every time.Duration, topics []string, shared map[string]int) {
	for broker.Sleep(ctx, every) == nil {
		found, err := c.Topics(ctx, topics...)
		if err != nil {
			continue
		}
		for _, name := range topics {
			if t := found[name]; t.Exists && len(t.Partitions) != shared[name] {
				return
			}
		}
	}
}
