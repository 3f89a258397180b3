package aggregate

import (
	"fmt"
	"testing"
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

// BenchmarkExplain explains an account with two years of hourly usage: what one question costs the loop
// of the service.
func BenchmarkExplain(b *testing.B) {
	s, err := New(Options{Currency: "USD", ReportingStart: event.NoTime})
	if err != nil {
		b.Fatal(err)
	}
	start := event.At(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	price := money.Int(1)
	s.Apply(&event.Event{ID: "s", Source: "b", Subject: "acme", Type: event.TypeSubscriptionChanged, Time: start, Subscription: &event.Subscription{
		Subscription: "s1", EffectiveAt: start, CancelAt: event.NoTime, TermEnd: event.NoTime, FirstPaidAt: event.NoTime,
		Phase: event.Phase{Status: event.StatusActive, Items: []event.Item{
			{Item: "api", Product: "api", Metered: true, UnitPrice: price, HasPrice: true, Currency: "USD", Unit: event.UnitMonth, Count: 1, Meter: "calls"},
		}},
	}})
	const hours = 2 * 365 * 24
	for i := range hours {
		s.Apply(&event.Event{
			ID: fmt.Sprint(i), Source: "m", Subject: "acme", Type: event.TypeUsageRecorded, Time: start.Add(time.Duration(i) * time.Hour),
			Usage: &event.Usage{Subscription: "s1", Meter: "calls", Quantity: price, HasQuantity: true},
		})
	}
	s.AdvanceTo(start.Add(hours * time.Hour))
	s.Flush()
	for b.Loop() {
		if e, found := s.Explain("acme", nil); !found || len(e.Rows) != 25 {
			b.Fatal(found)
		}
	}
}
