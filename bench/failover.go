package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"processor/internal/broker"
)

// outage is a steady stream whose service is killed halfway.
type outage struct {
	*stream
	delivery string
	dir      string
	running  []*exec.Cmd // the instances
	killed   time.Duration
	again    map[int32]time.Duration // by partition, when the first row of an event was seen that is due after the kill
}

// failoverStart is until when the first rows are expected, and what is killed lies behind.
const failoverStart = 20 * time.Second

// failovers kills one instance that is started again at once, with its state in each store, and one of two.
func (o *options) failovers(ctx context.Context) error {
	if o.seconds < 2*failoverStart {
		return fmt.Errorf("-for %s: it must be at least %s", o.seconds, 2*failoverStart)
	}
	for _, delivery := range []string{atLeastOnce, exactlyOnce} {
		for _, c := range []struct {
			name, store string
			instances   int
		}{
			{"one instance, started again", "dir", 1}, {"one instance, started again", "kafka", 1}, {"one of two instances", "kafka", 2},
		} {
			out, err := o.failoverOnce(ctx, delivery, c.store, c.instances)
			if err != nil {
				return fmt.Errorf("%s, %s, store %s: %w", delivery, c.name, c.store, err)
			}
			first, last := out.waits()
			fmt.Printf("%-15s store %-6s %-28s first new row after %6.2f s, of the last partition after %6.2f s\n", delivery, c.store, c.name, first.Seconds(), last.Seconds())
		}
	}
	return nil
}

// waits are how long after the kill rows came again in the first partition, and in the last.
func (u *outage) waits() (first, last time.Duration) {
	first = time.Duration(1<<63 - 1)
	for _, at := range u.again {
		first, last = min(first, at-u.killed), max(last, at-u.killed)
	}
	return first, last
}

// failoverOnce is one deployment, killed halfway. It ends when every event is in the rows.
func (o *options) failoverOnce(ctx context.Context, delivery, store string, instances int) (u *outage, err error) {
	dir, err := os.MkdirTemp("", "processor-bench")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cluster, err := broker.New(broker.Options{Brokers: o.brokers})
	if err != nil {
		return nil, err
	}
	defer cluster.Close()
	s, err := o.newStream(ctx, cluster, fmt.Sprintf("failover-%d", time.Now().UnixNano()))
	if err != nil {
		return nil, err
	}
	s.store = store
	u = &outage{stream: s, delivery: delivery, dir: dir, again: map[int32]time.Duration{}}
	defer func() { err = errors.Join(err, u.stop()) }()
	for i := range instances {
		if err := u.startInstance(ctx, i); err != nil {
			return nil, err
		}
	}
	return u, u.watchKill(ctx, cluster, instances == 1)
}

// startInstance starts an instance, or one that was killed, and waits until it is ready where it is new.
func (u *outage) startInstance(ctx context.Context, i int) error {
	own := filepath.Join(u.dir, fmt.Sprintf("instance-%d", i))
	isNew := i == len(u.running)
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	cmd, err := u.configured(ctx, own+".yaml", u.config(u.topic, own, address, u.delivery, u.promptly()))
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	if !isNew {
		u.running[i] = cmd
		return nil
	}
	u.running = append(u.running, cmd)
	return awaitReady(ctx, address)
}

// watchKill sends and watches, and kills the first instance halfway.
func (u *outage) watchKill(ctx context.Context, cluster *broker.Cluster, restart bool) error {
	bounded, cancel := context.WithTimeout(ctx, u.seconds+3*time.Minute)
	defer cancel()
	u.start, u.killed = time.Now(), u.seconds/2
	results := make(chan error, 3)
	go func() { results <- u.watch(bounded, cluster, "accounts", u.accountRow(), u.note) }()
	go func() { results <- u.send(bounded, cluster) }()
	go func() {
		err := u.kill(bounded)
		if err == nil && restart {
			err = u.startInstance(ctx, 0) // which lives on
		}
		results <- err
	}()
	var err error
	for range cap(results) {
		if one := <-results; one != nil {
			err = errors.Join(err, one)
			cancel()
		}
	}
	return err
}

// kill kills the first instance when its time has come.
func (u *outage) kill(ctx context.Context) error {
	if err := broker.Sleep(ctx, u.killed-time.Since(u.start)); err != nil {
		return err
	}
	if err := u.running[0].Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill the service: %w", err)
	}
	_ = u.running[0].Wait() // it was killed
	u.running[0] = nil
	return nil
}

// note is told of each event when it is seen in a row.
func (u *outage) note(n int64, partition int32, at time.Duration) {
	if _, known := u.again[partition]; !known && u.due(n) >= u.killed {
		u.again[partition] = at
	}
}

// stop ends what still runs, in good order.
func (u *outage) stop() error {
	var problems []error
	for _, cmd := range u.running {
		if cmd == nil {
			continue
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			problems = append(problems, fmt.Errorf("%s ended badly: %w", cmd.Path, err))
		}
	}
	return errors.Join(problems...)
}
