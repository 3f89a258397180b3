package aggregate

import (
	"bytes"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

// busyAccount is an account with a snapshot a month, a charge and an attribute a quarter, and usage
// once a day.
type busyAccount struct {
	t     *testing.T
	state *State
	held  stored
	start event.Time
	day   int
	peak  int64
}

func newBusyAccount(t *testing.T) *busyAccount {
	t.Helper()
	o := Options{Groupings: [][]string{{"region"}}, Rates: []RateTable{
		{From: event.NoTime, Rates: rates(11)}, {From: testTime(t, "2024-07-01T00:00:00Z"), Rates: rates(12)},
	}}
	return &busyAccount{t: t, state: testState(t, o), held: stored{}, start: testTime(t, "2022-01-01T00:00:00Z")}
}

// live takes the account through days.
func (b *busyAccount) live(days int) {
	b.t.Helper()
	for range days {
		now := b.start.Add(time.Duration(b.day) * 24 * time.Hour)
		h := b.state.Calendar().Horizons(now)
		if b.state.SetHorizons(h); b.state.Freezes() {
			b.state.Flush()
			b.state.Freeze()
		}
		for _, e := range b.eventsOf(now) {
			if outcome, rejection := b.state.Apply(e); rejection != nil || outcome != Applied {
				b.t.Fatalf("day %d: %s is %s: %v", b.day, e.ID, outcome, rejection)
			}
		}
		b.state.AdvanceTo(now)
		b.state.Flush()
		b.held.take(b.state)
		b.peak = max(b.peak, b.state.Bytes())
		b.day++
	}
	if err := b.state.Check(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *busyAccount) eventsOf(now event.Time) []*event.Event {
	day := b.day
	event1 := func(id string, kind event.Type) *event.Event {
		return &event.Event{ID: fmt.Sprint(id, day), Source: "test", Subject: "acme", Type: kind, Time: now}
	}
	events := []*event.Event{testUsage(fmt.Sprint("u", day), now, "10")}
	if day%30 == 0 {
		e := event1("s", event.TypeSubscriptionChanged)
		e.Subscription = &event.Subscription{
			Subscription: "s1", EffectiveAt: now, CancelAt: event.NoTime, TermStart: event.NoTime,
			TermEnd: event.NoTime, TrialEnd: event.NoTime, FirstPaidAt: event.NoTime,
			Phase: event.Phase{Status: event.StatusActive, Items: []event.Item{
				{Item: "calls", Product: "api", Family: "api", Metered: true, HasPrice: true, UnitPrice: decimal("0.5"), Currency: "EUR", Unit: event.UnitMonth, Count: 1, Quantity: decimal("1")},
				{Item: "seats", Product: "core", Family: "core", Region: fmt.Sprint("r", day%7), HasPrice: true, UnitPrice: decimal("10"), Currency: "EUR", Unit: event.UnitMonth, Count: 1, Quantity: decimal(fmt.Sprint(day + 1))},
			}},
		}
		events = append(events, e)
	}
	if day%90 == 5 {
		charge := event1("c", event.TypeChargeRecorded)
		charge.Charge = &event.Charge{Kind: event.ChargeOneOff, Amount: decimal("9"), Currency: "USD"}
		set := event1("a", event.TypeAccountChanged)
		set.Account = &event.AccountChanged{EffectiveAt: now, Attributes: []event.Attribute{{Name: "region", Value: fmt.Sprint("r", day)}}}
		events = append(events, charge, set)
	}
	return events
}

func rates(tenths int64) map[string]*big.Rat {
	return map[string]*big.Rat{"EUR": big.NewRat(tenths, 10)}
}

func decimal(s string) money.Decimal {
	n, ok := money.ParseDecimal([]byte(s))
	if !ok {
		panic(s)
	}
	return n
}

// What an account with usage every day keeps stops growing: after four years it is what it was after
// three, but for 16 bytes an identity.
func TestDailyUsageForFourYearsStaysBounded(t *testing.T) {
	b := newBusyAccount(t)
	b.live(3 * 365)
	third := b.peak
	b.live(365)
	if b.state.Bytes() != b.held.bytes() {
		t.Errorf("the checkpoint holds %d bytes, the state counts %d", b.held.bytes(), b.state.Bytes())
	}
	identities := int64(365/30 + 1 + 2*(365/90+1))
	if grown := b.peak - third; grown > 16*identities+200 {
		t.Errorf("%d bytes at most in three years, %d more in the fourth", third, grown)
	}
	if b.peak > 24<<10 {
		t.Errorf("%d bytes are kept, want at most 24 KiB", b.peak)
	}
	a := b.state.find("acme")
	if oldest := a.snapshots[0].order.at; a.base == nil || len(a.snapshots) > 30 || oldest > a.base.at {
		t.Errorf("%d snapshots are kept, the oldest of %s", len(a.snapshots), oldest)
	}
	if len(a.settled) > 30 || len(a.usage) > 37 || len(a.charges) > 10 {
		t.Errorf("%d months of usage, %d events of it, %d charges are kept", len(a.settled), len(a.usage), len(a.charges))
	}
}

// A restored base is stored as the same bytes and folds to the same account; damage is an error.
func TestBaseIsReadBack(t *testing.T) {
	b := newBusyAccount(t)
	b.live(4 * 365)
	again := testState(t, b.state.options)
	for _, key := range slices.Sorted(maps.Keys(b.held)) {
		if err := again.Restore(b.held[key]); err != nil {
			t.Fatal(err)
		}
	}
	again.AdvanceTo(b.state.Watermark())
	again.SetHorizons(b.state.Horizons())
	again.RestoreFrozen(b.state.Frozen())
	again.Flush()
	if kept := again.TakeKept(); len(kept) > 0 {
		t.Errorf("a restored state keeps %d records anew, the first %q", len(kept), kept[0].Key)
	}
	if again.Bytes() != b.state.Bytes() {
		t.Errorf("%d bytes restored, %d stored", again.Bytes(), b.state.Bytes())
	}
	want, got := b.state.find("acme"), again.find("acme")
	value := b.held[string(baseKey("acme"))]
	if stored := got.base.appendStored(appendText([]byte{storedBase}, "acme")); !bytes.Equal(stored, value) {
		t.Error("a base that was read is stored as other bytes")
	}
	for i, row := range want.derived.rowsFrom(b.state.Frozen()) {
		other := got.derived.rowsFrom(b.state.Frozen())[i]
		other.Dims = row.Dims // of another state
		if !row.equal(&other) {
			t.Errorf("row %s at %s is another after a restart", row.Key, row.At)
		}
	}
	for n := range value {
		if err := testState(t, b.state.options).Restore(value[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a base", n, len(value))
		}
	}
}

// Whoever has nothing of what is frozen gets it as an opening balance, in every kind of interval: with
// the registers from there on it sums to what the accounts have.
func TestOpeningsStandForWhatIsFrozen(t *testing.T) {
	b := newBusyAccount(t)
	b.live(4 * 365)
	sums := map[Kind]money.Amount{}
	everything := b.state.Everything()
	for _, r := range slices.Concat(b.state.Openings(), everything.Registers) {
		if b.state.Segment(r.Key.Segment).Grouping != SegmentAll || r.Key.Kind == KindRolling {
			continue
		}
		if !r.Register.Closes() {
			t.Errorf("%s %d does not close", r.Key.Kind, r.Key.Index)
		}
		sums[r.Key.Kind] = sums[r.Key.Kind].Add(r.Register.Sums[SumChange])
	}
	for kind := range Kind(calendarKinds) {
		if mrr := everything.Accounts[0].MRR; sums[kind] != mrr || mrr.IsZero() {
			t.Errorf("%ss sum to %s, the account has %s", kind, sums[kind], mrr)
		}
	}
}
