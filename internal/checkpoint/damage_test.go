package checkpoint

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// flip returns a copy of the disk with one bit of one file turned.
func flip(t *testing.T, disk *vfs.MemFS, name string, content []byte, at int) *vfs.MemFS {
	t.Helper()
	broken := disk.CrashClone(everything())
	changed := append([]byte(nil), content...)
	changed[at/8] ^= 1 << (at % 8)
	f, err := broken.Create(broken.PathJoin(testDir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(changed); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return broken
}

// everything is the crash that keeps what was not synced.
func everything() vfs.CrashCloneCfg {
	return vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}
}

// files reads the whole directory.
func files(t *testing.T, disk vfs.FS) map[string][]byte {
	t.Helper()
	names, err := disk.List(testDir)
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string][]byte{}
	for _, name := range names {
		f, err := disk.Open(disk.PathJoin(testDir, name))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		contents[name] = content
	}
	return contents
}

// A bit that turns, anywhere in any file, in a store that was closed in order and in one that crashed
// with a log: the store is refused, or holds exactly what was saved last. An older state is not
// accepted either, although it is complete in itself.
//
// One bit of each byte is turned, a different one from byte to byte; CHECKPOINT_EVERY_BIT=1 turns all
// of them (minutes). OPTIONS is Pebble's note of its settings and is sampled.
func TestBitFlips(t *testing.T) {
	closed, crashed := flipStores(t)
	want := states(story())
	for name, disk := range map[string]*vfs.MemFS{"closed": closed, "crashed": crashed} {
		t.Run(name, func(t *testing.T) {
			tables := 0 // refused flips in tables; one that is about to be removed is not read
			for name, content := range files(t, disk) {
				bits, refused := 0, 0
				for at := 0; at < 8*len(content); at += flipStride(name) {
					bits++
					got, err := openAndDump(flip(t, disk, name, content, at))
					if err != nil {
						refused++
					} else if got != want[len(want)-1] {
						t.Fatalf("%s: bit %d turned and the store holds\n%s", name, at, got)
					}
				}
				t.Logf("%s: %d bits, %d refused, the others harmless", name, bits, refused)
				if name == formatName && refused != bits {
					t.Errorf("%s: only %d of %d flips were refused", name, refused, bits)
				}
				if strings.HasSuffix(name, ".sst") {
					tables += refused
				}
			}
			if tables == 0 {
				t.Error("no flip in a table was refused")
			}
		})
	}
}

func flipStride(name string) int {
	switch {
	case os.Getenv("CHECKPOINT_EVERY_BIT") != "":
		return 1
	case strings.HasPrefix(name, "OPTIONS"):
		return 331
	case testing.Short():
		return 73
	default:
		return 9
	}
}

// flipStores are two small stores with everything in them: tables, manifest, and in one of them a log.
func flipStores(t *testing.T) (closed, crashed *vfs.MemFS) {
	t.Helper()
	steps := story()
	disk := vfs.NewCrashableMem()
	if _, _, err := live(disk, steps[:5]); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, disk)
	for _, s := range steps[5:] {
		if err := s.apply(context.Background(), d); err != nil {
			t.Fatal(err)
		}
	}
	crashed = disk.CrashClone(everything())
	mustClose(t, d)
	return disk, crashed
}

func openAndDump(fsys vfs.FS) (string, error) {
	d, err := openOn(fsys)
	if err != nil {
		return "", err
	}
	got, err := dump(d)
	return got, errors.Join(err, d.Close())
}

