package aggregate

import (
	"fmt"
	"testing"
	"time"

	"processor/internal/event"
)

// testPrice is a subscription event: one line at a price a month.
func testPrice(id string, at event.Time, price string) *event.Event {
	return &event.Event{
		ID: id, Source: "test", Subject: "acme", Type: event.TypeSubscriptionChanged, Time: at,
		Subscription: &event.Subscription{
			Subscription: "s1", EffectiveAt: at, CancelAt: event.NoTime, TermStart: event.NoTime,
			TermEnd: event.NoTime, TrialEnd: event.NoTime, FirstPaidAt: event.NoTime,
			Phase: event.Phase{Status: event.StatusActive, Items: []event.Item{{
				Item: "seats", Product: "core", Family: "core", HasPrice: true, UnitPrice: decimal(price), Currency: "USD",
				Unit: event.UnitMonth, Count: 1, Quantity: decimal("1"),
			}}},
		},
	}
}

func applyAll(t *testing.T, s *State, events ...*event.Event) {
	t.Helper()
	for _, e := range events {
		if outcome, rejection := s.Apply(e); rejection != nil {
			t.Fatalf("%s is %s: %v", e.ID, outcome, rejection)
		}
	}
}

// Nobody is explained, and no account before its first flush.
func TestOnlyWhatWasFlushedIsExplained(t *testing.T) {
	s := testState(t, Options{})
	at := testTime(t, "2026-01-05T00:00:00Z")
	s.AdvanceTo(at)
	applyAll(t, s, testPrice("a", at, "10"))
	for _, account := range []string{"acme", "nobody"} {
		if _, found := s.Explain(account, nil); found {
			t.Errorf("%s is explained before a flush", account)
		}
	}
	s.Flush()
	if e, found := s.Explain("acme", nil); !found || e.MRR.String() != "10.000000" {
		t.Errorf("found %t, %+v", found, e)
	}
}

// Of many rows the latest are listed, and the sum of the others stands before them; an interval with
// fewer rows is listed whole, however many lie before it.
func TestAnExplanationListsTheLatestRows(t *testing.T) {
	const days = ExplainedMovements + 200
	s := testState(t, Options{})
	start := testTime(t, "2022-01-01T00:00:00Z")
	now := start
	for day := range days {
		now = start.Add(time.Duration(day) * 24 * time.Hour)
		applyAll(t, s, testPrice(fmt.Sprint("d", day), now, fmt.Sprint(day+1)))
	}
	s.AdvanceTo(now)
	s.Flush()
	e, _ := s.Explain("acme", nil)
	if len(e.Rows) != ExplainedMovements || e.LeftOut != 200 || e.LeftOutChange.String() != "200.000000" {
		t.Fatalf("%d rows, %d left out with %s", len(e.Rows), e.LeftOut, e.LeftOutChange)
	}
	first, last := &e.Rows[0], &e.Rows[len(e.Rows)-1]
	if first.Key != "event/test/d200" || first.Balance.String() != "201.000000" || last.Balance != e.MRR {
		t.Errorf("from %s at %s to %s at %s", first.Key, first.Balance, last.Key, last.Balance)
	}
	month, _ := IntervalNamed("2025-03")
	e, _ = s.Explain("acme", &month)
	if len(e.Rows) != 31 || e.LeftOut != 0 || e.Booked.String() != "1155.000000" || e.Closing.String() != "1186.000000" {
		t.Errorf("%d rows of a month, %d left out, from %s to %s", len(e.Rows), e.LeftOut, e.Booked, e.Closing)
	}
}

// Of many events behind one row the first are named, and the others counted.
func TestAnExplanationNamesTheFirstEvents(t *testing.T) {
	for _, over := range []int{0, 1, 25} {
		s := testState(t, Options{})
		at := testTime(t, "2026-01-05T00:00:00Z")
		for n := range ExplainedEvents + over {
			applyAll(t, s, testUsage(fmt.Sprint("u", n), at.Add(time.Duration(n)*time.Minute), "1"))
		}
		s.AdvanceTo(at.Add(48 * time.Hour))
		s.Flush()
		e, _ := s.Explain("acme", nil)
		if r := &e.Rows[0]; len(r.Events) != ExplainedEvents || r.EventsLeftOut != over || r.Events[0].ID != "u0" || r.Forgotten {
			t.Errorf("%d events, %d left out, forgotten %t, first %+v", len(r.Events), r.EventsLeftOut, r.Forgotten, r.Events[0])
		}
	}
}
