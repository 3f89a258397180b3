package aggregate_test

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"processor/internal/aggregate"
)

// A state that is resumed knows its accounts without having derived them, and what comes next has the rows that it would
// have had.
func TestResume(t *testing.T) {
	s := newState(t)
	s.Trust("program 1")
	store := map[string][]byte{}
	for month := 1; month <= 3; month++ {
		apply(t, s, seats("acme", month, month))
		apply(t, s, seats("globex", month, 5-month))
		s.AdvanceTo(at(month + 1))
		s.Flush()
		keepIn(store, s)
	}
	for _, program := range []string{"program 1", "program 2"} {
		again := newState(t)
		again.Trust(program)
		resumed := restoreFrom(t, again, store)
		if want := program == "program 1"; resumed != want {
			t.Errorf("%s: it is resumed: %t, want %t", program, resumed, want)
		}
		again.AdvanceTo(at(4))
		if u := again.Flush(); resumed && len(u.Movements)+len(u.Accounts)+len(u.Registers) > 0 {
			t.Errorf("a resumed state has news: %+v", u)
		}
		if _, open := again.Room(); resumed && open > 0 {
			t.Errorf("%d accounts were opened", open)
		}
		apply(t, again, seats("acme", 4, 9))
		again.AdvanceTo(at(5))
		u := again.Flush()
		if len(u.Movements) != 1 || u.Movements[0].Before.String() != "30.000000" || u.Movements[0].After.String() != "90.000000" {
			t.Errorf("%s: %+v", program, u.Movements)
		}
		given := 0
		for _, k := range again.TakeKept() {
			if k.Delete {
				given++
			}
		}
		if resumed != (given == 0) {
			t.Errorf("%s: %d records of another program are given up", program, given)
		}
	}
}

// Every record of what was derived is needed: without one of an account, or with a damaged one, nothing is
// taken over.
func TestResumeOfHalf(t *testing.T) {
	s := newState(t)
	s.Trust("program")
	apply(t, s, seats("acme", 1, 1))
	s.AdvanceTo(at(2))
	s.Flush()
	store := map[string][]byte{}
	keepIn(store, s)
	broken := 0
	for key, value := range store {
		if !aggregate.IsDerived(value) {
			continue
		}
		damaged := maps.Clone(store)
		damaged[key] = value[:len(value)-1]
		if tryRestore(damaged) == nil && !bytes.Contains(value, []byte("program")) { // the shard's record is not trusted then
			t.Errorf("record %x: its last byte is missing, and nobody saw it", key)
		}
		if owner, _ := aggregate.AccountOf([]byte(key)); owner == "acme" {
			delete(damaged, key)
			if tryRestore(damaged) == nil {
				t.Error("the account's record is missing, and nobody saw it")
			}
			broken++
		}
	}
	if broken != 1 {
		t.Errorf("%d records of the account, want 1", broken)
	}
}

func keepIn(store map[string][]byte, s *aggregate.State) {
	s.KeepDerived()
	for _, k := range s.TakeKept() {
		if k.Delete {
			delete(store, string(k.Key))
		} else {
			store[string(k.Key)] = k.Value
		}
	}
}

func restoreFrom(t *testing.T, s *aggregate.State, store map[string][]byte) bool {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(store)) {
		if err := s.RestoreKept([]byte(key), store[key]); err != nil {
			t.Fatal(err)
		}
	}
	resumed, err := s.EndRestore()
	if err != nil {
		t.Fatal(err)
	}
	return resumed
}

func tryRestore(store map[string][]byte) error {
	s, err := aggregate.New(options(nil))
	if err != nil {
		return err
	}
	s.Trust("program")
	for _, key := range slices.Sorted(maps.Keys(store)) {
		if err := s.RestoreKept([]byte(key), store[key]); err != nil {
			return err
		}
	}
	_, err = s.EndRestore()
	return err
}
