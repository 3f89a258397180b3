package kafkatest

import (
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createacls"

	"processor/internal/broker"
)

// Allowance is one line of an access control list, in the words of the brokers' tools: topic, group or transactionalId;
// literal or prefix; Read, Write, DescribeConfigs.
type Allowance struct{ Resource, Pattern, Name, Operation string }

// Allow lets a user do what the lines say, by a cluster that may say so, and waits for nothing: brokers take a moment.
func Allow(t testing.TB, by *broker.Cluster, user string, lines []Allowance) {
	t.Helper()
	req := &createacls.Request{}
	for _, line := range lines {
		resource := map[string]kafka.ResourceType{"topic": kafka.ResourceTypeTopic, "group": kafka.ResourceTypeGroup, "transactionalId": kafka.ResourceTypeTransactionalID}[line.Resource]
		pattern := map[string]kafka.PatternType{"literal": kafka.PatternTypeLiteral, "prefix": kafka.PatternTypePrefixed}[line.Pattern]
		operation := map[string]kafka.ACLOperationType{
			"Read": kafka.ACLOperationTypeRead, "Write": kafka.ACLOperationTypeWrite, "DescribeConfigs": kafka.ACLOperationTypeDescribeConfigs,
		}[line.Operation]
		if resource == 0 || pattern == 0 || operation == 0 {
			t.Fatalf("%+v has a word that is not known here", line)
		}
		req.Creations = append(req.Creations, createacls.RequestACLs{
			ResourceType: int8(resource), ResourceName: line.Name, ResourcePatternType: int8(pattern),
			Principal: "User:" + user, Host: "*", Operation: int8(operation), PermissionType: int8(kafka.ACLPermissionTypeAllow),
		})
	}
	answer, err := by.AskAny(Context(t), req)
	if err != nil {
		t.Fatal(err)
	}
	for i, result := range answer.(*createacls.Response).Results {
		if result.ErrorCode != 0 {
			t.Fatalf("%+v: %v %s", lines[i], kafka.Error(result.ErrorCode), result.ErrorMessage)
		}
	}
}
