package main

import (
	"fmt"
	"math/big"
	"time"

	"processor/internal/aggregate"
	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
)

// coreOptions is what a configuration means for the numbers.
func coreOptions(c *config.Config) (aggregate.Options, error) {
	o := aggregate.Options{
		Currency: c.Reporting.Currency, Zone: c.Reporting.TimeZone, FiscalYearStart: c.Reporting.FiscalYearStart,
		Coalesce: c.Rules.Coalesce, UsageGrace: c.Rules.UsageGrace, ReportingStart: event.NoTime,
	}
	calendar := aggregate.NewCalendar(o.Zone, o.FiscalYearStart)
	if !c.Reporting.Start.IsZero() {
		o.ReportingStart = firstInstant(calendar, c.Reporting.Start)
	}
	for _, table := range c.Reporting.Rates {
		t := aggregate.RateTable{From: event.NoTime, Rates: map[string]*big.Rat{}}
		if !table.From.IsZero() {
			t.From = firstInstant(calendar, table.From)
		}
		for _, rate := range table.Rates {
			value, ok := new(big.Rat).SetString(rate.Value)
			if !ok {
				return o, fmt.Errorf("rate of %s: %q is not a number", rate.Currency, rate.Value)
			}
			t.Rates[rate.Currency] = value
		}
		o.Rates = append(o.Rates, t)
	}
	for _, g := range c.Groupings {
		o.Groupings = append(o.Groupings, g)
	}
	for _, limited := range c.Values {
		if o.Values == nil {
			o.Values = map[string][]string{}
		}
		o.Values[limited.Dimension] = limited.Values
	}
	for _, w := range c.Windows {
		window, ok := aggregate.WindowNamed(w.Name)
		if !ok {
			return o, fmt.Errorf("window %q does not exist", w.Name)
		}
		o.Windows = append(o.Windows, window)
	}
	factor, ok := dayFactors[c.Rules.DayFactor]
	if !ok {
		return o, fmt.Errorf("day factor %q does not exist", c.Rules.DayFactor)
	}
	o.DaysPerMonth = factor
	mode, ok := usageModes[c.Rules.Usage]
	if !ok {
		return o, fmt.Errorf("usage mode %q does not exist", c.Rules.Usage)
	}
	o.Usage = mode
	o.PastDueFor = c.Rules.PastDueFor
	o.AccountBytes = int64(c.Limits.MaxAccountBytes)
	o.ReactivationWithin = c.Rules.ReactivationWithin
	o.ReactivationIsExpansion = c.Rules.Reactivation == "expansion"
	o.Signals = signalOptions(&c.Signals)
	return o, nil
}

// signalOptions are those of a configuration.
func signalOptions(c *config.Signals) aggregate.SignalOptions {
	numbers := func(list []config.NamedNumber) map[string]int {
		made := map[string]int{}
		for _, n := range list {
			made[n.Name] = n.Number
		}
		return made
	}
	o := aggregate.SignalOptions{
		Thresholds: c.Thresholds, Within: c.Within, SeatBlock: c.SeatBlock, AtLeast: numbers(c.AtLeast), Converts: map[string][]string{},
		Weights: numbers(c.Weights), HealthBelow: c.Gate.HealthBelow, Onboarding: c.Gate.Onboarding, UsageFall: c.Gate.UsageFall,
	}
	for _, n := range c.Converts {
		o.Converts[n.Name] = n.Words
	}
	return o
}

// targets is the plan of a configuration.
func targets(c *config.Config) (rollup.Targets, error) {
	plan := rollup.Targets{}
	for _, t := range c.Targets {
		amount, ok := new(big.Rat).SetString(t.Amount)
		if !ok {
			return nil, fmt.Errorf("target of %s %04d-%02d: %q is no amount", t.Segment, t.Year, int(t.Month), t.Amount)
		}
		key := rollup.TargetKey{
			Segment: aggregate.Segment{Grouping: t.Grouping, Name: t.Segment}, Month: int32(event.MonthOf(t.Year, int(t.Month))),
		}
		plan[key] = money.Round(amount)
	}
	return plan, nil
}

// usageModes are the ways in which a month of usage becomes a level.
var usageModes = map[string]aggregate.UsageMode{
	"normalised":    aggregate.UsageNormalised,
	"raw":           aggregate.UsageRaw,
	"invoice_month": aggregate.UsageInvoiceMonth,
	"exclude":       aggregate.UsageExclude,
}

// dayFactors are the days of a month by which a daily price is brought to a month.
var dayFactors = map[string]*big.Rat{
	"365/12":    big.NewRat(365, 12),
	"365.25/12": big.NewRat(36525, 1200),
	"30":        big.NewRat(30, 1),
}

// firstInstant is where a local date begins.
func firstInstant(c *aggregate.Calendar, d config.Date) event.Time {
	day := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / 86400
	return c.DayStart(int32(day))
}
