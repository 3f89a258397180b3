package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"processor/internal/broker"
	"processor/internal/consumer"
)

// peer is one way to run the same work in Kafka Streams.
type peer struct {
	store, guarantee string
	beside           string // the phase of ours that promises as much
}

var peers = []peer{
	{"memory", "at_least_once", atLeastOnce},
	{"rocksdb", "at_least_once", atLeastOnce},
	{"memory", "exactly_once_v2", exactlyOnce},
	{"rocksdb", "exactly_once_v2", exactlyOnce},
}

func (p peer) phase() string { return "streams-" + p.store + "-" + p.guarantee }

func peerPhases() (names []string) {
	for _, p := range peers {
		names = append(names, p.phase())
	}
	return names
}

// buildPeer compiles the Java program and returns its class path.
func buildPeer(ctx context.Context) (classes string, err error) {
	cmd := exec.CommandContext(ctx, "bench/peer/build")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build the peer: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// peerCommand runs the peer, which commits and sends the rows of segments once in an interval.
func (o *options) peerCommand(ctx context.Context, p peer, topic, application, dir string, interval time.Duration) *exec.Cmd {
	return exec.CommandContext(ctx, "java", "-cp", o.classes, "Peer", strings.Join(o.brokers, ","), topic, application, p.store, p.guarantee,
		filepath.Join(dir, "state"), strconv.FormatInt(interval.Milliseconds(), 10))
}

// startPeer is the peer over a stream, with rows as often as ours.
func (o *options) startPeer(p peer) startStream {
	return func(ctx context.Context, cluster *broker.Cluster, s *stream, dir string) (*exec.Cmd, func() error, int, error) {
		ready := func() error {
			for {
				topics, err := cluster.Topics(ctx, s.prefix+"accounts", s.prefix+"metrics")
				if err == nil && len(topics[s.prefix+"accounts"].Partitions) > 0 && len(topics[s.prefix+"metrics"].Partitions) > 0 {
					return nil
				}
				if err := broker.Sleep(ctx, time.Second); err != nil {
					return fmt.Errorf("wait for the peer's topics: %w", err)
				}
			}
		}
		return o.peerCommand(ctx, p, s.topic, s.topic, dir, o.flush), ready, killed, nil
	}
}

// killed is how a JVM ends that was asked to stop.
const killed = 128 + int(syscall.SIGTERM)

// peer runs the peer over the topic, from nothing until it has committed every event, and stops it.
func (o *options) peer(ctx context.Context, p peer, round int) (figure, error) {
	dir, err := os.MkdirTemp("", "processor-bench")
	if err != nil {
		return figure{}, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	application := fmt.Sprintf("%s-%d-%d", p.phase(), time.Now().Unix(), round)
	cmd := o.peerCommand(ctx, p, o.topic, application, dir, time.Second)
	cluster, partitions, err := o.open(ctx)
	if err != nil {
		return figure{}, err
	}
	defer cluster.Close()
	committed := func(ctx context.Context) (n int, err error) {
		offsets, err := consumer.CommittedOffsets(ctx, cluster, application, partitions)
		for _, next := range offsets {
			n += int(max(next, 0))
		}
		return n, err
	}
	return o.untilRead(ctx, cmd, committed, killed)
}
