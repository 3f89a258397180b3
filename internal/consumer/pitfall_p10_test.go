package consumer_test

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// emptied is what compaction leaves of a batch whose records are all superseded: the header, which keeps
// the last offset.
func emptied(base int64, lastDelta int32) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: base, Magic: 2, LastOffsetDelta: lastDelta, FirstTimestamp: -1, MaxTimestamp: -1,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
	}
	out := b.AppendTo(nil)
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-12))
	binary.BigEndian.PutUint32(out[17:], crc32.Checksum(out[21:], crc32.MakeTable(crc32.Castagnoli)))
	return out
}

// P10: a Reader at a batch that compaction emptied asks for that batch for ever. A broker keeps such a
// batch only as the last one of a producer, and only for a time, so the in-process one is made to send it;
// TestReadRangeStepsOverCompactedHoles reads what brokers really leave.
func TestPitfallP10AnEmptiedBatchIsAskedForEver(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "compacted", 1)
	for i := range 11 {
		k.Produce(t, topic, numbered(0, i, 1)...)
	}
	asked := make(chan int64, 10_000)
	k.Fake.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		req := r.(*kmsg.FetchRequest)
		if len(req.Topics) != 1 || len(req.Topics[0].Partitions) != 1 {
			return nil, nil, false
		}
		from := req.Topics[0].Partitions[0].FetchOffset
		select {
		case asked <- from:
		default:
		}
		if from > 9 {
			return nil, nil, false
		}
		p := kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.LastStableOffset, p.LogStartOffset, p.RecordBatches = 11, 11, 0, emptied(0, 9)
		answer := req.ResponseKind().(*kmsg.FetchResponse)
		answer.Topics = []kmsg.FetchResponseTopic{{Topic: topic, TopicID: req.Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{p}}}
		return answer, nil, true
	})

	r := readFrom(t, k, topic, 0, kafka.ReaderConfig{})
	ctx, cancel := context.WithCancel(kafkatest.Context(t))
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = r.FetchMessage(ctx)
	}()
	for range 30 {
		select {
		case from := <-asked:
			if from > 1 {
				t.Fatalf("the naive reader asks for offset %d: want it to stay in the batch", from)
			}
		case <-read:
			t.Fatal("the naive reader gives something")
		}
	}
	cancel()
	<-read
	_ = r.Close()

	got, next := drain(t, consumer.NewFetcher(own(t, k), consumer.FetcherOptions{}), at(topic, 0).TopicPartition, 0)
	if !slices.Equal(values(got), []string{"v10"}) || next != 11 {
		t.Errorf("ours gives %v up to %d", values(got), next)
	}
}
