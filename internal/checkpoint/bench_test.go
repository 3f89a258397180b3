package checkpoint

import (
	"context"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
)

var (
	benchDirty   = flag.Int("dirty", 1_000, "records of a save in BenchmarkSave")
	benchRecords = flag.Int("records", 50_000, "records in the store in both benchmarks")
)

const benchValueSize = 300

// benchPut is record n: half of the value does not compress.
func benchPut(n int, rng *rand.Rand) Put {
	value := make([]byte, benchValueSize)
	for i := 0; i < benchValueSize/2; i += 8 {
		binary.LittleEndian.PutUint64(value[i:min(i+8, benchValueSize)], rng.Uint64())
	}
	key := make([]byte, 16)
	binary.BigEndian.PutUint64(key, uint64(n)*0x9E3779B97F4A7C15) //nolint:gosec // spreads the keys
	return Put{Key: key, Value: value}
}

// benchStore has -records records on a real disk, saved 10,000 at a time.
func benchStore(b *testing.B) (*Dir, string) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "checkpoint")
	d, err := Open(Options{Dir: dir, Fingerprint: testMeaning})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for from := 0; from < *benchRecords; from += 10_000 {
		var puts []Put
		for n := from; n < min(from+10_000, *benchRecords); n++ {
			puts = append(puts, benchPut(n, rng))
		}
		if err := d.Save(context.Background(), 0, nil, puts); err != nil {
			b.Fatal(err)
		}
	}
	return d, dir
}

// BenchmarkSave overwrites -dirty random records of -records.
func BenchmarkSave(b *testing.B) {
	d, _ := benchStore(b)
	defer func() { _ = d.Close() }()
	rng := rand.New(rand.NewPCG(2, 2))
	for b.Loop() {
		b.StopTimer()
		var puts []Put
		for _, n := range rng.Perm(*benchRecords)[:min(*benchDirty, *benchRecords)] {
			puts = append(puts, benchPut(n, rng))
		}
		b.StartTimer()
		if err := d.Save(context.Background(), 0, nil, puts); err != nil {
			b.Fatal(err)
		}
	}
	m := d.Metrics()
	b.ReportMetric(float64(m.WrittenBytes)/float64(m.SavedBytes), "written/saved")
	b.ReportMetric(float64(m.DiskBytes)/1e6, "disk-MB")
}

// BenchmarkLoad opens a store and loads -records records.
func BenchmarkLoad(b *testing.B) {
	d, dir := benchStore(b)
	mustClose(b, d)
	for b.Loop() {
		d, err := Open(Options{Dir: dir, Fingerprint: testMeaning})
		if err != nil {
			b.Fatal(err)
		}
		count := 0
		if _, _, err := d.Load(context.Background(), 0, func(_, _ []byte) error { count++; return nil }); err != nil {
			b.Fatal(err)
		}
		if count != *benchRecords {
			b.Fatalf("%d records", count)
		}
		m := d.Metrics()
		b.ReportMetric(float64(m.LoadedBytes)/1e6, "loaded-MB")
		b.ReportMetric(float64(m.DiskBytes)/1e6, "disk-MB")
		b.ReportMetric(float64(m.MemoryBytes)/1e6, "pebble-MB")
		mustClose(b, d)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.Sys)/1e6, "go-sys-MB")
}
