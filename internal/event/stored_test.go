package event

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden file of the current stored version")

func TestStored(t *testing.T) {
	for _, sample := range samples(t) {
		e := decodeText(t, sample.record)
		e.Sequence, e.Revision = -1<<63, 1<<63-1
		stored := e.AppendStored([]byte("before"))[len("before"):]
		again, err := DecodeStored(stored)
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Errorf("%s\nreads as %+v, error %v", sample.record, again, err)
		}
	}
}

// storedGolden holds events as version 1 stored them: lines of hex and native form. It is kept
// for ever; a new version gets a file of its own beside it.
const storedGolden = "testdata/stored/v1.txt"

func TestStoredGolden(t *testing.T) {
	if *rewrite {
		var golden strings.Builder
		golden.WriteString("# Stored events of version 1: bytes in hex, then the event. Never change a line.\n")
		for _, sample := range samples(t) {
			e := decodeText(t, sample.record)
			golden.WriteString(hex.EncodeToString(e.AppendStored(nil)) + " " + string(e.AppendNative(nil)) + "\n")
		}
		if err := os.WriteFile(storedGolden, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lines := numberedLinesOf(t, storedGolden)
	if len(lines) < 20 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		bytesHex, native, _ := strings.Cut(line.text, " ")
		stored, err := hex.DecodeString(bytesHex)
		if err != nil {
			t.Fatal(err)
		}
		e, err := DecodeStored(stored)
		if err != nil {
			t.Errorf("line %d: %v", line.number, err)
			continue
		}
		if got := string(e.AppendNative(nil)); got != native {
			t.Errorf("line %d\nis   %s\nwant %s", line.number, got, native)
		}
	}
}

// Every cut and every foreign version is an error, never a panic or a partial event.
func TestStoredDamage(t *testing.T) {
	for _, sample := range samples(t) {
		stored := decodeText(t, sample.record).AppendStored(nil)
		for n := range stored {
			if _, err := DecodeStored(stored[:n]); !errors.Is(err, ErrStored) {
				t.Fatalf("%s\ncut to %d of %d bytes: error %v", sample.record, n, len(stored), err)
			}
		}
		if _, err := DecodeStored(append(bytes.Clone(stored), 0)); !errors.Is(err, ErrStored) {
			t.Fatalf("a byte too much: error %v", err)
		}
		stored[0] = storedVersion + 1
		if _, err := DecodeStored(stored); !errors.Is(err, ErrStored) || !strings.Contains(err.Error(), "version 2") {
			t.Fatalf("version 2: error %v", err)
		}
	}
}

// A length is checked before memory is taken for it.
func TestStoredLengths(t *testing.T) {
	if n := len((&Item{Unit: UnitDay}).appendStored(nil)); n != itemBytesMin {
		t.Errorf("an empty item takes %d bytes, itemBytesMin is %d", n, itemBytesMin)
	}
	e := &Event{Type: TypeSubscriptionChanged, Subscription: &Subscription{Phase: Phase{Status: StatusActive}}}
	stored := e.AppendStored(nil)
	at := bytes.IndexByte(stored[9:], byte(StatusActive)) + 10 // the length of the items
	claimed := binary.AppendUvarint(bytes.Clone(stored[:at]), 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := DecodeStored(append(claimed, stored[at+1:]...)); !errors.Is(err, ErrStored) {
		t.Error(err)
	}
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 1<<20 {
		t.Errorf("%d bytes taken for items that are not there", taken)
	}
}
