package aggregate

import (
	"bytes"
	"strings"
	"testing"

	"processor/internal/event"
	"processor/internal/money"
)

// A register that does not close is found at the flush that changes it, and where it is read again, whatever else
// happens: nobody looks at all of them before a checkpoint.
func TestABrokenRegisterIsFound(t *testing.T) {
	options := Options{Currency: "USD", ReportingStart: event.NoTime}
	s, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Trust("program")
	charge := func(s *State, id string, at event.Time) {
		record := `{"specversion":"1.0","id":"` + id + `","source":"test","type":"charge.recorded","subject":"acme","time":"` + at.String() + `",` +
			`"data":{"kind":"one_off","amount":"1.50","currency":"USD"}}`
		e, rejection := event.NewDecoder(event.Options{}).Decode([]byte(record), nil)
		if rejection != nil {
			t.Fatal(rejection)
		}
		s.Apply(e)
		s.AdvanceTo(at)
		s.FlushEach(func(*Updates) {})
	}
	charge(s, "one", benchStart)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	key := RegisterKey{Kind: KindMonth, Index: s.calendar.Index(KindMonth, s.calendar.Day(benchStart))}
	s.registers[key].Sums[SumNew] = money.Micros(1_000_000)
	s.change(key)
	s.KeepDerived()
	kept := s.TakeKept()
	charge(s, "two", benchStart.Add(1))
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "register all=all month") {
		t.Errorf("after the flush: %v", err)
	}

	again, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	again.Trust("program")
	for _, first := range []bool{true, false} { // the shard's record comes before those of the registers
		for _, k := range kept {
			if bytes.Equal(k.Key, shardKey()) == first {
				if err := again.RestoreKept(k.Key, k.Value); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if err := again.Check(); err == nil || !strings.Contains(err.Error(), "register all=all month") {
		t.Errorf("after a restart: %v", err)
	}
}
