package consumer_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// applied reads a partition to its end and gives what a checkpoint keeps of it.
func applied(t *testing.T, k *kafkatest.Kafka, tp consumer.TopicPartition) (consumer.Position, consumer.Mark) {
	t.Helper()
	f := consumer.NewFetcher(own(t, k), consumer.FetcherOptions{})
	at, last := consumer.Position{TopicPartition: tp}, consumer.Mark{}
	for ctx := kafkatest.Context(t); ; {
		batches, err := f.Fetch(ctx, []consumer.Position{at})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			if b.Err != nil {
				t.Fatal(b.Err)
			}
			if at.Next = b.Next; b.Last != (consumer.Mark{}) {
				last = b.Last
			}
			if at.Next >= b.LastStable {
				return at, last
			}
		}
	}
}

func TestAPositionInAnUnchangedLogIsGood(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "log", 1)
	tp := consumer.TopicPartition{Topic: topic}
	verify := func(what string, at consumer.Position, last consumer.Mark) {
		t.Helper()
		if err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), at, last, false); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	verify("an empty log", consumer.Position{TopicPartition: tp}, consumer.Mark{})
	k.Produce(t, topic, numbered(0, 0, 7)...)
	k.Produce(t, topic, numbered(0, 7, 3)...)
	at, last := applied(t, k, tp)
	if last.Offset != 7 || last.LeaderEpoch < 0 || at.Next != 10 {
		t.Errorf("the last batch is marked %+v at %d", last, at.Next)
	}
	verify("plain records", at, last)
	k.Transact(t, topic, false, numbered(0, 10, 2)...)
	aborted, marker := applied(t, k, tp)
	verify("the end of an aborted transaction", aborted, marker)
	k.Produce(t, topic, numbered(0, 20, 3)...)
	verify("with more behind it", at, last)
	k.DeleteRecords(t, topic, 0, 10)
	verify("retention has come up to it", at, last)
	k.DeleteRecords(t, topic, 0, 12)
	var gap *consumer.ErrGap
	if err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), at, last, false); !errors.As(err, &gap) || gap.Asked != 10 || gap.LogStart != 12 {
		t.Errorf("retention has passed it: %v", err)
	}
}

// What the leader says of the epoch counts, also where the batch looks the same.
func TestAnEpochThatEndsBeforeThePosition(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "log", 1)
	tp := consumer.TopicPartition{Topic: topic}
	k.Produce(t, topic, numbered(0, 0, 10)...)
	at, last := applied(t, k, tp)
	var end atomic.Int64
	k.Fake.ControlKey(int16(kmsg.OffsetForLeaderEpoch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		k.Fake.KeepControl()
		answer := r.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
		p.EndOffset = end.Load()
		answer.Topics = []kmsg.OffsetForLeaderEpochResponseTopic{{Topic: topic, Partitions: []kmsg.OffsetForLeaderEpochResponseTopicPartition{p}}}
		return answer, nil, true
	})
	for _, test := range []struct {
		end  int64
		says string
	}{{10, ""}, {12, ""}, {9, "agrees up to offset 9 at most"}, {-1, ""}} {
		end.Store(test.end)
		err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), at, last, false)
		var diverged *consumer.ErrDiverged
		if test.says == "" && err != nil || test.says != "" && (!errors.As(err, &diverged) || diverged.AgreesTo != test.end || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("the epoch ends at %d: %v", test.end, err)
		}
	}
	k.DeleteRecords(t, topic, 0, at.Next)
	var diverged *consumer.ErrDiverged
	if err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), at, last, false); !errors.As(err, &diverged) || diverged.AgreesTo != -1 {
		t.Errorf("nobody knows the epoch, and the batch is gone: %v", err)
	}
}

// A new leader under whose epoch nothing was written yet knows nothing of the epochs before it.
func TestANewLeaderWithoutRecords(t *testing.T) {
	k := kafkatest.StartFake(t, 3)
	topic := k.Create(t, "log", 1)
	tp := consumer.TopicPartition{Topic: topic}
	k.Produce(t, topic, numbered(0, 0, 10)...)
	at, last := applied(t, k, tp)
	for i := range 4 {
		if err := k.Fake.MoveTopicPartition(topic, 0, int32(i%3)); err != nil {
			t.Fatal(err)
		}
		if err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), at, last, false); err != nil {
			t.Errorf("election %d: %v", i, err)
		}
	}
}

// A compacted topic may have lost or rewritten the batch; then only borders and epoch are compared.
func TestAPositionInACompactedLog(t *testing.T) {
	k := kafkatest.StartFake(t, 1)
	topic := k.Create(t, "log", 1, map[string]string{"cleanup.policy": "compact", "segment.bytes": "1", "min.cleanable.dirty.ratio": "0"})
	tp := consumer.TopicPartition{Topic: topic}
	k.Produce(t, topic, kafkatest.Record{Key: "kept", Value: "the log starts here"})
	for i := range 6 {
		k.Produce(t, topic, kafkatest.Record{Key: "k", Value: fmt.Sprint(i)})
	}
	at, last := applied(t, k, tp)
	for i := range 6 {
		k.Produce(t, topic, kafkatest.Record{Key: "k", Value: fmt.Sprint(i)})
	}
	k.Fake.Compact()
	if got := k.Read(t, topic); len(got) > 3 {
		t.Fatalf("not compacted: %v", got)
	}
	if err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), at, last, true); err != nil {
		t.Error(err)
	}
	if err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), at, last, false); err == nil {
		t.Error("the batch is gone, and the topic is said not to be compacted")
	}
}
