package consumer_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
)

// renewed deletes a topic, creates it again and fills it with other records of the same number and size.
func renewed(t *testing.T, k *kafkatest.Kafka, name string, records int) {
	t.Helper()
	topic := k.Topic(name)
	k.Delete(t, topic)
	k.Create(t, name, 1)
	for i := range records {
		k.Produce(t, topic, kafkatest.Record{Key: "other", Value: fmt.Sprintf("new%d", i), Time: time.UnixMilli(1_700_000_500_000)})
	}
}

// P3: a topic that was deleted and created again is read on as if nothing had happened: what its first
// records said is lost. Nothing but the id tells it from the old one.
func TestPitfallP03ARecreatedTopicIsReadOn(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "again", 1)
	k.Produce(t, topic, numbered(0, 0, 10)...)
	c := own(t, k)
	ids, err := consumer.TopicIDs(kafkatest.Context(t), c, topic)
	if err != nil {
		t.Fatal(err)
	}
	stored := ids[topic]
	if err := consumer.CompareTopics(kafkatest.Context(t), c, stored); err != nil {
		t.Errorf("an unchanged topic: %v", err)
	}
	renewed(t, k, "again", 14)

	r := readFrom(t, k, topic, 10, kafka.ReaderConfig{})
	if m := fetch(t, r); m.Offset != 10 || string(m.Value) != "new10" {
		t.Errorf("the naive reader gives offset %d, %q: want it to go on in the new topic", m.Offset, m.Value)
	}

	for name, err := range map[string]error{
		"compare": consumer.CompareTopics(kafkatest.Context(t), c, stored),
		"watch":   consumer.WatchTopics(kafkatest.Context(t), c, time.Hour, stored),
	} {
		var changed *consumer.ErrTopicChanged
		if !errors.As(err, &changed) || !changed.Recreated() || changed.Was != stored || changed.Now.ID == (broker.TopicID{}) {
			t.Errorf("%s: %v, want the new id", name, err)
		}
	}
	k.Delete(t, topic)
	err = consumer.WatchTopics(kafkatest.Context(t), c, time.Millisecond, stored)
	var changed *consumer.ErrTopicChanged
	if !errors.As(err, &changed) || changed.Recreated() || changed.Now.Partitions != 0 {
		t.Errorf("a topic that is gone: %v", err)
	}
}

// P6: no leader epochs, so a log that was cut and written anew up to our position looks unchanged. One
// healthy broker never truncates: a topic that was recreated with as many records gives the client the
// same picture, a good offset with another past. TestAnEpochThatEndsBeforeThePosition has the leader's
// own word for a truncation.
func TestPitfallP06AnotherPastIsNotNoticed(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "past", 1)
	for i := range 10 {
		k.Produce(t, topic, numbered(0, i, 1)...)
	}
	position, last := applied(t, k, at(topic, 0).TopicPartition)
	if err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), position, last, false); err != nil {
		t.Errorf("the same past: %v", err)
	}
	renewed(t, k, "past", 11)

	r := readFrom(t, k, topic, 10, kafka.ReaderConfig{})
	if m := fetch(t, r); m.Offset != 10 {
		t.Errorf("the naive reader gives offset %d: want it to go on", m.Offset)
	}

	err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), position, last, false)
	var diverged *consumer.ErrDiverged
	if !errors.As(err, &diverged) || diverged.Next != 10 || diverged.Applied != last || diverged.Found.Offset != 9 || diverged.Found.CRC == last.CRC {
		t.Errorf("ours: %v", err)
	}
	renewed(t, k, "past", 4)
	var gap *consumer.ErrGap
	if err := consumer.VerifyPosition(kafkatest.Context(t), own(t, k), position, last, false); !errors.As(err, &gap) || gap.End != 4 {
		t.Errorf("a log that ends before the position: %v", err)
	}
}

// P11: a Reader jumps over what retention took, also when it is told to say so.
func TestPitfallP11RetentionIsSkippedSilently(t *testing.T) {
	k := kafkatest.Start(t, 1)
	topic := k.Create(t, "short", 1)
	k.Produce(t, topic, numbered(0, 0, 20)...)
	k.DeleteRecords(t, topic, 0, 10)

	r := readFrom(t, k, topic, 3, kafka.ReaderConfig{OffsetOutOfRangeError: true})
	if m := fetch(t, r); m.Offset != 10 {
		t.Errorf("the naive reader, asked for offset 3, gives %d: want it to skip to 10", m.Offset)
	}

	b := fetchUntil(t, consumer.NewFetcher(own(t, k), consumer.FetcherOptions{}), at(topic, 3), failed)
	var gap *consumer.ErrGap
	if !errors.As(b.Err, &gap) || *gap != (consumer.ErrGap{Topic: topic, Asked: 3, LogStart: 10, End: 20}) || b.Next != 3 {
		t.Errorf("ours: %v at %d", b.Err, b.Next)
	}
}
