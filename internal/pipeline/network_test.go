package pipeline

import (
	"context"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/broker"
	"processor/internal/kafkatest"
)

// network lies between the service and its brokers, and can be cut. What the test itself asks of the
// brokers does not go through it.
type network struct {
	through func(ctx context.Context, network, address string) (net.Conn, error)
	refused atomic.Int64 // connections, while it was down

	mu    sync.Mutex
	down  bool
	conns []*line
}

// line is one connection.
type line struct {
	net.Conn
	deaf atomic.Bool // half-open: it takes what is written and never says a word
}

// Read blocks for ever on a deaf line, but for its deadline and its end.
func (l *line) Read(b []byte) (int, error) {
	for {
		n, err := l.Conn.Read(b)
		if err != nil || !l.deaf.Load() {
			return n, err
		}
	}
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	down := n.down
	n.mu.Unlock()
	if down {
		n.refused.Add(1)
		return nil, &net.OpError{Op: "dial", Net: kind, Err: syscall.ECONNREFUSED}
	}
	conn, err := n.through(ctx, kind, address)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: conn}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, l)
	return l, nil
}

// cut ends all connections; while it stays down there are no new ones.
func (n *network) cut(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// deafen makes every connection of this moment half-open.
func (n *network) deafen() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.deaf.Store(true)
	}
	n.conns = nil
}

// behind puts a network between the service and its brokers.
func (w *world) behind(o broker.Options) *network {
	w.t.Helper()
	n := &network{through: (&net.Dialer{}).DialContext}
	if w.kafka.Dial != nil {
		n.through = w.kafka.Dial
	}
	o.Brokers, o.Dial = w.kafka.Brokers, n.dial
	c, err := broker.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	before := w.change
	w.change = func(o *Options) {
		o.Cluster = c
		if before != nil {
			before(o)
		}
	}
	return n
}

// onNodes is a world on an in-process cluster of three brokers.
func onNodes(t *testing.T, delivery Delivery) *world {
	t.Helper()
	k := kafkatest.StartFake(t, 3)
	return &world{
		t: t, kafka: k, partitions: 3, prefix: k.Topic("out."), dir: t.TempDir(), clock: testClock,
		topic: k.Create(t, "events", 3, kafkatest.AppendTime), metrics: new(Metrics), core: testCore(),
		change: func(o *Options) { o.Delivery = delivery },
	}
}

// Leaders and coordinators move, replicas are missing, requests are refused and connections break while
// the service works: it never ends, and no row is lost, sent twice or late (faults F23 to F26).
// PROCESSOR_TROUBLES is how often, 4 times by default.
func TestTroubleWithTheBrokers(t *testing.T) {
	t.Parallel() // it mostly waits
	troubles := []*kerr.Error{
		kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.KafkaStorageError,
	}
	rounds := 4
	if text := os.Getenv("PROCESSOR_TROUBLES"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("PROCESSOR_TROUBLES: %v", err)
		}
	}
	for _, delivery := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(delivery.String(), func(t *testing.T) {
			w := onNodes(t, delivery)
			n := w.behind(broker.Options{})
			records := companyEvents(t, 50*(rounds+1), "light")
			w.write(records[:50])
			service := w.serves(t, w.options())
			for i := range rounds {
				w.kafka.Fake.Fault(
					kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: troubles[i%len(troubles)], Count: 1 + i%3},
					kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: w.topic, Err: troubles[(i+2)%len(troubles)], Count: i % 3},
				)
				w.write(records[50+50*i : min(100+50*i, len(records))])
				switch i % 3 {
				case 0:
					w.kafka.Fake.ShufflePartitionLeaders()
				case 1:
					w.kafka.Fake.RehashCoordinators()
				default:
					n.cut(false)
				}
				read := int64(len(w.events))
				service.until("what was written during the trouble is read", func(*Status) bool { return w.positions() >= read })
			}
			if err := service.end(); err != nil {
				t.Fatal(err)
			}
			w.compare()
			if delivery == ExactlyOnce {
				w.eachOnce()
			}
		})
	}
}

// All brokers are gone for a while, and come back: nobody has to do anything, and the same process goes
// on (fault F23).
func TestBrokersGoAndComeBack(t *testing.T) {
	t.Parallel() // it mostly waits
	w := onNodes(t, AtLeastOnce)
	n := w.behind(broker.Options{})
	records := companyEvents(t, 400, "light")
	w.write(records[:200])
	service := w.serves(t, w.options())
	n.cut(true)
	w.write(records[200:])
	service.until("connections are refused again and again", func(*Status) bool { return n.refused.Load() > 30 })
	n.cut(false)
	read := int64(len(w.events))
	service.until("what was written meanwhile is read", func(*Status) bool { return w.positions() == read })
	if err := service.end(); err != nil {
		t.Fatal(err)
	}
	w.compare()
}

// Connections over which nothing comes any more are given up after the request's deadline (fault F39).
func TestHalfOpenConnections(t *testing.T) {
	t.Parallel() // it mostly waits
	w := onNodes(t, AtLeastOnce)
	n := w.behind(broker.Options{RequestTimeout: 500 * time.Millisecond})
	records := companyEvents(t, 300, "light")
	w.write(records[:100])
	service := w.serves(t, w.options())
	for part := range 2 {
		n.deafen()
		w.write(records[100+100*part : 200+100*part])
		read := int64(len(w.events))
		service.until("it has new connections", func(*Status) bool { return w.positions() == read })
	}
	if err := service.end(); err != nil {
		t.Fatal(err)
	}
	w.compare()
}
