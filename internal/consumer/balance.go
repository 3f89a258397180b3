package consumer

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go"
)

// byNumber is the group balancer: it shares out partition numbers, not partitions. All partitions
// of one number, over every topic of the group, go to the same member, so that the topics of a
// shard stay together. Sizes differ by at most one.
//
// A number stays where it is held as far as that allows, because its state is in the holder's memory:
// no assignment of these sizes moves fewer. What each member holds it says itself, in its UserData; of
// two who hold a number the one that got it in the later generation does. Numbers that nobody holds
// are cut in contiguous ranges over the members in order of their id.
type byNumber struct{}

// ProtocolName satisfies kafka.GroupBalancer. It changes whenever the rule changes, so that old
// and new members never balance by different rules in one generation.
func (byNumber) ProtocolName() string { return "processor-by-number-2" }

// UserData satisfies kafka.GroupBalancer; leadership says what is held.
func (byNumber) UserData() ([]byte, error) { return nil, nil }

// claim is what a member holds, and since which generation; and where its HTTP address is, for the others
// (see Owners).
type claim struct {
	Generation int32   `json:"generation"`
	Numbers    []int32 `json:"numbers"`
	Address    string  `json:"address,omitzero"`
}

// encode is the UserData of a claim; none where there is nothing to say.
func (c claim) encode() ([]byte, error) {
	if len(c.Numbers) == 0 && c.Address == "" {
		return nil, nil
	}
	return json.Marshal(c)
}

// decodeClaim reads UserData; what is not a claim claims nothing.
func decodeClaim(userData []byte) (c claim) {
	if json.Unmarshal(userData, &c) != nil {
		return claim{}
	}
	return c
}

// AssignGroups satisfies kafka.GroupBalancer. Every member gets an entry, be it an empty one: a
// member without an entry cannot decode its assignment.
func (byNumber) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	assignments := make(kafka.GroupMemberAssignments, len(members))
	topics := map[string][]string{} // member -> topics
	for _, m := range members {
		assignments[m.ID] = map[string][]int{}
		topics[m.ID] = m.Topics
	}
	if len(members) == 0 {
		return assignments
	}
	ids := slices.Sorted(maps.Keys(topics))
	owners := share(ids, numbersOf(partitions), holders(members))
	for _, p := range partitions {
		owner := owners[p.ID]
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

// numbersOf are the partition numbers, in order.
func numbersOf(partitions []kafka.Partition) []int {
	numbers := map[int]bool{}
	for _, p := range partitions {
		numbers[p.ID] = true
	}
	return slices.Sorted(maps.Keys(numbers))
}

// holders says who holds each number that is claimed: the newest claim, and of equally new ones that of
// the smallest id.
func holders(members []kafka.GroupMember) map[int]string {
	holder, since := map[int]string{}, map[int]int32{}
	for _, m := range slices.SortedFunc(slices.Values(members), func(a, b kafka.GroupMember) int { return cmp.Compare(a.ID, b.ID) }) {
		c := decodeClaim(m.UserData)
		for _, number := range c.Numbers {
			n := int(number)
			if _, claimed := holder[n]; !claimed || c.Generation > since[n] {
				holder[n], since[n] = m.ID, c.Generation
			}
		}
	}
	return holder
}

// share gives every number an owner. Each member keeps of what it holds as much as its share; the
// shares that are one larger go first to those that hold so much.
func share(ids []string, numbers []int, holder map[int]string) map[int]string {
	held := map[string][]int{}
	for _, n := range numbers {
		if id, ok := holder[n]; ok {
			held[id] = append(held[id], n)
		}
	}
	size, larger := len(numbers)/len(ids), len(numbers)%len(ids)
	room := map[string]int{}
	for _, id := range slices.SortedStableFunc(slices.Values(ids), func(a, b string) int { return cmp.Compare(len(held[b]), len(held[a])) }) {
		room[id] = size
		if larger > 0 {
			room[id]++
			larger--
		}
	}
	owners := make(map[int]string, len(numbers))
	for _, id := range ids {
		for _, n := range held[id][:min(len(held[id]), room[id])] {
			owners[n] = id
			room[id]--
		}
	}
	at := 0
	for _, n := range numbers {
		if _, kept := owners[n]; kept {
			continue
		}
		for room[ids[at]] == 0 {
			at++
		}
		owners[n] = ids[at]
		room[ids[at]]--
	}
	return owners
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
