package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// harness is one run.
type harness struct {
	*options
	begun      time.Time
	folder     string
	children   *children
	cluster    *cluster
	processors []*processor
	producer   *producer
	nemesis    *nemesis
	watch      *watch

	saying sync.Mutex
}

// run is a whole run: start, safety phase, liveness phase, checks. The error says everything that was
// found; nothing of the run is left running, whatever it is.
func run(ctx context.Context, o options) (err error) {
	h := &harness{options: &o, begun: time.Now(), children: newChildren()}
	if h.folder, err = os.MkdirTemp("", "chaos-"); err != nil {
		return fmt.Errorf("folder of the run: %w", err)
	}
	defer func() { err = errors.Join(err, h.close(err == nil)) }()
	points, err := stepPoints(o.repo)
	if err != nil {
		return err
	}
	plan := newSchedule(&o, points)
	events := workload(&o)
	h.announce(plan, events)
	if err := h.start(ctx); err != nil {
		return err
	}
	work, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { h.watch.run(work, h.processors) })
	for _, p := range h.processors {
		watching.Go(func() { p.supervise(work, h.say) })
	}
	err = h.phases(ctx, plan, events)
	stop()
	watching.Wait()
	if err != nil {
		return err
	}
	return h.verify(ctx, len(events))
}

// say prints one line with the time since the start.
func (h *harness) say(format string, args ...any) {
	h.saying.Lock()
	defer h.saying.Unlock()
	fmt.Printf("%7.1fs  %s\n", time.Since(h.begun).Seconds(), fmt.Sprintf(format, args...))
}

// announce prints everything that the options and the seed decide.
func (h *harness) announce(plan schedule, events []record) {
	o := h.options
	fmt.Printf("seed %d, %g minutes, %d events a second of %d accounts, company time up to %s\n", o.seed, o.minutes, o.rate, o.accounts, o.anchor.Format(time.DateOnly))
	fmt.Printf("%d brokers, %d processors, %d partitions, store %s, delivery %s\n", replicas, o.processors, o.partitions, o.store, o.delivery)
	fmt.Printf("%d events: %s\n", len(events), counts(events))
	plan.print()
	fmt.Printf("folder %s\n", h.folder)
}

// start brings up brokers, topic, proxies and processors, and waits until all of them are ready.
func (h *harness) start(ctx context.Context) (err error) {
	binary, err := build(ctx, h.options, h.folder)
	if err != nil {
		return err
	}
	h.say("starting %d brokers", replicas)
	if h.cluster, err = startCluster(ctx, h.options, h.children, h.folder); err != nil {
		return err
	}
	if err := h.cluster.createSource(ctx, sourceTopic); err != nil {
		return err
	}
	ports, err := freePorts(ctx, h.options.processors)
	if err != nil {
		return err
	}
	for number := range h.options.processors {
		p := &processor{
			number: number, options: h.options, children: h.children, binary: binary, http: ports[number],
			folder: filepath.Join(h.folder, fmt.Sprintf("processor-%d", number)), brokers: h.cluster.addresses(number), ends: map[string]int{},
		}
		if err := h.prepare(ctx, p); err != nil {
			return err
		}
		h.processors = append(h.processors, p)
		if err := p.start(); err != nil {
			return err
		}
		if number == 0 { // one creates the topics, so that the others do not race for it
			if err := h.await(ctx, 2*time.Minute, "processor 0 to be ready", func(ctx context.Context) error { return ready(ctx, p) }); err != nil {
				return fmt.Errorf("%w: %s", err, lastLine(p.log()))
			}
		}
	}
	if h.producer, err = newProducer(h.cluster); err != nil {
		return err
	}
	h.nemesis = newNemesis(h.cluster, h.processors, h.say)
	h.watch, err = newWatch(h.cluster, h.producer, h.nemesis)
	return err
}

// prepare makes what a processor needs before its first life.
func (h *harness) prepare(ctx context.Context, p *processor) (err error) {
	if err := os.MkdirAll(p.folder, 0o700); err != nil {
		return err
	}
	if h.options.store == storeDir && h.options.wants(faultDiskFull) {
		if p.disk, err = mountDisk(filepath.Join(p.folder, "disk")); err != nil {
			h.say("no disk will be full: this machine does not let this user mount one: %v", err)
			p.disk = nil
		}
	}
	if err := p.configure(); err != nil {
		return err
	}
	p.network, err = startNetwork(ctx, h.cluster, p.number)
	return err
}

func (h *harness) await(ctx context.Context, within time.Duration, what string, condition func(context.Context) error) error {
	return h.cluster.await(ctx, within, what, condition)
}

// ready asks a processor's readiness probe.
func ready(ctx context.Context, p *processor) error {
	_, err := get(ctx, p, "/readyz")
	return err
}

// get is the answer of a processor's HTTP port.
func get(ctx context.Context, p *processor, path string) ([]byte, error) {
	ask, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ask, http.MethodGet, "http://"+loopback(p.http)+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s of processor %d: %s: %.200s", path, p.number, response.Status, body)
	}
	return body, err
}

// phases are the safety phase, in which events come and faults strike, and the liveness phase, in which
// nothing is broken any more and everything must drain.
func (h *harness) phases(ctx context.Context, plan schedule, events []record) error {
	h.say("events begin to come")
	striking, calm := context.WithTimeout(ctx, h.options.duration())
	defer calm()
	struck := make(chan struct{})
	go func() {
		defer close(struck)
		h.nemesis.strike(striking, plan)
	}()
	err := h.producer.run(ctx, h.options, events)
	calm()
	<-struck
	if err != nil {
		return err
	}
	h.say("all events are in the log and nothing is broken any more; %d are not in a progress row yet", h.watch.behind())
	begun := time.Now()
	err = h.await(ctx, h.options.drain, "everything to drain", func(ctx context.Context) error {
		for _, p := range h.processors {
			if err := ready(ctx, p); err != nil {
				return err
			}
		}
		if n := h.watch.behind(); n > 0 {
			return fmt.Errorf("%d events are in no progress row", n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	h.say("drained within %s", time.Since(begun).Round(100*time.Millisecond))
	return h.stopInOrder(ctx)
}

// stopInOrder ends the processors one after the other; the last one has every shard, so that all stand
// at one watermark when it stops.
func (h *harness) stopInOrder(ctx context.Context) error {
	for i, p := range h.processors {
		h.conserve(ctx, p)
		if i == len(h.processors)-1 {
			err := h.await(ctx, time.Minute, "the last processor to have every shard", func(ctx context.Context) error { return hasAll(ctx, p, h.partitions) })
			if err != nil {
				return err
			}
		}
		if err := p.retire(ctx, 40*time.Second); err != nil {
			return err
		}
	}
	h.say("stopped in order")
	return nil
}

// close ends everything that was started, and says if something is left.
func (h *harness) close(passed bool) error {
	for _, p := range h.processors {
		p.mu.Lock()
		p.wanted = false
		p.mu.Unlock()
	}
	if h.watch != nil {
		h.watch.close()
	}
	if h.producer != nil {
		h.producer.close()
	}
	err := h.children.endAll()
	for _, p := range h.processors {
		if p.network != nil {
			p.network.close()
		}
		if p.disk != nil {
			err = errors.Join(err, p.disk.unmount())
		}
	}
	if h.cluster != nil {
		h.cluster.close()
	}
	if passed && !h.options.keep {
		return errors.Join(err, os.RemoveAll(h.folder))
	}
	fmt.Printf("kept: %s\n", h.folder)
	return err
}
