package sink_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"processor/internal/kafkatest"
)

// naive is a transactional client as it is written at first: the calls are right, their answers are
// read, and what is inside the answers is not. It exists to show what goes wrong then.
type naive struct {
	t          testing.TB
	client     *kafka.Client
	id         string
	producer   int
	epoch      int
	sequence   int32
	ignoreBusy bool
}

func newNaive(t testing.TB, k *kafkatest.Kafka, w *wire) *naive {
	t.Helper()
	transport := &kafka.Transport{Dial: w.dial}
	t.Cleanup(transport.CloseIdleConnections)
	n := &naive{t: t, client: &kafka.Client{Addr: kafka.TCP(k.Brokers...), Transport: transport}, id: k.Topic("naive")}
	for {
		r, err := n.client.InitProducerID(kafkatest.Context(t), &kafka.InitProducerIDRequest{
			TransactionalID: n.id, TransactionTimeoutMs: 30_000, ProducerID: -1, ProducerEpoch: -1,
		})
		must(t, err)
		if r.Error == nil {
			n.producer, n.epoch = r.Producer.ProducerID, r.Producer.ProducerEpoch
			return n
		}
	}
}

// write adds the partition and produces one record, and gives the code inside the last answer.
func (n *naive) write(topic, value string) error {
	n.t.Helper()
	ctx := kafkatest.Context(n.t)
	for {
		r, err := n.client.AddPartitionsToTxn(ctx, &kafka.AddPartitionsToTxnRequest{
			TransactionalID: n.id, ProducerID: n.producer, ProducerEpoch: n.epoch,
			Topics: map[string][]kafka.AddPartitionToTxn{topic: {{Partition: 0}}},
		})
		must(n.t, err)
		if n.ignoreBusy || !errors.Is(r.Topics[topic][0].Error, kafka.ConcurrentTransactions) {
			break
		}
	}
	r, err := n.client.RawProduce(ctx, &kafka.RawProduceRequest{
		Topic: topic, TransactionalID: n.id, RequiredAcks: kafka.RequireAll, RawRecords: n.batch(value),
	})
	must(n.t, err)
	if r.Error == nil {
		n.sequence++
	}
	return r.Error
}

// end asks for the end of the transaction, twice when the connection breaks, and gives the code inside.
func (n *naive) end(commit bool) error {
	n.t.Helper()
	req := &kafka.EndTxnRequest{TransactionalID: n.id, ProducerID: n.producer, ProducerEpoch: n.epoch, Committed: commit}
	r, err := n.client.EndTxn(kafkatest.Context(n.t), req)
	if err != nil {
		r, err = n.client.EndTxn(kafkatest.Context(n.t), req)
	}
	must(n.t, err)
	return r.Error
}

// batch is a record batch of the client's, with the fields of a transaction written over its header.
func (n *naive) batch(value string) protocol.RawRecordSet {
	n.t.Helper()
	set := protocol.RecordSet{Version: 2, Records: protocol.NewRecordReader(kafka.Record{
		Time: time.Unix(1_700_000_000, 0), Key: kafka.NewBytes([]byte("k")), Value: kafka.NewBytes([]byte(value)),
	})}
	var out bytes.Buffer
	_, err := set.WriteTo(&out)
	must(n.t, err)
	all := out.Bytes()
	b := all[4:]
	binary.BigEndian.PutUint16(b[21:], binary.BigEndian.Uint16(b[21:])|0x10)
	binary.BigEndian.PutUint64(b[43:], uint64(n.producer))
	binary.BigEndian.PutUint16(b[51:], uint16(n.epoch))
	binary.BigEndian.PutUint32(b[53:], uint32(n.sequence))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return protocol.RawRecordSet{Reader: bytes.NewReader(all)}
}
