// Package companytest has the made-up company counted, for benchmarks of what comes after the core.
package companytest

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
)

// UsageGrace is that of the state.
const UsageGrace = 12 * time.Hour

// State has counted a company of so many accounts and events up to the end of its year; nothing is flushed yet.
func State(tb testing.TB, accounts, events int) *aggregate.State {
	tb.Helper()
	s, err := aggregate.New(aggregate.Options{
		Currency: "USD", ReportingStart: event.NoTime, Coalesce: time.Hour, UsageGrace: UsageGrace,
		Groupings: [][]string{{"region"}, {"plan_tier", "region"}}, Windows: aggregate.Windows,
	})
	if err != nil {
		tb.Fatal(err)
	}
	o := company.Defaults()
	o.Accounts, o.Events = accounts, events
	c, err := company.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	decoder := event.NewDecoder(event.Options{})
	for r := range c.Records() {
		e, rejection := decoder.Decode(r.Value, nil)
		if rejection == nil {
			_, rejection = s.Apply(e)
		}
		if rejection != nil {
			tb.Fatal(rejection)
		}
	}
	s.AdvanceTo(o.End)
	return s
}
