package consumer_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

func TestReadRangeEndsWhereTheLogEndedAtTheStart(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "state", 1)
	k.Transact(t, topic, true, numbered(0, 0, 3)...)   // 0-2, marker 3
	k.Transact(t, topic, false, numbered(0, 10, 2)...) // 4-5, marker 6
	var got []string
	next, err := consumer.ReadRange(kafkatest.Context(t), own(t, k), topic, 0, consumer.FromStart, func(r *consumer.Record) error {
		if len(got) == 0 {
			k.Produce(t, topic, numbered(0, 20, 1)...) // later than the start: not part of the range
		}
		got = append(got, string(r.Value))
		return nil
	})
	if err != nil || next != 7 || !slices.Equal(got, wantValues(0, 3)) {
		t.Errorf("got %v up to %d (%v), want v0..v2 up to 7", got, next, err)
	}
}

func TestReadRangeStopsAtAnErrorOfTheCaller(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "state", 1)
	k.Produce(t, topic, numbered(0, 0, 5)...)
	enough := errors.New("enough")
	next, err := consumer.ReadRange(kafkatest.Context(t), own(t, k), topic, 0, 1, func(r *consumer.Record) error {
		if r.Offset == 3 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || next != 3 {
		t.Errorf("got %v at %d, want the caller's error at 3", err, next)
	}
}

func TestAnOpenTransactionIsNotRead(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "open", 1)
	k.Produce(t, topic, numbered(0, 0, 2)...)
	client := k.Client(t, kgo.TransactionalID(k.Topic("open-txn")))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(kafkatest.Context(t), &kgo.Record{Topic: topic, Value: []byte("pending")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	k.Produce(t, topic, numbered(0, 10, 1)...)
	ctx, tp := kafkatest.Context(t), consumer.TopicPartition{Topic: topic}
	ends, err := consumer.EndOffsets(ctx, own(t, k), []consumer.TopicPartition{tp})
	if err != nil || ends[tp] != 2 {
		t.Errorf("the end is %d (%v), want 2: in front of the open transaction", ends[tp], err)
	}
	got, next := drain(t, consumer.NewFetcher(own(t, k), consumer.FetcherOptions{}), tp, 0)
	if !slices.Equal(values(got), wantValues(0, 2)) || next != 2 {
		t.Errorf("got %v up to %d", values(got), next)
	}
	if err := client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	b := fetchUntil(t, consumer.NewFetcher(own(t, k), consumer.FetcherOptions{}), consumer.Position{TopicPartition: tp, Next: next},
		func(b consumer.Batch) bool { return len(b.Records) > 0 })
	if v := values(keep(b.Records)); !slices.Equal(v, []string{"v10"}) {
		t.Errorf("after the abort: %v, want v10 only", v)
	}
}

// Compaction leaves holes, and batches of which only the header remains. A restore must come to
// the end, with the last value of each key.
func TestReadRangeStepsOverCompactedHoles(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "compacted", 1, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0", "segment.bytes": "1048576",
	})
	want := map[string]string{}
	for round := range 5 {
		var records []kafkatest.Record
		for i := range 40 {
			r := kafkatest.Record{Key: fmt.Sprintf("k%d", i%(7+round)), Value: fmt.Sprintf("r%d-%d", round, i)}
			records = append(records, r)
			want[r.Key] = r.Value
		}
		k.Produce(t, topic, records...)
		k.Transact(t, topic, round%2 == 0, kafkatest.Record{Key: "txn", Value: fmt.Sprint(round)})
	}
	want["txn"] = "4"
	c := own(t, k)
	for ctx := kafkatest.Context(t); ; {
		if k.Fake != nil {
			k.Fake.Compact()
		} else {
			// A real broker compacts what is behind the active segment, which a new record rolls.
			k.Produce(t, topic, kafkatest.Record{Key: "tick", Value: "tick"})
			want["tick"] = "tick"
		}
		got, count := map[string]string{}, 0
		tp := consumer.TopicPartition{Topic: topic}
		next, err := consumer.ReadRange(ctx, c, topic, 0, consumer.FromStart, func(r *consumer.Record) error {
			got[string(r.Key)] = string(r.Value)
			count++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ends, err := consumer.EndOffsets(ctx, c, []consumer.TopicPartition{tp})
		if err != nil || next != ends[tp] {
			t.Fatalf("read up to %d of %d (%v)", next, ends[tp], err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if count < 100 {
			return // compacted: 200 records of 12 keys and more went in
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the broker did not compact: %d records", count)
		}
	}
}

func TestSampleKeys(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "keys", 2)
	k.Produce(t, topic, numbered(1, 0, 5)...)
	for _, test := range []struct {
		partition int32
		n         int
		want      string
	}{{1, 3, "[k0 k1 k2]"}, {1, 9, "[k0 k1 k2 k3 k4]"}, {0, 3, "[]"}} {
		keys, err := consumer.SampleKeys(kafkatest.Context(t), own(t, k), topic, test.partition, test.n)
		if got := fmt.Sprintf("%s", keys); err != nil || got != test.want {
			t.Errorf("%d keys of partition %d: %s (%v), want %s", test.n, test.partition, got, err, test.want)
		}
	}
}

func TestTopicsAndOffsets(t *testing.T) {
	k := kafkatest.Start(t, 2)
	topic := k.Create(t, "described", 3, kafkatest.AppendTime, map[string]string{"retention.ms": "86400000", "cleanup.policy": "compact,delete"})
	plain := k.Create(t, "plain", 1, map[string]string{"retention.ms": "-1"})
	infos, err := consumer.Topics(kafkatest.Context(t), own(t, k), topic, plain, k.Topic("absent"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]consumer.TopicInfo{
		topic:             {Name: topic, Exists: true, Partitions: 3, LogAppendTime: true, Retention: 24 * time.Hour, RetentionSize: -1, Compacted: true, Deletes: true},
		plain:             {Name: plain, Exists: true, Partitions: 1, Retention: -time.Millisecond, RetentionSize: -1, Deletes: true},
		k.Topic("absent"): {Name: k.Topic("absent"), Retention: -1, RetentionSize: -1},
	}
	for name, w := range want {
		if infos[name] != w {
			t.Errorf("got %+v, want %+v", infos[name], w)
		}
	}
	k.Produce(t, topic, numbered(2, 0, 9)...)
	k.DeleteRecords(t, topic, 2, 4)
	tps := []consumer.TopicPartition{{Topic: topic, Partition: 0}, {Topic: topic, Partition: 2}}
	starts, err1 := consumer.StartOffsets(kafkatest.Context(t), own(t, k), tps)
	ends, err2 := consumer.EndOffsets(kafkatest.Context(t), own(t, k), tps)
	if err := errors.Join(err1, err2); err != nil || starts[tps[0]] != 0 || starts[tps[1]] != 4 || ends[tps[0]] != 0 || ends[tps[1]] != 9 {
		t.Errorf("starts %v, ends %v (%v)", starts, ends, err)
	}
	if _, err := consumer.EndOffsets(kafkatest.Context(t), own(t, k), []consumer.TopicPartition{{Topic: k.Topic("absent")}}); err == nil {
		t.Error("the end of a topic that does not exist: no error")
	}
}
