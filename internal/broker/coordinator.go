package broker

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
)

// coordinated names what a coordinator is asked for: a consumer group or a transactional id. The
// numbers are the protocol's.
type coordinated struct {
	kind int8
	name string
}

const (
	kindGroup       int8 = 0
	kindTransaction int8 = 1
)

func (k coordinated) String() string {
	if k.kind == kindTransaction {
		return "transactional id " + k.name
	}
	return "group " + k.name
}

// GroupCoordinator gives the broker that coordinates a consumer group, remembered until
// ForgetGroup.
func (c *Cluster) GroupCoordinator(ctx context.Context, group string) (int32, error) {
	return c.coordinator(ctx, coordinated{kindGroup, group})
}

// TransactionCoordinator gives the broker that coordinates a transactional id, remembered until
// ForgetTransaction.
func (c *Cluster) TransactionCoordinator(ctx context.Context, id string) (int32, error) {
	return c.coordinator(ctx, coordinated{kindTransaction, id})
}

func (c *Cluster) coordinator(ctx context.Context, k coordinated) (int32, error) {
	c.mu.Lock()
	node, ok := c.coordinators[k]
	c.mu.Unlock()
	if ok {
		return node, nil
	}
	m, err := c.Ask(ctx, AnyNode, &findcoordinator.Request{Key: k.name, KeyType: k.kind})
	if err != nil {
		return -1, fmt.Errorf("broker: find the coordinator of %s: %w", k, err)
	}
	r := m.(*findcoordinator.Response)
	if r.ErrorCode != 0 {
		return -1, fmt.Errorf("broker: find the coordinator of %s: %w", k, kafka.Error(r.ErrorCode))
	}
	c.mu.Lock()
	c.coordinators[k] = r.NodeID
	c.mu.Unlock()
	return r.NodeID, nil
}

// ForgetGroup drops the remembered coordinator of a group.
func (c *Cluster) ForgetGroup(group string) { c.forgetCoordinator(coordinated{kindGroup, group}) }

// ForgetTransaction drops the remembered coordinator of a transactional id.
func (c *Cluster) ForgetTransaction(id string) {
	c.forgetCoordinator(coordinated{kindTransaction, id})
}

func (c *Cluster) forgetCoordinator(k coordinated) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.coordinators, k)
}
