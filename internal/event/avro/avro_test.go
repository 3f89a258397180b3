package avro_test

import (
	"runtime"
	"testing"

	"processor/internal/event"
	"processor/internal/event/avro"
)

// schemas that a hostile producer may choose.
var schemas = []string{
	`{"type":"record","name":"E","fields":[{"name":"id","type":"string"},{"name":"data","type":{"type":"array","items":"null"}}]}`,
	`{"type":"record","name":"E","fields":[{"name":"id","type":["null","string"]},{"name":"data","type":{"type":"map","values":"double"}}]}`,
	`{"type":"record","name":"E","fields":[{"name":"n","type":["null","E"]},{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":40,"scale":30}}]}`,
	`{"type":"record","name":"E","fields":[{"name":"t","type":{"type":"long","logicalType":"timestamp-nanos"}},{"name":"f","type":{"type":"fixed","name":"F","size":8}},{"name":"x","type":"float"}]}`,
	`{"type":"array","items":{"type":"record","name":"Empty","fields":[]}}`,
}

// FuzzDecode: no bytes break the decoder or take memory that they are not worth, under any of the schemas.
func FuzzDecode(f *testing.F) {
	parsed := make([]*avro.Schema, len(schemas))
	for i, text := range schemas {
		s, err := avro.Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		parsed[i] = s
		f.Add(uint8(i), []byte{2, 'a', 2, 0})
		f.Add(uint8(i), []byte("\x00\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x00"))  // 2^62 elements
		f.Add(uint8(i), []byte("\x02a\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x00")) // behind a text
		f.Add(uint8(i), []byte("\x00\x80\x80\x80\x08\x00"))                      // 16 million elements
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte) {
		d := avro.NewDecoder(event.Options{})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e, rejection := d.Decode(parsed[int(which)%len(parsed)], value, nil)
		runtime.ReadMemStats(&after)
		if (e == nil) == (rejection == nil) {
			t.Fatalf("event %v, rejection %v", e, rejection)
		}
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 32<<20+1000*uint64(len(value)) {
			t.Fatalf("%d bytes took %d bytes of memory", len(value), taken)
		}
	})
}
