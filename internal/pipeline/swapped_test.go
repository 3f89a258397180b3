package pipeline

import (
	"slices"
	"testing"
)

// A checkpoint of a service with other outputs, put in the place of ours (fault F16): it knows nothing of
// what lies in our topics, so everything is sent, and what it does not make is taken back.
func TestACheckpointOfOtherOutputs(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, delivery := range []Delivery{AtLeastOnce, ExactlyOnce} {
		t.Run(delivery.String(), func(t *testing.T) {
			w := newWorld(t, 2)
			w.change = func(o *Options) { // as many versions of a row as can be, so that our topics are the longer ones
				o.Delivery, o.FlushRecords, o.MetricsInterval, o.fetchBytes = delivery, 1, 1, 1
			}
			records := companyEvents(t, 600, "light")
			for slice := range slices.Chunk(records[:300], 6) {
				w.write(slice)
			}
			w.run()
			ours, ourDir := w.prefix, w.dir
			w.write(records[300:330])
			w.change = func(o *Options) { o.Delivery = delivery }
			w.prefix, w.dir = w.kafka.Topic("other."), t.TempDir()
			w.run()
			w.compare()
			w.prefix = ours // and the other's directory
			w.run()
			w.compare()
			w.dir = ourDir // an older one
			w.run()
			w.compare()
		})
	}
}
