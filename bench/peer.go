package main

import (
	"context"
	"errors"
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
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return figure{}, fmt.Errorf("start the peer: %w", err)
	}
	wall, err := o.awaitCommitted(ctx, application, start)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return figure{}, err
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return figure{}, fmt.Errorf("stop the peer: %w", err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == killed) {
		return figure{}, fmt.Errorf("the peer ended badly: %w", err)
	}
	return finished(cmd, wall), nil
}

// awaitCommitted waits until a group has committed every event, for at most 15 minutes.
func (o *options) awaitCommitted(ctx context.Context, group string, start time.Time) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	cluster, partitions, err := o.open(ctx)
	if err != nil {
		return 0, err
	}
	defer cluster.Close()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for the peer to read %d events: %w", o.events, ctx.Err())
		case <-tick.C:
			offsets, err := consumer.CommittedOffsets(ctx, cluster, group, partitions)
			if err != nil {
				continue // the group begins, or its coordinator
			}
			committed := 0
			for _, next := range offsets {
				committed += int(max(next, 0))
			}
			if committed >= o.events {
				return time.Since(start), nil
			}
		}
	}
}
