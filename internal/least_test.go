package internal

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/kafkatest"
	"processor/internal/pipeline"
	"processor/internal/secret"
	"processor/internal/sink"
)

// allowances are what deploy/k8s/components/strimzi/kafkauser.yaml lets the processor do.
func allowances(t *testing.T) (lines []kafkatest.Allowance) {
	t.Helper()
	text, err := os.ReadFile("../deploy/k8s/components/strimzi/kafkauser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var user struct {
		Spec struct {
			Authorization struct {
				ACLs []struct {
					Resource struct {
						Type        string
						Name        string
						PatternType string `yaml:"patternType"`
					}
					Operations []string
				} `yaml:"acls"`
			}
		}
	}
	if err := yaml.Unmarshal(text, &user); err != nil {
		t.Fatal(err)
	}
	for _, acl := range user.Spec.Authorization.ACLs {
		for _, operation := range acl.Operations {
			lines = append(lines, kafkatest.Allowance{Resource: acl.Resource.Type, Pattern: acl.Resource.PatternType, Name: acl.Resource.Name, Operation: operation})
		}
	}
	return lines
}

// The user of the Kubernetes manifests may do what the service does, at a broker that means it: read its source, write rows
// in transactions, keep its checkpoint in a topic. Nobody else may.
func TestSecureUserOfTheManifests(t *testing.T) {
	address, encryption := secureBroker(t)
	cluster := func(user, password string) *broker.Cluster {
		return open(t, broker.Options{Brokers: []string{address}, TLS: encryption, Login: broker.Login{Mechanism: "PLAIN", Username: user, Password: secret.Text(password)}})
	}
	root := cluster("ada", "sesame")
	ready := false
	ctx, stop := context.WithTimeout(kafkatest.Context(t), 2*time.Minute)
	defer stop()
	options := pipeline.Options{
		Cluster: cluster("bob", "pepper"), Group: "expansion", Prefix: "expansion.", Delivery: pipeline.ExactlyOnce, CheckpointStore: pipeline.StoreKafka,
		Sources: []pipeline.Source{{Topic: "billing.events", KeyedByAccount: true}}, Lateness: 10 * time.Minute, CheckpointInterval: 200 * time.Millisecond,
		Core: aggregate.Options{Currency: "USD", Zone: time.UTC, ReportingStart: event.NoTime, Coalesce: time.Hour, Windows: aggregate.Windows},
		Observer: pipeline.Observer{Status: func(s pipeline.Status) {
			if s.Ready() {
				ready = true
				stop()
			}
		}},
	}
	made := options
	made.CreateTopics = true
	specs, err := pipeline.Outputs(made, 2)
	if err != nil {
		t.Fatal(err)
	}
	specs = append(specs, sink.TopicSpec{Name: "billing.events", Partitions: 2, Create: true, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"}})
	if err := sink.EnsureTopics(ctx, root, specs); err != nil {
		t.Fatal(err)
	}
	o := company.Defaults()
	o.Events, o.Accounts = 200, 20
	records, err := company.Collect(o)
	if err != nil {
		t.Fatal(err)
	}
	producer, err := sink.NewProducer(root, sink.ProducerOptions{Deadline: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var messages []sink.Message
	for _, r := range records {
		messages = append(messages, sink.Message{Topic: "billing.events", Partition: int32(sink.Partition(r.Key, 2)), Key: r.Key, Value: r.Value})
	}
	if _, err := producer.Send(ctx, messages); err != nil {
		t.Fatal(err)
	}
	// This broker ends sessions after some seconds, also at a start, which is then tried again as a supervisor would.
	for refused := false; !refused && ctx.Err() == nil; {
		err := pipeline.Run(ctx, options)
		if refused = broker.Denied(err); err == nil || ready {
			t.Fatal("it works without permissions")
		}
	}
	kafkatest.Allow(t, root, "bob", allowances(t))
	for !ready && ctx.Err() == nil { // the brokers take a moment
		if err := pipeline.Run(ctx, options); err != nil {
			t.Log(err)
		}
	}
	if !ready {
		t.Error("with the permissions of the manifest it does not come to work")
	}
}
