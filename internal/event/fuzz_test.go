package event

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// FuzzDecode: no input breaks the decoder or makes it take memory that the record is not worth; what it
// accepts is JSON for encoding/json too and survives every form that the event is written in; and the
// reason of a rejection does not depend on the records before it.
func FuzzDecode(f *testing.F) {
	for _, sample := range samples(f) {
		f.Add([]byte(sample.record))
	}
	for _, line := range numberedLinesOf(f, "testdata/rejections/envelope.txt") {
		f.Add([]byte(line.text))
	}
	reused := NewDecoder(Options{})
	f.Fuzz(func(t *testing.T, record []byte) {
		var e *Event
		var rejection *Rejection
		takesAtMost(t, memoryBase+memoryPerByte*uint64(len(record)), "a record", func() { e, rejection = reused.Decode(record, nil) })
		if (e == nil) == (rejection == nil) {
			t.Fatalf("event %v and rejection %v", e, rejection)
		}
		fresh, freshRejection := NewDecoder(Options{}).Decode(record, nil)
		if !reflect.DeepEqual(e, fresh) || !reflect.DeepEqual(rejection, freshRejection) {
			t.Fatalf("reused: %+v %+v, fresh: %+v %+v", e, rejection, fresh, freshRejection)
		}
		if rejection != nil {
			if len(rejection.Detail) > idBytesMax+100 {
				t.Fatalf("a detail of %d bytes", len(rejection.Detail))
			}
			return
		}
		if !json.Valid(record) {
			t.Fatalf("%q is no JSON and was accepted as %+v", record, e)
		}
		checkForms(t, e)
	})
}

// checkForms writes the event in every form and reads it back.
func checkForms(t *testing.T, e *Event) {
	t.Helper()
	native := e.AppendNative(nil)
	again, rejection := NewDecoder(Options{MaxBytes: 1 << 30}).Decode(native, nil)
	if !reflect.DeepEqual(e, again) {
		t.Fatalf("native form %s\nreads as %+v %+v", native, again, rejection)
	}
	if !bytes.Equal(e.AppendCanonical(nil), again.AppendCanonical(nil)) {
		t.Fatalf("canonical form of %s is not stable", native)
	}
	if !json.Valid(native) || !json.Valid(e.AppendCanonical(nil)) {
		t.Fatalf("%s or its canonical form is no JSON", native)
	}
	stored, err := DecodeStored(e.AppendStored(nil))
	if !reflect.DeepEqual(e, stored) {
		t.Fatalf("stored form of %s\nreads as %+v, error %v", native, stored, err)
	}
}

// FuzzDecodeStored: no bytes break the reader or make it believe a length, and what it accepts it writes
// and reads again.
func FuzzDecodeStored(f *testing.F) {
	for _, sample := range samples(f) {
		f.Add(decodeText(f, sample.record).AppendStored(nil))
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		var e *Event
		var err error
		takesAtMost(t, memoryBase+memoryPerByte*uint64(len(stored)), "a stored event", func() { e, err = DecodeStored(stored) })
		if err != nil {
			if !strings.Contains(err.Error(), ErrStored.Error()) {
				t.Fatal(err)
			}
			return
		}
		again, err := DecodeStored(e.AppendStored(nil))
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%x reads as %+v, then as %+v, error %v", stored, e, again, err)
		}
		e.AppendCanonical(nil)
		e.AppendNative(nil)
	})
}
