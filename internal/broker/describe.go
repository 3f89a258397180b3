package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Node is a broker of the cluster, as it advertises itself.
type Node struct {
	ID      int32
	Address string
}

// Nodes asks which brokers there are.
func (c *Cluster) Nodes(ctx context.Context) ([]Node, error) {
	m, err := c.AskAny(ctx, &metadata.Request{TopicNames: []string{}})
	if err != nil {
		return nil, fmt.Errorf("broker: ask for the brokers: %w", err)
	}
	var nodes []Node
	for _, b := range m.(*metadata.Response).Brokers {
		nodes = append(nodes, Node{b.NodeID, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))})
	}
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	return nodes, nil
}

// Version is the least release of Kafka that speaks what a broker speaks, such as 3.7, and whether it speaks all
// that this program needs.
func (c *Cluster) Version(ctx context.Context, node int32) (least string, enough bool, err error) {
	m, err := c.Ask(ctx, node, new(apiversions.Request))
	if err != nil {
		return "", false, fmt.Errorf("broker: ask broker %d what it speaks: %w", node, err)
	}
	speaks := map[protocol.ApiKey]int16{}
	for _, k := range m.(*apiversions.Response).ApiKeys {
		speaks[protocol.ApiKey(k.ApiKey)] = k.MaxVersion
	}
	least, enough = leastRelease(speaks)
	return least, enough, nil
}

// releases are the requests that came with a release, from the newest on.
var releases = []struct {
	key     protocol.ApiKey
	release string
}{{75, "3.8"}, {71, "3.7"}, {65, "3.0"}, {60, "2.8"}, {50, "2.7"}, {45, "2.4"}, {44, "2.3"}}

// metadataNeeded is the version of Kafka 2.3, with which brokers say what a login may do.
const metadataNeeded = 8

func leastRelease(speaks map[protocol.ApiKey]int16) (least string, enough bool) {
	least, enough = "before 2.3", speaks[protocol.Metadata] >= metadataNeeded
	for _, r := range releases {
		if _, does := speaks[r.key]; does {
			least = r.release
			break
		}
	}
	if _, zookeeper := speaks[4]; !zookeeper && least == "3.8" { // LeaderAndIsr went with 4.0
		least = "4.0"
	}
	return least, enough
}

// Configs gives settings of topics that exist. A topic of which they may not be read is in refused.
func (c *Cluster) Configs(ctx context.Context, topics, names []string) (values map[string]map[string]string, refused map[string]error, err error) {
	values, refused = map[string]map[string]string{}, map[string]error{}
	req := &describeconfigs.Request{}
	for _, topic := range topics {
		req.Resources = append(req.Resources, describeconfigs.RequestResource{ResourceType: int8(kafka.ResourceTypeTopic), ResourceName: topic, ConfigNames: names})
	}
	if len(topics) == 0 {
		return values, refused, nil
	}
	m, err := c.AskAny(ctx, req)
	if err != nil {
		return nil, nil, fmt.Errorf("broker: read the settings of topics: %w", err)
	}
	for _, r := range m.(*describeconfigs.Response).Resources {
		if r.ErrorCode != 0 {
			refused[r.ResourceName] = kafka.Error(r.ErrorCode)
			continue
		}
		values[r.ResourceName] = map[string]string{}
		for _, e := range r.ConfigEntries {
			values[r.ResourceName][e.ConfigName] = e.ConfigValue
		}
	}
	return values, refused, nil
}

// Denied says whether an error is a refusal of access control lists.
func Denied(err error) bool {
	for _, code := range []kafka.Error{
		kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.TransactionalIDAuthorizationFailed,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
