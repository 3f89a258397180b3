package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

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
	cmd := exec.CommandContext(ctx, "java", "-cp", o.classes, "Peer", strings.Join(o.brokers, ","), o.topic, application, p.store, p.guarantee, filepath.Join(dir, "state"))
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
