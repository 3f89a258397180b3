package pipeline

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"processor/internal/aggregate"
	"processor/internal/broker"
	"processor/internal/company"
	"processor/internal/consumer"
	"processor/internal/event"
)

var snapshotAccounts = flag.Int("accounts", 125_000, "accounts of the shard in BenchmarkSnapshot")

// BenchmarkSnapshot is how long a shard waits for its checkpoint, with so many of its accounts changed since the
// last one. One operation is one checkpoint, its events not included; cpu- figures are of the shard's own thread.
//
//	go test ./internal/pipeline -run xxx -bench Snapshot -benchtime 300x -args -accounts 1000000
func BenchmarkSnapshot(b *testing.B) {
	s, accounts := snapshotShard(b, *snapshotAccounts)
	now := company.Defaults().End
	checkpoint := 0
	for _, changed := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("changed=%d", changed), func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var wall, cpu []time.Duration
			records := 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				checkpoint++
				now = now.Add(time.Second)
				change(b, s, accounts, changed, checkpoint, now)
				b.StartTimer()
				begun, used := time.Now(), threadTime(b)
				one, err := s.snapshot()
				wall, cpu = append(wall, time.Since(begun)), append(cpu, threadTime(b)-used)
				if err != nil {
					b.Fatal(err)
				}
				records += len(one.kept)
			}
			for name, times := range map[string][]time.Duration{"": wall, "cpu-": cpu} {
				slices.Sort(times)
				b.ReportMetric(times[len(times)/2].Seconds()*1e3, name+"p50-ms")
				b.ReportMetric(times[len(times)*99/100].Seconds()*1e3, name+"p99-ms")
			}
			b.ReportMetric(float64(records)/float64(b.N), "records/op")
		})
	}
}

// change has one charge come for so many accounts, which are others than those of the checkpoint before.
func change(b *testing.B, s *shard, accounts []string, changed, checkpoint int, now event.Time) {
	b.Helper()
	for i := range changed {
		record := fmt.Sprintf(`{"specversion":"1.0","id":"charge-%d","source":"test","type":"charge.recorded","subject":%q,"time":%q,"data":{"kind":"one_off","amount":"1.50","currency":"USD"}}`,
			checkpoint, accounts[(checkpoint*7919+i*(len(accounts)/changed))%len(accounts)], now)
		e, rejection := s.decoder.Decode([]byte(record), nil)
		if rejection == nil {
			_, rejection = s.state.Apply(e)
		}
		if rejection != nil {
			b.Fatalf("%+v", rejection)
		}
	}
	s.outbox.reset(0)
	s.derive(now)
	clear(s.accounts)
	clear(s.registers)
}

// snapshotShard is a shard that goes on from the checkpoint of a made-up company, each of whose accounts is there
// many times under other ids: nothing is derived, and all accounts are parked.
func snapshotShard(b *testing.B, accounts int) (*shard, []string) {
	b.Helper()
	const originals = 1000
	o := &Options{program: "benchmark", OpenAccountBytes: 64 << 20, Prefix: "out.", Core: aggregate.Options{
		Currency: "USD", ReportingStart: event.NoTime, Coalesce: time.Hour, UsageGrace: 12 * time.Hour,
		Groupings: [][]string{{"region"}, {"plan_tier", "region"}}, Windows: aggregate.Windows,
	}}
	records := companyRecords(b, o, originals)
	s, err := newShard(0, 1, o, 1)
	if err != nil {
		b.Fatal(err)
	}
	restore := func(key string, value []byte) {
		if err := s.restore([]byte(key), value); err != nil {
			b.Fatal(err)
		}
	}
	keys := slices.Sorted(maps.Keys(records))
	for _, key := range keys {
		if id, _ := aggregate.AccountOf([]byte(key)); id == "" {
			restore(key, records[key])
		}
	}
	var ids []string
	for n := range max(accounts/originals, 1) {
		clone := fmt.Appendf(nil, "%04d_", n) // as long as what it stands for: ids have their length before them
		renamed := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("acct_"), clone) }
		last := ""
		for _, key := range keys {
			id, _ := aggregate.AccountOf([]byte(key))
			if id == "" {
				continue
			}
			restore(string(renamed([]byte(key))), renamed(records[key]))
			if id != last {
				ids, last = append(ids, string(renamed([]byte(id)))), id
			}
		}
	}
	if resumed, err := s.state.EndRestore(); !resumed {
		b.Fatalf("it derives: %v", err)
	}
	s.state.AdvanceTo(company.Defaults().End)
	s.sources = []*source{{Position: consumer.Position{TopicPartition: broker.TopicPartition{Topic: "events"}}}}
	if _, err := s.snapshot(); err != nil || s.state.Accounts() != len(ids) {
		b.Fatalf("%d accounts, want %d: %v", s.state.Accounts(), len(ids), err)
	}
	return s, ids
}

// companyRecords are those of a checkpoint of a company with three events an account in a year.
func companyRecords(b *testing.B, o *Options, accounts int) map[string][]byte {
	b.Helper()
	s, err := newShard(0, 1, o, 1)
	if err != nil {
		b.Fatal(err)
	}
	made := company.Defaults()
	made.Accounts, made.Events = accounts, 3*accounts
	c, err := company.New(made)
	if err != nil {
		b.Fatal(err)
	}
	for r := range c.Records() {
		e, rejection := s.decoder.Decode(r.Value, nil)
		if rejection == nil {
			_, rejection = s.state.Apply(e)
		}
		if rejection != nil {
			b.Fatalf("%+v", rejection)
		}
	}
	s.derive(made.End)
	records := map[string][]byte{}
	for _, put := range putsOf(s.takeKept()) {
		records[string(put.Key)] = put.Value
	}
	return records
}

// threadTime is the CPU time of this thread. Getrusage counts in ticks of milliseconds.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	const clockThread = 3 // CLOCK_THREAD_CPUTIME_ID
	var used syscall.Timespec
	if _, _, code := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockThread, uintptr(unsafe.Pointer(&used)), 0); code != 0 {
		b.Fatal(code)
	}
	return time.Duration(used.Nano())
}
