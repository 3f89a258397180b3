package consumer

import (
	"maps"
	"slices"

	"github.com/segmentio/kafka-go"
)

// byNumber is the group balancer: it shares out partition numbers, not partitions. All partitions
// of one number, over every topic of the group, go to the same member, so that the topics of a
// shard stay together. Numbers are cut in contiguous ranges over the members in order of their id;
// sizes differ by at most one.
type byNumber struct{}

// ProtocolName satisfies kafka.GroupBalancer. It changes whenever the rule changes, so that old
// and new members never balance by different rules in one generation.
func (byNumber) ProtocolName() string { return "processor-by-number-1" }

// UserData satisfies kafka.GroupBalancer.
func (byNumber) UserData() ([]byte, error) { return nil, nil }

// AssignGroups satisfies kafka.GroupBalancer. Every member gets an entry, be it an empty one: a
// member without an entry cannot decode its assignment.
func (byNumber) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	assignments := make(kafka.GroupMemberAssignments, len(members))
	topics := map[string][]string{} // member -> topics
	for _, m := range members {
		assignments[m.ID] = map[string][]int{}
		topics[m.ID] = m.Topics
	}
	ids := slices.Sorted(maps.Keys(topics))
	numbers := map[int]bool{}
	for _, p := range partitions {
		numbers[p.ID] = true
	}
	if len(ids) == 0 {
		return assignments
	}
	rank := map[int]int{}
	for i, number := range slices.Sorted(maps.Keys(numbers)) {
		rank[number] = i
	}
	for _, p := range partitions {
		owner := ids[rank[p.ID]*len(ids)/len(numbers)]
		if !slices.Contains(topics[owner], p.Topic) {
			if owner = subscriber(ids, topics, p.Topic); owner == "" {
				continue
			}
		}
		assignments[owner][p.Topic] = append(assignments[owner][p.Topic], p.ID)
	}
	for _, byTopic := range assignments {
		for _, ids := range byTopic {
			slices.Sort(ids)
		}
	}
	return assignments
}

// subscriber finds a member for a topic that the regular owner has not subscribed to, as happens
// while a changed configuration rolls out.
func subscriber(ids []string, topics map[string][]string, topic string) string {
	for _, id := range ids {
		if slices.Contains(topics[id], topic) {
			return id
		}
	}
	return ""
}
