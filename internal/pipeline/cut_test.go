package pipeline

import (
	"testing"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// A restart goes on at a cut only where the cut is of the shard's own meaning and nowhere behind what
// the checkpoint holds: what lies between would be counted twice, or rows would be missing.
func TestCutsThatAreFollowed(t *testing.T) {
	at := func(first, second int64) instant {
		return instant{Next: map[string]int64{"first": first, "second": second}}
	}
	for _, c := range []struct {
		name     string
		cut      *cut
		delivery Delivery
		want     bool
	}{
		{"where the checkpoint is", &cut{Generation: 7, At: at(10, 20)}, ExactlyOnce, true},
		{"in front of it", &cut{Generation: 7, At: at(11, 25)}, ExactlyOnce, true},
		{"a source that the cut does not know", &cut{Generation: 7, At: instant{Next: map[string]int64{"first": 10}}}, ExactlyOnce, true},
		{"behind it in one source", &cut{Generation: 7, At: at(11, 19)}, ExactlyOnce, false},
		{"of another meaning", &cut{Generation: 8, At: at(10, 20)}, ExactlyOnce, false},
		{"under at_least_once", &cut{Generation: 7, At: at(10, 20)}, AtLeastOnce, false},
		{"none", nil, ExactlyOnce, false},
	} {
		s := &shard{options: &Options{Delivery: c.delivery}, generation: 7}
		for topic, next := range at(10, 20).Next {
			s.sources = append(s.sources, &source{Position: consumer.Position{TopicPartition: broker.TopicPartition{Topic: topic}, Next: next}})
		}
		if got := c.cut.follows(s); got != c.want {
			t.Errorf("a cut %s is followed: %v, want %v", c.name, got, c.want)
		}
	}
}
