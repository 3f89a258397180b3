package pipeline

import (
	"strings"
	"testing"

	"processor/internal/company"
	"processor/internal/sink"
)

func TestParseGap(t *testing.T) {
	good := Gap{Topic: "billing.events", Partition: 3, From: 1000, To: 2500}
	if got, err := ParseGap(good.String()); err != nil || got != good {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, text := range []string{
		"", "billing.events", "billing.events/3", "billing.events/3:10", "billing.events/3:10-", "/3:1-2", "t/-1:1-2",
		"t/3:2-2", "t/3:3-2", "t/3:1-2 ", "t/3:1-2,t/4:1-2", "t/3:1-99999999999999999999", "t/9999999999:1-2", "a/b/3:1-2",
	} {
		if got, err := ParseGap(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

// lossy is a world whose log has lost the records [1,3) of the partition of acme, one of them not read
// by the run before.
func lossy(t *testing.T, delivery Delivery) (w *world, gap string) {
	t.Helper()
	w = newWorld(t, 2)
	w.change = func(o *Options) { o.Delivery = delivery }
	first := subscription("e1", "acme", "2025-03-01T00:00:00Z", 1)
	kept := subscription("e4", "acme", "2025-04-01T00:00:00Z", 5)
	w.write([]company.Record{first})
	w.run()
	w.write([]company.Record{subscription("e2", "acme", "2025-03-02T00:00:00Z", 2), subscription("e3", "acme", "2025-03-03T00:00:00Z", 3), kept})
	home := int32(sink.Partition([]byte("acme"), 2))
	w.kafka.DeleteRecords(t, w.topic, home, 3)
	w.events = []company.Record{first, kept}
	return w, Gap{Topic: w.topic, Partition: home, From: 1, To: 3}.String()
}

// A gap stops the service until an operator names exactly what is lost. It is then gone on without,
// and stays known: also later runs say how many records are in no figure.
func TestAGapIsAcceptedByItsExactRange(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, d := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(d.String(), func(t *testing.T) {
			w, command := lossy(t, d)
			gap, err := ParseGap(command)
			if err != nil {
				t.Fatal(err)
			}
			accept := func(gaps ...Gap) { w.change = func(o *Options) { o.Delivery, o.AcceptGaps = d, gaps } }
			less, more, elsewhere := gap, gap, gap
			less.To--
			more.To++
			elsewhere.Partition = 1 - elsewhere.Partition
			for _, other := range [][]Gap{nil, {less}, {more}, {elsewhere}} {
				accept(other...)
				w.mustRefuse(ErrOperator, "lost offsets [1,3)", "these 2 records", "--accept-gap "+command)
			}
			accept(elsewhere, gap)
			w.run()
			w.compare()
			accept()
			w.run()
			w.compare()
			if p := w.metrics.Read().Partitions[Partition{gap.Topic, gap.Partition}]; p.Lost != 2 || p.Position != 4 {
				t.Errorf("lost %d, position %d; want 2 and 4", p.Lost, p.Position)
			}
		})
	}
}

// What was sent for records that are gone with the checkpoint that knew them is taken back: nothing can
// make it again.
func TestAGapBehindWhatWasSent(t *testing.T) {
	for _, d := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(d.String(), func(t *testing.T) {
			w := newWorld(t, 1)
			w.change = func(o *Options) { o.Delivery = d }
			lost := []company.Record{subscription("e1", "acme", "2025-03-01T00:00:00Z", 1), subscription("g1", "globex", "2025-03-01T00:00:00Z", 9)}
			kept := subscription("e2", "acme", "2025-04-01T00:00:00Z", 5)
			w.write(append(lost, kept))
			w.run()
			w.dir = t.TempDir()
			w.kafka.DeleteRecords(t, w.topic, 0, 2)
			w.mustRefuse(ErrOperator, "there is no checkpoint for "+w.topic+"/0", "lost offsets [0,2)")
			w.change = func(o *Options) {
				o.Delivery, o.AcceptGaps = d, []Gap{{Topic: w.topic, Partition: 0, From: 0, To: 2}}
			}
			w.events = []company.Record{kept}
			w.run()
			w.compare()
			for key := range w.got() {
				if strings.Contains(key, "globex") {
					t.Errorf("%s stands, and no record speaks of it", key)
				}
			}
		})
	}
}
