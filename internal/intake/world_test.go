package intake

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/event"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

func TestMain(m *testing.M) {
	// kafka-go's transport keeps connections that are idle, and its resolver's cache, for a while.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("internal/poll.runtime_pollWait"))
}

// world is a source, the topics of the intake, and what it is given.
type world struct {
	t       testing.TB
	kafka   *kafkatest.Kafka
	cluster *broker.Cluster
	source  string
	group   string
	change  func(*Options)
}

// newWorld has a source with so many partitions, stamped by the broker.
func newWorld(t testing.TB, partitions int) *world {
	t.Helper()
	k := kafkatest.Start(t, 1)
	w := &world{
		t: t, kafka: k, cluster: k.Cluster, source: k.Create(t, "orders", partitions, kafkatest.AppendTime), group: k.Topic("g"),
		change: func(*Options) {},
	}
	k.Create(t, "events", 2, kafkatest.AppendTime, map[string]string{"max.message.bytes": fmt.Sprint(MessageMax(event.Options{}))})
	k.Create(t, "dead-letters", 2, kafkatest.AppendTime, map[string]string{"max.message.bytes": "1048588"})
	k.Create(t, "intake", WitnessPartitions, kafkatest.AppendTime, map[string]string{"cleanup.policy": "compact"})
	return w
}

func (w *world) options() Options {
	w.t.Helper()
	o := Options{
		Cluster: w.cluster, Group: w.group, Sources: []string{w.source}, Events: w.kafka.Topic("events"), Partitions: 2,
		DeadLetters: w.kafka.Topic("dead-letters"), DeadLetterPartitions: 2, Positions: w.kafka.Topic("intake"),
		Interval: 10 * time.Millisecond, Lateness: 10 * time.Minute,
	}
	if os.Getenv("INTAKE_LOG") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	w.change(&o)
	return o
}

// charge is an acceptable event.
func charge(id, account string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","type":"charge.recorded","subject":%q,"time":"2026-03-05T10:00:00Z",`+
		`"data":{"kind":"one_off","amount":"1","currency":"USD"}}`, id, account)
}

// charges puts n events of some accounts into a partition of the source.
func (w *world) charges(partition int32, from, n int) {
	w.t.Helper()
	var list []kafkatest.Record
	for i := from; i < from+n; i++ {
		list = append(list, kafkatest.Record{Partition: partition, Key: fmt.Sprint("order-", i), Value: charge(fmt.Sprintf("%d/%d", partition, i), fmt.Sprint("acme-", i%7))})
	}
	w.kafka.Produce(w.t, w.source, list...)
}

// ends are those of the source's partitions, without empty ones.
func (w *world) ends() map[consumer.TopicPartition]int64 {
	w.t.Helper()
	return w.endsOf(w.source)
}

// decidedWithin is how long a transaction's end is waited for: one that stays open belongs to somebody who is gone.
const decidedWithin = 5 * time.Second

func (w *world) endsOf(topic string) map[consumer.TopicPartition]int64 {
	w.t.Helper()
	ends, err := consumer.EndOffsets(kafkatest.Context(w.t), w.kafka.Cluster, w.partitionsOf(topic))
	if err != nil {
		w.t.Fatal(err)
	}
	maps.DeleteFunc(ends, func(_ consumer.TopicPartition, end int64) bool { return end == 0 })
	return ends
}

// progress notes what intake tells.
type progress struct {
	mu     sync.Mutex
	next   map[consumer.TopicPartition]int64
	counts map[string]int64
}

func newProgress() *progress {
	return &progress{next: map[consumer.TopicPartition]int64{}, counts: map[string]int64{}}
}

func (p *progress) observe(c Count) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next[c.TopicPartition] = max(p.next[c.TopicPartition], c.Next)
	p.counts["copied"] += c.Copied
	p.counts["events"] += c.Events
	p.counts["ignored"] += c.Ignored
	p.counts["skipped"] += c.Skipped
	for reason, n := range c.Rejected {
		p.counts["rejected"] += n
		p.counts[string(reason)] += n
	}
}

func (p *progress) reached(ends map[consumer.TopicPartition]int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for tp, end := range ends {
		if p.next[tp] < end {
			return false
		}
	}
	return true
}

// run copies until everything that the source holds now is copied, and stops in order.
func (w *world) run() *progress {
	w.t.Helper()
	p, err := w.try()
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) try() (*progress, error) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	p, ends, o := newProgress(), w.ends(), w.options()
	o.Observe = func(c Count) {
		if p.observe(c); p.reached(ends) {
			stop()
		}
	}
	err := Run(ctx, o)
	if ctx.Err() == context.DeadlineExceeded {
		w.t.Fatal("not everything was copied within a minute")
	}
	return p, err
}

// record is a committed record of a topic.
type record struct {
	partition  int32
	key, value string
	headers    map[string]string
	nullKey    bool // the header of the key is null
}

func (r *record) origin() string {
	return r.headers[headerTopic] + "/" + r.headers[headerPartition] + ":" + r.headers[headerOffset]
}

func (r *record) isMark() bool {
	_, mark := r.headers[headerSeen]
	return mark
}

