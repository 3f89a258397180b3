package checkpoint

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

const otherMeaning = "sha256:01 groupings=region zone=UTC partitions=4"

// relabelled is the dump of a store after remarked.
func relabelled(dump string) string { return strings.ReplaceAll(dump, `marker "`, `marker "new `) }

func remarked(_ int, marker []byte) ([]byte, error) { return append([]byte("new "), marker...), nil }

// change is one change of meaning.
type change struct {
	name    string
	meaning string
	remark  func(int, []byte) ([]byte, error)
	want    func(before string) string
}

func changes() []change {
	gone := func(string) string { return "" }
	return []change{
		{"relabel", otherMeaning, remarked, relabelled},
		{"forget", otherMeaning, nil, gone},
		{"forget under the same meaning", testMeaning, nil, gone},
	}
}

// make takes a store through the change, and closes it.
func (c change) make(fsys vfs.FS) error {
	d, _, err := OpenStored(Options{Dir: testDir, FS: fsys, CacheBytes: 1 << 20})
	if err != nil {
		return err
	}
	err = d.Stage(context.Background(), c.meaning, c.remark)
	if err == nil {
		err = d.Switch(c.meaning)
	}
	return errors.Join(err, d.Close())
}

// holds opens the store under whichever of the two meanings it has, and says which and what it holds.
func (c change) holds(t *testing.T, fsys vfs.FS) (meaning, content string) {
	t.Helper()
	d, meaning, err := OpenStored(Options{Dir: testDir, FS: fsys, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	content, err = dump(d)
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, d)
	return meaning, content
}

func TestChangeOfMeaning(t *testing.T) {
	all := states(story())
	before := all[len(all)-1]
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			disk := vfs.NewMem()
			if _, _, err := live(disk, story()); err != nil {
				t.Fatal(err)
			}
			if err := c.make(disk); err != nil {
				t.Fatal(err)
			}
			if meaning, got := c.holds(t, disk); meaning != c.meaning || got != c.want(before) {
				t.Fatalf("under %q the store holds\n%s\nwant\n%s", meaning, got, c.want(before))
			}
			d, err := Open(Options{Dir: testDir, Fingerprint: c.meaning, FS: disk})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Save(context.Background(), 0, []byte("goes on"), []Put{put("later", "1")}); err != nil {
				t.Fatal(err)
			}
			mustClose(t, d)
			if _, got := c.holds(t, disk); !strings.Contains(got, `"later"="1"`) || !strings.Contains(got, `"goes on"`) {
				t.Errorf("after a save the store holds\n%s", got)
			}
			if c.meaning == testMeaning {
				return
			}
			_, err = openOn(disk)
			wantIs(t, err, ErrMeaning)
		})
	}
}

// A store in which a change was staged and not switched is the one from before.
func TestStagedIsNotSwitched(t *testing.T) {
	all := states(story())
	before := all[len(all)-1]
	for _, remark := range []func(int, []byte) ([]byte, error){nil, remarked} {
		disk := vfs.NewMem()
		if _, _, err := live(disk, story()); err != nil {
			t.Fatal(err)
		}
		d := mustOpen(t, disk)
		if err := d.Stage(context.Background(), otherMeaning, remark); err != nil {
			t.Fatal(err)
		}
		mustClose(t, d)
		d = mustOpen(t, disk)
		wantDump(t, d, before)
		if err := d.Switch(otherMeaning); err == nil || !strings.Contains(err.Error(), "nothing is staged") {
			t.Errorf("a switch after the reopening: %v", err)
		}
		mustClose(t, d)
	}
}

// A crash before any operation of a change leaves the old checkpoint or the new one, and from either
// the change can be made once more.
func TestCrashInAChangeOfMeaning(t *testing.T) {
	all := states(story())
	before := all[len(all)-1]
	for _, c := range changes() {
		t.Run(c.name, func(t *testing.T) {
			crashes := &crasher{disk: vfs.NewCrashableMem()}
			d := mustOpen(t, crashes.disk)
			if err := crashes.run(d, story()); err != nil {
				t.Fatal(err)
			}
			mustClose(t, d)
			if err := c.make(crashes.fs()); err != nil {
				t.Fatal(err)
			}
			old, changed := 0, 0
			for _, w := range crashes.wrecks {
				switch meaning, got := c.holds(t, w.fs); {
				case meaning == testMeaning && got == before:
					old++
				case meaning == c.meaning && got == c.want(before):
					changed++
				default:
					t.Fatalf("%s: under %q the store holds\n%s", w.name, meaning, got)
				}
				if err := c.make(w.fs); err != nil {
					t.Fatalf("%s: once more: %v", w.name, err)
				}
				meaning, got := c.holds(t, w.fs)
				if twice := c.want(c.want(before)); meaning != c.meaning || got != c.want(before) && got != twice {
					t.Fatalf("%s: once more, under %q:\n%s", w.name, meaning, got)
				}
			}
			t.Logf("%d wrecks hold the old checkpoint, %d the new one", old, changed)
			if old < 10 || changed < 10 {
				t.Error("the crashes do not fall on both sides of the switch")
			}
		})
	}
}

// A write that fails leaves the old checkpoint or the new one, and is an error where it leaves the old one.
func TestFailedWriteInAChangeOfMeaning(t *testing.T) {
	all := states(story())
	before := all[len(all)-1]
	for _, c := range changes() {
		for at := int64(1); ; at++ {
			disk := vfs.NewMem()
			if _, _, err := live(disk, story()); err != nil {
				t.Fatal(err)
			}
			f := &failer{kind: errorfs.OpIsWrite, cause: errFull, at: at, stays: true}
			err := c.make(errorfs.Wrap(disk, f))
			if f.hits.Load() == 0 {
				if err != nil || at < 10 {
					t.Fatalf("%s: without a fault at write %d: %v", c.name, at, err)
				}
				break
			}
			meaning, got := c.holds(t, disk)
			isOld, isNew := meaning == testMeaning && got == before, meaning == c.meaning && got == c.want(before)
			if !isOld && !isNew {
				t.Fatalf("%s: after a fault at write %d (%v) the store holds under %q\n%s", c.name, at, err, meaning, got)
			}
			if err == nil && !isNew { // a file that could not be removed is no failure
				t.Fatalf("%s: no error about write %d", c.name, at)
			}
		}
	}
}

var errFull = errors.New("no space left on the device")

func TestOpenStoredMakesNothing(t *testing.T) {
	disk := vfs.NewMem()
	_, _, err := OpenStored(Options{Dir: testDir, FS: disk})
	wantIs(t, err, ErrNothing, testDir)
	if _, err := disk.Stat(testDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory was made: %v", err)
	}
	d := mustOpen(t, disk)
	_, _, err = OpenStored(Options{Dir: testDir, FS: disk})
	wantIs(t, err, ErrLocked)
	mustClose(t, d)
}
