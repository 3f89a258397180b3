package consumer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
	"pgregory.net/rapid"
)

func claimed(t interface{ Fatal(args ...any) }, generation int32, numbers ...int32) []byte {
	b, err := claim{Generation: generation, Numbers: numbers}.encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func topicOf(name string, n int) (out []kafka.Partition) {
	for i := range n {
		out = append(out, kafka.Partition{Topic: name, ID: i})
	}
	return out
}

func TestNumbersStayWhereTheyAreHeld(t *testing.T) {
	a := []string{"a"}
	for _, test := range []struct {
		name    string
		members []kafka.GroupMember
		want    string
	}{
		{
			"a second member takes half, the first keeps the rest",
			[]kafka.GroupMember{{ID: "m2", Topics: a, UserData: claimed(t, 3, 0, 1, 2, 3, 4, 5)}, {ID: "m1", Topics: a}},
			"map[m1:map[a:[3 4 5]] m2:map[a:[0 1 2]]]",
		},
		{
			"the member that is gone leaves its numbers to the others, who keep theirs",
			[]kafka.GroupMember{{ID: "m1", Topics: a, UserData: claimed(t, 4, 1, 5)}, {ID: "m2", Topics: a, UserData: claimed(t, 4, 0, 3)}},
			"map[m1:map[a:[1 2 5]] m2:map[a:[0 3 4]]]",
		},
		{
			"a former owner that comes back claims in vain",
			[]kafka.GroupMember{{ID: "m1", Topics: a, UserData: claimed(t, 4, 0, 1, 2)}, {ID: "m2", Topics: a, UserData: claimed(t, 6, 0, 1, 2, 3, 4, 5)}},
			"map[m1:map[a:[3 4 5]] m2:map[a:[0 1 2]]]",
		},
		{
			"two claims of one generation, and one that is nonsense",
			[]kafka.GroupMember{
				{ID: "m1", Topics: a, UserData: claimed(t, 4, 5)},
				{ID: "m2", Topics: a, UserData: claimed(t, 4, 5, 0)},
				{ID: "m3", Topics: a, UserData: []byte("{")},
			},
			"map[m1:map[a:[1 5]] m2:map[a:[0 2]] m3:map[a:[3 4]]]",
		},
	} {
		if got := (byNumber{}).AssignGroups(test.members, topicOf("a", 6)); fmt.Sprint(got) != test.want {
			t.Errorf("%s:\n got %v\nwant %s", test.name, got, test.want)
		}
	}
}

// Whatever is claimed: every number has one owner in all topics, sizes differ by at most one, the order
// of members and partitions decides nothing, and no assignment of such sizes moves fewer numbers.
func TestSharingProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "numbers")
		members := make([]kafka.GroupMember, rapid.IntRange(1, 5).Draw(t, "members"))
		for i := range members {
			numbers := rapid.SliceOfNDistinct(rapid.Int32Range(0, 13), 0, 10, rapid.ID[int32]).Draw(t, "held")
			members[i] = kafka.GroupMember{
				ID: fmt.Sprintf("m%d", i), Topics: []string{"a", "b"},
				UserData: claimed(t, rapid.Int32Range(0, 4).Draw(t, "generation"), numbers...),
			}
		}
		partitions := append(topicOf("a", n), topicOf("b", n)...)
		got := byNumber{}.AssignGroups(members, partitions)
		again := byNumber{}.AssignGroups(
			rapid.Permutation(members).Draw(t, "members in another order"), rapid.Permutation(partitions).Draw(t, "partitions in another order"))
		if fmt.Sprint(got) != fmt.Sprint(again) {
			t.Fatalf("order decides: %v and %v", got, again)
		}
		holder := holders(members)
		owned, least, most, stayed := 0, n, 0, 0
		for id, topics := range got {
			if !slices.Equal(topics["a"], topics["b"]) {
				t.Fatalf("%s has different numbers in its topics: %v", id, topics)
			}
			owned, least, most = owned+len(topics["a"]), min(least, len(topics["a"])), max(most, len(topics["a"]))
			for _, number := range topics["a"] {
				if holder[number] == id {
					stayed++
				}
			}
		}
		if owned != n || len(got) != len(members) || most-least > 1 {
			t.Fatalf("%d of %d numbers, sizes %d to %d: %v", owned, n, least, most, got)
		}
		if best := mostThatCanStay(members, holder, n); stayed != best {
			t.Fatalf("%d numbers stay, %d could: %v", stayed, best, got)
		}
	})
}

// mostThatCanStay tries every choice of the members that get one more.
func mostThatCanStay(members []kafka.GroupMember, holder map[int]string, n int) int {
	held := map[string]int{}
	for number, id := range holder {
		if number < n {
			held[id]++
		}
	}
	size, larger, best := n/len(members), n%len(members), 0
	for choice := range 1 << len(members) {
		chosen, stay := 0, 0
		for i, m := range members {
			room := size
			if choice>>i&1 == 1 {
				chosen++
				room++
			}
			stay += min(held[m.ID], room)
		}
		if chosen == larger {
			best = max(best, stay)
		}
	}
	return best
}
