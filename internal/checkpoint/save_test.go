package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

// Whatever is saved, dropped, reopened and in whatever order: the store is the model.
func TestStoreIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx := context.Background()
		disk := vfs.NewCrashableMem()
		reopen := func() *Dir {
			d, err := openOn(disk)
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			return d
		}
		d, m := reopen(), newModel()
		defer func() { _ = d.Close() }()
		apply := func(s step) {
			if err := s.apply(ctx, d); err != nil {
				t.Fatalf("%+v: %v", s, err)
			}
			m.apply(s)
		}
		shard := rapid.SampledFrom([]int{0, 1, 255, 256, shardMax})
		key := rapid.SampledFrom([]string{"a", "b", "b\x00", "c", "\xff\xff\xff\xff", "../../etc/passwd", strings.Repeat("k", 300)})
		t.Repeat(map[string]func(*rapid.T){
			"save": func(t *rapid.T) {
				s := step{shard: shard.Draw(t, "shard"), marker: rapid.StringN(0, 8, 20).Draw(t, "marker")}
				for _, k := range rapid.SliceOfNDistinct(key, 0, 5, rapid.ID[string]).Draw(t, "keys") {
					p := del(k)
					if rapid.IntRange(0, 2).Draw(t, "kind") > 0 {
						p = put(k, string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "value")))
					}
					s.puts = append(s.puts, p)
				}
				apply(s)
			},
			"drop": func(t *rapid.T) { apply(step{shard: shard.Draw(t, "shard"), drop: true}) },
			"close and open": func(t *rapid.T) {
				if err := d.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				d = reopen()
			},
			"crash": func(*rapid.T) {
				old := d
				disk = disk.CrashClone(vfs.CrashCloneCfg{})
				d = reopen()
				_ = old.Close()
			},
			"": func(t *rapid.T) {
				got, err := dump(d)
				if err != nil || got != m.dump() {
					t.Fatalf("store holds\n%s\n%v, want\n%s", got, err, m.dump())
				}
			},
		})
	})
}

func TestSaveRefusesWhatItCannotStore(t *testing.T) {
	d := mustOpen(t, vfs.NewMem())
	ctx := context.Background()
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		shard int
		puts  []Put
		want  string
	}{
		"negative shard": {ctx, -1, nil, "shard -1"},
		"marker shard":   {ctx, shardMarkers, nil, "not between"},
		"empty key":      {ctx, 0, []Put{put("", "1")}, "key of 0 bytes"},
		"long key":       {ctx, 0, []Put{put(strings.Repeat("k", keyMax+1), "1")}, "65537 bytes"},
		"key twice":      {ctx, 0, []Put{put("b", "1"), put("a", "1"), del("b")}, "62 comes twice"},
		"cancelled":      {cancelled, 0, nil, context.Canceled.Error()},
		"too large":      {ctx, 0, []Put{{Key: []byte("k"), Value: make([]byte, saveMax)}}, "save more often"},
	} {
		err := d.Save(c.ctx, c.shard, nil, c.puts)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), testDir) {
			t.Errorf("%s: error is %v, want %q", name, err, c.want)
		}
	}
	wantDump(t, d, "")
	if err := d.Save(ctx, 0, []byte("ok"), nil); err != nil { // a refused save breaks nothing
		t.Fatal(err)
	}
	mustClose(t, d)
}

// Shards are saved at the same time, loads see one save or the next, never parts of both.
func TestConcurrentShards(t *testing.T) {
	d := mustOpen(t, vfs.NewMem())
	ctx := context.Background()
	const shards, rounds = 4, 30
	var wg sync.WaitGroup
	for shard := range shards {
		wg.Go(func() {
			for round := range rounds {
				text := fmt.Sprint(round)
				if err := d.Save(ctx, shard, []byte(text), []Put{put("a", text), put("z", text)}); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range rounds {
				var seen []string
				marker, _, err := d.Load(ctx, shard, func(_, value []byte) error {
					seen = append(seen, string(value))
					return nil
				})
				for _, value := range seen {
					if value != string(marker) {
						t.Errorf("marker %s, records %v", marker, seen)
					}
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if m := d.Metrics(); m.Saves != shards*rounds || m.SavedRecords != 2*shards*rounds || m.SavedBytes == 0 {
		t.Errorf("metrics: %+v", m)
	}
	mustClose(t, d)
}

func TestLoadStops(t *testing.T) {
	d := mustOpen(t, vfs.NewMem())
	ctx := context.Background()
	if _, found, err := d.Load(ctx, 5, nil); found || err != nil {
		t.Errorf("shard that was never saved: found %v, %v", found, err)
	}
	if err := d.Save(ctx, 5, nil, []Put{put("a", "1"), put("b", "2")}); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("enough")
	_, _, err := d.Load(ctx, 5, func(_, _ []byte) error { return stop })
	wantIs(t, err, stop, "shard 5", "record 61")
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = d.Load(cancelled, 5, func(_, _ []byte) error { return nil })
	wantIs(t, err, context.Canceled)
	_, _, err = d.Load(ctx, -5, nil)
	if err == nil {
		t.Error("shard -5 is loaded")
	}
	mustClose(t, d)
}

// A bell wakes all who asked before the ring and nobody who asks after it.
func TestBell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBell()
		woken := 0
		var mu sync.Mutex
		for range 3 {
			next := b.next()
			go func() {
				<-next
				mu.Lock()
				woken++
				mu.Unlock()
			}()
		}
		synctest.Wait()
		b.ring()
		synctest.Wait()
		if woken != 3 {
			t.Errorf("%d woken", woken)
		}
		select {
		case <-b.next():
			t.Error("the next ring came already")
		default:
		}
	})
}
