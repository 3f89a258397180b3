package pipeline

import (
	"reflect"
	"testing"

	"processor/internal/event"
	"processor/internal/row"
)

// FuzzDecodeMarker: whatever a checkpoint holds as a marker is refused or read to a place that is written
// and read again, so that a restart goes on where the last one stood.
func FuzzDecodeMarker(f *testing.F) {
	full := &marker{
		Epoch: 7, Flush: 1 << 40, Generation: 1 << 63, Watermark: event.Time(1_760_000_000_000_000_000), Digest: ^uint64(0),
		Sources: []place{{Topic: "a", Next: 5, Seen: event.NoTime}, {
			Topic: "b", Next: 1 << 62, Seen: 1, ID: "Rm1LIhvvkebNhVyfqnNnlQ",
			Last: &lastBatch{Offset: 1<<62 - 3, LeaderEpoch: 4, CRC: 1 << 31},
		}},
		Outputs: []end{{outputPartition{row.TopicMovements, 3}, 9}}, Results: [7]int64{1, 2, 3, 4, 5, 6, 7}, Rows: 8, Everything: true,
	}
	for _, m := range []*marker{full, {}} {
		b, err := m.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"results":[1,2,3,4,5,6,7,8]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMarker(b)
		if err != nil {
			return
		}
		written, err := m.encode()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", m, err)
		}
		if again, err := decodeMarker(written); err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v comes back as %+v, %v", m, again, err)
		}
	})
}
