package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// nemesis carries out a schedule and counts what it did.
type nemesis struct {
	cluster    *cluster
	processors []*processor
	say        func(format string, args ...any)

	mu     sync.Mutex
	counts map[fault]int
	failed map[fault]int     // that could not be carried out
	points map[string]int    // placed kills, by point
	active map[string]string // by lane: what is going on
}

func newNemesis(k *cluster, processors []*processor, say func(string, ...any)) *nemesis {
	return &nemesis{
		cluster: k, processors: processors, say: say,
		counts: map[fault]int{}, failed: map[fault]int{}, points: map[string]int{}, active: map[string]string{},
	}
}

// strike carries out both lanes until ctx ends, and leaves nothing broken.
func (n *nemesis) strike(ctx context.Context, s schedule) {
	var wait sync.WaitGroup
	wait.Go(func() { n.lane(ctx, "processors", s.processors, n.strikeProcessor) })
	wait.Go(func() { n.lane(ctx, "brokers", s.brokers, n.strikeBroker) })
	wait.Wait()
}

func (n *nemesis) lane(ctx context.Context, name string, list []strike, carryOut func(context.Context, strike) (bool, error)) {
	for _, one := range list {
		if pause(ctx, one.after) != nil {
			return
		}
		n.say("%s", one)
		n.mu.Lock()
		n.active[name] = fmt.Sprintf("%s %d %s", one.fault, one.target, one.point)
		n.mu.Unlock()
		done, err := carryOut(ctx, one)
		n.mu.Lock()
		delete(n.active, name)
		if done {
			n.counts[one.fault]++
		} else {
			n.failed[one.fault]++
		}
		n.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			n.say("%s of %d: %v", one.fault, one.target, err)
		}
	}
}

// now says what is going on.
func (n *nemesis) now() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := ""
	for _, lane := range sorted(n.active) {
		text += " " + n.active[lane]
	}
	return text
}

// strikeProcessor carries out one fault against a processor; done says that it came to it.
func (n *nemesis) strikeProcessor(ctx context.Context, s strike) (done bool, err error) {
	p := n.processors[s.target]
	switch s.fault {
	case faultPlacedKill:
		return n.placedKill(ctx, p, s)
	case faultKill:
		p.strikeDown("killed")
		return true, nil
	case faultCrashLoop:
		p.strikeDown("killed")
		for _, d := range s.again {
			if err := pause(ctx, time.Second+d); err != nil { // a second until it is started again
				return true, err
			}
			p.strikeDown("killed while it recovered")
		}
		return true, nil
	case faultTerm:
		one := p.current()
		p.expect("terminated before it could stop in order")
		one.signal(syscall.SIGTERM)
		if err := one.wait(ctx, 30*time.Second); err != nil && ctx.Err() == nil {
			p.strikeDown("killed after 30 s of stopping")
			return true, err
		}
		return true, nil
	case faultPause:
		one := p.current()
		one.signal(syscall.SIGSTOP)
		defer one.signal(syscall.SIGCONT)
		return true, pause(ctx, s.lasts)
	case faultCut, faultSilence, faultLatency:
		defer p.network.set(networkState{})
		p.network.set(map[fault]networkState{
			faultCut: {cut: true}, faultSilence: {silent: true}, faultLatency: {delaying: 400 * time.Millisecond},
		}[s.fault])
		return true, pause(ctx, s.lasts)
	case faultDiskFull:
		return n.fillDisk(ctx, p, s)
	default:
		return false, fmt.Errorf("%s is no fault of a processor", s.fault)
	}
}

// placedKill tells a processor where to kill itself, and waits until it has. A point that does not come
// by, because nothing leads there at the time, is left.
func (n *nemesis) placedKill(ctx context.Context, p *processor, s strike) (bool, error) {
	one := p.current()
	p.expect("killed at " + s.point)
	whole := p.failpoint() + ".new" // a file that is not yet written must not be read
	if err := os.WriteFile(whole, []byte(fmt.Sprintf("%s:%d", s.point, s.pass)), 0o600); err != nil {
		return false, err
	}
	if err := os.Rename(whole, p.failpoint()); err != nil {
		return false, err
	}
	err := one.wait(ctx, 12*time.Second)
	if err != nil {
		_ = os.Remove(p.failpoint())
		if one.alive() {
			p.expect("")
		}
		return false, nil //nolint:nilerr // not every point comes by every time
	}
	n.mu.Lock()
	n.points[s.point]++
	n.mu.Unlock()
	return true, nil
}

func (n *nemesis) fillDisk(ctx context.Context, p *processor, s strike) (bool, error) {
	if p.disk == nil {
		return false, nil
	}
	err := p.disk.fill()
	if err == nil {
		err = pause(ctx, s.lasts)
	}
	if freeErr := p.disk.free(); freeErr != nil {
		return true, freeErr
	}
	return true, err
}

// strikeBroker carries out one fault against a broker, once all replicas are in sync, so that never more
// than one is down, and waits until it is back.
func (n *nemesis) strikeBroker(ctx context.Context, s strike) (bool, error) {
	if err := n.cluster.await(ctx, 90*time.Second, "replicas before the next fault of a broker", n.cluster.inSync); err != nil {
		return false, err
	}
	b := n.cluster.brokers[s.target]
	if s.fault == faultBrokerPause {
		b.child.signal(syscall.SIGSTOP)
		defer b.child.signal(syscall.SIGCONT)
		return true, pause(ctx, s.lasts)
	}
	if err := b.kill(ctx); err != nil {
		return false, err
	}
	waited := pause(ctx, s.lasts)
	if err := n.cluster.start(b); err != nil {
		return true, err
	}
	return true, waited
}

// total is how many faults were carried out.
func (n *nemesis) total() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	sum := 0
	for _, count := range n.counts {
		sum += count
	}
	return sum
}
