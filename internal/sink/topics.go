package sink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"

	"processor/internal/broker"
)

// TopicSpec is a topic that this program writes to.
type TopicSpec struct {
	Name        string
	Partitions  int // 0: any number, and the broker's default when created
	Replication int // 0: the broker's default
	Configs     map[string]string
	Create      bool // may be created when missing
}

// waitForTopics bounds the wait until created topics have leaders.
const waitForTopics = 30 * time.Second

// TopicsError is what is wrong with topics: every problem there is, each with the command or setting that
// mends it. Trying again cannot help.
type TopicsError struct{ Problems []error }

// Error has a line for each problem.
func (e *TopicsError) Error() string { return errors.Join(e.Problems...).Error() }

// Unwrap are the problems.
func (e *TopicsError) Unwrap() []error { return e.Problems }

// EnsureTopics makes sure that every topic can be written to as specified: it creates the missing
// ones that may be created, and checks partition count and cleanup.policy of the existing ones. It
// changes nothing about an existing topic. The error has a *TopicsError where topics are not as they
// must be; any other is about brokers that could not be asked.
func EnsureTopics(ctx context.Context, c *broker.Cluster, specs []TopicSpec) error {
	names := make([]string, 0, len(specs))
	for _, s := range specs {
		names = append(names, s.Name)
	}
	found, err := c.Topics(ctx, names...)
	if err != nil {
		return fmt.Errorf("sink: look up topics %v: %w", names, err)
	}
	var missing, existing []TopicSpec
	var problems []error
	for _, s := range specs {
		switch t := found[s.Name]; {
		case t.Exists:
			existing = append(existing, s)
			if err := checkPartitions(s, len(t.Partitions)); err != nil {
				problems = append(problems, err)
			}
		case s.Create:
			missing = append(missing, s)
		default:
			problems = append(problems, fmt.Errorf("topic %s is missing and must not be created here; create it: %s", s.Name, createCommand(s)))
		}
	}
	policies, unread := checkPolicies(ctx, c, existing)
	refused, unmade := create(ctx, c, missing)
	if problems = slices.Concat(problems, policies, refused); len(problems) > 0 {
		return errors.Join(&TopicsError{problems}, unread, unmade)
	}
	return errors.Join(unread, unmade)
}

func checkPartitions(s TopicSpec, has int) error {
	switch {
	case s.Partitions == 0 || has == s.Partitions:
		return nil
	case has < s.Partitions:
		return fmt.Errorf("topic %s has %d partitions, %d are configured; keys would move if partitions were added to a topic "+
			"in use: recreate it with --partitions %d, or configure %d", s.Name, has, s.Partitions, s.Partitions, has)
	default:
		return fmt.Errorf("topic %s has %d partitions, %d are configured; a topic cannot lose partitions: configure %d, or recreate it",
			s.Name, has, s.Partitions, has)
	}
}

// checkPolicies compares cleanup.policy: a compacted topic that deletes, or the other way round,
// loses rows or grows for ever.
func checkPolicies(ctx context.Context, c *broker.Cluster, specs []TopicSpec) (problems []error, err error) {
	req := &describeconfigs.Request{}
	want := map[string]string{}
	for _, s := range specs {
		if policy, ok := s.Configs["cleanup.policy"]; ok {
			want[s.Name] = policy
			req.Resources = append(req.Resources, describeconfigs.RequestResource{
				ResourceType: int8(kafka.ResourceTypeTopic), ResourceName: s.Name, ConfigNames: []string{"cleanup.policy"},
			})
		}
	}
	if len(req.Resources) == 0 {
		return nil, nil
	}
	m, err := c.AskAny(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("sink: read the configuration of topics: %w", err)
	}
	for _, r := range m.(*describeconfigs.Response).Resources {
		if r.ErrorCode != 0 {
			problems = append(problems, fmt.Errorf("topic %s: cannot read its configuration: %w; allow DescribeConfigs on it",
				r.ResourceName, kafka.Error(r.ErrorCode)))
			continue
		}
		for _, e := range r.ConfigEntries {
			if e.ConfigName == "cleanup.policy" && !samePolicy(e.ConfigValue, want[r.ResourceName]) {
				problems = append(problems, fmt.Errorf("topic %s has cleanup.policy=%s, %s is needed; set it: "+
					"kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config cleanup.policy=%s",
					r.ResourceName, e.ConfigValue, want[r.ResourceName], r.ResourceName, bracket(want[r.ResourceName])))
			}
		}
	}
	return problems, nil
}

