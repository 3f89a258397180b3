package checkpoint

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// survivals are the shares of unsynced data that a crash leaves: none, some at random, all.
var survivals = []int{0, 30, 70, 100}

// wreck is the disk as a crash at one operation leaves it, and which states it may hold.
type wreck struct {
	fs       *vfs.MemFS
	name     string
	from, to int // at least the steps that were acknowledged, at most those that were begun
}

// crasher makes a wreck before every operation that changes the disk.
type crasher struct {
	disk         *vfs.MemFS
	begun, acked atomic.Int64

	mu     sync.Mutex
	seed   uint64
	ops    int
	wrecks []wreck
}

func (c *crasher) fs() vfs.FS {
	return errorfs.Wrap(c.disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			c.crash(fmt.Sprintf("%v %s", op.Kind, op.Path))
		}
		return nil
	}))
}

func (c *crasher) crash(at string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops++
	for _, percent := range survivals {
		c.seed++
		w := wreck{name: fmt.Sprintf("operation %d %s, %d%% survive, seed %d", c.ops, at, percent, c.seed)}
		w.from = int(c.acked.Load())
		w.fs = c.disk.CrashClone(vfs.CrashCloneCfg{
			UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(c.seed, 0)),
		})
		w.to = int(c.begun.Load())
		c.wrecks = append(c.wrecks, w)
	}
}

// run takes the steps from first on through a store on fsys and counts them.
func (c *crasher) run(d *Dir, steps []step) error {
	for i, s := range steps {
		c.begun.Store(int64(i + 1))
		if err := s.apply(context.Background(), d); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
		c.acked.Store(int64(i + 1))
	}
	return nil
}

// check opens the wreck, which must hold exactly one of the allowed states, and takes it to the end
// of the story: a store that recovered but cannot go on is no use.
func (w wreck) check(t *testing.T, fsys vfs.FS, steps []step, want []string) {
	t.Helper()
	d, err := openOn(fsys)
	if err != nil {
		t.Fatalf("%s: open: %v", w.name, err)
	}
	got, err := dump(d)
	if err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	at := -1
	for n := w.from; n <= w.to; n++ {
		if got == want[n] {
			at = n
		}
	}
	if at < 0 {
		t.Fatalf("%s: holds\n%s\nwhich is not one of the states %d to %d", w.name, got, w.from, w.to)
	}
	for i := at; i < len(steps); i++ {
		if err := steps[i].apply(context.Background(), d); err != nil {
			t.Fatalf("%s: step %d after recovery: %v", w.name, i, err)
		}
	}
	wantDump(t, d, want[len(steps)])
	mustClose(t, d)
}

func TestCrashAtEveryOperation(t *testing.T) {
	steps := story()
	want := states(steps)
	wrecks := crashedStories(t, steps)
	t.Logf("%d wrecks", len(wrecks))
	if len(wrecks) < 300 {
		t.Fatalf("only %d wrecks: the crashes are not being made", len(wrecks))
	}
	for _, w := range wrecks {
		w.check(t, w.fs, steps, want)
	}
}

// crashedStories runs the story with restarts in between, so that flushes, recoveries and the cleaning
// up of old logs are crashed too.
func crashedStories(t *testing.T, steps []step) []wreck {
	t.Helper()
	c := &crasher{disk: vfs.NewCrashableMem()}
	for from := 0; from < len(steps); from += 3 {
		d := mustOpen(t, c.fs())
		for i := from; i < min(from+3, len(steps)); i++ {
			c.begun.Store(int64(i + 1))
			if err := steps[i].apply(context.Background(), d); err != nil {
				t.Fatal(err)
			}
			c.acked.Store(int64(i + 1))
		}
		mustClose(t, d)
	}
	return c.wrecks
}

// A crash during recovery, and during the recovery from that, must not cost anything either.
func TestCrashInRecovery(t *testing.T) {
	steps := story()
	want := states(steps)
	wrecks := crashedStories(t, steps)
	second := 0
	for i := 7; i < len(wrecks); i += 29 {
		w := wrecks[i]
		again := &crasher{disk: w.fs, seed: uint64(i) << 20}
		again.acked.Store(int64(w.from))
		again.begun.Store(int64(w.to))
		mustClose(t, mustOpen(t, again.fs()))
		for j := i % 5; j < len(again.wrecks); j += 5 {
			w2 := again.wrecks[j]
			w2.name = w.name + "; then " + w2.name
			w2.check(t, w2.fs, steps, want)
			second++
		}
	}
	if second < 100 {
		t.Fatalf("only %d crashes in recovery", second)
	}
	t.Logf("%d crashes in recovery", second)
}

// Crashing in every recovery must not let the directory grow.
func TestCrashLoopDoesNotGrow(t *testing.T) {
	steps := story()
	c := &crasher{disk: vfs.NewCrashableMem()}
	d := mustOpen(t, c.disk)
	if err := c.run(d, steps); err != nil {
		t.Fatal(err)
	}
	disk := c.disk.CrashClone(vfs.CrashCloneCfg{})
	mustClose(t, d)
	var counts []int
	for round := range 12 {
		loop := &crasher{disk: disk, seed: uint64(round) << 32}
		mustClose(t, mustOpen(t, loop.fs()))
		names, err := disk.List(testDir)
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, len(names))
		disk = loop.wrecks[(round*37+11)%len(loop.wrecks)].fs
	}
	final := mustOpen(t, disk)
	wantDump(t, final, states(steps)[len(steps)])
	mustClose(t, final)
	if last := counts[len(counts)-1]; last > counts[0]+2 {
		t.Fatalf("files after each round: %v", counts)
	}
}
