package aggregate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// SignalOptions are the configured meaning of signals and of readiness (spec: rules 11). The zero
// value stands for DefaultSignals.
type SignalOptions struct {
	Thresholds []int               // percent of a limit, or of the seats bought; ascending
	Within     time.Duration       // for so long after a signal a movement converts it
	SeatBlock  int                 // how many seats are sold at once
	AtLeast    map[string]int      // by name, the least value of an observation that is a signal
	Converts   map[string][]string // by name, the types of expansion that convert it; SignalOther for the rest
	Weights    map[string]int      // by name, its weight in the readiness index

	HealthBelow int           // an account with less health is gated
	Onboarding  time.Duration // so long after it began an account is gated
	UsageFall   int           // percent by which usage of 30 days must fall to gate
}

// The names of the signals that are computed. An observation that calls itself by one of them is not
// mistaken for it: it is a signal named "observed_" and the name.
const (
	SignalUsage  = "usage"
	SignalSeats  = "seats"
	SignalHealth = "health"

	// SignalOther stands, in the options and in sums, for every name that is not listed.
	SignalOther = "other"
)

// signalWithinMax and onboardingMax keep what a row says shorter than what the fold still has of the
// time before the frozen instant (see baseMonths). A month's sums look back at signals that opened so
// long before it, and each of those at the signals so long before itself: twice the first is less than
// 13 months.
const (
	signalWithinMax = 180 * 24 * time.Hour
	onboardingMax   = 365 * 24 * time.Hour
)

// DefaultSignals are the options where nothing is configured.
func DefaultSignals() SignalOptions {
	return SignalOptions{
		Thresholds: []int{80, 100},
		Within:     90 * 24 * time.Hour,
		SeatBlock:  1,
		AtLeast:    map[string]int{SignalHealth: 80, "nps": 9, "team_growth": 1},
		Converts: map[string][]string{
			SignalUsage:       {"seat", "upsell", "add_on", "usage"},
			SignalSeats:       {"seat", "upsell"},
			"team_growth":     {"seat", "upsell"},
			"feature_request": {"upsell", "cross_sell", "add_on", "feature_adoption"},
			"feature_adopted": {"upsell", "cross_sell", "add_on", "feature_adoption"},
			SignalOther:       {"seat", "upsell", "cross_sell", "add_on", "usage", "geographic", "feature_adoption", "other"},
		},
		Weights: map[string]int{
			SignalUsage: 30, SignalSeats: 25, "feature_request": 10, "team_growth": 10, "milestone": 5, "feature_adopted": 10, SignalHealth: 10,
		},
		HealthBelow: 50,
		Onboarding:  30 * 24 * time.Hour,
		UsageFall:   20,
	}
}

// filled is what the options mean: where nothing at all is said, the defaults.
func (o *SignalOptions) filled() SignalOptions {
	if o.Thresholds == nil && o.Within == 0 {
		return DefaultSignals()
	}
	return *o
}

// validate reports every problem.
func (o *SignalOptions) validate() error {
	var problems []error
	complain := func(format string, args ...any) {
		problems = append(problems, fmt.Errorf("signals: "+format, args...))
	}
	for i, percent := range o.Thresholds {
		if percent < 1 || percent > 1000 || i > 0 && percent <= o.Thresholds[i-1] {
			complain("threshold %d must be 1 to 1000 percent and larger than the one before", percent)
		}
	}
	if o.Within <= 0 || o.Within > signalWithinMax {
		complain("a signal converts within more than 0 and at most 180 days, not %v", o.Within)
	}
	if o.SeatBlock < 1 {
		complain("seats are sold by 1 or more, not %d", o.SeatBlock)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Converts)) {
		for _, up := range o.Converts[name] {
			if !slices.Contains(UpNames[:], up) {
				complain("%s converts by %s, which is no type of expansion", name, up)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Weights)) {
		if o.Weights[name] < 0 {
			complain("the weight of %s is below 0", name)
		}
	}
	if o.HealthBelow < 0 || o.Onboarding < 0 || o.Onboarding > onboardingMax || o.UsageFall < 0 || o.UsageFall > 100 {
		complain("what gates an account is never below 0, onboarding at most 365 days and usage_fall at most 100 percent")
	}
	return errors.Join(problems...)
}

// converting says by which types of expansion a signal of a name converts.
func (o *SignalOptions) converting(name string) (types [UpTypes]bool) {
	listed, known := o.Converts[name]
	if !known {
		listed = o.Converts[SignalOther]
	}
	for _, up := range listed {
		types[slices.Index(UpNames[:], up)] = true
	}
	return types
}

// summedName is the name under which a signal is summed over accounts: names that nobody listed are
// one, so that what producers send cannot make any number of rows.
func (o *SignalOptions) summedName(name string, percent int) string {
	switch name {
	case SignalUsage, SignalSeats:
		return fmt.Sprintf("%s_%d", name, percent)
	case SignalHealth, "feature_request", "feature_adopted", "team_growth", "milestone", "nps":
		return name
	}
	for _, listed := range [...]map[string]int{o.AtLeast, o.Weights} {
		if _, known := listed[name]; known {
			return name
		}
	}
	if _, known := o.Converts[name]; known {
		return name
	}
	return SignalOther
}
