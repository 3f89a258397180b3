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
	wait.Go(func() { n.lane(ctx, "processors", s.processors, n.awaitProcessor, n.strikeProcessor) })
	wait.Go(func() { n.lane(ctx, "brokers", s.brokers, n.awaitBrokers, n.strikeBroker) })
	wait.Wait()
}

// readyWithin is for how long a strike waits for its target: one that is only ever struck while it
// recovers would be tested in nothing else.
const readyWithin = 30 * time.Second

func (n *nemesis) awaitProcessor(ctx context.Context, s strike) error {
	err := n.cluster.await(ctx, readyWithin, "the target", func(ctx context.Context) error { return ready(ctx, n.processors[s.target]) })
	if err != nil {
		n.say("processor %d is not ready after %s: struck all the same", s.target, readyWithin)
	}
	return ctx.Err()
}

// awaitBrokers waits for all replicas to be in sync, so that never more than one broker is down.
func (n *nemesis) awaitBrokers(ctx context.Context, _ strike) error {
	for ctx.Err() == nil {
		err := n.cluster.await(ctx, readyWithin, "replicas before the next fault of a broker", n.cluster.inSync)
		if err == nil {
			return nil
		}
		n.say("%v", err)
	}
	return ctx.Err()
}

func (n *nemesis) lane(ctx context.Context, name string, list []strike, ready func(context.Context, strike) error,
	carryOut func(context.Context, strike) (bool, error),
) {
	for _, one := range list {
		if ready(ctx, one) != nil || pause(ctx, one.after) != nil {
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

// The times that a placed kill waits: for its point to come by, and, where it does not, for another life
// to come to it, which includes the session that the killed member leaves behind in the group.
const (
	pointWithin = 5 * time.Second
	lifeWithin  = 20 * time.Second
)

// placedKill tells a processor where to kill itself, and waits until it has. Where the point does not
// come by, it is killed and meets the point in its next life, as those that only a start leads to. One
// that does not come by even then is left.
func (n *nemesis) placedKill(ctx context.Context, p *processor, s strike) (bool, error) {
	defer func() { _ = os.Remove(p.failpoint()) }()
	whole := p.failpoint() + ".new" // a file that is not yet written must not be read
	if err := os.WriteFile(whole, fmt.Appendf(nil, "%s:%d", s.point, s.pass), 0o600); err != nil {
		return false, err
	}
	one := p.current()
	p.expect("killed at " + s.point)
	if err := os.Rename(whole, p.failpoint()); err != nil {
		return false, err
	}
	if one.wait(ctx, pointWithin) != nil {
		p.strikeDown("killed, to be killed at " + s.point)
		next, err := p.next(ctx, one)
		if err != nil {
			return false, err
		}
		p.expect("killed at " + s.point)
		if one = next; one.wait(ctx, lifeWithin) != nil {
			p.expect("")
			return false, nil
		}
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

// strikeBroker carries out one fault against a broker and brings it back.
func (n *nemesis) strikeBroker(ctx context.Context, s strike) (bool, error) {
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