// records are the committed ones of a topic, in order per partition.
func (w *world) records(name string) []record {
	w.t.Helper()
	topic := w.kafka.Topic(name)
	for _, tp := range w.partitionsOf(topic) {
		if _, err := consumer.Decided(kafkatest.Context(w.t), w.kafka.Cluster, tp, decidedWithin); err != nil {
			w.t.Fatal(err)
		}
	}
	ends := w.endsOf(topic)
	c := w.kafka.Client(w.t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer c.Close()
	var list []record
	for left := len(ends); left > 0; {
		fetches := c.PollFetches(kafkatest.Context(w.t))
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset == ends[consumer.TopicPartition{Topic: topic, Partition: r.Partition}]-1 {
				left--
			}
			if r.Attrs.IsControl() {
				return
			}
			one := record{partition: r.Partition, key: string(r.Key), value: string(r.Value), headers: map[string]string{}}
			for _, h := range r.Headers {
				one.headers[h.Key] = string(h.Value)
				one.nullKey = one.nullKey || h.Key == headerKey && h.Value == nil
			}
			list = append(list, one)
		})
	}
	return list
}

func (w *world) partitionsOf(topic string) (all []consumer.TopicPartition) {
	w.t.Helper()
	topics, err := w.kafka.Cluster.Topics(kafkatest.Context(w.t), topic)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range topics[topic].Partitions {
		all = append(all, consumer.TopicPartition{Topic: topic, Partition: p.ID})
	}
	return all
}

// copies are the copied records.
func (w *world) copies() []record {
	w.t.Helper()
	var list []record
	for _, r := range w.records("events") {
		if !r.isMark() {
			list = append(list, r)
		}
	}
	return list
}

// onceEach fails unless there are n copies, each of another record. Readers see what was committed some
// moments after it is decided: it is waited for.
func (w *world) onceEach(n int) {
	w.t.Helper()
	copies := w.copies()
	for ctx := kafkatest.Context(w.t); len(copies) < n && ctx.Err() == nil; {
		_ = broker.Sleep(ctx, 50*time.Millisecond)
		copies = w.copies()
	}
	seen := map[string]int{}
	for _, r := range copies {
		seen[r.origin()]++
	}
	for at, times := range seen {
		if times != 1 {
			w.t.Errorf("%s is there %d times", at, times)
		}
	}
	if len(seen) != n {
		w.t.Errorf("%d records were copied, want %d", len(seen), n)
	}
}

// forget deletes what the group has committed, as its expiry would.
func (w *world) forget() {
	w.t.Helper()
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{GroupOf(w.group)}
	c := w.kafka.Client(w.t)
	defer c.Close()
	for ctx := kafkatest.Context(w.t); ; { // a member that leaves may need a moment
		answer, err := req.RequestWith(ctx, c)
		if err == nil && answer.Groups[0].ErrorCode == 0 {
			return
		}
		if ctx.Err() != nil {
			w.t.Fatalf("delete the group: %v, %+v", err, answer)
		}
	}
}

// reset sets the group's position without a text beside it, as a person does with Kafka's tool.
func (w *world) reset(partition int32, next int64) {
	w.t.Helper()
	w.resetWith(partition, next, "")
}

func (w *world) resetWith(partition int32, next int64, text string) {
	w.t.Helper()
	ctx := kafkatest.Context(w.t)
	x, err := sink.NewTransactor(w.kafka.Cluster, sink.TransactorOptions{ID: w.kafka.Topic("reset")})
	if err != nil {
		w.t.Fatal(err)
	}
	at := consumer.TopicPartition{Topic: w.source, Partition: partition}
	for _, step := range []func() error{
		func() error { return x.Open(ctx) },
		func() error { return x.Begin(ctx) },
		func() error {
			return x.SendOffsets(ctx, sink.GroupOffsets{Group: GroupOf(w.group), Generation: -1, Next: map[sink.TopicPartition]int64{at: next}, Text: map[sink.TopicPartition]string{at: text}})
		},
		func() error { return x.Commit(ctx) },
	} {
		if err := step(); err != nil {
			w.t.Fatalf("reset the position: %v", err)
		}
	}
}

// wire loses answers: of the next so many requests of a kind, after the broker has acted.
type wire struct {
	mu   sync.Mutex
	lose map[int16]int
	lost int
}

func (w *wire) cluster(t testing.TB, k *kafkatest.Kafka) *broker.Cluster {
	t.Helper()
	c, err := broker.New(broker.Options{Brokers: k.Brokers, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &wireConn{Conn: conn, wire: w}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

type wireConn struct {
	net.Conn
	wire *wire
	mu   sync.Mutex
	left int // bytes of the request that are still to be written
	cut  bool
}

// Write follows the frames: 4 bytes of length, then the kind of the request.
func (c *wireConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	if c.left <= 0 && len(b) >= 6 {
		c.left = 4 + int(int32(binary.BigEndian.Uint32(b)))
		key := int16(binary.BigEndian.Uint16(b[4:]))
		c.wire.mu.Lock()
		if c.wire.lose[key] > 0 {
			c.wire.lose[key]--
			c.wire.lost++
			c.cut = true
		}
		c.wire.mu.Unlock()
	}
	c.left -= len(b)
	c.mu.Unlock()
	return c.Conn.Write(b)
}

func (c *wireConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut && err == nil { // the broker has acted
		_ = c.Close()
		return 0, fmt.Errorf("lost on the wire: %w", syscall.ECONNRESET)
	}
	return n, err
}
