package sink_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/segmentio/kafka-go/protocol"

	"processor/internal/broker"
	"processor/internal/kafkatest"
)

// wire is a network that loses what it is told to lose. It sees the kinds of the requests that are
// written to its connections, and closes the connection on which something is lost.
type wire struct {
	mu       sync.Mutex
	requests map[protocol.ApiKey]int // lose so many, before the broker sees them; below 0: all
	answers  map[protocol.ApiKey]int // lose so many, after the broker has acted
	held     map[protocol.ApiKey]chan struct{}
	arrived  chan struct{} // one for each held request that was let go
	counts   map[protocol.ApiKey]int
}

func newWire() *wire {
	return &wire{
		requests: map[protocol.ApiKey]int{}, answers: map[protocol.ApiKey]int{},
		held: map[protocol.ApiKey]chan struct{}{}, arrived: make(chan struct{}, 10), counts: map[protocol.ApiKey]int{},
	}
}

// lose makes the network lose n requests of a kind, or their answers.
func (w *wire) lose(key protocol.ApiKey, requests, answers int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests[key], w.answers[key] = requests, answers
}

// hold keeps the next request of a kind on its way until the returned function is called; the sender
// believes the connection to be broken. The function waits until the broker has answered.
func (w *wire) hold(key protocol.ApiKey) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	gate := make(chan struct{})
	w.held[key] = gate
	return func() {
		close(gate)
		<-w.arrived
	}
}

func (w *wire) count(key protocol.ApiKey) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[key]
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: conn, wire: w}, nil
}

// cluster is a connection pool over the wire.
func (w *wire) cluster(t testing.TB, k *kafkatest.Kafka) *broker.Cluster {
	t.Helper()
	c, err := broker.New(broker.Options{Brokers: k.Brokers, Dial: w.dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

var errLost = fmt.Errorf("lost on the wire: %w", syscall.ECONNRESET)

type wireConn struct {
	net.Conn
	wire *wire

	mu     sync.Mutex
	left   int  // bytes of the current request that are still to be written
	cut    bool // the next answer is lost
	late   []byte
	gate   chan struct{}
	handed bool // the connection belongs to the held request
}

func take(m map[protocol.ApiKey]int, key protocol.ApiKey) bool {
	if m[key] == 0 {
		return false
	}
	m[key]--
	return true
}

// Write follows the frames: 4 bytes of length, then the kind of the request.
func (c *wireConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left <= 0 && len(b) >= 6 {
		c.left = 4 + int(int32(binary.BigEndian.Uint32(b)))
		key := protocol.ApiKey(binary.BigEndian.Uint16(b[4:]))
		w := c.wire
		w.mu.Lock()
		w.counts[key]++
		lost := take(w.requests, key)
		c.cut = c.cut || take(w.answers, key)
		if gate := w.held[key]; gate != nil {
			c.gate = gate
			delete(w.held, key)
		}
		w.mu.Unlock()
		if lost {
			_ = c.Conn.Close()
			return 0, errLost
		}
	}
	c.left -= len(b)
	if c.gate != nil {
		c.late = append(c.late, b...)
		if c.left <= 0 {
			c.handed = true
			go c.deliver(c.gate)
		}
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// deliver brings a held request to the broker and waits for its answer.
func (c *wireConn) deliver(gate chan struct{}) {
	<-gate
	if _, err := c.Conn.Write(c.late); err == nil {
		_, _ = c.Conn.Read(make([]byte, 1))
	}
	_ = c.Conn.Close()
	c.wire.arrived <- struct{}{}
}

func (c *wireConn) Read(b []byte) (int, error) {
	if c.broken() {
		return 0, errLost
	}
	n, err := c.Conn.Read(b) // the broker has acted
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		_ = c.Conn.Close()
		return 0, errLost
	}
	return n, err
}

func (c *wireConn) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.handed
}

// Close leaves a connection to its held request.
func (c *wireConn) Close() error {
	if c.broken() {
		return nil
	}
	return c.Conn.Close()
}
