package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// network is what lies between one processor and all brokers: a proxy for each of them. It passes
// bytes, delays them, holds them back without a word (half-open: both sides think that they are
// connected), or refuses and resets every connection.
type network struct {
	listeners []net.Listener
	wait      sync.WaitGroup

	mu          sync.Mutex
	state       networkState
	changed     chan struct{} // closed at every change of state
	connections map[net.Conn]struct{}
	closed      bool
}

// networkState is how the network behaves.
type networkState struct {
	cut      bool
	silent   bool
	delaying time.Duration
}

// startNetwork listens on the ports that the brokers advertise to a processor.
func startNetwork(ctx context.Context, k *cluster, processor int) (*network, error) {
	n := &network{changed: make(chan struct{}), connections: map[net.Conn]struct{}{}}
	var config net.ListenConfig
	for _, b := range k.brokers {
		l, err := config.Listen(ctx, "tcp", loopback(b.proxies[processor]))
		if err != nil {
			n.close()
			return nil, fmt.Errorf("proxy of processor %d to broker %d: %w", processor, b.id, err)
		}
		n.listeners = append(n.listeners, l)
		n.wait.Go(func() { n.accept(l, loopback(b.listeners[processor])) })
	}
	return n, nil
}

// set changes how the network behaves; a cut resets what is connected.
func (n *network) set(s networkState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
	close(n.changed)
	n.changed = make(chan struct{})
	if s.cut {
		n.reset()
	}
}

// reset closes every connection with a TCP reset. The lock is held.
func (n *network) reset() {
	for c := range n.connections {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	clear(n.connections)
}

func (n *network) accept(l net.Listener, target string) {
	for {
		near, err := l.Accept()
		if err != nil {
			return // closed
		}
		n.mu.Lock()
		if n.state.cut || n.closed {
			_ = near.Close()
			n.mu.Unlock()
			continue
		}
		n.connections[near] = struct{}{}
		n.mu.Unlock()
		n.wait.Go(func() { n.connect(near, target) })
	}
}

// connect joins a connection of the processor with one to the broker.
func (n *network) connect(near net.Conn, target string) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	far, err := dialer.DialContext(context.Background(), "tcp", target)
	if err != nil {
		n.forget(near)
		return
	}
	n.mu.Lock()
	if _, lives := n.connections[near]; !lives {
		n.mu.Unlock()
		_ = far.Close()
		return
	}
	n.connections[far] = struct{}{}
	n.mu.Unlock()
	n.wait.Go(func() { n.copy(far, near) })
	n.copy(near, far)
}

// forget closes connections that are over.
func (n *network) forget(connections ...net.Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range connections {
		_ = c.Close()
		delete(n.connections, c)
	}
}

// copy passes bytes one way, as the state says at each of them, until either side ends.
func (n *network) copy(to, from net.Conn) {
	defer n.forget(to, from)
	buffer := make([]byte, 32<<10)
	for {
		got, err := from.Read(buffer)
		if got > 0 {
			if !n.pass() {
				return
			}
			if _, err := to.Write(buffer[:got]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits for as long as the network is slow or silent; false when it is cut.
func (n *network) pass() bool {
	begun := time.Now()
	for {
		n.mu.Lock()
		state, changed, closed := n.state, n.changed, n.closed
		n.mu.Unlock()
		left := state.delaying - time.Since(begun)
		switch {
		case state.cut || closed:
			return false
		case state.silent:
			<-changed
		case left > 0:
			timer := time.NewTimer(left)
			select {
			case <-timer.C:
			case <-changed:
			}
			timer.Stop()
		default:
			return true
		}
	}
}

// close ends everything and waits for it.
func (n *network) close() {
	for _, l := range n.listeners {
		_ = l.Close()
	}
	n.mu.Lock()
	n.closed = true
	close(n.changed)
	n.changed = make(chan struct{})
	n.reset()
	n.mu.Unlock()
	n.wait.Wait()
}
