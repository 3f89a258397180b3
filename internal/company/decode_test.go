package company

import (
	"testing"

	"processor/internal/event"
)

func decode(t *testing.T, rec Record) *event.Event {
	t.Helper()
	ev, rejection := event.NewDecoder(event.Options{}).Decode(rec.Value, nil)
	if rejection != nil {
		t.Fatalf("rejected, %s at %s: %s", rejection.Reason, rejection.Detail, rec.Value)
	}
	return ev
}

func TestEveryEventIsAccepted(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
	}{
		{"defaults", func(*Options) {}},
		{"without a future", func(o *Options) { o.Future = false }},
		{"without usage", func(o *Options) { o.Usage = false }},
		{"all imported", func(o *Options) { o.Openings = 1000 }},
		{"none imported", func(o *Options) { o.Openings = 0 }},
		{"currencies", func(o *Options) { o.Currencies = []string{"USD", "EUR", "JPY"} }},
		{"very busy", func(o *Options) { o.Accounts, o.Events = 5, 20_000 }},
		{"hard", func(o *Options) { o.Mess = Mess{Backdated: 200, Ties: 200, Calendar: 300, Hostile: 500} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := small()
			test.change(&o)
			seen := map[event.Type]int{}
			decoder := event.NewDecoder(event.Options{})
			for _, rec := range collect(t, o) {
				ev, rejection := decoder.Decode(rec.Value, nil)
				if rejection != nil {
					t.Fatalf("rejected, %s at %s: %s", rejection.Reason, rejection.Detail, rec.Value)
				}
				if ev.Type != rec.Type || ev.Time != rec.Time || ev.Subject != string(rec.Key) {
					t.Fatalf("the record says %s %v %q, the event %s", typeNames[rec.Type], rec.Time, rec.Key, rec.Value)
				}
				seen[ev.Type]++
			}
			if seen[event.TypeSubscriptionChanged] == 0 || seen[event.TypeAccountChanged] == 0 {
				t.Errorf("events by type: %v", seen)
			}
		})
	}
}

// Every part of the format that the company is to exercise occurs in the default year.
func TestTheYearHasEverything(t *testing.T) {
	seen := map[string]int{}
	note := func(name string, holds bool) {
		if holds {
			seen[name]++
		}
	}
	statuses := map[event.Status]bool{}
	for _, rec := range collect(t, Defaults()) {
		ev := decode(t, rec)
		if u := ev.Usage; u != nil {
			note("usage by meter", u.Meter != "")
			note("usage by item", u.Item != "")
			note("usage as money", u.HasAmount)
		}
		note("statement", ev.Statement != nil)
		s := ev.Subscription
		if s == nil {
			continue
		}
		statuses[s.Status] = true
		note("opening", s.Opening && s.FirstPaidAt != event.NoTime)
		note("renewal", s.Renewal && s.EffectiveAt < ev.Time)
		note("cancel_at", s.CancelAt != event.NoTime)
		note("schedule", len(s.Schedule) > 0)
		note("trial_end", s.TrialEnd != event.NoTime)
		note("discount with an end", len(s.Discounts) > 0 && s.Discounts[0].EndsAt != event.NoTime)
		for _, line := range s.Items {
			note("add_on", line.AddOn)
			note("free trial of an add-on", line.FreeTrial)
			note("line of another region", line.Region != "")
			note("metered with tiers", line.Metered && len(line.Tiers) == 3 && line.HasIncluded)
			note("commit", line.HasCommit)
			note("second product", line.Product == products[1].name)
			note("yearly", line.Unit == event.UnitYear)
			note("quarterly", line.Unit == event.UnitMonth && line.Count == 3)
		}
	}
	for _, name := range []string{
		"usage by meter", "usage by item", "usage as money", "statement", "opening", "renewal", "cancel_at",
		"schedule", "trial_end", "discount with an end", "add_on", "free trial of an add-on",
		"line of another region", "metered with tiers", "commit", "second product", "yearly", "quarterly",
	} {
		if seen[name] == 0 {
			t.Errorf("no %s in the default year", name)
		}
	}
	for status := event.StatusTrialing; status <= event.StatusCanceled; status++ {
		if !statuses[status] {
			t.Errorf("no snapshot with status %d in the default year", status)
		}
	}
}

// Calls are only made on a line that the last snapshot of the subscription has.
func TestUsageBelongsToAMeteredLine(t *testing.T) {
	metered := map[string]bool{}
	reports := 0
	for _, rec := range collect(t, Defaults()) {
		switch ev := decode(t, rec); {
		case ev.Subscription != nil:
			s := ev.Subscription
			metered[s.Subscription] = false
			for _, line := range s.Items {
				if line.Metered && line.Item == callsItem && line.Meter == callsMeter {
					metered[s.Subscription] = true
				}
			}
		case ev.Usage != nil:
			reports++
			if !metered[ev.Usage.Subscription] {
				t.Fatalf("the subscription has no metered line: %s", rec.Value)
			}
		case ev.Statement != nil && !metered[ev.Statement.Subscription]:
			t.Fatalf("the subscription has no metered line: %s", rec.Value)
		}
	}
	if reports == 0 {
		t.Error("no usage in the default year")
	}
}

func TestPrices(t *testing.T) {
	enc := encoder{currencies: []string{"USD", "JPY"}}
	for _, test := range []struct {
		minor    int64
		currency uint8
		want     string
	}{
		{1234, 0, `"amount":"12.34",`},
		{5, 0, `"amount":"0.05",`},
		{1234, 1, `"amount":"1234",`},
	} {
		if got := string(enc.appendPrice(nil, "amount", test.minor, test.currency)); got != test.want {
			t.Errorf("%d: %s, want %s", test.minor, got, test.want)
		}
	}
	// 0.0020 for the first 100,000 calls, 0.0012 up to a million, 0.0008 beyond.
	for calls, want := range map[int64]int64{0: 0, 50_000: 100_00, 100_000: 200_00, 600_000: 800_00, 2_000_000: 2080_00} {
		if got := ratedMinor(calls); got != want {
			t.Errorf("%d calls cost %d hundredths, want %d", calls, got, want)
		}
	}
}

func TestWithoutAFutureNothingIsAnnounced(t *testing.T) {
	o := Defaults()
	o.Future = false
	ended := 0
	defer func() {
		if ended == 0 {
			t.Error("no snapshot says that a discount has ended")
		}
	}()
	for _, rec := range collect(t, o) {
		s := decode(t, rec).Subscription
		if s == nil {
			continue
		}
		if s.Reason == "discount_ended" {
			ended++
		}
		told := s.CancelAt != event.NoTime || len(s.Schedule) > 0
		for _, discount := range s.Discounts {
			told = told || discount.EndsAt != event.NoTime
		}
		if told {
			t.Fatalf("a step is announced: %s", rec.Value)
		}
	}
}
