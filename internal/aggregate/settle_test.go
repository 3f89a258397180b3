package aggregate

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

func testState(t *testing.T, o Options) *State {
	t.Helper()
	o.Currency = "USD"
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func testTime(t *testing.T, text string) event.Time {
	t.Helper()
	at, ok := event.ParseTime([]byte(text))
	if !ok {
		t.Fatalf("time %q", text)
	}
	return at
}

func testUsage(id string, at event.Time, quantity string) *event.Event {
	n, _ := money.ParseDecimal([]byte(quantity))
	return &event.Event{
		ID: id, Source: "test", Subject: "acme", Type: event.TypeUsageRecorded, Time: at,
		Usage: &event.Usage{Subscription: "s1", Item: "calls", Quantity: n, HasQuantity: true},
	}
}

// stored is what a checkpoint holds after the records were put and deleted.
type stored map[string][]byte

func (c stored) take(s *State) {
	for _, k := range s.TakeKept() {
		if k.Delete {
			delete(c, string(k.Key))
		} else {
			c[string(k.Key)] = k.Value
		}
	}
}

func (c stored) bytes() (n int64) {
	for key, value := range c {
		n += int64(len(key) + len(value))
	}
	return n
}

// Four events a day: what is kept of settled months is one sum a day, and Bytes is what the
// checkpoint holds, to the byte.
func TestSettledUsageTakesOneSumADay(t *testing.T) {
	s, held := testState(t, Options{}), stored{}
	start := testTime(t, "2026-01-01T00:00:00Z")
	var events int64
	for day := range 120 {
		now := start.Add(time.Duration(day) * 24 * time.Hour)
		s.SetHorizons(s.Calendar().Horizons(now))
		for n := range 4 {
			e := testUsage(fmt.Sprint(day, "-", n), now.Add(time.Duration(n)*time.Hour), "1.5")
			events += int64(len(keptKey(e)) + len(e.AppendStored(nil)))
			if outcome, rejection := s.Apply(e); outcome != Applied || rejection != nil {
				t.Fatalf("%s: %v %v", e.ID, outcome, rejection)
			}
		}
		s.AdvanceTo(now)
		s.Flush()
		held.take(s)
		if s.Bytes() != held.bytes() || s.Bytes() != s.find("acme").bytes {
			t.Fatalf("day %d: the checkpoint holds %d bytes, the state counts %d, the account %d", day, held.bytes(), s.Bytes(), s.find("acme").bytes)
		}
	}
	sums := int64(0)
	for _, size := range s.find("acme").reduced {
		sums += int64(size)
	}
	if days := int64(120 - 36); sums > 16*days {
		t.Errorf("%d settled days take %d bytes, want at most 16 a day", days, sums)
	}
	if s.Bytes() > events*36/100 {
		t.Errorf("%d of %d bytes are kept after 120 days, want those of 36 days at most", s.Bytes(), events)
	}
}

// A restored settled month is stored as the same bytes, and damage is an error, never a wrong sum.
func TestSettledMonthIsReadBack(t *testing.T) {
	s, held := testState(t, Options{}), stored{}
	at := testTime(t, "2026-01-05T10:00:00Z")
	huge := testUsage("huge", at, "999999999999999999.999999999999")
	paid := testUsage("paid", at.Add(time.Hour), "1")
	paid.Usage.HasAmount, paid.Usage.Amount, paid.Usage.Currency = true, huge.Usage.Quantity, "USD"
	meter := testUsage("meter", at.Add(2*time.Hour), "-3.25")
	meter.Usage.Item, meter.Usage.Meter = "", "calls"
	for _, e := range []*event.Event{huge, paid, meter} {
		if _, rejection := s.Apply(e); rejection != nil {
			t.Fatal(rejection)
		}
	}
	s.SetHorizons(s.Calendar().Horizons(testTime(t, "2026-06-01T00:00:00Z")))
	s.AdvanceTo(testTime(t, "2026-06-01T00:00:00Z"))
	s.Flush()
	held.take(s)
	if len(held) != 1 {
		t.Fatalf("%d records, want the one of January", len(held))
	}
	for key, value := range held {
		again, heldAgain := testState(t, Options{}), stored{}
		if err := again.Restore(value); err != nil {
			t.Fatal(err)
		}
		if again.Bytes() != s.Bytes() {
			t.Errorf("%d bytes restored, %d stored", again.Bytes(), s.Bytes())
		}
		a := again.find("acme")
		again.keepReduced(a, storedSettled, settledKey("acme", a.settled[0].month), a.settled[0].appendStored(nil))
		heldAgain.take(again)
		if !bytes.Equal(heldAgain[key], value) {
			t.Errorf("stored as\n%x\nread and stored again as\n%x", value, heldAgain[key])
		}
		for n := range value {
			if err := testState(t, Options{}).Restore(value[:n]); err == nil {
				t.Errorf("the first %d of %d bytes were taken for a record", n, len(value))
			}
		}
		if err := testState(t, Options{}).Restore(append(bytes.Clone(value), 0)); err == nil {
			t.Error("a byte too much was not seen")
		}
	}
}

// FuzzReduced: no bytes make reading panic or take memory that they do not fill.
func FuzzReduced(f *testing.F) {
	f.Add([]byte{storedSettled, 1, 'a', 0, 0})
	f.Add(append([]byte{storedBase, 1, 'a'}, (&base{}).appendStored(nil)...))
	f.Add(append([]byte{storedView, 1, 'a'}, (&frozenView{}).appendStored(nil)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if isReduced(b) {
			_ = testState(t, Options{}).Restore(b)
		}
	})
}

// A usage event under a new revision within the horizon keeps its identity: it still replaces, and
// is not counted beside, the revision behind the horizon.
func TestAnIdentityWithALiveRevisionIsNotSettled(t *testing.T) {
	s := testState(t, Options{})
	old := testUsage("u", testTime(t, "2026-01-05T10:00:00Z"), "5")
	moved := testUsage("u", testTime(t, "2026-03-05T10:00:00Z"), "7")
	moved.Revision = 1
	for _, e := range []*event.Event{moved, old} {
		if _, rejection := s.Apply(e); rejection != nil {
			t.Fatal(rejection)
		}
	}
	s.SetHorizons(s.Calendar().Horizons(testTime(t, "2026-03-20T00:00:00Z")))
	next := *moved
	next.Revision = 2
	if outcome, _ := s.Apply(&next); outcome != Amended {
		t.Errorf("the next revision is %s, want amended", outcome)
	}
	if a := s.find("acme"); len(a.settled) != 0 || len(a.usage) != 1 {
		t.Errorf("%d months settled, %d events counted", len(a.settled), len(a.usage))
	}
}

// A revoked usage event stays out of the sums, and its revocation stays.
func TestRevokedUsageIsNotSettledIntoSums(t *testing.T) {
	s := testState(t, Options{})
	at := testTime(t, "2026-01-05T10:00:00Z")
	revoke := &event.Event{ID: "r", Source: "test", Subject: "acme", Type: event.TypeEventRevoked, Time: at, Revocation: &event.Revocation{Source: "test", ID: "u"}}
	for _, e := range []*event.Event{testUsage("u", at, "5"), revoke} {
		if _, rejection := s.Apply(e); rejection != nil {
			t.Fatal(rejection)
		}
	}
	s.SetHorizons(s.Calendar().Horizons(testTime(t, "2026-03-20T00:00:00Z")))
	back := testUsage("u", testTime(t, "2026-03-10T00:00:00Z"), "5")
	if outcome, rejection := s.Apply(back); outcome != Revoked || rejection != nil {
		t.Errorf("the revoked id came back as %s %v", outcome, rejection)
	}
	item := s.find("acme").settled[0].items[0]
	if item.first != event.NoTime || len(item.days) != 0 || item.since != at {
		t.Errorf("settled as %+v, want accepted and not counted", item)
	}
}
