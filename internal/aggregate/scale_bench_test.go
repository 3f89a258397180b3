package aggregate

import (
	"bytes"
	stdflag "flag" // a flag is something else here
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

var scaleAccounts = stdflag.Int("scale", 100_000, "how many accounts BenchmarkScale takes over")

// scaleChanged is how many accounts one checkpoint of BenchmarkScale has that changed.
const scaleChanged = 10_000

// BenchmarkScale is a shard of many accounts, each with ten events of a year, as a restart finds them: what they take in
// memory and in a checkpoint, how long the restart takes, what an event costs whose account is parked, and what a
// checkpoint writes and how long it holds the shard up when 10,000 of them changed.
func BenchmarkScale(b *testing.B) {
	groups := benchCheckpoint(b)
	accounts := *scaleAccounts
	for range b.N {
		before := heapBytes()
		s := benchLedger(b, nil)
		s.LimitRoom(scaleChanged * 20 << 10)
		began := time.Now()
		stored := scaleTakeOver(b, s, groups, accounts)
		perAccount := float64(time.Since(began)) / float64(accounts)
		b.ReportMetric(perAccount/1e3, "restart-µs/account")
		b.ReportMetric((heapBytes()-before)/float64(accounts), "B/account")
		b.ReportMetric(float64(stored)/float64(accounts), "checkpoint-B/account")
		scaleChange(b, s, accounts, "first") // which also makes what is made once
		scaleChange(b, s, accounts, "next")
		if err := s.Check(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(0, "ns/op")
		runtime.KeepAlive(s)
	}
}

// scaleID is as long as the ids of the template, so that it takes their place in a record.
func scaleID(i int) string { return fmt.Sprintf("a%010d", i) }

// scaleTakeOver restores accounts that are all like those of the template.
func scaleTakeOver(b *testing.B, s *State, groups [][]Kept, accounts int) (stored int64) {
	b.Helper()
	restore := func(k Kept) {
		stored += int64(len(k.Key) + len(k.Value))
		if err := s.RestoreKept(k.Key, k.Value); err != nil {
			b.Fatal(err)
		}
	}
	for _, k := range groups[0] {
		restore(Kept{Key: k.Key, Value: slices.Clone(k.Value)})
	}
	for i := range accounts {
		was, id := fmt.Appendf(nil, "account-%03d", i%benchAccounts), []byte(scaleID(i))
		for _, k := range groups[1+i%benchAccounts] {
			restore(Kept{Key: bytes.Replace(k.Key, was, id, 1), Value: bytes.Replace(k.Value, was, id, 1)})
		}
	}
	if resumed, err := s.EndRestore(); !resumed {
		b.Fatal(err)
	}
	return stored
}

// scaleChange changes accounts that lie far apart, and takes a checkpoint of them.
func scaleChange(b *testing.B, s *State, accounts int, name string) {
	b.Helper()
	at := s.Watermark().Add(time.Minute)
	sent := benchSent{"subscription.changed", "scale-" + name, at, benchItems(20)}
	began := time.Now()
	for i := range scaleChanged {
		e := sent.event(b, 0, 0)
		e.Subject = scaleID(i * max(accounts/scaleChanged, 1) % accounts)
		benchApply(b, s, e)
	}
	s.AdvanceTo(at)
	derived := 0
	s.FlushEach(func(*Updates) { derived++ })
	spent := time.Since(began)
	paused := time.Now()
	s.KeepDerived()
	kept := s.TakeKept()
	pause := time.Since(paused)
	written := 0
	for i := range kept {
		written += len(kept[i].Key) + len(kept[i].Value)
	}
	b.ReportMetric(float64(spent)/scaleChanged/1e3, name+"-µs/event")
	b.ReportMetric(float64(written)/scaleChanged, name+"-checkpoint-B/event")
	b.ReportMetric(float64(pause)/1e6, name+"-pause-ms")
	b.ReportMetric(float64(derived)/scaleChanged, name+"-derived/event")
}

// heapBytes is what is alive.
func heapBytes() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
