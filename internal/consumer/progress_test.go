package consumer_test

import (
	"fmt"
	"testing"
	"time"

	"processor/internal/consumer"
)

func TestProgress(t *testing.T) {
	const limit = time.Minute
	a, b := consumer.TopicPartition{Topic: "t", Partition: 0}, consumer.TopicPartition{Topic: "t", Partition: 1}
	at := func(seconds int) time.Time { return time.Unix(1_700_000_000+int64(seconds), 0) }
	p := consumer.NewProgress(limit)
	want := func(seconds int, want string) {
		t.Helper()
		got := ""
		for _, s := range p.Stuck(at(seconds)) {
			got += fmt.Sprintf("%s at %d of %d for %s stopped %v; ", s.TopicPartition, s.Next, s.End, s.For, s.Stopped)
		}
		if got != want {
			t.Errorf("after %d s: %q, want %q", seconds, got, want)
		}
	}
	want(1000, "")
	for s := 0; s <= 300; s += 10 { // a moves on, b has nothing to read
		p.Note(a, int64(s), 1000, at(s))
		p.Note(b, 5, 5, at(s))
		want(s, "")
	}
	want(359, "")
	want(360, "t/0 at 300 of 1000 for 1m0s stopped true; t/1 at 5 of 5 for 1m0s stopped true; ")
	for s := 310; s <= 400; s += 10 { // b has something to read and does not
		p.Note(a, int64(s), 1000, at(s))
		p.Note(b, 5, 6, at(s))
	}
	want(359, "")
	want(400, "t/1 at 5 of 6 for 1m40s stopped false; ")
	p.Note(b, 6, 6, at(410))
	p.Note(a, 1000, 1000, at(410))
	want(410, "")
	p.Forget(a)
	p.Forget(b)
	want(5000, "")
}
