package aggregate

import (
	"bytes"
	"math/big"
	"reflect"
	"testing"
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

// A base is read as it was written, in every field: levels that depend on rates, with a commit, of a
// fraction and below 0 too.
func TestEveryFieldOfABaseIsReadBack(t *testing.T) {
	amount := func(text string) money.Amount { n := decimal(text); return money.Round(n.Rat()) }
	written := &base{
		at: 5, paid: true, hasPaid: true, firstPaidAt: 2, endedAt: 3, cohort: "2022-01", newMonth: -1, lastClass: ClassScheduled, lastAt: 4,
		levels: []baseLevel{
			{meterKey{"s1", "a"}, []*usageLevel{{isValued: true, worth: amount("12.5"), scale: one, family: "api"}}},
			{meterKey{"s1", "b"}, []*usageLevel{
				{scale: big.NewRat(487, 496), parts: []currencyPart{{"EUR", big.NewRat(-1, 3)}, {"USD", big.NewRat(7, 1)}}, family: "api"},
				{scale: one, commit: &currencyPart{"EUR", big.NewRat(60, 1)}, parts: []currencyPart{{"EUR", big.NewRat(160, 1)}}},
			}},
		},
		firsts:    []firstUsage{{event.Usage{Subscription: "s1", Meter: "calls"}, 1}},
		meters:    []meterName{{"s1", "calls", "a"}},
		ended:     []baseLine{{"f", "p", "l", "r", 3}},
		regions:   []string{"eu", "us"},
		overtaken: []overtaken{{"k", 9}},
		pastDue:   []basePastDue{{"s1", 2}},
		gone:      []identityHash{{1}, {2}},
	}
	r := &reducedReader{left: written.appendStored(nil)}
	read := r.base()
	if r.broken || len(r.left) > 0 {
		t.Fatalf("damaged, %d bytes are left", len(r.left))
	}
	if !reflect.DeepEqual(read, written) {
		t.Errorf("read %+v\nwrote %+v", read, written)
	}
}

// What no base says is refused: attributes that are another event, a class that is none, a rational in
// a notation that could take all memory. A commit that is announced and missing is none.
func TestDamagedBasesAreRefused(t *testing.T) {
	restored := func(b *base) error {
		return testState(t, Options{}).Restore(b.appendStored(appendText([]byte{storedBase}, "acme")))
	}
	if err := restored(&base{}); err != nil {
		t.Fatal(err)
	}
	if err := restored(&base{attributes: testPrice("a", 5, "1")}); err == nil {
		t.Error("a subscription is taken for attributes")
	}
	if err := restored(&base{lastClass: ClassRevoked + 1}); err == nil {
		t.Error("there is no such class")
	}
	nothing := bytes.Replace((&base{attributes: testPrice("a", 5, "1")}).appendStored(nil), []byte("seats"), []byte("\xff\xff\xff\xff\xff"), 1)
	if err := testState(t, Options{}).Restore(append(appendText([]byte{storedBase}, "acme"), nothing...)); err == nil {
		t.Error("no event is taken for attributes")
	}
	for text, valid := range map[string]bool{"-1/3": true, "10": true, "90/97": true, "1e5": false, "1.5": false, "+1": false, "1:2": false, "-": false, "": false} {
		r := &reducedReader{left: appendText(nil, text)}
		if r.rat(); r.broken == valid {
			t.Errorf("%q is read as a rational: %t", text, !r.broken)
		}
	}
	r := &reducedReader{left: []byte{0, 1, 1, 1, '1', 0}}
	if u := r.level(); r.broken || u.commit != nil || len(u.parts) > 0 {
		t.Errorf("read as %+v, broken %t", u, r.broken)
	}
}

// collapsed brings an account to January 2026 in steps of 30 days, with one more event in each.
func collapsed(t *testing.T, next func(now event.Time) *event.Event, events ...*event.Event) *account {
	t.Helper()
	s := testState(t, Options{})
	s.AdvanceTo(events[0].Time)
	applyAll(t, s, events...)
	s.Flush()
	for now := events[0].Time; now < testTime(t, "2026-01-10T00:00:00Z"); now = now.Add(30 * 24 * time.Hour) {
		s.AdvanceTo(now)
		s.Flush()
		s.SetHorizons(s.Calendar().Horizons(now))
		s.Freeze()
		applyAll(t, s, next(now))
	}
	return s.find("acme")
}

// An account collapses with recorded usage and without, and revocations of what is gone go too,
// whatever else was revoked.
func TestEveryKindOfAccountCollapses(t *testing.T) {
	at := testTime(t, "2022-01-05T00:00:00Z")
	revocation := func(id, of string) *event.Event {
		return &event.Event{ID: id, Source: "test", Subject: "acme", Type: event.TypeEventRevoked, Time: at, Revocation: &event.Revocation{Source: "test", ID: of}}
	}
	charge := func(now event.Time) *event.Event {
		return &event.Event{
			ID: "c" + now.String(), Source: "test", Subject: "acme", Type: event.TypeChargeRecorded, Time: now,
			Charge: &event.Charge{Kind: event.ChargeTax, Amount: decimal("1"), Currency: "USD"},
		}
	}
	a := collapsed(t, charge, testPrice("a", at, "1"), testPrice("b", at.Add(time.Hour), "2"), testPrice("c", at.Add(2*time.Hour), "3"),
		revocation("r1", "never came"), revocation("r2", "b"))
	if a.base == nil || len(a.snapshots) != 1 || len(a.revoked) != 0 {
		t.Errorf("an account with licences: base %v, %d snapshots, %d revoked ones", a.base, len(a.snapshots), len(a.revoked))
	}
	if len(a.revocations) != 1 || a.records[event.Key{Source: "test", ID: "r2"}] != nil {
		t.Errorf("%d revocations are kept, of %v", len(a.revocations), a.revocations)
	}
	usage := func(now event.Time) *event.Event { return testUsage("u"+now.String(), now.Add(time.Hour), "1") }
	a = collapsed(t, usage, usage(at.Add(-time.Hour)))
	if a.base == nil || len(a.settled) > 28 || len(a.base.firsts) != 1 || a.base.firsts[0].at != at {
		t.Errorf("an account with usage: base %+v, %d settled months", a.base, len(a.settled))
	}

	quiet, now := testState(t, Options{}), testTime(t, "2026-01-10T00:00:00Z")
	applyAll(t, quiet, usage(at))
	quiet.AdvanceTo(now)
	quiet.Flush()
	quiet.SetHorizons(quiet.Calendar().Horizons(now))
	quiet.Freeze()
	applyAll(t, quiet, usage(now))
	if a := quiet.find("acme"); a.base == nil || len(a.settled) != 0 {
		t.Errorf("an account that was quiet for years: base %+v, %d settled months", a.base, len(a.settled))
	}
}

// Freezing takes a flush before it, so it is not asked for as long as nothing lies below the floor's month:
// no subscription event, and no usage, which is booked by its month.
func TestNothingFreezesAboveTheFloor(t *testing.T) {
	statement := func(id, at string, month event.Month) *event.Event {
		return &event.Event{
			ID: id, Source: "test", Subject: "acme", Type: event.TypeUsageStatement, Time: testTime(t, at),
			Statement: &event.Statement{Subscription: "s", Item: "api", Month: month, Amount: decimal("1"), Currency: "USD"},
		}
	}
	for _, c := range []struct {
		name    string
		e       *event.Event
		freezes string // the first watermark, of these months, with which something does
	}{
		{"a subscription event", testPrice("a", testTime(t, "2025-01-20T00:00:00Z"), "1"), "2026-02"},
		{"a statement of the month before", statement("b", "2025-02-03T00:00:00Z", event.MonthOf(2025, 1)), "2026-02"},
	} {
		s := testState(t, Options{})
		if _, rejection := s.Apply(c.e); rejection != nil {
			t.Fatal(rejection)
		}
		first := ""
		for month := time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC); first == "" && month.Year() < 2027; month = month.AddDate(0, 1, 0) {
			s.SetHorizons(s.Calendar().Horizons(event.At(month.AddDate(0, 0, 27))))
			if s.Freezes() {
				first = month.Format("2006-01")
			}
		}
		if first != c.freezes { // a month early: what is booked by months is near the event, not at it
			t.Errorf("%s: something freezes from %s, want %s", c.name, first, c.freezes)
		}
	}
	s := testState(t, Options{})
	if err := s.Restore(append(appendText([]byte{storedBase}, "acme"), (&base{at: testTime(t, "2025-01-01T00:00:00Z")}).appendStored(nil)...)); err != nil {
		t.Fatal(err)
	}
	s.SetHorizons(s.Calendar().Horizons(testTime(t, "2022-01-01T00:00:00Z")))
	if !s.Freezes() {
		t.Error("a base stands for events of any time")
	}
}
