// Package kafkatest gives tests a Kafka to talk to: an in-process one by default, or the real
// brokers named in KAFKA_BROKERS, where every test gets topic names of its own. It must never be
// imported by anything but tests.
package kafkatest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"processor/internal/broker"
	"processor/internal/embedded"
)

// Kafka is what Start gives.
type Kafka struct {
	Brokers []string
	Cluster *broker.Cluster
	Fake    *kfake.Cluster // nil when the brokers are real; see NeedFake
	prefix  string

	// Dial reaches the brokers of StartVirtual; nil: the network does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Real says whether tests run against the brokers named in KAFKA_BROKERS.
func Real() bool { return os.Getenv("KAFKA_BROKERS") != "" }

// Start gives a test its brokers: those in KAFKA_BROKERS, or an in-process cluster with so many
// nodes. Everything is closed when the test ends.
func Start(t testing.TB, nodes int) *Kafka {
	t.Helper()
	if Real() {
		return connect(t, &Kafka{Brokers: strings.Split(os.Getenv("KAFKA_BROKERS"), ",")})
	}
	return startFake(t, nodes)
}

// StartFake gives the in-process cluster also when KAFKA_BROKERS is set: for tests that inject
// faults, which only the in-process one takes. With KAFKA_REAL_ONLY such a test is skipped: it has been run where
// KAFKA_BROKERS is not set, and would do the very same again.
func StartFake(t testing.TB, nodes int, extra ...kfake.Opt) *Kafka {
	t.Helper()
	if Real() && os.Getenv("KAFKA_REAL_ONLY") != "" {
		t.Skip("it needs the in-process broker: run it without KAFKA_BROKERS")
	}
	return startFake(t, nodes, extra...)
}

// StartVirtual gives an in-process cluster without a network, for a bubble of testing/synctest: there an
// hour passes in no time. The bubble's time must be set to the present first, by sleeping.
func StartVirtual(t testing.TB, nodes int) *Kafka {
	t.Helper()
	lines := new(kfake.VirtualNetwork)
	b, err := embedded.Start(context.Background(), embedded.Options{Nodes: nodes, Listen: lines.Listen})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return connect(t, &Kafka{Brokers: b.Brokers, Fake: b.Cluster, Dial: lines.DialContext})
}

func startFake(t testing.TB, nodes int, extra ...kfake.Opt) *Kafka {
	t.Helper()
	b, err := embedded.Start(context.Background(), embedded.Options{Nodes: nodes, Extra: extra})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return connect(t, &Kafka{Brokers: b.Brokers, Fake: b.Cluster})
}

func connect(t testing.TB, k *Kafka) *Kafka {
	t.Helper()
	k.prefix = fmt.Sprintf("t%08x-", rand.Uint32())
	c, err := broker.New(broker.Options{Brokers: k.Brokers, ClientID: "kafkatest", Dial: k.Dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	k.Cluster = c
	return k
}

// Topic is a name that no other test uses.
func (k *Kafka) Topic(name string) string { return k.prefix + name }

// Context ends with the test, or after a minute: no test waits longer for a broker.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
