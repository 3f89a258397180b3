package pipeline

import (
	"errors"
	"io"
	"strings"
	"testing"

	"processor/internal/company"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// What cannot work is refused at the start, with everything that is wrong and what to do about it.
func TestRefusalsAtStart(t *testing.T) {
	good := subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)
	wrong := int32(1 - sink.Partition([]byte("acme"), 2))
	cases := []struct {
		name  string
		setup func(t *testing.T, w *world)
		kind  error
		says  []string
	}{
		{"a missing source", func(_ *testing.T, w *world) {
			w.change = func(o *Options) { o.Sources = append(o.Sources, Source{Topic: "nowhere", KeyedByAccount: true}) }
		}, ErrRefused, []string{"source nowhere does not exist", "create it"}},
		{"two kinds of trouble at once", func(t *testing.T, w *world) {
			events := w.kafka.Create(t, "out.events", 2)
			w.change = func(o *Options) {
				o.Sources = append(o.Sources, Source{Topic: "nowhere"}, Source{Topic: events, KeyedByAccount: true})
			}
		}, ErrRefused, []string{
			"source nowhere does not exist", "is the topic that other sources are copied to", "take it out of sources",
			"message.timestamp.type=LogAppendTime", "kafka-configs.sh --alter",
		}},
		{"a key that is not the account", func(t *testing.T, w *world) {
			w.kafka.Produce(t, w.topic, kafkatest.Record{Key: "order-17", Value: string(good.Value)})
		}, ErrRefused, []string{"is not keyed by account", `"order-17"`, `"acme"`, "offset 0", "or say keyed_by_account: false"}},
		{"another partitioner", func(t *testing.T, w *world) {
			w.kafka.Produce(t, w.topic, kafkatest.Record{Partition: wrong, Key: "acme", Value: string(good.Value)})
		}, ErrRefused, []string{"murmur2", "offset 0", `"acme"`, "or say keyed_by_account: false"}},
		{"an output topic with other partitions", func(t *testing.T, w *world) {
			w.prefix = w.kafka.Topic("narrow.")
			w.kafka.Create(t, "narrow.movements", 1, map[string]string{"cleanup.policy": "compact"})
		}, ErrRefused, []string{"narrow.movements has 1 partitions, 2 are configured"}},
		{"no permission to create", func(_ *testing.T, w *world) {
			w.change = func(o *Options) { o.CreateTopics = false }
		}, ErrRefused, []string{"movements is missing", "kafka-topics.sh --create", "partials"}},
		{"a log without its beginning", func(t *testing.T, w *world) {
			w.write([]company.Record{good, good, good})
			w.kafka.DeleteRecords(t, w.topic, 1-wrong, 2)
		}, ErrOperator, []string{"there is no checkpoint for ", "lost offsets [0,2)", "checkpoint directory", "--accept-gap "}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 2)
			c.setup(t, w)
			w.mustRefuse(c.kind, c.says...)
			if topics, err := w.kafka.Cluster.Topics(kafkatest.Context(t), w.prefix+"movements"); errors.Is(c.kind, ErrRefused) && w.prefix != w.kafka.Topic("narrow.") &&
				(err != nil || topics[w.prefix+"movements"].Exists) {
				t.Errorf("a refused start made topics (%v)", err)
			}
		})
	}
}

// mustRefuse runs the service into a refusal.
func (w *world) mustRefuse(kind error, says ...string) {
	w.t.Helper()
	err := w.runUntil(w.options(), func(s Status) bool { return s.Phase == PhaseRunning })
	if !errors.Is(err, kind) {
		w.t.Fatalf("got %v, want %v", err, kind)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			w.t.Errorf("the error does not say %q:\n%v", text, err)
		}
	}
}

// What breaks a promise later ends the service with the position, and saves nothing behind it.
func TestOperatorErrors(t *testing.T) {
	good := subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)
	home := int32(sink.Partition([]byte("acme"), 2))
	cases := []struct {
		name   string
		breaks func(t *testing.T, w *world)
		says   []string
	}{
		{"a record of another shard's account", func(t *testing.T, w *world) {
			list := make([]kafkatest.Record, 0, sampledRecords+1)
			for range sampledRecords { // what the start looks at is good
				list = append(list, kafkatest.Record{Partition: 1 - home, Key: "acme", Value: "{}"})
			}
			w.kafka.Produce(t, w.topic, append(list, kafkatest.Record{Partition: 1 - home, Key: "acme", Value: string(good.Value)})...)
		}, []string{"offset 64", `account "acme"`, "belongs in partition"}},
		{"retention that passed the position", func(t *testing.T, w *world) {
			w.write([]company.Record{good, good, good})
			w.kafka.DeleteRecords(t, w.topic, home, 3)
		}, []string{"lost offsets [1,3)"}},
		{"another meaning", func(_ *testing.T, w *world) {
			w.change = func(o *Options) { o.Core.Coalesce = 0 }
		}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 2)
			w.write([]company.Record{good})
			w.run()
			c.breaks(t, w)
			kind := ErrOperator
			if c.says == nil {
				kind, c.says = ErrRefused, []string{"another meaning", "rules.coalesce: 1h0m0s -> 0s", "processor rebuild --from checkpoint --config FILE"}
			}
			for range 2 { // again and again
				w.mustRefuse(kind, c.says...)
			}
		})
	}
}

// A recreated topic is shorter than the position: a checkpoint that has no ids notices this one, too.
func TestRecreatedTopic(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	w := &world{
		t: t, kafka: k, partitions: 1, prefix: k.Topic("out."), dir: t.TempDir(), clock: testClock,
		topic: k.Create(t, "events", 1, kafkatest.AppendTime), metrics: new(Metrics), core: testCore(),
	}
	w.write([]company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)})
	w.run()
	w.remark(func(m *marker) { m.Sources[0].ID, m.Sources[0].Last = "", nil })
	if err := k.Fake.DeleteTopic(w.topic); err != nil {
		t.Fatal(err)
	}
	k.Create(t, "events", 1, kafkatest.AppendTime)
	w.mustRefuse(ErrOperator, "ends at offset 0, before our position 1", "recreated or truncated")
}

// An output topic that an operator made anew gets every row again, also when the run that notices
// it crashes first.
func TestRecreatedOutput(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	w := &world{
		t: t, kafka: k, partitions: 1, prefix: k.Topic("out."), dir: t.TempDir(), clock: testClock,
		topic: k.Create(t, "events", 1, kafkatest.AppendTime), metrics: new(Metrics), core: testCore(),
	}
	w.write(companyEvents(t, 200, "none"))
	w.run()
	for _, topic := range []string{"movements", "partials", "metrics"} {
		if err := k.Fake.DeleteTopic(w.prefix + topic); err != nil {
			t.Fatal(err)
		}
	}
	if !w.crashAt("published", 1) {
		t.Fatal("the run did not crash")
	}
	w.run()
	w.compare()
}

// Brokers that do not answer are no reason to wait for a person; topics that are not as they must be are.
func TestBrokersThatDoNotAnswerAreNoRefusal(t *testing.T) {
	if err := topicsError("output topics", io.ErrUnexpectedEOF); errors.Is(err, ErrRefused) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a connection that ended is told as %v", err)
	}
	unfit := errors.Join(&sink.TopicsError{Problems: []error{errors.New("too few partitions")}}, io.ErrUnexpectedEOF)
	if err := topicsError("output topics", unfit); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "too few partitions") {
		t.Errorf("a topic that does not fit is told as %v", err)
	}
}
