// Package broker is the thin ground under the two packages that talk to Kafka, internal/consumer
// and internal/sink: connections, TLS, SASL, who leads which partition, and one request at a time
// to a broker of the caller's choice. It must never hold records, positions or retry policy; those
// belong to the reader and the writer, which do not import each other.
package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/sasl"
)

// AnyNode asks whichever broker answers; for requests that need no leader or coordinator.
const AnyNode int32 = -1

// Options says how to reach a cluster. Only Brokers is required.
type Options struct {
	Brokers  []string // host:port, at least one
	TLS      *TLS     // nil = plaintext
	Login    Login    // the zero Login = none
	ClientID string   // default "processor"

	// Dial replaces the network, for tests and proxies.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// RequestTimeout bounds every request, also on a half-open connection. Default 30 s.
	RequestTimeout time.Duration
}

// TopicPartition names one partition. It is comparable, and ordered by Compare.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String is topic/partition, the form that operators type into the command line.
func (tp TopicPartition) String() string { return fmt.Sprintf("%s/%d", tp.Topic, tp.Partition) }

// Cluster is a connection pool to one Kafka cluster. It is safe for concurrent use.
type Cluster struct {
	options    Options
	encryption *encryption    // nil = plaintext
	login      sasl.Mechanism // nil = none
	transport  *kafka.Transport
	addr       net.Addr
	clientID   string
	sequence   atomic.Int32

	mu           sync.Mutex
	leaders      map[TopicPartition]int32
	coordinators map[coordinated]int32
}

// New checks the options, reads the files of TLS, and prepares the pool. It opens no connection: the first
// request does.
func New(o Options) (*Cluster, error) {
	var problems []error
	if len(o.Brokers) == 0 {
		problems = append(problems, errors.New("broker: no bootstrap brokers given (host:port)"))
	}
	for _, b := range o.Brokers {
		if _, port, err := net.SplitHostPort(b); err != nil || port == "" {
			problems = append(problems, fmt.Errorf("broker: bootstrap broker %q is not host:port", b))
		}
	}
	if o.RequestTimeout < 0 {
		problems = append(problems, errors.New("broker: request timeout is negative"))
	}
	c := &Cluster{options: o, leaders: map[TopicPartition]int32{}, coordinators: map[coordinated]int32{}}
	var err error
	if c.login, err = o.Login.mechanism(); err != nil {
		problems = append(problems, err)
	}
	if o.TLS != nil {
		if c.encryption, err = newEncryption(*o.TLS); err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	c.prepare()
	return c, nil
}

// prepare makes the pool of checked options.
func (c *Cluster) prepare() {
	o := &c.options
	if o.ClientID == "" {
		o.ClientID = "processor"
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 30 * time.Second
	}
	c.addr, c.clientID = kafka.TCP(o.Brokers...), o.ClientID
	c.transport = &kafka.Transport{
		Dial:        c.dial, // with TLS, so that the files are looked at for each connection
		DialTimeout: min(10*time.Second, o.RequestTimeout),
		ClientID:    o.ClientID,
		SASL:        c.login,
		MetadataTTL: 4 * time.Second,
		// An empty list (not nil, which means all) keeps the transport's own cache to the list
		// of brokers; the leaders are cached here, where a refresh can be asked for.
		MetadataTopics: []string{},
	}
}

// dial opens a connection, encrypted where that is configured.
func (c *Cluster) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dial := c.options.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, network, address)
	if err != nil || c.encryption == nil {
		return conn, err
	}
	return c.encryption.over(ctx, conn, address)
}

// Close drops the connections. Requests in flight end with their own answer or timeout.
func (c *Cluster) Close() { c.transport.CloseIdleConnections() }

// Brokers is the bootstrap list.
func (c *Cluster) Brokers() []string { return c.options.Brokers }

// Dialer gives connections with the same TLS, SASL and dial function to kafka-go's ConsumerGroup,
// which cannot use a transport.
func (c *Cluster) Dialer() *kafka.Dialer {
	return &kafka.Dialer{
		ClientID:      c.clientID,
		Timeout:       min(10*time.Second, c.options.RequestTimeout),
		SASLMechanism: c.login,
		DialFunc:      c.dial,
	}
}

// Ask sends one request to a node (AnyNode for any) and returns its answer. The error covers the
// connection only: error codes are inside the answer and every one of them must be looked at.
func (c *Cluster) Ask(ctx context.Context, node int32, req protocol.Message) (protocol.Message, error) {
	var answer protocol.Message
	err := c.Exchange(ctx, node, req.ApiKey(), func(rw io.ReadWriter, version int16) error {
		m, err := protocol.RoundTrip(rw, version, c.sequence.Add(1), c.clientID, req)
		answer = m
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// WriteRequest writes a request frame on a connection handed out by Exchange.
func (c *Cluster) WriteRequest(w io.Writer, version int16, req protocol.Message) (correlation int32, err error) {
	correlation = c.sequence.Add(1)
	return correlation, protocol.WriteRequest(w, version, correlation, c.clientID, req)
}

// Exchange lends a connection to a node for one request and its answer, written and read by talk in
// the version both sides speak. When ctx ends first, Exchange returns at once while talk may still
// be running: whatever talk writes to must then be left alone for good.
func (c *Cluster) Exchange(ctx context.Context, node int32, key protocol.ApiKey,
	talk func(rw io.ReadWriter, version int16) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.RequestTimeout)
	defer cancel()
	_, err := c.transport.RoundTrip(ctx, c.addr, &exchange{ctx: ctx, node: node, key: key, talk: talk})
	return err
}

// exchange is a kafka-go message that names its broker itself and speaks for itself. The transport
// then gives the pooled, authenticated connection and nothing else: no lookup of leaders or
// coordinators before each call, no interpretation of the answer.
type exchange struct {
	ctx     context.Context //nolint:containedctx // one request's, like http.Request
	node    int32
	key     protocol.ApiKey
	version int16
	talk    func(rw io.ReadWriter, version int16) error
}

// ApiKey satisfies protocol.Message.
func (e *exchange) ApiKey() protocol.ApiKey { return e.key }

// Broker satisfies protocol.BrokerMessage.
func (e *exchange) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: e.node}, nil
}

// Required satisfies protocol.RawExchanger and notes the negotiated version.
func (e *exchange) Required(versions map[protocol.ApiKey]int16) bool {
	e.version = versions[e.key]
	return true
}

// RawExchange satisfies protocol.RawExchanger. The end of the context interrupts reading and
// writing; the connection is then in the middle of something and is given up.
func (e *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	stop := func() bool { return true }
	if conn, ok := rw.(interface{ SetDeadline(t time.Time) error }); ok {
		stop = context.AfterFunc(e.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	}
	err := e.talk(rw, e.version)
	if !stop() {
		return nil, cmp.Or(e.ctx.Err(), err)
	}
	return e, err
}
