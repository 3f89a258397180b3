package consumer

import (
	"fmt"
	"testing"

	"github.com/segmentio/kafka-go"
)

func TestBalanceByNumber(t *testing.T) {
	topics := func(counts map[string]int) (out []kafka.Partition) {
		for topic, n := range counts {
			for i := range n {
				out = append(out, kafka.Partition{Topic: topic, ID: i})
			}
		}
		return out
	}
	both, onlyA, onlyB := []string{"a", "b"}, []string{"a"}, []string{"b"}
	for _, test := range []struct {
		name    string
		members []kafka.GroupMember
		counts  map[string]int
		want    string
	}{
		{
			"even",
			[]kafka.GroupMember{{ID: "m2", Topics: both}, {ID: "m1", Topics: both}},
			map[string]int{"a": 4, "b": 4},
			"map[m1:map[a:[0 1] b:[0 1]] m2:map[a:[2 3] b:[2 3]]]",
		},
		{
			"uneven",
			[]kafka.GroupMember{{ID: "m1", Topics: both}, {ID: "m2", Topics: both}, {ID: "m3", Topics: both}},
			map[string]int{"a": 4, "b": 4},
			"map[m1:map[a:[0 1] b:[0 1]] m2:map[a:[2] b:[2]] m3:map[a:[3] b:[3]]]",
		},
		{
			"different counts",
			[]kafka.GroupMember{{ID: "m1", Topics: both}, {ID: "m2", Topics: both}},
			map[string]int{"a": 4, "b": 1},
			"map[m1:map[a:[0 1] b:[0]] m2:map[a:[2 3]]]",
		},
		{
			"standby",
			[]kafka.GroupMember{{ID: "m1", Topics: onlyA}, {ID: "m2", Topics: onlyA}},
			map[string]int{"a": 1},
			"map[m1:map[a:[0]] m2:map[]]",
		},
		{
			"rolling out a new topic",
			[]kafka.GroupMember{{ID: "m1", Topics: onlyA}, {ID: "m2", Topics: onlyB}},
			map[string]int{"a": 2, "b": 2},
			"map[m1:map[a:[0 1]] m2:map[b:[0 1]]]",
		},
		{"no topic yet", []kafka.GroupMember{{ID: "m1", Topics: onlyA}}, nil, "map[m1:map[]]"},
	} {
		got := byNumber{}.AssignGroups(test.members, topics(test.counts))
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
}
