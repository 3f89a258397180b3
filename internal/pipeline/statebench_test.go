package pipeline

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/cespare/xxhash/v2"

	"processor/internal/checkpoint"
	"processor/internal/kafkatest"
)

// benchPuts are records of the size of a typical event; half of a value does not compress.
func benchPuts(from, n int, digest *uint64) []checkpoint.Put {
	rng := rand.New(rand.NewPCG(uint64(from), 1)) //nolint:gosec // any seed
	puts := make([]checkpoint.Put, n)
	for i := range puts {
		key, value := make([]byte, 16), make([]byte, 300)
		binary.BigEndian.PutUint64(key, uint64(from+i)*0x9E3779B97F4A7C15) //nolint:gosec // spreads the keys
		for at := 0; at < 150; at += 8 {
			binary.LittleEndian.PutUint64(value[at:], rng.Uint64())
		}
		puts[i] = checkpoint.Put{Key: key, Value: value}
		*digest += xxhash.Sum64(key)
	}
	return puts
}

// stores are both, each with 50,000 records saved.
func stores(b *testing.B, run func(b *testing.B, s store, digest *uint64)) {
	b.Helper()
	const records = 50_000
	fill := func(b *testing.B, s store) *uint64 {
		b.Helper()
		digest := new(uint64)
		for from := 0; from < records; from += 10_000 {
			saveBench(b, s, digest, benchPuts(from, 10_000, digest))
		}
		return digest
	}
	b.Run("dir", func(b *testing.B) {
		d, err := checkpoint.Open(checkpoint.Options{Dir: b.TempDir(), Fingerprint: "Partitions 1; bench"})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = d.Close() }()
		run(b, d, fill(b, d))
	})
	b.Run("kafka", func(b *testing.B) {
		k := kafkatest.Start(b, 1)
		o, err := Options{
			Cluster: k.Cluster, Group: k.Topic("group"), Sources: []Source{{Topic: "s"}}, Prefix: k.Topic("out."), CheckpointStore: StoreKafka,
		}.withDefaults()
		if err != nil {
			b.Fatal(err)
		}
		k.Create(b, "out.state", 1, map[string]string{"cleanup.policy": "compact"})
		s, err := openStateTopic(kafkatest.Context(b), &o, "Partitions 1; bench", 1)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := s.Load(kafkatest.Context(b), 0, func(_, _ []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
		run(b, s, fill(b, s))
	})
}

func saveBench(b *testing.B, s store, digest *uint64, puts []checkpoint.Put) {
	b.Helper()
	m := marker{Digest: *digest}
	text, err := m.encode()
	if err == nil {
		err = s.Save(b.Context(), 0, text, puts)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSave is a checkpoint of 1,000 new records in either store.
func BenchmarkSave(b *testing.B) {
	stores(b, func(b *testing.B, s store, digest *uint64) {
		for n := 1_000_000; b.Loop(); n += 1000 {
			saveBench(b, s, digest, benchPuts(n, 1000, digest))
		}
	})
}

// BenchmarkRestore reads 50,000 records from either store.
func BenchmarkRestore(b *testing.B) {
	stores(b, func(b *testing.B, s store, _ *uint64) {
		for b.Loop() {
			n := 0
			_, _, err := s.Load(b.Context(), 0, func(_, _ []byte) error { n++; return nil })
			if err != nil || n != 50_000 {
				b.Fatalf("%d records, %v", n, err)
			}
		}
	})
}
