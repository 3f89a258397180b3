package kafkatest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// AppendTime is the configuration of a topic whose records the broker stamps.
var AppendTime = map[string]string{"message.timestamp.type": "LogAppendTime"}

// Client gives an independent Kafka client (franz-go) for the other side of a test.
func (k *Kafka) Client(t testing.TB, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	base := []kgo.Opt{kgo.SeedBrokers(k.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	if k.Dial != nil {
		base = append(base, kgo.Dialer(k.Dial))
	}
	c, err := kgo.NewClient(append(base, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Create makes a topic and returns its unique name.
func (k *Kafka) Create(t testing.TB, name string, partitions int, configs ...map[string]string) string {
	t.Helper()
	topic := k.Topic(name)
	req := kmsg.NewCreateTopicsRequestTopic()
	req.Topic, req.NumPartitions, req.ReplicationFactor = topic, int32(partitions), 1
	for _, c := range configs {
		for name, value := range c {
			config := kmsg.NewCreateTopicsRequestTopicConfig()
			config.Name, config.Value = name, &value
			req.Configs = append(req.Configs, config)
		}
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics = append(create.Topics, req)
	create.TimeoutMillis = 30_000
	client := k.Client(t)
	resp, err := create.RequestWith(Context(t), client)
	if err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		t.Fatalf("create topic %s: %v", topic, err)
	}
	k.awaitLeaders(t, topic)
	return topic
}

// awaitLeaders waits until every partition of a new topic can be used.
func (k *Kafka) awaitLeaders(t testing.TB, topic string) {
	t.Helper()
	ctx := Context(t)
	for {
		topics, err := k.Cluster.Topics(ctx, topic)
		ready := err == nil && topics[topic].Exists
		for _, p := range topics[topic].Partitions {
			ready = ready && p.Leader >= 0
		}
		if ready {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("topic %s has no leaders: %v", topic, err)
		}
	}
}

// Record is a record to produce, or one that was read.
type Record struct {
	Partition int32
	Key       string
	Value     string
	Tombstone bool
	Time      time.Time
	Offset    int64 // when read
}

func (r Record) kgo(topic string) *kgo.Record {
	out := &kgo.Record{Topic: topic, Partition: r.Partition, Key: []byte(r.Key), Value: []byte(r.Value), Timestamp: r.Time}
	if r.Tombstone {
		out.Value = nil
	}
	return out
}

// Produce writes plain records, each call in batches of its own.
func (k *Kafka) Produce(t testing.TB, topic string, records ...Record) {
	t.Helper()
	c := k.Client(t)
	defer c.Close()
	out := make([]*kgo.Record, 0, len(records))
	for _, r := range records {
		out = append(out, r.kgo(topic))
	}
	if err := c.ProduceSync(Context(t), out...).FirstErr(); err != nil {
		t.Fatalf("produce to %s: %v", topic, err)
	}
}

// Transact writes records in one transaction, ends it, and waits until readers see its end. A
// transactional id of its own keeps it apart from others.
func (k *Kafka) Transact(t testing.TB, topic string, commit bool, records ...Record) {
	t.Helper()
	id := k.Topic("txn-" + topic)
	c := k.Client(t, kgo.TransactionalID(id))
	defer c.Close()
	k.TransactWith(t, c, topic, commit, records...)
	k.awaitMarkers(t, id)
}

// TransactWith is Transact with a client of the caller's, to interleave transactions.
func (k *Kafka) TransactWith(t testing.TB, c *kgo.Client, topic string, commit bool, records ...Record) {
	t.Helper()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	k.write(t, c, topic, records...)
	if err := c.EndTransaction(Context(t), kgo.TransactionEndTry(commit)); err != nil {
		t.Fatalf("end transaction on %s: %v", topic, err)
	}
}

func (k *Kafka) write(t testing.TB, c *kgo.Client, topic string, records ...Record) {
	t.Helper()
	for _, r := range records {
		if err := c.ProduceSync(Context(t), r.kgo(topic)).FirstErr(); err != nil {
			t.Fatalf("produce to %s: %v", topic, err)
		}
	}
}

// idlePolls is how often nothing comes for two seconds before nothing more is there: on a machine with much
// else to do, once says nothing.
const idlePolls = 5

// Read consumes everything committed in a topic, in order per partition, with a client that is not
// the one under test.
func (k *Kafka) Read(t testing.TB, topic string) []Record {
	t.Helper()
	ctx := Context(t)
	c := k.Client(t, kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.KeepControlRecords())
	defer c.Close()
	ends := k.ends(t, topic)
	var out []Record
	for idle := 0; ; {
		for p, next := range ends {
			if next == 0 {
				delete(ends, p)
			}
		}
		if len(ends) == 0 {
			return out
		}
		poll, cancel := context.WithTimeout(ctx, 2*time.Second)
		fetches := c.PollFetches(poll)
		cancel()
		if err := fetches.Err0(); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			if idle++; idle == idlePolls {
				return out // compaction left nothing up to the end
			}
			continue
		}
		idle = 0
		if ctx.Err() != nil {
			t.Fatalf("read %s: %v", topic, ctx.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if next, ok := ends[r.Partition]; ok && r.Offset >= next-1 {
				delete(ends, r.Partition)
			}
			if !r.Attrs.IsControl() {
				out = append(out, Record{
					Partition: r.Partition, Key: string(r.Key), Value: string(r.Value), Tombstone: r.Value == nil,
					Time: r.Timestamp, Offset: r.Offset,
				})
			}
		})
	}
}

// ends gives the last stable offset of every partition.
func (k *Kafka) ends(t testing.TB, topic string) map[int32]int64 {
	t.Helper()
	c := k.Client(t)
	defer c.Close()
	topics, err := k.Cluster.Topics(Context(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	ends := map[int32]int64{}
	for _, p := range topics[topic].Partitions {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = p.ID, -1
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
		req := kmsg.NewPtrListOffsetsRequest()
		req.IsolationLevel, req.Topics = 1, append(req.Topics, rt)
		for _, shard := range c.RequestSharded(Context(t), req) {
			if shard.Err != nil {
				t.Fatalf("end of %s/%d: %v", topic, p.ID, shard.Err)
			}
			for _, rt := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
				for _, rp := range rt.Partitions {
					ends[rp.Partition] = rp.Offset
				}
			}
		}
	}
	return ends
}

// Latest consumes a topic like Read and keeps the last record of each key, as compaction would;
// keys whose last record is a tombstone are gone.
func (k *Kafka) Latest(t testing.TB, topic string) map[string]Record {
	t.Helper()
	latest := map[string]Record{}
	for _, r := range k.Read(t, topic) {
		if r.Tombstone {
			delete(latest, r.Key)
			continue
		}
		latest[r.Key] = r
	}
	return latest
}

// DeleteRecords moves a partition's start, as retention does.
func (k *Kafka) DeleteRecords(t testing.TB, topic string, partition int32, before int64) {
	t.Helper()
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = partition, before
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic, rt.Partitions = topic, append(rt.Partitions, rp)
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics, req.TimeoutMillis = append(req.Topics, rt), 30_000
	c := k.Client(t)
	defer c.Close()
	for _, shard := range c.RequestSharded(Context(t), req) {
		if shard.Err != nil {
			t.Fatalf("delete records of %s/%d: %v", topic, partition, shard.Err)
		}
		for _, rt := range shard.Resp.(*kmsg.DeleteRecordsResponse).Topics {
			for _, rp := range rt.Partitions {
				if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
					t.Fatalf("delete records of %s/%d: %v", topic, partition, err)
				}
			}
		}
	}
}
