package aggregate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"processor/internal/event"
)

// An account takes records up to its bound, not one byte more; what needs no room still goes through,
// other accounts are not concerned, and settling makes room again.
func TestAccountTooLarge(t *testing.T) {
	const limit = 2000
	s, held := testState(t, Options{AccountBytes: limit}), stored{}
	at := testTime(t, "2026-01-05T10:00:00Z")
	var accepted []*event.Event
	var rejection *event.Rejection
	for n := 0; rejection == nil; n++ {
		e := testUsage(fmt.Sprintf("u%03d", n), at.Add(time.Duration(n)*time.Minute), "1")
		if _, rejection = s.Apply(e); rejection == nil {
			accepted = append(accepted, e)
		}
	}
	if rejection.Reason != event.ReasonAccountTooLarge || rejection.Detail != "the account's records may take 2000 bytes" {
		t.Errorf("rejected with %s %q", rejection.Reason, rejection.Detail)
	}
	one := s.Bytes() / int64(len(accepted))
	if s.Bytes() > limit || s.Bytes()+one <= limit {
		t.Errorf("%d bytes are kept and one more takes %d, the limit is %d", s.Bytes(), one, limit)
	}
	if outcome, rejection := s.Apply(accepted[0]); outcome != Duplicate || rejection != nil {
		t.Errorf("a duplicate in a full account: %s %v", outcome, rejection)
	}
	smaller := testUsage("u000", at, "0")
	if _, rejection := s.Apply(smaller); rejection.Reason != event.ReasonConflictingDuplicate {
		t.Errorf("content that takes no more room: %v", rejection)
	}
	larger := testUsage("u001", at.Add(time.Minute), "1")
	larger.Usage.Item = strings.Repeat("a", 100)
	if _, rejection := s.Apply(larger); rejection.Reason != event.ReasonAccountTooLarge {
		t.Errorf("content that takes more room: %v", rejection)
	}
	other := testUsage("u", at, "1")
	other.Subject = "brown"
	if _, rejection := s.Apply(other); rejection != nil {
		t.Errorf("another account: %v", rejection)
	}
	held.take(s)
	if s.Bytes() != held.bytes() {
		t.Errorf("the state counts %d bytes, the checkpoint holds %d", s.Bytes(), held.bytes())
	}
	s.SetHorizons(s.Calendar().Horizons(testTime(t, "2026-04-01T00:00:00Z")))
	if _, rejection := s.Apply(testUsage("later", testTime(t, "2026-04-01T00:00:00Z"), "1")); rejection != nil {
		t.Errorf("after settling: %v", rejection)
	}
}

// The bound itself may be reached, by a new record and by another content of a known one; a copy of what is
// kept needs no room where a lower bound has been passed.
func TestAnAccountMayReachItsBound(t *testing.T) {
	at := testTime(t, "2026-01-05T10:00:00Z")
	first, longer := testUsage("a", at, "25"), testUsage("a", at, "125") // "125" sorts before "25"
	bytesOf := func(e *event.Event) int64 { return int64(len(keptKey(e)) + len(e.AppendStored(nil))) }
	for _, spare := range []int64{0, -1} {
		s := testState(t, Options{AccountBytes: bytesOf(longer) + spare})
		if _, rejection := s.Apply(longer); (rejection == nil) != (spare == 0) {
			t.Errorf("a record, %d bytes to spare: %v", spare, rejection)
		}
		s = testState(t, Options{AccountBytes: bytesOf(longer) + spare})
		if _, rejection := s.Apply(first); rejection != nil {
			t.Fatal(rejection)
		}
		_, rejection := s.Apply(longer)
		if want := map[bool]event.Reason{true: event.ReasonConflictingDuplicate, false: event.ReasonAccountTooLarge}[spare == 0]; rejection.Reason != want {
			t.Errorf("another content, %d bytes to spare: %v", spare, rejection)
		}
	}
	s := testState(t, Options{AccountBytes: 10})
	if err := s.Restore(first.AppendStored(nil)); err != nil {
		t.Fatal(err)
	}
	if outcome, rejection := s.Apply(first); outcome != Duplicate || rejection != nil {
		t.Errorf("a copy beyond the bound: %s %v", outcome, rejection)
	}
}

// What is accepted is the same after a restart at any point: the restored account counts the same
// bytes.
func TestAccountTooLargeAfterRestarts(t *testing.T) {
	const limit = 1500
	events := make([]*event.Event, 60)
	at := testTime(t, "2026-01-05T10:00:00Z")
	for n := range events {
		events[n] = testUsage(fmt.Sprint("u", n%40), at.Add(time.Duration(n%40)*36*time.Hour), fmt.Sprint(n))
		events[n].Revision = int64(n % 3)
	}
	accepted := func(restartEvery int) string {
		s, held, now := testState(t, Options{AccountBytes: limit}), stored{}, event.Time(0)
		list := ""
		for n, e := range events {
			s.SetHorizons(s.Calendar().Horizons(now))
			_, rejection := s.Apply(e)
			list += fmt.Sprintf("%s#%d %v; ", e.ID, e.Revision, rejection == nil)
			now = max(now, e.Time)
			held.take(s)
			if restartEvery == 0 || n%restartEvery > 0 {
				continue
			}
			s = testState(t, Options{AccountBytes: limit})
			for _, value := range held {
				if err := s.Restore(value); err != nil {
					t.Fatal(err)
				}
			}
		}
		return list
	}
	want := accepted(0)
	for _, every := range []int{1, 7} {
		if got := accepted(every); got != want {
			t.Errorf("with restarts after every %d events\n%s\nwithout\n%s", every, got, want)
		}
	}
}
