package pipeline

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"processor/internal/kafkatest"
	"processor/internal/row"
	"processor/internal/sink"
)

// grow gives the source more partitions; what is written from now on goes where its account belongs then.
func (w *world) grow(partitions int) {
	w.kafka.AddPartitions(w.t, w.topic, partitions)
	w.partitions = partitions
}

// next is where the tests' new generations go.
func (w *world) next() RescaleTo {
	return RescaleTo{Group: w.prefix + "group-g2", Prefix: w.kafka.Topic("out-g2.")}
}

func (w *world) plan(to RescaleTo) *Rescale {
	w.t.Helper()
	way, err := PlanRescale(kafkatest.Context(w.t), w.options(), to)
	if err != nil {
		w.t.Fatal(err)
	}
	return way
}

// switchTo goes on in the new generation, as its configuration says.
func (w *world) switchTo(way *Rescale, to RescaleTo) {
	w.t.Helper()
	if err := way.Prepare(kafkatest.Context(w.t)); err != nil {
		w.t.Fatal(err)
	}
	w.prefix, w.dir, w.partitions = to.Prefix, w.t.TempDir(), way.After
	before := w.change
	w.change = func(o *Options) {
		if before != nil {
			before(o)
		}
		o.Group = to.Group
		o.Sources = slices.Clone(o.Sources)
		for i, s := range way.Sources {
			o.Sources[i].KeyedByAccount = s.KeyedByAccount
		}
	}
}

// A source that grows moves accounts to other partitions: the old generation ends, and each start of it
// is refused with the command; the new one, which the command plans, gives the rows of a replay, and
// the old rows stay.
func TestRescaleAfterPartitionsWereAdded(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, wanted := range []int{0, 3} {
		t.Run(fmt.Sprint(wanted, " wanted"), func(t *testing.T) {
			w := newWorld(t, 2)
			events := companyEvents(t, 2000, "light")
			w.write(events[:len(events)/2])
			w.run()
			w.compare()
			old := w.got()
			w.grow(5)
			w.write(events[len(events)/2:])
			w.mustRefuse(ErrRefused, "made over 2 partitions, the sources have 5", "processor rescale --config FILE")

			to := w.next()
			to.Partitions = wanted
			way := w.plan(to)
			one := way.Sources[0]
			after := 5
			if wanted > 0 {
				after = wanted
			}
			if way.Before != 2 || way.After != after || !way.Changed || way.Copies != to.Prefix+"events" || way.Creates != (wanted > 0) ||
				one.KeyedByAccount || !one.WasRead || !strings.Contains(one.Copied, "it has 5 partitions, the old generation has 2") {
				t.Fatalf("the way is %+v", way)
			}
			if !slices.Contains(way.OldTopics, w.prefix+"movements") || slices.Contains(way.OldTopics, w.prefix+"events") {
				t.Errorf("the old topics are %v", way.OldTopics)
			}
			prefix := w.prefix
			w.switchTo(way, to)
			w.run()
			w.compare()
			w.prefix = prefix
			if now := w.got(); fmt.Sprint(now) != fmt.Sprint(old) {
				t.Error("the rows of the old generation are others now")
			}
		})
	}
}

