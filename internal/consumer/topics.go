package consumer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"

	"processor/internal/broker"
)

// TopicInfo is what a reader has to know about a source topic before it trusts it.
type TopicInfo struct {
	Name          string
	Exists        bool
	Partitions    int
	LogAppendTime bool          // the broker stamps the records (message.timestamp.type)
	Retention     time.Duration // retention.ms; negative = for ever
	RetentionSize int64         // retention.bytes per partition; negative = no limit
	Compacted     bool          // cleanup.policy contains compact
	Deletes       bool          // cleanup.policy contains delete: retention applies
}

// Topics describes the named topics. A missing one is in the answer with Exists false.
func Topics(ctx context.Context, c *broker.Cluster, names ...string) (map[string]TopicInfo, error) {
	found, err := c.Topics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("consumer: describe topics %v: %w", names, err)
	}
	infos := make(map[string]TopicInfo, len(names))
	req := &describeconfigs.Request{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		t := found[name]
		infos[name] = TopicInfo{Name: name, Exists: t.Exists, Partitions: len(t.Partitions), Retention: -1, RetentionSize: -1}
		if t.Exists {
			req.Resources = append(req.Resources, describeconfigs.RequestResource{
				ResourceType: int8(kafka.ResourceTypeTopic), ResourceName: name,
				ConfigNames: []string{"message.timestamp.type", "retention.ms", "retention.bytes", "cleanup.policy"},
			})
		}
	}
	if len(req.Resources) == 0 {
		return infos, nil
	}
	m, err := c.AskAny(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("consumer: describe the configuration of topics %v: %w", names, err)
	}
	for _, r := range m.(*describeconfigs.Response).Resources {
		if r.ErrorCode != 0 {
			return nil, fmt.Errorf("consumer: configuration of topic %s: %w (%s)", r.ResourceName, kafka.Error(r.ErrorCode), r.ErrorMessage)
		}
		info := infos[r.ResourceName]
		if err := info.read(r.ConfigEntries); err != nil {
			return nil, fmt.Errorf("consumer: configuration of topic %s: %w", r.ResourceName, err)
		}
		infos[r.ResourceName] = info
	}
	return infos, nil
}

func (t *TopicInfo) read(entries []describeconfigs.ResponseConfigEntry) error {
	for _, e := range entries {
		switch e.ConfigName {
		case "message.timestamp.type":
			t.LogAppendTime = e.ConfigValue == "LogAppendTime"
		case "cleanup.policy":
			t.Compacted = strings.Contains(e.ConfigValue, "compact")
			t.Deletes = strings.Contains(e.ConfigValue, "delete")
		case "retention.ms", "retention.bytes":
			n, err := strconv.ParseInt(e.ConfigValue, 10, 64)
			if err != nil {
				return fmt.Errorf("%s = %q is not a number", e.ConfigName, e.ConfigValue)
			}
			if e.ConfigName == "retention.bytes" {
				t.RetentionSize = n
				continue
			}
			const forEver = int64(1<<63-1) / int64(time.Millisecond)
			if n > forEver {
				n = -1
			}
			t.Retention = time.Duration(n) * time.Millisecond
		}
	}
	return nil
}
