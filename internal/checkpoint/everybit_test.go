package checkpoint

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// storeBytes is how large the store of TestEveryBitOfAStore is at least, over all of its files.
const storeBytes = 64 << 10

// A store of 64 KiB in which any one bit is turned is refused, or holds exactly what was saved last:
// none of the 524,288 turned bits is accepted as another state.
//
// Some hundred bits are turned; CHECKPOINT_EVERY_BIT=1 turns each one (40 minutes of one core), 9 every ninth.
func TestEveryBitOfAStore(t *testing.T) {
	disk, want := storeOf64KiB(t)
	stride := 1499 // a prime, so that every place within a byte has its turn
	if text := os.Getenv("CHECKPOINT_EVERY_BIT"); text != "" {
		var err error
		if stride, err = strconv.Atoi(text); err != nil || stride < 1 {
			t.Fatalf("CHECKPOINT_EVERY_BIT=%s: 1 turns every bit", text)
		}
	}
	contents := files(t, disk)
	var bits, refused, harmless atomic.Int64
	var workers sync.WaitGroup
	for w := range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			place := 0
			for _, name := range slices.Sorted(maps.Keys(contents)) {
				for at := range 8 * len(contents[name]) {
					if place++; place%stride != 0 || place/stride%runtime.GOMAXPROCS(0) != w {
						continue
					}
					bits.Add(1)
					switch got, err := openAndDump(flip(t, disk, name, contents[name], at)); {
					case err != nil:
						refused.Add(1)
					case got == want:
						harmless.Add(1)
					default:
						t.Errorf("%s: bit %d turned and the store holds\n%.300s", name, at, got)
						return
					}
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d bits turned: %d refused, %d harmless, 0 accepted as another state", bits.Load(), refused.Load(), harmless.Load())
	if refused.Load() < bits.Load()/2 {
		t.Errorf("only %d of %d turned bits were refused", refused.Load(), bits.Load())
	}
}

// storeOf64KiB is a closed store of two shards with values that do not compress, and what it holds.
func storeOf64KiB(t *testing.T) (disk *vfs.MemFS, want string) {
	t.Helper()
	disk = vfs.NewCrashableMem()
	dice := rand.New(rand.NewPCG(64, 1024))
	d := mustOpen(t, disk)
	for shard := range 2 {
		var puts []Put
		for i := range 30 {
			value := make([]byte, 1<<10)
			for j := range value {
				value[j] = byte(dice.Uint32())
			}
			puts = append(puts, Put{Key: fmt.Appendf(nil, "account-%03d", i), Value: value})
		}
		if err := d.Save(context.Background(), shard, []byte("at 60"), puts); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, d)
	mustClose(t, mustOpen(t, disk)) // the log of the first life is gone: everything lies in tables
	want, err := openAndDump(disk.CrashClone(everything()))
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, content := range files(t, disk) {
		size += len(content)
	}
	if size < storeBytes {
		t.Fatalf("the store has %d bytes only", size)
	}
	t.Logf("a store of %d bytes", size)
	return disk, want
}
