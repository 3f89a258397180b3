// Package embedded runs a Kafka-compatible broker inside this process, on the loopback interface
// only: for the demo, which has to work on a machine without Kafka, and for tests. It must never
// serve production data: it has one copy of everything, in memory unless a folder is given.
package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic is a topic to create at the start.
type Topic struct {
	Name       string
	Partitions int
	Configs    map[string]string
}

// Options of a broker. The zero value is one node on a free port, in memory, without topics.
type Options struct {
	Nodes  int    // brokers in the cluster, default 1
	Port   int    // of the first node; the next ones follow. 0 = any free port
	Dir    string // keep the log in this folder; "" = memory
	Topics []Topic

	// Extra options go to kfake as they are (TLS, users, ACLs).
	Extra []kfake.Opt
}

// Broker is a running cluster.
type Broker struct {
	Brokers []string       // bootstrap addresses
	Cluster *kfake.Cluster // for injecting faults

	once sync.Once
}

// Start runs a cluster until Close or the end of ctx. Topics that exist already (in Dir) stay as
// they are.
func Start(ctx context.Context, o Options) (*Broker, error) {
	nodes := max(o.Nodes, 1)
	options := []kfake.Opt{kfake.NumBrokers(nodes), kfake.GroupMinSessionTimeout(0)}
	if o.Port > 0 {
		ports := make([]int, nodes)
		for i := range ports {
			ports[i] = o.Port + i
		}
		options = append(options, kfake.Ports(ports...))
	}
	if o.Dir != "" {
		options = append(options, kfake.DataDir(o.Dir))
	}
	cluster, err := kfake.NewCluster(append(options, o.Extra...)...)
	if err != nil {
		return nil, fmt.Errorf("embedded: start the broker: %w", err)
	}
	b := &Broker{Brokers: cluster.ListenAddrs(), Cluster: cluster}
	cluster.ControlKey(int16(kmsg.Produce), b.stamp)
	var problems []error
	for _, t := range o.Topics {
		if cluster.TopicInfo(t.Name) != nil {
			continue
		}
		if err := cluster.CreateTopic(t.Name, int32(t.Partitions), t.Configs); err != nil {
			problems = append(problems, fmt.Errorf("embedded: create topic %s: %w", t.Name, err))
		}
	}
	if err := errors.Join(problems...); err != nil {
		b.Close()
		return nil, err
	}
	context.AfterFunc(ctx, b.Close)
	return b, nil
}

// Close stops the cluster. It may be called more than once.
func (b *Broker) Close() { b.once.Do(b.Cluster.Close) }

// stamp gives kfake what it lacks: a topic with message.timestamp.type=LogAppendTime. kfake keeps
// that setting but does not act on it; it does stamp a batch whose attributes already ask for it.
// So the bit is set on the way in, and the request goes on to be handled as usual.
func (b *Broker) stamp(req kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the shape of kfake's control functions
	r, ok := req.(*kmsg.ProduceRequest)
	if !ok {
		return nil, nil, false
	}
	for i := range r.Topics {
		t := &r.Topics[i]
		info := b.Cluster.TopicInfo(t.Topic)
		if t.Topic == "" {
			info = b.Cluster.TopicIDInfo(t.TopicID)
		}
		if info == nil {
			continue
		}
		if kind := info.Configs["message.timestamp.type"]; kind == nil || *kind != "LogAppendTime" {
			continue
		}
		for j := range t.Partitions {
			markAppendTime(t.Partitions[j].Records)
		}
	}
	return nil, nil, false
}

// markAppendTime sets the timestamp type of a record batch of format 2 and redoes its checksum. A
// batch with a wrong checksum is left alone, so that the broker still refuses it.
func markAppendTime(batch []byte) {
	const (
		atMagic      = 16
		atCRC        = 17
		atAttributes = 21
		header       = 61
		appendTime   = 0x08
	)
	if len(batch) < header || batch[atMagic] != 2 {
		return
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	if binary.BigEndian.Uint32(batch[atCRC:]) != crc32.Checksum(batch[atAttributes:], table) {
		return
	}
	batch[atAttributes+1] |= appendTime
	binary.BigEndian.PutUint32(batch[atCRC:], crc32.Checksum(batch[atAttributes:], table))
}
