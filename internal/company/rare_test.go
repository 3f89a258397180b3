package company

import (
	"slices"
	"testing"
	"time"

	"processor/internal/event"
)

// rarities counts what Options.Rare and the mess of rewriting bring, by a name for each.
func rarities(t *testing.T, records []Record) map[string]int {
	t.Helper()
	n := map[string]int{}
	arrived, withdrawn := map[event.Key]*event.Event{}, map[event.Key]bool{}
	attributes := map[string]event.Time{}
	for _, rec := range records {
		if rec.Origin == Bad {
			continue
		}
		ev := decode(t, rec)
		before := arrived[ev.Key()]
		if withdrawn[ev.Key()] && before == nil {
			n["withdrawn before it came"]++
		}
		arrived[ev.Key()] = ev
		switch ev.Type {
		case event.TypeAccountErased:
			n["erased"]++
		case event.TypeEventRevoked:
			withdrawn[ev.Revocation.Key()] = true
		case event.TypeAccountChanged:
			if attributes[ev.Subject] == ev.Time && len(ev.Account.Attributes) > 0 {
				n["attributes at one instant"]++
			}
			attributes[ev.Subject] = ev.Time
			if ev.Account.EffectiveAt != ev.Time && before != nil {
				n["account amended in its date"]++
			}
		case event.TypeSubscriptionChanged:
			snapshots(n, ev, before)
		case event.TypeUsageRecorded:
			if before != nil && ev.Revision > 0 {
				n["usage amended"]++
			}
		case event.TypeUsageStatement, event.TypeChargeRecorded, event.TypeSignalObserved:
		}
	}
	return n
}

func snapshots(n map[string]int, ev, before *event.Event) {
	s := ev.Subscription
	for name, is := range map[string]bool{
		"moved from": s.MovedFrom != "", "moved to": s.MovedTo != "", "motion": s.Motion != "",
		"opening without first_paid_at": s.Opening && s.FirstPaidAt == event.NoTime,
		"past due":                      s.Status == event.StatusPastDue,
		"discount, schedule and end": len(s.Discounts) > 0 && s.Discounts[0].EndsAt != event.NoTime && len(s.Schedule) > 0 &&
			s.CancelAt != event.NoTime,
		"scheduled pause":              len(s.Schedule) > 0 && s.Schedule[0].Status == event.StatusPaused,
		"rebate":                       len(s.Items) > 0 && len(s.Items[0].Discounts) > 0,
		"amended in its date":          before != nil && ev.Revision > 0 && before.Subscription.EffectiveAt != s.EffectiveAt,
		"amended in its status":        before != nil && ev.Revision > 0 && before.Subscription.Status != s.Status,
		"amended in its time":          before != nil && ev.Revision > 0 && before.Time != ev.Time,
		"metered with commit":          slices.ContainsFunc(s.Items, func(i event.Item) bool { return i.HasCommit }),
		"effective far from its time":  s.EffectiveAt > ev.Time+event.Time(24*time.Hour),
		"opening with a first payment": s.Opening && s.FirstPaidAt != event.NoTime,
	} {
		if is {
			n[name]++
		}
	}
}

// A company with everything must have everything often enough that a test over it means something.
func TestRareThings(t *testing.T) {
	o := small()
	o.Rare, o.Accounts, o.Mess = true, 300, Whole
	got := rarities(t, collect(t, o))
	for _, name := range []string{
		"erased", "withdrawn before it came", "attributes at one instant", "account amended in its date", "moved from", "moved to",
		"motion", "opening without first_paid_at", "opening with a first payment", "past due", "discount, schedule and end",
		"scheduled pause", "rebate", "amended in its date", "amended in its status", "amended in its time", "usage amended",
		"metered with commit", "effective far from its time",
	} {
		if got[name] < 5 {
			t.Errorf("%s: %d", name, got[name])
		}
	}
	t.Log(got)
}

// Both sides of a move must be told at one instant and name each other.
func TestMovesHaveTwoSides(t *testing.T) {
	o := small()
	o.Rare, o.Accounts = true, 300
	type side struct{ from, to string }
	sides := map[side]int{}
	for _, rec := range collect(t, o) {
		if rec.Type != event.TypeSubscriptionChanged {
			continue
		}
		ev := decode(t, rec)
		if s := ev.Subscription; s.MovedFrom != "" {
			sides[side{s.MovedFrom, ev.Subject}]++
		} else if s.MovedTo != "" {
			sides[side{ev.Subject, s.MovedTo}]--
		}
	}
	if len(sides) == 0 {
		t.Fatal("nothing moves")
	}
	for s, n := range sides {
		if n != 0 {
			t.Errorf("from %s to %s: %d sides are missing", s.from, s.to, n)
		}
	}
}
