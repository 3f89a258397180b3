package internal

import (
	"fmt"
	"slices"
	"testing"

	"processor/internal/broker"
	"processor/internal/consumer"
	"processor/internal/kafkatest"
	"processor/internal/sink"
)

// The one writer and the one reader do not know each other; here they meet: what sink commits is what
// consumer reads, from every offset, whichever codec, and what it aborts is not.
func TestTheReaderSeesWhatTheWriterCommits(t *testing.T) {
	k := kafkatest.Start(t, 1)
	for _, codec := range []sink.Compression{sink.None, sink.LZ4, sink.Zstd} {
		topic := k.Create(t, fmt.Sprint("rows-", codec), 1)
		c, err := broker.New(broker.Options{Brokers: k.Brokers})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		x, err := sink.NewTransactor(c, sink.TransactorOptions{ID: k.Topic(topic), Compression: codec, BatchBytes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		ctx := kafkatest.Context(t)
		if err := x.Open(ctx); err != nil {
			t.Fatal(err)
		}
		var want []string
		for round, commit := range []bool{true, false, true, false, false, true} {
			if err := x.Begin(ctx); err != nil {
				t.Fatal(err)
			}
			var rows []sink.Message
			for i := range 40 {
				value := fmt.Sprintf("round %d row %d", round, i)
				rows = append(rows, sink.Message{Topic: topic, Key: []byte("k"), Value: []byte(value)})
				if commit {
					want = append(want, value)
				}
			}
			_, err := x.Send(ctx, rows)
			if err == nil && commit {
				err = x.Commit(ctx)
			} else if err == nil {
				err = x.Abort(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		// A commit is answered before readers see it; who takes the id next waits until they do.
		if err := x.Open(ctx); err != nil {
			t.Fatal(err)
		}
		tp := consumer.TopicPartition{Topic: topic}
		for from := int64(0); ; from += 37 {
			var got []string
			var first int64 = -1
			next, err := consumer.ReadRange(ctx, c, topic, 0, from, func(r *consumer.Record) error {
				if first < 0 {
					first = r.Offset
				}
				got = append(got, string(r.Value))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if from == 0 && !slices.Equal(got, want) || len(got) > 0 && !slices.Equal(got, want[len(want)-len(got):]) {
				t.Fatalf("%s from offset %d: %d records %v, want the tail of %d", tp, from, len(got), got, len(want))
			}
			if from+37 >= next {
				break
			}
		}
	}
}
