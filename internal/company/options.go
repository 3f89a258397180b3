package company

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"processor/internal/event"
)

// Options describe one company. The same options always give the same bytes.
type Options struct {
	Seed     uint64
	Accounts int        // at least 1
	Start    event.Time // the first instant
	End      event.Time // the first instant after
	Openings int        // permille of the accounts that exist before Start and are imported
	Usage    bool       // metered lines and their usage
	Future   bool       // discounts that end, cancel_at and schedules: events that announce steps
	Rare     bool       // what few companies have, see rare.go; without it the events are as if there were none

	// Standstill widens the story of the company (Stall): its customers buy no plan, add-on, product or meter
	// any more either, so that the segment's whole expansion slows and not its seats alone. It is the demo's,
	// where a person reads it off a screen; the other segments go on much as without it.
	Standstill bool

	// Events is the exact number of events, mess not counted; 0 leaves it to the accounts. The
	// pace is chosen so that the last one falls close to End; it may fall a little after it.
	Events int

	// Currencies of the accounts, USD when empty, so that no rate table is needed.
	Currencies []string
	Shares     Shares // DefaultShares when zero
	Mess       Mess
}

// Shares are the relative weights of the kinds of events. Only their proportions count; what an
// account needs to exist (its first snapshot and attributes) comes whatever they say.
type Shares struct {
	Subscription int // subscription.changed
	Usage        int // usage.recorded and usage.statement; ignored without Options.Usage
	Other        int // account.changed, charge.recorded, signal.observed
}

// DefaultShares is the mix of a company that sells seats and a metered product.
var DefaultShares = Shares{Subscription: 35, Usage: 45, Other: 20}

// Defaults are the options of the `generate` command: one year of 1,000 accounts.
func Defaults() Options {
	return Options{
		Seed:     1,
		Accounts: 1000,
		Start:    event.At(time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)),
		End:      event.At(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)),
		Openings: 250,
		Usage:    true,
		Future:   true,
		Shares:   DefaultShares,
	}
}

// Stall is the story of every company: from this instant on the seats of one segment stop
// growing while all others go on.
type Stall struct {
	Region   string
	PlanTier string
	From     event.Time
}

// Stall says where and when the seats stop growing: the last two months before End.
func (o Options) Stall() Stall {
	from := event.At(o.End.UTC().AddDate(0, -stallMonths, 0))
	return Stall{Region: regions[stallRegion].name, PlanTier: tiers[stallTier].name, From: max(from, o.Start)}
}

const (
	stallMonths = 2

	// horizonLast is the last year that the native format can write.
	horizonLast = 2199
)

// validate reports every problem of the options at once.
func (o Options) validate() error {
	var problems []error
	complain := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf(format, args...))
	}
	if o.Accounts < 1 {
		complain("accounts must be at least 1, not %d", o.Accounts)
	}
	if o.Events < 0 {
		complain("events must not be negative, not %d", o.Events)
	}
	if o.Openings < 0 || o.Openings > 1000 {
		complain("openings are a permille from 0 to 1000, not %d", o.Openings)
	}
	if o.Start < 0 || o.End <= o.Start {
		complain("the end %v must come after the start %v", o.End, o.Start)
	} else if time.Duration(o.End-o.Start) < 24*time.Hour {
		complain("a company lives at least one day, not %v", time.Duration(o.End-o.Start))
	}
	if o.End.UTC().Year() > horizonLast {
		complain("the end %v lies beyond the year %d", o.End, horizonLast)
	}
	for _, currency := range o.Currencies {
		if len(currency) != 3 {
			complain("currency %q is not a three-letter code", currency)
		}
	}
	if len(o.Currencies) > 200 {
		complain("at most 200 currencies, not %d", len(o.Currencies))
	}
	if s := o.Shares; s.Subscription < 0 || s.Usage < 0 || s.Other < 0 {
		complain("shares must not be negative: %+v", s)
	}
	return errors.Join(append(problems, o.Mess.validate())...)
}

// filled is the options with the defaults for what was left at zero.
func (o Options) filled() Options {
	if o.Shares == (Shares{}) {
		o.Shares = DefaultShares
	}
	if len(o.Currencies) == 0 {
		o.Currencies = []string{"USD"}
	}
	o.Currencies = slices.Clone(o.Currencies)
	o.Mess = o.Mess.filled()
	return o
}
