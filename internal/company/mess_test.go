package company

import (
	"slices"
	"testing"
	"time"

	"processor/internal/event"
)

// byOrigin counts records and checks each against what its origin promises.
func byOrigin(records []Record) (counts [originCount]int) {
	for _, rec := range records {
		counts[rec.Origin]++
	}
	return counts
}

func near(got, events, permille int) bool {
	want := events * permille / 1000
	return got > want*7/10 && got < want*13/10
}

func TestMessIsOfTheSizeAsked(t *testing.T) {
	o := Defaults()
	o.Events = 20_000
	o.Mess = Mess{Late: 100, Duplicates: 80, Amendments: 60, Conflicts: 40, Revocations: 30, Bad: 20}
	counts := byOrigin(collect(t, o))
	if kept := counts[Original] + counts[Late]; kept != o.Events {
		t.Errorf("%d events of the company arrive, want all %d", kept, o.Events)
	}
	for origin, permille := range map[Origin]int{
		Late: 100, Duplicate: 80, Amendment: 60, Conflict: 40, Revoking: 30, Bad: 20,
	} {
		if !near(counts[origin], o.Events, permille) {
			t.Errorf("%v: %d records for %d permille of %d events", origin, counts[origin], permille, o.Events)
		}
	}
}

// Disorder must not touch the company: without its additions the same events remain.
func TestDisorderKeepsTheEvents(t *testing.T) {
	o := small()
	want := map[string]bool{}
	for _, rec := range collect(t, o) {
		want[string(rec.Value)] = true
	}
	o.Mess = Mess{Late: 1000, LateMax: 400 * 24 * time.Hour, Duplicates: 200, Amendments: 100, Conflicts: 100, Revocations: 50, Bad: 50}
	got := 0
	for _, rec := range collect(t, o) {
		if rec.Origin != Original && rec.Origin != Late {
			continue
		}
		got++
		if !want[string(rec.Value)] {
			t.Fatalf("an event that the company does not have: %s", rec.Value)
		}
	}
	if got != len(want) {
		t.Errorf("%d events remain of %d", got, len(want))
	}
}

func TestFollowersShareTheIdentityAsTheirOriginSays(t *testing.T) {
	type identity struct{ subject, source, id string }
	first := map[identity]string{}
	revision := map[identity]int64{}
	var last string
	o := small()
	o.Mess = Mess{Duplicates: 100, Amendments: 100, Conflicts: 100, Revocations: 100}
	records := collect(t, o)
	end := len(records) // behind the last event of the company nothing can come in between
	for end > 0 && records[end-1].Origin != Original {
		end--
	}
	for _, rec := range records[:end] {
		ev := decode(t, rec)
		id := identity{ev.Subject, ev.Source, ev.ID}
		text, known := first[id]
		switch rec.Origin {
		case Original:
			if known {
				t.Fatalf("an original comes twice: %s", rec.Value)
			}
			first[id], revision[id] = string(rec.Value), ev.Revision
		case Duplicate:
			if text != string(rec.Value) {
				t.Fatalf("a duplicate differs:\n%s\n%s", text, rec.Value)
			}
			if last == text {
				t.Fatalf("a duplicate directly behind its event proves nothing: %s", text)
			}
		case Amendment:
			if !known || ev.Revision != revision[id]+1 {
				t.Fatalf("an amendment of nothing or without the next revision: %s", rec.Value)
			}
		case Conflict:
			if !known || ev.Revision != revision[id] || text == string(rec.Value) {
				t.Fatalf("a conflict without a rival of the same revision: %s", rec.Value)
			}
		case Revoking:
			if _, known := first[identity{ev.Subject, ev.Revocation.Source, ev.Revocation.ID}]; !known {
				t.Fatalf("nothing to revoke: %s", rec.Value)
			}
		}
		last = string(rec.Value)
	}
}

func TestLatenessIsBounded(t *testing.T) {
	o := small()
	o.Mess = Mess{Late: 300, LateMax: 48 * time.Hour}
	latest := event.Time(0)
	for _, rec := range collect(t, o) {
		if by := time.Duration(latest - rec.Time); by > o.Mess.LateMax {
			t.Fatalf("an event comes %v late, at most %v is allowed", by, o.Mess.LateMax)
		} else if late := by > 0; late != (rec.Origin == Late) {
			t.Fatalf("%v late, yet its origin is %v", by, rec.Origin)
		}
		latest = max(latest, rec.Time)
	}
}

