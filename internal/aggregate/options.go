package aggregate

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"processor/internal/event"
)

// Options are the configured meaning of the numbers. Two states with equal options and equal
// events are equal.
type Options struct {
	Currency        string         // the reporting currency
	Zone            *time.Location // the reporting zone; UTC when nil
	Rates           []RateTable    // sorted by From
	ReportingStart  event.Time     // what is booked up to it is opening balance; NoTime for none
	FiscalYearStart int            // month number; 1 when 0
	Coalesce        time.Duration  // 0 groups only changes of the same instant
	UsageGrace      time.Duration  // after a month's end, before it is final
	DaysPerMonth    *big.Rat       // 365/12 when nil
	Usage           UsageMode

	PastDueFor              time.Duration       // a subscription past due for this long is dropped; 0: never
	ReactivationWithin      time.Duration       // a win-back later than this is new; 0: never
	ReactivationIsExpansion bool                // a win-back is expansion
	Groupings               [][]string          // "all" is always there and not listed
	Values                  map[string][]string // of a dimension; every other value counts as "(other)"
	Windows                 []Window

	Signals SignalOptions // DefaultSignals when zero

	AccountBytes int64 // what the records of one account may take; AccountBytesMax when 0
}

// AccountBytesMax is what the records of one account may take, as they are stored and with their
// keys, unless the options say otherwise (spec: events 3, account_too_large).
const AccountBytesMax = 16 << 20

// RateTable says what one unit of each currency is worth in the reporting currency from an
// instant on. The first table may have From = NoTime: it serves everything before the others.
type RateTable struct {
	From  event.Time
	Rates map[string]*big.Rat
}

// Window is a rolling interval (floor(t, Step) - Length, t].
type Window struct {
	Name   string
	Length time.Duration
	Step   time.Duration
}

// Windows are the rolling intervals that exist (spec: rules 9.5).
var Windows = []Window{
	{"1h", time.Hour, time.Minute},
	{"24h", 24 * time.Hour, 5 * time.Minute},
	{"7d", 7 * 24 * time.Hour, time.Hour},
	{"30d", 30 * 24 * time.Hour, time.Hour},
	{"90d", 90 * 24 * time.Hour, time.Hour},
	{"365d", 365 * 24 * time.Hour, time.Hour},
}

// WindowNamed is the window of a name such as "30d".
func WindowNamed(name string) (Window, bool) {
	i := slices.IndexFunc(Windows, func(w Window) bool { return w.Name == name })
	if i < 0 {
		return Window{}, false
	}
	return Windows[i], true
}

// Start is the exclusive start of the window that ends at t.
func (w Window) Start(t event.Time) event.Time {
	return t - t%event.Time(w.Step) - event.Time(w.Length)
}

// leavesAt is the first watermark at which an instant is no longer inside the window.
func (w Window) leavesAt(at event.Time) event.Time {
	step := event.Time(w.Step)
	return (at + event.Time(w.Length) + step - 1) / step * step
}

func (o *Options) withDefaults() (Options, error) {
	c := *o
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.FiscalYearStart == 0 {
		c.FiscalYearStart = 1
	}
	if c.DaysPerMonth == nil {
		c.DaysPerMonth = big.NewRat(365, 12)
	}
	if c.AccountBytes == 0 {
		c.AccountBytes = AccountBytesMax
	}
	c.Signals = o.Signals.filled()
	problems := []error{c.Signals.validate()}
	if c.Currency == "" {
		problems = append(problems, errors.New("no reporting currency"))
	}
	if c.FiscalYearStart < 1 || c.FiscalYearStart > 12 {
		problems = append(problems, fmt.Errorf("fiscal year start %d is no month number", c.FiscalYearStart))
	}
	if len(c.Groupings) > 200 {
		problems = append(problems, fmt.Errorf("%d groupings, at most 200", len(c.Groupings)))
	}
	for i := 1; i < len(c.Rates); i++ {
		if c.Rates[i].From <= c.Rates[i-1].From {
			problems = append(problems, fmt.Errorf("rate table %d does not start after the one before", i))
		}
		for currency := range c.Rates[i-1].Rates {
			if _, ok := c.Rates[i].Rates[currency]; !ok {
				problems = append(problems, fmt.Errorf("rate table %d drops %s", i, currency))
			}
		}
	}
	return c, errors.Join(problems...)
}

// tableAt is the index of the rate table in force at t, or -1 before the first.
func (o *Options) tableAt(t event.Time) int {
	n := len(o.Rates)
	for i := n - 1; i >= 0; i-- {
		if o.Rates[i].From == event.NoTime || o.Rates[i].From <= t {
			return i
		}
	}
	return -1
}

// rate is what one unit of a currency is worth under a table; nil when there is none.
func (o *Options) rate(currency string, table int) *big.Rat {
	if currency == o.Currency {
		return one
	}
	if table < 0 || table >= len(o.Rates) {
		return nil
	}
	return o.Rates[table].Rates[currency]
}

var one = big.NewRat(1, 1)

// HasCohorts says whether retention is defined for the window (spec: rules 9.3).
func (w Window) HasCohorts() bool { return w.Name == "30d" || w.Name == "365d" }
