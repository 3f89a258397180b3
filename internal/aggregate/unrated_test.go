package aggregate_test

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// TestUnratedUsageIsKept is quantity that no snapshot prices: two months of it, until the price
// comes. An amount that is sent with the event needs none.
func TestUnratedUsageIsKept(t *testing.T) {
	t.Parallel()
	state, err := aggregate.New(aggregate.Options{Currency: "USD", ReportingStart: event.NoTime})
	if err != nil {
		t.Fatal(err)
	}
	decoder := event.NewDecoder(event.Options{})
	apply := func(record string) {
		t.Helper()
		e, rejection := decoder.Decode([]byte(record), nil)
		if rejection != nil {
			t.Fatal(rejection.Reason, rejection.Detail)
		}
		if _, rejection = state.Apply(e); rejection != nil {
			t.Fatal(rejection.Reason, rejection.Detail)
		}
	}
	envelope := func(id, kind, at, data string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"test","type":"` + kind + `","subject":"acme","time":"` + at + `","data":` + data + `}`
	}
	apply(envelope("u1", "usage.recorded", "2026-01-10T00:00:00Z", `{"subscription":"s1","item":"calls","quantity":"7"}`))
	apply(envelope("u2", "usage.recorded", "2026-02-10T00:00:00Z", `{"subscription":"s1","item":"calls","quantity":"7"}`))
	apply(envelope("u3", "usage.recorded", "2026-02-10T00:00:00Z", `{"subscription":"s1","item":"storage","amount":"7","currency":"USD"}`))
	state.AdvanceTo(event.At(time.Date(2026, 4, 15, 0, 0, 0, 0, time.UTC)))
	state.Flush()
	if got := state.Unrated(); got != 2 {
		t.Errorf("%d months without a price, want 2", got)
	}
	apply(envelope("s", "subscription.changed", "2026-01-01T00:00:00Z",
		`{"subscription":"s1","status":"active","items":[{"item":"calls","kind":"metered","product":"api","unit_price":"1","currency":"USD"}]}`))
	state.Flush()
	if got := state.Unrated(); got != 0 {
		t.Errorf("%d months without a price after it came, want 0", got)
	}
}
