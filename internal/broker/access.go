package broker

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Operation is one that access control lists allow or deny, by the protocol's number.
type Operation uint8

// The operations that this program asks about.
const (
	Read            Operation = 3
	Write           Operation = 4
	Create          Operation = 5
	Describe        Operation = 8
	DescribeConfigs Operation = 10
	IdempotentWrite Operation = 12
)

// String is the operation as kafka-acls.sh names it.
func (o Operation) String() string {
	return map[Operation]string{
		Read: "Read", Write: "Write", Create: "Create", Describe: "Describe", DescribeConfigs: "DescribeConfigs", IdempotentWrite: "IdempotentWrite",
	}[o]
}

// Operations are those that this login may do with something.
type Operations int32

// untold is what brokers say that do not tell.
const untold Operations = math.MinInt32

// May says whether an operation is allowed, as far as the broker tells.
func (o Operations) May(op Operation) bool { return o == untold || o&(1<<op) != 0 }

// TopicAccess is what this login may do with a topic.
type TopicAccess struct {
	Exists     bool
	Partitions int
	Operations Operations
	Err        error // that the topic may not even be described, or another refusal; nil where it does not exist
}

// Access asks what this login may do with the cluster and the named topics.
func (c *Cluster) Access(ctx context.Context, topics ...string) (cluster Operations, access map[string]TopicAccess, err error) {
	if topics == nil {
		topics = []string{}
	}
	m, err := c.AskAny(ctx, &metadata.Request{TopicNames: topics, IncludeClusterAuthorizedOperations: true, IncludeTopicAuthorizedOperations: true})
	if err != nil {
		return 0, nil, fmt.Errorf("broker: ask what may be done with %v: %w", topics, err)
	}
	r := m.(*metadata.Response)
	access = make(map[string]TopicAccess, len(r.Topics))
	for _, t := range r.Topics {
		a := TopicAccess{Partitions: len(t.Partitions), Operations: Operations(t.TopicAuthorizedOperations)}
		if a.Operations == 0 { // who may not even describe it is told an error; so this is a broker before Kafka 2.3
			a.Operations = untold
		}
		switch code := kafka.Error(t.ErrorCode); code {
		case 0, kafka.LeaderNotAvailable:
			a.Exists = true
		case kafka.UnknownTopicOrPartition:
		default:
			a.Err = code
		}
		access[t.Name] = a
	}
	return Operations(r.ClusterAuthorizedOperations), access, nil
}

// AllowCommand is the command that allows an operation on a resource (--topic, --group, --transactional-id,
// --cluster). A name that ends in an asterisk is a prefix.
func AllowCommand(user string, op Operation, resource, name string) string {
	if user == "" {
		user = "ANONYMOUS"
	}
	text := "kafka-acls.sh --bootstrap-server HOST:PORT --add --allow-principal User:" + user + " --operation " + op.String() + " --" + resource
	if prefix, is := strings.CutSuffix(name, "*"); is {
		return text + " " + prefix + " --resource-pattern-type prefixed"
	}
	if name != "" {
		text += " " + name
	}
	return text
}
