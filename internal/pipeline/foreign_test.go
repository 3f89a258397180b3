package pipeline

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"processor/internal/kafkatest"
)

// Another application has the group: the service refuses to start, says who that is and what to do, and the
// other one goes on.
func TestAGroupOfAnotherApplication(t *testing.T) {
	w := newWorld(t, 2)
	w.write(companyEvents(t, 50, "none"))
	o := w.options()
	other := w.kafka.Client(t, kgo.ClientID("invoicing"), kgo.ConsumerGroup(o.Group), kgo.ConsumeTopics(w.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.Balancers(kgo.CooperativeStickyBalancer()))
	if fetches := other.PollFetches(kafkatest.Context(t)); fetches.Err() != nil {
		t.Fatal(fetches.Err())
	}
	err := w.runUntil(o, Status.Ready)
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "invoicing at ") || !strings.Contains(err.Error(), "`group`") {
		t.Fatalf("the group of another application: %v", err)
	}
	w.kafka.Produce(t, w.topic, kafkatest.Record{Key: "more", Value: "{}"})
	for {
		fetches := other.PollFetches(kafkatest.Context(t))
		if fetches.Err() != nil {
			t.Fatalf("the other application: %v", fetches.Err())
		}
		for r := range fetches.RecordsAll() {
			if string(r.Key) == "more" {
				return
			}
		}
	}
}
