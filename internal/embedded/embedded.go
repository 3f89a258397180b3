// Package embedded runs a Kafka-compatible broker inside this process, on the loopback interface
// only: for the demo, which has to work on a machine without Kafka, and for tests. It must never
// serve production data: it has one copy of everything, in memory unless a folder is given.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
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

	// Listen replaces the loopback interface, for tests in which time is not real.
	Listen func(network, address string) (net.Listener, error)

	// Extra options go to kfake as they are (TLS, users, ACLs). With TLS, topics with LogAppendTime
	// are not readable: see appendtime.go.
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
	options := []kfake.Opt{kfake.NumBrokers(nodes), kfake.GroupMinSessionTimeout(0), kfake.ListenFn(listen(ctx, o.Listen))}
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
	cluster.ControlKey(int16(kmsg.Produce), b.markProduced)
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

// listen opens the cluster's ports.
func listen(
	ctx context.Context, open func(network, address string) (net.Listener, error),
) func(network, address string) (net.Listener, error) {
	if open == nil {
		open = func(network, address string) (net.Listener, error) {
			var c net.ListenConfig
			return c.Listen(ctx, network, address)
		}
	}
	return func(network, address string) (net.Listener, error) {
		l, err := open(network, address)
		if err != nil {
			return nil, err
		}
		return stampListener{l}, nil
	}
}
