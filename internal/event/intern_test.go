package event

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

func TestInterner(t *testing.T) {
	interner := &NewDecoder(Options{}).intern
	buffer := []byte("team")
	first := interner.text(buffer)
	second := interner.text(buffer)
	if unsafe.StringData(first) != unsafe.StringData(second) {
		t.Error("the same text is there twice")
	}
	copy(buffer, "solo")
	if first != "team" {
		t.Errorf("the text changed to %q with the buffer", first)
	}
	long := strings.Repeat("x", internBytesMax+1)
	if got := interner.text([]byte(long)); got != long {
		t.Errorf("got %q", got)
	}
	for _, kept := range interner.table {
		if len(kept) > internBytesMax {
			t.Errorf("kept %d bytes", len(kept))
		}
	}
	for i := range 10 * internSlots { // texts that share a place never mix
		if want := fmt.Sprint("plan ", i); interner.text([]byte(want)) != want {
			t.Fatalf("not %q", want)
		}
	}
}