// What stands in the way is refused, all of it at once, and nothing is created.
func TestRescaleRefuses(t *testing.T) {
	t.Parallel() // it mostly waits
	w := newWorld(t, 2)
	w.write(firstEvents)
	w.run()
	w.grow(3)
	used := w.next()
	w.kafka.Create(t, "out-g2.movements", 3)
	w.kafka.Produce(t, used.Prefix+"movements", kafkatest.Record{Key: "k", Value: "v"})
	w.kafka.Create(t, "out-g2.metrics", 1)
	free := RescaleTo{Group: "free", Prefix: w.kafka.Topic("free.")}
	compacted := w.kafka.Create(t, "compacted", 2, map[string]string{"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"})
	partition := int32(sink.Partition(firstEvents[0].Key, 2))
	cases := []struct {
		name   string
		to     RescaleTo
		change func(*Options)
		says   []string
	}{
		{"a prefix in use", used, nil, []string{"topic " + used.Prefix + "movements has been written to", "topic " + used.Prefix + "metrics has 1 partitions, the new generation has 3"}},
		{"the old prefix", RescaleTo{Group: "free", Prefix: w.prefix}, nil, []string{"another output.prefix"}},
		{"the old group", RescaleTo{Group: w.options().Group, Prefix: free.Prefix}, nil, []string{"another group"}},
		{"the old group's intake", RescaleTo{Group: w.options().Group + "-intake", Prefix: free.Prefix}, nil, []string{"another group"}},
		{"a group that was used", RescaleTo{Group: "other", Prefix: free.Prefix}, func(o *Options) { o.Group = w.options().Group }, nil},
		{"no old generation", free, func(o *Options) { o.Prefix = "nothing." }, []string{"topic nothing.progress does not exist", "start it with processor run"}},
		{"no such source", free, func(o *Options) { o.Sources = []Source{{Topic: "none"}} }, []string{"source none does not exist"}},
		{"a compacted source", free, func(o *Options) { o.Sources = []Source{{Topic: compacted}} }, []string{"source " + compacted + " is compacted"}},
		{"a source under the new prefix", RescaleTo{Group: "free", Prefix: strings.TrimSuffix(w.topic, "events")}, nil, []string{"is a topic of the new prefix"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := w.options()
			if c.change != nil {
				c.change(&o)
			}
			if c.says == nil { // the old service's own group, asked for by another one
				o.Group, c.to.Group = "asking", w.options().Group
				c.says = []string{"group " + c.to.Group + " has positions (its state is Empty)"}
			}
			mustNotRescale(t, o, c.to, c.says...)
		})
	}
	t.Run("a group with members", func(t *testing.T) {
		grown := newWorld(t, 1) // runs as the new group would
		grown.write(firstEvents)
		err := grown.endsWhileRunning(0, func() {
			o := grown.options()
			o.Group = "asking"
			mustNotRescale(t, o, RescaleTo{Group: grown.options().Group, Prefix: free.Prefix}, "group "+grown.options().Group+" is in use by ")
			grown.kafka.Delete(t, grown.topic)
		})
		if !errors.Is(err, ErrOperator) {
			t.Error(err)
		}
	})
	w.kafka.DeleteRecords(t, w.topic, partition, 1)
	t.Run("a log without its beginning", func(t *testing.T) {
		mustNotRescale(t, w.options(), free, fmt.Sprintf("source %s no longer holds its beginning. Gone are\n  %s/%d: offsets [0,1)\nwrite the whole history", w.topic, w.topic, partition))
	})
	found, err := w.kafka.Cluster.Topics(kafkatest.Context(t), free.Prefix+string(row.TopicEvents), free.Prefix+string(row.TopicMovements))
	if err != nil {
		t.Fatal(err)
	}
	for name, topic := range found {
		if topic.Exists {
			t.Errorf("topic %s was created", name)
		}
	}
}

func mustNotRescale(t *testing.T, o Options, to RescaleTo, says ...string) {
	t.Helper()
	_, err := PlanRescale(kafkatest.Context(t), o, to)
	if !errors.Is(err, ErrRefused) {
		t.Fatalf("got %v, want %v", err, ErrRefused)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("it does not say %q:\n%v", text, err)
		}
	}
}

// A source stays as it is read where the shards have read it under the number that it has: one that is
// new to the service, or was copied, is no reason for a new generation, and is not trusted in one.
func TestRescaleTrustsOnlyWhatWasRead(t *testing.T) {
	w := newWorld(t, 2)
	w.write(firstEvents)
	w.run()
	to := w.next()
	if way := w.plan(to); way.Changed || way.Copies != "" || way.Sources[0].Copied != "" || !way.Sources[0].KeyedByAccount {
		t.Errorf("nothing has changed: %+v", way)
	}
	more := w.kafka.Create(t, "more", 2, kafkatest.AppendTime)
	w.change = func(o *Options) { o.Sources = append(o.Sources, Source{Topic: more, KeyedByAccount: true}) }
	if way := w.plan(to); way.Changed || way.Sources[0].Copied != "" || !strings.Contains(way.Sources[1].Copied, "did not read it by partition") {
		t.Errorf("a source is new: %+v", way)
	}
	to.Partitions = 4
	if way := w.plan(to); !way.Changed || way.After != 4 || !strings.Contains(way.Sources[0].Copied, "it has 2 partitions, the new generation has 4") {
		t.Errorf("another number is wanted: %+v", way)
	}
	w.change, to.Partitions = nil, 0
	w.recreate(firstEvents[0])
	way := w.plan(to)
	if !way.Changed || !strings.Contains(way.Sources[0].Copied, "it is not the topic that was read") {
		t.Errorf("the source was recreated: %+v", way)
	}
}
