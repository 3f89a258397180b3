package intake

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"processor/internal/event"
	"processor/internal/kafkatest"
)

// several is a made-up format: a text is so many events as it has words, each the id of one of account
// acme-<word>; "bad" is rejected, and an empty text says nothing. Some records cannot be decoded for a
// while.
type several struct {
	native *event.Decoder
	fails  *atomic.Int64 // how many more times "later" cannot be decoded
}

func (d several) Decode(_ context.Context, r *event.Record) ([]*event.Event, *event.Rejection, error) {
	var events []*event.Event
	for word := range strings.FieldsSeq(string(r.Value)) {
		if word == "later" && d.fails.Add(-1) >= 0 {
			return nil, nil, errors.New("nobody can say now")
		}
		if word == "bad" {
			return nil, &event.Rejection{Reason: event.ReasonBadField, Detail: "word"}, nil
		}
		e, rejection := d.native.Decode([]byte(charge(word, "acme-"+word)), nil)
		if rejection != nil {
			return nil, rejection, nil
		}
		events = append(events, e)
	}
	return events, nil, nil
}

func (w *world) speaks(fails int64) *atomic.Int64 {
	left := new(atomic.Int64)
	left.Store(fails)
	w.change = func(o *Options) {
		o.Formats = map[string]Format{w.source: {Name: "words", New: func() Decoder { return several{event.NewDecoder(event.Options{}), left} }}}
	}
	return left
}

// A record of three events is one record that was copied, and three copies; one with a bad event is a dead
// letter and no copy; nothing is lost on the way (invariant I3).
func TestARecordMayHoldSeveralEvents(t *testing.T) {
	w := newWorld(t, 1)
	w.speaks(0)
	w.kafka.Produce(t, w.source,
		kafkatest.Record{Value: "a b c"},
		kafkatest.Record{Value: "d bad e"}, kafkatest.Record{Value: ""}, kafkatest.Record{Value: "f"})
	p := w.run()
	if p.counts["copied"] != 2 || p.counts["rejected"] != 1 || p.counts["ignored"] != 1 || p.counts["bad_field"] != 1 || p.counts["events"] != 4 {
		t.Errorf("counted %v", p.counts)
	}
	copies := map[string]record{}
	for _, c := range w.copies() {
		copies[c.key] = c
	}
	if len(copies) != 4 {
		t.Fatalf("%d copies: %v", len(copies), copies)
	}
	for account, offset := range map[string]string{"acme-a": "0", "acme-b": "0", "acme-c": "0", "acme-f": "3"} {
		c := copies[account]
		if c.headers[headerOffset] != offset || c.headers[HeaderFormat] != "words" || c.headers["ce_id"] != "" || c.headers["content-type"] != "" {
			t.Errorf("%s has the headers %v", account, c.headers)
		}
		e, rejection := event.NewDecoder(event.Options{}).Decode([]byte(c.value), nil)
		if rejection != nil || e.Subject != account {
			t.Errorf("%s is %s: %+v", account, c.value, rejection)
		}
	}
	letters := w.records("dead-letters")
	if len(letters) != 1 || letters[0].value != "d bad e" || letters[0].headers["detail"] != "word" || letters[0].headers["offset"] != "1" {
		t.Errorf("dead letters: %+v", letters)
	}
}

// While a decoder cannot ask, its partition waits: nothing is rejected, nothing is passed over, and the
// other partitions go on.
func TestWhatCannotBeDecodedNowWaits(t *testing.T) {
	w := newWorld(t, 2)
	left := w.speaks(3)
	w.kafka.Produce(t, w.source,
		kafkatest.Record{Partition: 0, Value: "a"}, kafkatest.Record{Partition: 0, Value: "later"}, kafkatest.Record{Partition: 0, Value: "b"},
		kafkatest.Record{Partition: 1, Value: "c"})
	p := w.run()
	if left.Load() >= 0 {
		t.Errorf("it was not asked often enough: %d failures are left", left.Load())
	}
	if p.counts["copied"] != 4 || p.counts["rejected"] != 0 {
		t.Errorf("counted %v", p.counts)
	}
	w.onceEach(4)
}
