package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	testDir     = "volume/checkpoint"
	testMeaning = "sha256:00 groupings=plan zone=UTC partitions=4"
)

// step is one change of a store: a save, or a drop when drop is set.
type step struct {
	shard  int
	marker string
	puts   []Put
	drop   bool
}

func put(key, value string) Put { return Put{Key: []byte(key), Value: []byte(value)} }

func del(key string) Put { return Put{Key: []byte(key), Delete: true} }

func (s step) apply(ctx context.Context, d *Dir) error {
	if s.drop {
		return d.Drop(ctx, s.shard)
	}
	return d.Save(ctx, s.shard, []byte(s.marker), s.puts)
}

// model is what the store must hold: independent of it, and without order or checksums.
type model struct {
	markers map[int]string
	records map[int]map[string]string
}

func newModel() *model {
	return &model{markers: map[int]string{}, records: map[int]map[string]string{}}
}

func (m *model) apply(s step) {
	if s.drop {
		delete(m.markers, s.shard)
		delete(m.records, s.shard)
		return
	}
	m.markers[s.shard] = s.marker
	if m.records[s.shard] == nil {
		m.records[s.shard] = map[string]string{}
	}
	for _, p := range s.puts {
		if p.Delete {
			delete(m.records[s.shard], string(p.Key))
		} else {
			m.records[s.shard][string(p.Key)] = string(p.Value)
		}
	}
}

// dump writes the model as dump of a store does.
func (m *model) dump() string {
	var b strings.Builder
	for _, shard := range slices.Sorted(maps.Keys(m.markers)) {
		for _, key := range slices.Sorted(maps.Keys(m.records[shard])) {
			fmt.Fprintf(&b, "%d %q=%q\n", shard, key, m.records[shard][key])
		}
		fmt.Fprintf(&b, "%d marker %q\n", shard, m.markers[shard])
	}
	return b.String()
}

// dump writes everything in the store as text.
func dump(d *Dir) (string, error) {
	var b strings.Builder
	shards, err := d.Shards()
	if err != nil {
		return "", err
	}
	for _, shard := range shards {
		marker, found, err := d.Load(context.Background(), shard, func(key, value []byte) error {
			fmt.Fprintf(&b, "%d %q=%q\n", shard, key, value)
			return nil
		})
		if err != nil {
			return "", err
		}
		if !found {
			return "", fmt.Errorf("shard %d is listed and not found", shard)
		}
		fmt.Fprintf(&b, "%d marker %q\n", shard, marker)
	}
	return b.String(), nil
}

// story is a small life of a store: new records, overwritten ones, deleted ones, two shards, an empty
// save, a drop and a shard that comes back.
func story() []step {
	return []step{
		{shard: 0, marker: "at 10", puts: []Put{put("acme", "100.00"), put("globex", "20.00"), put("zeta", "1")}},
		{shard: 1, marker: "at 3", puts: []Put{put("acme", "7.00")}},
		{shard: 0, marker: "at 20", puts: []Put{put("globex", "25.00"), del("zeta"), put("initech", strings.Repeat("x", 700))}},
		{shard: 0, marker: "at 20, idle"},
		{shard: 1, marker: "at 9", puts: []Put{del("acme"), del("never"), put("umbrella", "")}},
		{shard: 1, drop: true},
		{shard: 0, marker: "at 30", puts: []Put{put("zeta", "2"), put("acme", "101.00"), del("globex")}},
		{shard: 1, marker: "again from 0", puts: []Put{put("umbrella", "5")}},
	}
}

// states[n] is the dump after n steps.
func states(steps []step) []string {
	m := newModel()
	dumps := []string{m.dump()}
	for _, s := range steps {
		m.apply(s)
		dumps = append(dumps, m.dump())
	}
	return dumps
}

func openOn(fsys vfs.FS) (*Dir, error) {
	return Open(Options{Dir: testDir, Fingerprint: testMeaning, FS: fsys, CacheBytes: 1 << 20})
}

func mustOpen(t testing.TB, fsys vfs.FS) *Dir {
	t.Helper()
	d, err := openOn(fsys)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return d
}

func mustClose(t testing.TB, d *Dir) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func wantDump(t testing.TB, d *Dir, want string) {
	t.Helper()
	got, err := dump(d)
	if err != nil {
		t.Fatalf("dump: %v", err)
	}
	if got != want {
		t.Fatalf("store holds\n%s\nwant\n%s", got, want)
	}
}

func wantIs(t testing.TB, err, target error, texts ...string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error is %v, want %v", err, target)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
}

func TestStory(t *testing.T) {
	fsys := vfs.NewMem()
	want := states(story())
	d := mustOpen(t, fsys)
	wantDump(t, d, want[0])
	for i, s := range story() {
		if err := s.apply(context.Background(), d); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		wantDump(t, d, want[i+1])
		if i%2 == 1 { // every second step is also seen through a restart
			mustClose(t, d)
			d = mustOpen(t, fsys)
			wantDump(t, d, want[i+1])
		}
	}
	m := d.Metrics()
	if m.Saves != 0 || m.LoadedBytes == 0 || m.DiskBytes == 0 || m.Broken {
		t.Errorf("metrics after the last open: %+v", m)
	}
	mustClose(t, d)
}
