package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// replicas is the number of brokers and of replicas of every partition.
const replicas = 3

// cluster is three brokers in KRaft mode, each of them a controller too. Every broker has a listener
// for the harness and the other brokers, and one for each processor, which it advertises as a port of
// the harness's own: the proxy through which that processor can be cut off.
type cluster struct {
	options  *options
	children *children
	folder   string
	brokers  [replicas]*broker
	client   *kgo.Client
}

// broker is one of them, over all its lives.
type broker struct {
	id         int
	folder     string
	controller int
	direct     int
	listeners  []int // by processor: where the broker listens
	proxies    []int // by processor: what it says its address is
	child      *child
}

// startCluster formats and starts the brokers and waits until all of them serve.
func startCluster(ctx context.Context, o *options, c *children, folder string) (*cluster, error) {
	k := &cluster{options: o, children: c, folder: folder}
	each := 2 + 2*o.processors
	ports, err := freePorts(ctx, each*replicas)
	if err != nil {
		return nil, err
	}
	for i := range k.brokers {
		mine := ports[i*each : (i+1)*each]
		k.brokers[i] = &broker{
			id: i + 1, folder: filepath.Join(folder, fmt.Sprintf("broker-%d", i+1)), controller: mine[0], direct: mine[1],
			listeners: mine[2 : 2+o.processors], proxies: mine[2+o.processors:],
		}
	}
	printed, err := k.java(ctx, "kafka.tools.StorageTool", "random-uuid")
	if err != nil {
		return nil, fmt.Errorf("make a cluster id: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(printed), "\n") // a logger may have its say first
	for _, b := range k.brokers {
		if err := k.format(ctx, b, lines[len(lines)-1]); err != nil {
			return nil, err
		}
	}
	for _, b := range k.brokers {
		if err := k.start(b); err != nil {
			return nil, err
		}
	}
	if k.client, err = kgo.NewClient(kgo.SeedBrokers(k.direct()...), kgo.RequestRetries(20), kgo.RetryTimeout(30*time.Second)); err != nil {
		return nil, fmt.Errorf("client of the cluster: %w", err)
	}
	return k, k.await(ctx, 5*time.Minute, "all brokers to serve", k.allServe)
}

// direct are the addresses that are never cut.
func (k *cluster) direct() []string {
	var list []string
	for _, b := range k.brokers {
		list = append(list, loopback(b.direct))
	}
	return list
}

// addresses are where a processor finds the brokers.
func (k *cluster) addresses(processor int) []string {
	var list []string
	for _, b := range k.brokers {
		list = append(list, loopback(b.proxies[processor]))
	}
	return list
}

// java runs one of Kafka's tools and returns what it prints.
func (k *cluster) java(ctx context.Context, arguments ...string) (string, error) {
	file, err := os.CreateTemp(k.folder, "tool-")
	if err != nil {
		return "", fmt.Errorf("output of java %v: %w", arguments, err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_ = file.Close() // the tool appends to it
	program := append([]string{"-Xmx128m", "-cp", filepath.Join(k.options.libs, "*")}, arguments...)
	tool, err := k.children.start("java "+arguments[0], file.Name(), nil, "java", program...)
	if err != nil {
		return "", err
	}
	if err := tool.wait(ctx, 3*time.Minute); err != nil {
		return "", err
	}
	printed, err := os.ReadFile(file.Name())
	if err == nil && tool.exitCode() != 0 {
		err = fmt.Errorf("java %v: exit code %d: %s", arguments, tool.exitCode(), printed)
	}
	return string(printed), err
}

func (k *cluster) format(ctx context.Context, b *broker, id string) error {
	if err := os.MkdirAll(b.folder, 0o700); err != nil {
		return fmt.Errorf("folder of broker %d: %w", b.id, err)
	}
	if err := os.WriteFile(k.properties(b), []byte(k.settings(b)), 0o600); err != nil {
		return fmt.Errorf("settings of broker %d: %w", b.id, err)
	}
	if err := os.WriteFile(filepath.Join(b.folder, "log4j2.yaml"), []byte(brokerLog), 0o600); err != nil {
		return fmt.Errorf("logging of broker %d: %w", b.id, err)
	}
	_, err := k.java(ctx, "kafka.tools.StorageTool", "format", "-t", id, "-c", k.properties(b))
	return err
}

func (k *cluster) properties(b *broker) string { return filepath.Join(b.folder, "server.properties") }

const brokerLog = `Configuration:
  Appenders:
    Console: {name: out, PatternLayout: {pattern: "%d %p %c{1} %m%n"}}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: out}]}
`

// start starts a broker on the log that it has.
func (k *cluster) start(b *broker) (err error) {
	b.child, err = k.children.start(fmt.Sprintf("broker %d", b.id), filepath.Join(b.folder, "output"), nil, "java",
		"-Xms256m", "-Xmx448m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j2.configurationFile="+filepath.Join(b.folder, "log4j2.yaml"), "-cp", filepath.Join(k.options.libs, "*"),
		"kafka.Kafka", k.properties(b))
	return err
}

// await polls until a condition holds; the condition's error says what is missing.
func (k *cluster) await(ctx context.Context, within time.Duration, what string, condition func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last := errors.New("not asked yet")
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %w", what, ctx.Err(), last)
		case <-tick.C:
			if last = condition(ctx); last == nil {
				return nil
			}
		}
	}
}

// allServe says whether every broker is known to the cluster.
func (k *cluster) allServe(ctx context.Context) error {
	for _, b := range k.brokers {
		if !b.child.alive() {
			return fmt.Errorf("broker %d ended: see %s", b.id, filepath.Join(b.folder, "output"))
		}
	}
	ask, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	response, err := kmsg.NewPtrMetadataRequest().RequestWith(ask, k.client)
	if err != nil {
		return err
	}
	if len(response.Brokers) < replicas {
		return fmt.Errorf("%d of %d brokers serve", len(response.Brokers), replicas)
	}
	return nil
}

// inSync says whether every replica of every partition is in sync, so that one broker may go down.
func (k *cluster) inSync(ctx context.Context) error {
	if err := k.allServe(ctx); err != nil {
		return err
	}
	ask, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	response, err := kmsg.NewPtrMetadataRequest().RequestWith(ask, k.client)
	if err != nil {
		return err
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if len(p.ISR) < replicas || p.Leader < 0 {
				return fmt.Errorf("%s/%d has %d replicas in sync, leader %d", *t.Topic, p.Partition, len(p.ISR), p.Leader)
			}
		}
	}
	return nil
}

// createSource makes the topic of the events, stamped by the brokers.
func (k *cluster) createSource(ctx context.Context, topic string) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	one := kmsg.NewCreateTopicsRequestTopic()
	one.Topic, one.NumPartitions, one.ReplicationFactor = topic, int32(k.options.partitions), replicas //nolint:gosec // a few
	for name, value := range map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"} {
		setting := kmsg.NewCreateTopicsRequestTopicConfig()
		setting.Name, setting.Value = name, &value
		one.Configs = append(one.Configs, setting)
	}
	request.Topics = append(request.Topics, one)
	request.TimeoutMillis = 20_000
	response, err := request.RequestWith(ctx, k.client)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	if err := kerr.ErrorForCode(response.Topics[0].ErrorCode); err != nil {
		return fmt.Errorf("create topic %s: %w", topic, err)
	}
	return k.await(ctx, 2*time.Minute, "replicas of "+topic, k.inSync)
}

// kill ends a broker as a loss of power would end its process.
func (b *broker) kill(ctx context.Context) error {
	b.child.signal(syscall.SIGKILL)
	return b.child.wait(ctx, 10*time.Second)
}

func (k *cluster) close() {
	if k.client != nil {
		k.client.Close()
	}
}