func TestBadRecordsAreRejectedForTheirReason(t *testing.T) {
	o := Defaults()
	o.Mess = Mess{Bad: 100, Hostile: 300}
	decoder := event.NewDecoder(event.Options{})
	seen := map[event.Reason]int{}
	for _, rec := range collect(t, o) {
		ev, rejection := decoder.Decode(rec.Value, nil)
		switch {
		case rec.Origin == Bad && rejection == nil:
			t.Errorf("accepted, must be %s: %s as %+v", rec.Reason, rec.Value, ev)
		case rec.Origin == Bad && rejection.Reason != rec.Reason:
			t.Errorf("rejected for %s at %s, must be %s: %.300s", rejection.Reason, rejection.Detail, rec.Reason, rec.Value)
		case rec.Origin == Bad:
			seen[rec.Reason]++
		case rejection != nil:
			t.Errorf("a good event is rejected for %s at %s: %s", rejection.Reason, rejection.Detail, rec.Value)
		}
		if t.Failed() {
			return
		}
	}
	for _, form := range badForms {
		if form.readerDecides == (seen[form.reason] > 0) {
			t.Errorf("%s: %d records", form.reason, seen[form.reason])
		}
	}
}

func TestBadReasonsChoose(t *testing.T) {
	o := small()
	o.Mess = Mess{Bad: 500, BadReasons: []event.Reason{event.ReasonFutureTime, event.ReasonBadTime}}
	seen := map[event.Reason]int{}
	for _, rec := range collect(t, o) {
		if rec.Origin == Bad {
			seen[rec.Reason]++
		}
	}
	if len(seen) != 2 || seen[event.ReasonFutureTime] == 0 || seen[event.ReasonBadTime] == 0 {
		t.Errorf("bad records by reason: %v", seen)
	}
}

func TestHarderCompanies(t *testing.T) {
	o := small()
	o.Mess = Mess{Backdated: 300, Ties: 300, Calendar: 300, Hostile: 400}
	var past, future, ties, monthEnds int
	hostile := map[string]bool{}
	lastTime := map[string]event.Time{}
	for _, rec := range collect(t, o) {
		ev := decode(t, rec)
		if len(ev.Subject) > len("acct_")+13 {
			hostile[ev.Subject] = true
		}
		if len(ev.Subject) > 256 {
			t.Fatalf("an id of %d bytes", len(ev.Subject))
		}
		if s := ev.Subscription; s != nil {
			if s.EffectiveAt < ev.Time-event.Time(time.Hour) {
				past++
			}
			if s.EffectiveAt > ev.Time {
				future++
			}
			if lastTime[ev.Subject] == ev.Time {
				ties++
			}
			lastTime[ev.Subject] = ev.Time
			at := ev.Time.UTC()
			if at.Add(time.Second).Month() != at.Month() {
				monthEnds++
			}
		}
	}
	for name, n := range map[string]int{
		"effective in the past": past, "effective in the future": future, "equal instants": ties,
		"last second of a month": monthEnds, "hostile ids": len(hostile) / 10,
	} {
		if n < 3 {
			t.Errorf("%s: %d", name, n)
		}
	}
}

func TestCalendarInstantsAreWhereClocksChange(t *testing.T) {
	march := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct{ got, want time.Time }{
		{lastBefore(march, time.Sunday), time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)},
		{firstSunday(2026, 3, 8), time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)},
		{firstSunday(2026, 11, 1), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)},
		{lastBefore(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), time.Friday), time.Date(2026, 4, 24, 0, 0, 0, 0, time.UTC)},
	} {
		if !test.got.Equal(test.want) {
			t.Errorf("%v, want %v", test.got, test.want)
		}
	}
}

func TestParseMess(t *testing.T) {
	for _, test := range []struct {
		text string
		want Mess
	}{
		{"", Mess{}},
		{"none", Mess{}},
		{"light", Light},
		{"late=50, late_max=2h,bad=5", Mess{Late: 50, LateMax: 2 * time.Hour, Bad: 5}},
		{"none,ties=3", Mess{Ties: 3}},
	} {
		got, err := ParseMess(test.text)
		if err != nil || !sameMess(got, test.want) {
			t.Errorf("%q: %+v, %v; want %+v", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"lat=5", "late", "late=x", "late=2000", "late_max=soon", "late=5,light"} {
		if _, err := ParseMess(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func sameMess(a, b Mess) bool {
	reasons := slices.Equal(a.BadReasons, b.BadReasons)
	a.BadReasons, b.BadReasons = nil, nil
	for _, field := range messFields {
		if *field.of(&a) != *field.of(&b) {
			return false
		}
	}
	return reasons && a.LateMax == b.LateMax
}
