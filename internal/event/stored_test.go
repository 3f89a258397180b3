package event

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
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
		e.Position = Position{Topic: "billing.events", Partition: 1<<31 - 1, Offset: 1<<63 - 1}
		stored := e.AppendStored([]byte("before"))[len("before"):]
		again, err := DecodeStored(stored)
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Errorf("%s\nreads as %+v, error %v", sample.record, again, err)
		}
	}
}

// storedGoldens hold events as each version stored them: lines of hex and native form, from version
// 2 on with the position between them. They are kept for ever; a new version gets a file of its own.
var storedGoldens = []string{1: "testdata/stored/v1.txt", 2: "testdata/stored/v2.txt"}

func TestStoredGolden(t *testing.T) {
	if *rewrite {
		rewriteStoredGolden(t)
	}
	for version, file := range storedGoldens[1:] {
		t.Run(file, func(t *testing.T) { storedGolden(t, version+1, file) })
	}
}

func rewriteStoredGolden(t *testing.T) {
	t.Helper()
	var golden strings.Builder
	fmt.Fprintf(&golden, "# Stored events of version %d: bytes in hex, position, then the event. Never change a line.\n", storedVersion)
	for i, sample := range samples(t) {
		e := decodeText(t, sample.record)
		if i%3 > 0 { // the others have none
			e.Position = Position{Topic: "billing.events", Partition: int32(i), Offset: int64(i) << 20}
		}
		fmt.Fprintf(&golden, "%s %s %s\n", hex.EncodeToString(e.AppendStored(nil)), positionText(e.Position), e.AppendNative(nil))
	}
	if err := os.WriteFile(storedGoldens[storedVersion], []byte(golden.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func positionText(p Position) string {
	if !p.IsKnown() {
		return "-"
	}
	return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset)
}

func storedGolden(t *testing.T, version int, file string) {
	lines := numberedLinesOf(t, file)
	if len(lines) < 20 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		bytesHex, native, _ := strings.Cut(line.text, " ")
		position := "-"
		if version >= storedPositions {
			position, native, _ = strings.Cut(native, " ")
		}
		stored, err := hex.DecodeString(bytesHex)
		if err != nil {
			t.Fatal(err)
		}
		if int(stored[0]) != version {
			t.Fatalf("line %d has version %d", line.number, stored[0])
		}
		e, err := DecodeStored(stored)
		if err != nil {
			t.Errorf("line %d: %v", line.number, err)
			continue
		}
		if got := string(e.AppendNative(nil)); got != native {
			t.Errorf("line %d\nis   %s\nwant %s", line.number, got, native)
		}
		if got := positionText(e.Position); got != position {
			t.Errorf("line %d is at %s, want %s", line.number, got, position)
		}
	}
}

// Every cut and every foreign version is an error, never a panic or a partial event.
func TestStoredDamage(t *testing.T) {
	for _, sample := range samples(t) {
		e := decodeText(t, sample.record)
		e.Position = Position{Topic: "billing.events", Partition: 3, Offset: 1000}
		stored := e.AppendStored(nil)
		for n := range stored {
			if _, err := DecodeStored(stored[:n]); !errors.Is(err, ErrStored) {
				t.Fatalf("%s\ncut to %d of %d bytes: error %v", sample.record, n, len(stored), err)
			}
		}
		if _, err := DecodeStored(append(bytes.Clone(stored), 0)); !errors.Is(err, ErrStored) {
			t.Fatalf("a byte too much: error %v", err)
		}
		stored[0] = storedVersion + 1
		if _, err := DecodeStored(stored); !errors.Is(err, ErrStored) || !strings.Contains(err.Error(), "version 3") {
			t.Fatalf("version 3: error %v", err)
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