// samePolicy compares lists like "compact,delete" without regard to order.
func samePolicy(a, b string) bool { return slices.Equal(policies(a), policies(b)) }

func policies(list string) []string {
	var out []string
	for p := range strings.SplitSeq(list, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// bracket writes a list the way kafka-configs.sh wants it.
func bracket(list string) string {
	if strings.Contains(list, ",") {
		return "[" + list + "]"
	}
	return list
}

func createCommand(s TopicSpec) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kafka-topics.sh --create --topic %s", s.Name)
	if s.Partitions > 0 {
		fmt.Fprintf(&b, " --partitions %d", s.Partitions)
	}
	if s.Replication > 0 {
		fmt.Fprintf(&b, " --replication-factor %d", s.Replication)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Configs)) {
		fmt.Fprintf(&b, " --config %s=%s", name, s.Configs[name])
	}
	return b.String()
}

// create makes the topics and waits until each has leaders.
func create(ctx context.Context, c *broker.Cluster, specs []TopicSpec) (problems []error, err error) {
	if len(specs) == 0 {
		return nil, nil
	}
	req := &createtopics.Request{TimeoutMs: 30_000}
	byName := map[string]TopicSpec{}
	for _, s := range specs {
		byName[s.Name] = s
		t := createtopics.RequestTopic{Name: s.Name, NumPartitions: -1, ReplicationFactor: -1}
		if s.Partitions > 0 {
			t.NumPartitions = int32(s.Partitions)
		}
		if s.Replication > 0 {
			t.ReplicationFactor = int16(s.Replication)
		}
		for _, name := range slices.Sorted(maps.Keys(s.Configs)) {
			t.Configs = append(t.Configs, createtopics.RequestConfig{Name: name, Value: s.Configs[name]})
		}
		req.Topics = append(req.Topics, t)
	}
	node, err := c.Controller(ctx)
	if err != nil {
		return nil, fmt.Errorf("sink: create topics: %w", err)
	}
	m, err := c.Ask(ctx, node, req)
	if err != nil {
		return nil, fmt.Errorf("sink: create topics: %w", err)
	}
	var failed error
	var created []string
	for _, t := range m.(*createtopics.Response).Topics {
		switch code := kafka.Error(t.ErrorCode); code {
		case 0, kafka.TopicAlreadyExists: // another instance was faster: the same specification
			created = append(created, t.Name)
		default:
			problem := createProblem(byName[t.Name], code, t.ErrorMessage)
			if broker.Transient(code) {
				failed = errors.Join(failed, problem)
			} else {
				problems = append(problems, problem)
			}
		}
	}
	return problems, errors.Join(failed, awaitLeaders(ctx, c, created))
}

func createProblem(s TopicSpec, code kafka.Error, message string) error {
	remedy := "create it: " + createCommand(s)
	switch code {
	case kafka.InvalidReplicationFactor:
		remedy = fmt.Sprintf("lower the replication (%d configured) to the number of brokers, or add brokers", s.Replication)
	case kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed:
		remedy = "allow Create on it, or " + remedy
	case kafka.InvalidConfiguration:
		remedy = fmt.Sprintf("correct its configuration %v", s.Configs)
	}
	return fmt.Errorf("topic %s cannot be created: %w (%s); %s", s.Name, code, message, remedy)
}

// awaitLeaders waits until the topics' partitions can be written to.
func awaitLeaders(ctx context.Context, c *broker.Cluster, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, waitForTopics)
	defer cancel()
	for attempt := 0; len(names) > 0; attempt++ {
		topics, err := c.Topics(ctx, names...)
		if err == nil {
			names = slices.DeleteFunc(names, func(name string) bool { return ready(topics[name]) })
		}
		if len(names) > 0 && broker.Backoff(ctx, attempt) != nil {
			return fmt.Errorf("sink: created topics %v have no leaders yet: %w", names, errors.Join(err, ctx.Err()))
		}
	}
	return nil
}

func ready(t broker.Topic) bool {
	return t.Exists && len(t.Partitions) > 0 &&
		!slices.ContainsFunc(t.Partitions, func(p broker.Partition) bool { return p.Leader < 0 })
}
