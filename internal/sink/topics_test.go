package sink_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/kafkatest"
	"processor/internal/sink"
)

func TestEnsureTopicsCreatesWhatIsMissing(t *testing.T) {
	k := kafkatest.Start(t, 1)
	name := k.Topic("made")
	spec := sink.TopicSpec{Name: name, Partitions: 3, Replication: 1, Create: true, Configs: map[string]string{"cleanup.policy": "compact"}}
	for range 2 { // the second time it exists and fits
		if err := sink.EnsureTopics(kafkatest.Context(t), own(t, k), []sink.TopicSpec{spec}); err != nil {
			t.Fatal(err)
		}
	}
	send(t, producer(t, k, sink.ProducerOptions{}), messages(name, 2, 0, 1)...)
	if got := k.Latest(t, name); got["k0"].Partition != 2 {
		t.Errorf("the new topic holds %v", got)
	}
}

func TestEnsureTopicsNamesEveryProblemWithItsRemedy(t *testing.T) {
	k := kafkatest.Start(t, 1)
	few, many := k.Create(t, "few", 2), k.Create(t, "many", 4)
	deletes := k.Create(t, "deletes", 1, map[string]string{"cleanup.policy": "delete"})
	both := k.Create(t, "both", 1, map[string]string{"cleanup.policy": "delete,compact"})
	absent, wrong := k.Topic("absent"), k.Topic("wrong")
	compact := map[string]string{"cleanup.policy": "compact"}
	err := sink.EnsureTopics(kafkatest.Context(t), own(t, k), []sink.TopicSpec{
		{Name: few, Partitions: 3},
		{Name: many, Partitions: 3},
		{Name: deletes, Configs: compact},
		{Name: both, Configs: map[string]string{"cleanup.policy": "compact,delete"}},
		{Name: absent, Partitions: 3, Replication: 2, Configs: compact},
		{Name: wrong, Partitions: 1, Replication: 30, Create: true},
	})
	if err == nil {
		t.Fatal("no problem found")
	}
	for _, want := range []string{
		"topic " + few + " has 2 partitions, 3 are configured; keys would move if partitions were added to a topic in use: recreate it with --partitions 3, or configure 2",
		"topic " + many + " has 4 partitions, 3 are configured; a topic cannot lose partitions: configure 4, or recreate it",
		"topic " + deletes + " has cleanup.policy=delete, compact is needed; set it: kafka-configs.sh --alter --entity-type topics --entity-name " + deletes + " --add-config cleanup.policy=compact",
		"topic " + absent + " is missing and must not be created here; create it: kafka-topics.sh --create --topic " + absent + " --partitions 3 --replication-factor 2 --config cleanup.policy=compact",
		"topic " + wrong + " cannot be created: ",
		"lower the replication (30 configured) to the number of brokers, or add brokers",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing in the report: %s", want)
		}
	}
	if strings.Contains(err.Error(), both) {
		t.Errorf("the order of policies is taken for a difference: %v", err)
	}
	if t.Failed() {
		t.Logf("the report: %v", err)
	}
}

// A broker that goes away while it is asked for a topic's configuration is asked again; when all of them stay
// away, that is no fault of a topic.
func TestEnsureTopicsTellsBrokersFromTopics(t *testing.T) {
	k := kafkatest.StartFake(t, 2)
	name := k.Create(t, "rows", 1, map[string]string{"cleanup.policy": "compact"})
	specs := []sink.TopicSpec{{Name: name, Configs: map[string]string{"cleanup.policy": "compact"}}}
	var left atomic.Int64
	left.Store(1)
	k.Fake.ControlKey(int16(kmsg.DescribeConfigs), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		if left.Add(-1) >= 0 {
			return nil, errors.New("gone"), true
		}
		return nil, nil, false
	})
	c := own(t, k)
	if err := sink.EnsureTopics(kafkatest.Context(t), c, specs); err != nil {
		t.Errorf("one broker went away once: %v", err)
	}
	left.Store(1 << 30)
	err := sink.EnsureTopics(kafkatest.Context(t), c, specs)
	var problems *sink.TopicsError
	if err == nil || errors.As(err, &problems) {
		t.Errorf("all brokers go away: %v", err)
	}
	specs[0].Partitions = 2
	if err := sink.EnsureTopics(kafkatest.Context(t), c, specs); !errors.As(err, &problems) || len(problems.Problems) != 1 {
		t.Errorf("all brokers go away and a topic has too few partitions: %v", err)
	}
}
