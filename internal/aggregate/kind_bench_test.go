package aggregate

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"processor/internal/event"
)

// The benchmarks of this file are small and always do the same: bench/guard counts their instructions. What they
// make before they begin must not depend on how many operations there will be.

// benchAccounts is how many accounts they have, each with ten events since January: enough to change the account
// with every event, and few enough to be made quickly.
const benchAccounts = 100

// benchSent is one event of an account, before it has an id of the account and its instant.
type benchSent struct {
	kind, id string
	at       event.Time
	data     string
}

// benchHistory are an account's ten events.
var benchHistory = []benchSent{
	{"account.changed", "attributes", benchDay(time.January, 1), `{"attributes":{"region":"eu","plan_tier":"mid"}}`},
	{"subscription.changed", "seats-1", benchDay(time.January, 2), benchItems(5)},
	{"subscription.changed", "seats-2", benchDay(time.February, 2), benchItems(6)},
	{"usage.recorded", "usage-1", benchDay(time.February, 10), `{"subscription":"s1","item":"calls","quantity":"7"}`},
	{"usage.recorded", "usage-2", benchDay(time.February, 11), `{"subscription":"s1","item":"calls","quantity":"8"}`},
	{"charge.recorded", "charge", benchDay(time.March, 1), `{"kind":"one_off","amount":"12.50","currency":"USD"}`},
	{"subscription.changed", "seats-3", benchDay(time.March, 2), benchItems(4)},
	{"subscription.changed", "seats-4", benchDay(time.April, 2), benchItems(9)},
	{"subscription.changed", "seats-5", benchDay(time.May, 2), benchItems(8)},
	{"subscription.changed", "seats-6", benchDay(time.June, 2), benchItems(12)},
}

// benchStart is when the events begin that are measured.
var benchStart = benchDay(time.September, 1)

var benchDecoder = event.NewDecoder(event.Options{})

func benchDay(month time.Month, day int) event.Time {
	return event.At(time.Date(2026, month, day, 0, 0, 0, 0, time.UTC))
}

// benchKinds are the data of one event more, by its type; the number makes it another than the last.
var benchKinds = []struct {
	name string
	data func(n int) string
}{
	{"account.changed", func(n int) string {
		return fmt.Sprintf(`{"attributes":{"region":%q}}`, [...]string{"us", "eu"}[n%2])
	}},
	{"subscription.changed", func(n int) string { return benchItems(5 + n%7) }},
	{"usage.recorded", func(int) string { return `{"subscription":"s1","item":"calls","quantity":"7"}` }},
	{"usage.statement", func(n int) string {
		return fmt.Sprintf(`{"subscription":"s1","item":"calls","month":"2026-08","amount":"%d.50","currency":"USD"}`, 3+n%7)
	}},
	{"charge.recorded", func(int) string { return `{"kind":"one_off","amount":"12.50","currency":"USD"}` }},
	{"signal.observed", func(int) string { return `{"name":"champion","value":"90"}` }},
	{"event.revoked", func(n int) string {
		return fmt.Sprintf(`{"revokes":{"source":"test","id":%q}}`, benchHistory[n%len(benchHistory)].id)
	}},
}

func benchItems(n int) string {
	return fmt.Sprintf(`{"subscription":"s1","status":"active","items":[{"item":"seats","product":"core","quantity":"%d","unit_price":"10","currency":"USD"},`+
		`{"item":"calls","product":"api","kind":"metered","unit_price":"0.01","currency":"USD"}]}`, n)
}

