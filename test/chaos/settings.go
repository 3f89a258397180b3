package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// settings are a broker's properties: what a careful operator sets (three replicas, two of them in sync
// for an acknowledgement, no unclean election), shorter times until a broker counts as gone, so that a
// fault every few seconds has an end before the next one, and small internal topics.
func (k *cluster) settings(b *broker) string {
	listeners := []string{fmt.Sprintf("CONTROLLER://%s", loopback(b.controller)), fmt.Sprintf("DIRECT://%s", loopback(b.direct))}
	advertised := []string{fmt.Sprintf("DIRECT://%s", loopback(b.direct))}
	protocols := []string{"CONTROLLER:PLAINTEXT", "DIRECT:PLAINTEXT"}
	for p := range b.listeners {
		listeners = append(listeners, fmt.Sprintf("PROCESSOR%d://%s", p, loopback(b.listeners[p])))
		advertised = append(advertised, fmt.Sprintf("PROCESSOR%d://%s", p, loopback(b.proxies[p])))
		protocols = append(protocols, fmt.Sprintf("PROCESSOR%d:PLAINTEXT", p))
	}
	var voters []string
	for _, one := range k.brokers {
		voters = append(voters, fmt.Sprintf("%d@%s", one.id, loopback(one.controller)))
	}
	lines := []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", b.id),
		"listeners=" + strings.Join(listeners, ","),
		"advertised.listeners=" + strings.Join(advertised, ","),
		"listener.security.protocol.map=" + strings.Join(protocols, ","),
		"controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=DIRECT",
		"controller.quorum.voters=" + strings.Join(voters, ","),
		"log.dirs=" + filepath.Join(b.folder, "log"),
		"auto.create.topics.enable=false",
		"default.replication.factor=3",
		"min.insync.replicas=2",
		"unclean.leader.election.enable=false",
		"offsets.topic.num.partitions=4",
		"offsets.topic.replication.factor=3",
		"transaction.state.log.num.partitions=4",
		"transaction.state.log.replication.factor=3",
		"transaction.state.log.min.isr=2",
		"share.coordinator.state.topic.replication.factor=3",
		"share.coordinator.state.topic.min.isr=2",
		"group.initial.rebalance.delay.ms=500",
		"broker.session.timeout.ms=6000",
		"broker.heartbeat.interval.ms=1000",
		"replica.lag.time.max.ms=6000",
		"num.network.threads=2",
		"num.io.threads=4",
		"log.cleaner.dedupe.buffer.size=4194304",
		"log.cleaner.backoff.ms=1000",
	}
	if k.options.delivery == exactlyOnce {
		// The checker reads what every transaction wrote, from the first to the last.
		lines = append(lines, "log.cleaner.enable=false")
	}
	return strings.Join(lines, "\n") + "\n"
}
