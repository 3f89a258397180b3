package consumer_test

import (
	"testing"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// The coordinator says whether a generation still stands; what it has never heard of does not.
func TestHolds(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic, group, c := k.Create(t, "a", 2), k.Topic("group"), own(t, k)
	gens := generations(t, join(t, c, group, topic))
	g := await(t, gens, topic, 2)
	holds := func(g *consumer.Generation) bool {
		t.Helper()
		yes, err := g.Holds(kafkatest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	if !holds(g) {
		t.Error("the generation has just begun and does not hold")
	}
	for _, forge := range []func(){func() { g.ID++ }, func() { g.ID, g.MemberID = g.ID-1, "somebody else" }} {
		if forge(); holds(g) {
			t.Errorf("generation %d of member %q holds", g.ID, g.MemberID)
		}
	}
	if static := consumer.NewStatic(c, consumer.MemberOptions{Group: group, Topics: []string{topic}}, []int32{1}); !holds(static) {
		t.Error("an assignment without a group ended")
	}
	join(t, c, group, topic)
	await(t, gens, topic, 1)
	if g.ID, g.MemberID = 1, ""; holds(g) {
		t.Error("a generation that is over holds")
	}
}
