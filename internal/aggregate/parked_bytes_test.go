package aggregate

import (
	"fmt"
	"testing"
	"time"

	"processor/internal/event"
)

// What an account takes is the same after it was parked, so that the same event is the first for which it
// has no room; and so is what all of them take, also when a checkpoint is read that does not fit.
func TestParkingKeepsWhatAccountsTake(t *testing.T) {
	const accounts = 30
	start := time.Date(2025, 1, 3, 0, 0, 0, 0, time.UTC)
	fill := func(s *State) {
		for day := range 120 { // usage behind its horizon becomes sums, which are records too
			now := start.AddDate(0, 0, day)
			for i := range accounts {
				e, rejection := event.NewDecoder(event.Options{}).Decode(fmt.Appendf(nil, `{"specversion":"1.0","id":"u%d","source":"test","type":"usage.recorded",`+
					`"subject":"account-%d","time":%q,"data":{"subscription":"s","item":"calls","quantity":"1"}}`, day, i, now.Format(time.RFC3339)), nil)
				if rejection != nil {
					t.Fatal(rejection)
				}
				if _, rejection := s.Apply(e); rejection != nil {
					t.Fatal(rejection)
				}
			}
			s.AdvanceTo(event.At(now))
			s.SetHorizons(s.calendar.Horizons(event.At(now)))
			s.Flush()
		}
	}
	made := func(room int64) *State {
		s, err := New(Options{Currency: "USD", Zone: time.UTC, ReportingStart: event.NoTime})
		if err != nil {
			t.Fatal(err)
		}
		s.LimitRoom(room)
		return s
	}
	open, parked := made(0), made(1)
	fill(open)
	fill(parked)
	if _, n := parked.Room(); n > 0 {
		t.Fatalf("%d accounts are open", n)
	}
	if parked.Bytes() != open.Bytes() {
		t.Errorf("all accounts take %d bytes, without parking %d", parked.Bytes(), open.Bytes())
	}
	for id := range open.accounts {
		if got, want := parked.find(id).bytes, open.find(id).bytes; got != want || want == 0 || len(open.find(id).reduced) == 0 {
			t.Fatalf("%s takes %d bytes, without parking %d", id, got, want)
		}
	}
	restored := made(1)
	held := map[string][]byte{}
	for _, k := range open.TakeKept() {
		held[string(k.Key)] = k.Value
		if k.Delete {
			delete(held, string(k.Key))
		}
	}
	for _, value := range held { // in any order
		if err := restored.Restore(value); err != nil {
			t.Fatal(err)
		}
	}
	if restored.Bytes() != open.Bytes() {
		t.Errorf("restored, all accounts take %d bytes, before %d", restored.Bytes(), open.Bytes())
	}
	untouched := 0
	for _, at := range restored.accounts {
		if at.isUntouched() {
			untouched++
		}
	}
	if untouched < accounts/2 {
		t.Errorf("of %d accounts that were read only %d are parked", accounts, untouched)
	}
}