// event is it as an event of the i-th account, which differs from the others by so many of a unit of time: else all
// accounts would wake at once.
func (r *benchSent) event(b *testing.B, i int, apart time.Duration) *event.Event {
	b.Helper()
	record := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"test","type":%q,"subject":"account-%03d","time":%q,"data":%s}`,
		r.id, r.kind, i, r.at.Add(time.Duration(i)*apart), r.data)
	e, rejection := benchDecoder.Decode([]byte(record), nil)
	if rejection != nil {
		b.Fatalf("%+v: %s", rejection, record)
	}
	return e
}

func benchApply(b *testing.B, s *State, e *event.Event) {
	b.Helper()
	if _, rejection := s.Apply(e); rejection != nil {
		b.Fatal(rejection)
	}
}

// benchLedger is a state of the accounts with their history, derived at the start.
func benchLedger(b *testing.B, history []benchSent) *State {
	b.Helper()
	s, err := New(Options{
		Currency: "USD", ReportingStart: event.NoTime, Coalesce: time.Hour, UsageGrace: 12 * time.Hour,
		Groupings: [][]string{{"region"}, {"plan_tier", "region"}}, Windows: Windows,
	})
	if err != nil {
		b.Fatal(err)
	}
	s.Trust("benchmark")
	for i := range benchAccounts {
		for _, sent := range history {
			benchApply(b, s, sent.event(b, i, time.Minute))
		}
	}
	s.AdvanceTo(benchStart)
	s.FlushEach(func(*Updates) {})
	s.KeepDerived()
	s.TakeKept()
	return s
}

// benchEvents are some events of a kind for each account, one an account and day: usage of a day that has some
// already waits for its end.
func benchEvents(b *testing.B, each int, name string, data func(n int) string) []*event.Event {
	b.Helper()
	var all []*event.Event
	for n := range each {
		sent := benchSent{name, fmt.Sprintf("more-%d", n), benchStart.Add(time.Duration(n) * 24 * time.Hour), data(n)}
		for i := range benchAccounts {
			all = append(all, sent.event(b, i, time.Millisecond))
		}
	}
	return all
}

// BenchmarkApply files one event of each kind with an account of ten events and more. One operation is one event.
func BenchmarkApply(b *testing.B) { benchEveryKind(b, 100, func(*State, event.Time) {}) }

// BenchmarkDerive also derives the account anew, and takes what changed: what an event costs that has a flush
// to itself. One operation is one event.
func BenchmarkDerive(b *testing.B) {
	benchEveryKind(b, 10, func(s *State, at event.Time) {
		s.AdvanceTo(at)
		s.FlushEach(func(*Updates) {})
	})
}

// benchEveryKind files so many events with each account, then begins anew; after is called when each account has
// got one more.
func benchEveryKind(b *testing.B, each int, after func(s *State, at event.Time)) {
	b.Helper()
	for _, kind := range benchKinds {
		b.Run(kind.name, func(b *testing.B) {
			events, s := benchEvents(b, each, kind.name, kind.data), benchLedger(b, benchHistory)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n := i % len(events)
				if n == 0 && i > 0 {
					b.StopTimer()
					s = benchLedger(b, benchHistory)
					b.StartTimer()
				}
				benchApply(b, s, events[n])
				if (n+1)%benchAccounts == 0 {
					after(s, events[n].Time)
					s.TakeKept()
				}
			}
		})
	}
}

// BenchmarkAdvance moves the watermark by an hour over accounts for which nothing comes any more. One operation is
// one account that is reviewed.
func BenchmarkAdvance(b *testing.B) {
	history := slices.Concat(benchHistory[:3], benchHistory[6:]) // usage is looked at anew every day
	s, reviewed := benchLedger(b, history), 0
	b.ReportAllocs()
	for b.Loop() {
		for reviewed == 0 {
			if len(s.wakes) == 0 {
				b.StopTimer()
				s = benchLedger(b, history)
				b.StartTimer()
			}
			s.AdvanceTo(s.Watermark().Add(time.Hour))
			s.FlushEach(func(*Updates) { reviewed++ })
		}
		reviewed--
	}
}

// BenchmarkKeepDerived is what a checkpoint takes of what was derived. One operation is one account and one
// register.
func BenchmarkKeepDerived(b *testing.B) {
	s := benchLedger(b, benchHistory)
	slots := make([]*slot, benchAccounts)
	for i := range slots {
		slots[i] = s.accounts[fmt.Sprintf("account-%03d", i)]
	}
	keys := slices.SortedFunc(maps.Keys(s.registers), RegisterKey.compare)[:benchAccounts]
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.move(slots[i%benchAccounts])
		s.change(keys[i%benchAccounts])
		if (i+1)%benchAccounts == 0 {
			s.KeepDerived()
			s.TakeKept()
		}
	}
}

// BenchmarkResume takes accounts over from a checkpoint that may be trusted. One operation is one account of ten
// events, and its share of the registers.
func BenchmarkResume(b *testing.B) {
	groups := benchCheckpoint(b)
	restore := func(s *State, records []Kept) {
		for i := range records {
			if err := s.RestoreKept(records[i].Key, slices.Clone(records[i].Value)); err != nil {
				b.Fatal(err)
			}
		}
	}
	var s *State
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		n := i % benchAccounts
		if n == 0 {
			s = benchLedger(b, nil)
			restore(s, groups[0])
		}
		restore(s, groups[1+n])
		if n == benchAccounts-1 {
			if resumed, err := s.EndRestore(); !resumed {
				b.Fatal(err)
			}
		}
	}
}

// benchCheckpoint are the records of a checkpoint in the order of their keys: those of the shard, then of each
// account.
func benchCheckpoint(b *testing.B) (groups [][]Kept) {
	b.Helper()
	s := benchLedger(b, nil)
	for i := range benchAccounts {
		for _, sent := range benchHistory {
			benchApply(b, s, sent.event(b, i, time.Minute))
		}
	}
	s.FlushEach(func(*Updates) {})
	s.KeepDerived()
	records := map[string][]byte{}
	for _, k := range s.TakeKept() {
		records[string(k.Key)] = k.Value
	}
	last := ""
	for _, key := range slices.Sorted(maps.Keys(records)) {
		owner, _ := AccountOf([]byte(key))
		if groups == nil || owner != last {
			groups, last = append(groups, nil), owner
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], Kept{Key: []byte(key), Value: records[key]})
	}
	if len(groups) != 1+benchAccounts {
		b.Fatalf("records of %d owners", len(groups))
	}
	return groups
}