// tamper changes a store with Pebble itself, so that Pebble finds nothing wrong with it.
func tamper(t *testing.T, disk vfs.FS, change func(*pebble.DB) error) {
	t.Helper()
	db, err := pebble.Open(testDir, &pebble.Options{
		FS: disk, FormatMajorVersion: pebble.FormatTableFormatV6, Logger: pebbleLog{gate: &gate{}, to: slog.New(slog.DiscardHandler)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(change(db), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// What Pebble's checksums cannot find: records that are lost, swapped, outdated, invented, moved to
// another shard, and markers of another store.
func TestDamageBehindPebblesBack(t *testing.T) {
	get := func(db *pebble.DB, key []byte) []byte {
		value, closer, err := db.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = closer.Close() }()
		return append([]byte(nil), value...)
	}
	acme, globex := recordKey(0, []byte("acme")), recordKey(0, []byte("globex"))
	for name, c := range map[string]struct {
		change func(*pebble.DB) error
		want   string
	}{
		"lost record": {func(db *pebble.DB) error { return db.Delete(acme, pebble.Sync) }, "2 records, the marker says 3"},
		"outdated record": {func(db *pebble.DB) error {
			return db.Set(acme, seal(acme, []byte("old")), pebble.Sync)
		}, "digest"},
		"invented record": {func(db *pebble.DB) error {
			key := recordKey(0, []byte("new"))
			return db.Set(key, seal(key, nil), pebble.Sync)
		}, "4 records"},
		"swapped values": {func(db *pebble.DB) error {
			a, g := get(db, acme), get(db, globex)
			return errors.Join(db.Set(acme, g, pebble.Sync), db.Set(globex, a, pebble.Sync))
		}, "checksum"},
		"record of another shard": {func(db *pebble.DB) error {
			return db.Set(acme, get(db, recordKey(1, []byte("acme"))), pebble.Sync)
		}, "checksum"},
		"short record":  {func(db *pebble.DB) error { return db.Set(acme, []byte("abc"), pebble.Sync) }, "3 bytes"},
		"lost marker":   {func(db *pebble.DB) error { return db.Delete(markerKey(0), pebble.Sync) }, "save 0"},
		"swapped marks": {func(db *pebble.DB) error { return db.Set(markerKey(0), get(db, markerKey(1)), pebble.Sync) }, "checksum"},
		"short marker": {func(db *pebble.DB) error {
			return db.Set(markerKey(0), seal(markerKey(0), []byte{markerVersion}), pebble.Sync)
		}, "marker has 1 bytes"},
		"later marker version": {func(db *pebble.DB) error {
			b := marker{save: 9}.encode()
			b[0] = markerVersion + 1
			return db.Set(markerKey(0), seal(markerKey(0), b), pebble.Sync)
		}, "version 2"},
		"marker of another meaning": {func(db *pebble.DB) error {
			return db.Set(markerKey(0), seal(markerKey(0), marker{save: 9, meaning: 1}.encode()), pebble.Sync)
		}, "meaning"},
		"foreign key": {func(db *pebble.DB) error { return db.Set([]byte("x"), nil, pebble.Sync) }, "shorter"},
	} {
		t.Run(name, func(t *testing.T) {
			disk := vfs.NewMem()
			if _, _, err := live(disk, story()[:2]); err != nil {
				t.Fatal(err)
			}
			tamper(t, disk, c.change)
			_, err := openAndDump(disk)
			wantIs(t, err, ErrCorrupt, c.want, testDir, remedy)
		})
	}
}

// A save reads what it replaces, so damage is found there too, and nothing is built upon it.
func TestSaveRefusesDamage(t *testing.T) {
	disk := vfs.NewMem()
	if _, _, err := live(disk, story()[:1]); err != nil {
		t.Fatal(err)
	}
	acme := recordKey(0, []byte("acme"))
	tamper(t, disk, func(db *pebble.DB) error { return db.Set(acme, []byte("damaged"), pebble.Sync) })
	d := mustOpen(t, disk)
	ctx := context.Background()
	wantIs(t, d.Save(ctx, 0, nil, []Put{put("acme", "1")}), ErrCorrupt, "shard 0")
	if err := d.Drop(ctx, 0); err != nil { // the remedy for one shard
		t.Fatal(err)
	}
	if err := d.Save(ctx, 0, []byte("new"), []Put{put("acme", "1")}); err != nil {
		t.Fatal(err)
	}
	wantDump(t, d, "0 \"acme\"=\"1\"\n0 marker \"new\"\n")
	mustClose(t, d)
}

// Records without a marker, in a directory that has no witness, are still not an empty shard.
func TestMarkerAndWitnessLost(t *testing.T) {
	disk := vfs.NewMem()
	if _, _, err := live(disk, story()[:1]); err != nil {
		t.Fatal(err)
	}
	tamper(t, disk, func(db *pebble.DB) error { return db.Delete(markerKey(0), pebble.Sync) })
	if err := disk.Remove(disk.PathJoin(testDir, witnessName)); err != nil {
		t.Fatal(err)
	}
	_, err := openAndDump(disk)
	wantIs(t, err, ErrCorrupt, "3 records and no marker")
}

// No bytes, however hostile, make a decoder panic or allocate by a length it was told.
func FuzzDecode(f *testing.F) {
	f.Add(marker{save: 1, totals: totals{count: 1 << 63}, caller: []byte("m")}.encode())
	f.Add(encodeWitness(map[int]uint64{0: 1, 7: 9}))
	f.Add(encodeFormat(testMeaning))
	f.Add([]byte("\x00\x00\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeMarker(b); err == nil && string(m.encode()) != string(b) {
			t.Errorf("marker %x decodes to %+v, which is %x", b, m, m.encode())
		}
		if meaning, err := decodeFormat(b); err == nil && string(encodeFormat(meaning)) != string(b) {
			t.Errorf("format %q is accepted and differs from %q", b, encodeFormat(meaning))
		}
		if saves := decodeWitness(b); len(saves) > len(b)/witnessEntry {
			t.Errorf("%d entries in %d bytes", len(saves), len(b))
		}
		_, _ = unseal([]byte("key"), b)
	})
}
