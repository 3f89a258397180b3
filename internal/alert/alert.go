package alert

import (
	"fmt"
	"strings"

	"processor/internal/event"
	"processor/internal/money"
)

// Key names an alert.
type Key struct{ Rule, Grouping, Segment string }

// Compare orders keys by rule, grouping and segment.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(k.Rule, o.Rule); c != 0 {
		return c
	}
	if c := strings.Compare(k.Grouping, o.Grouping); c != 0 {
		return c
	}
	return strings.Compare(k.Segment, o.Segment)
}

// Alert is a rule and a segment, as of the minute of its last change of state. Amounts are of that
// minute.
type Alert struct {
	Key
	State        State
	Since        event.Time // the minute of the present state
	PendingSince event.Time // NoTime outside of a fall
	FiredAt      event.Time // NoTime before the first
	ResolvedAt   event.Time // NoTime unless it is over

	Value       money.Amount // an amount, or a ratio in millionths
	Base        money.Amount
	Fall        money.Amount // (base - value) / base in millionths
	Opening     money.Amount // MRR of the segment
	Explanation Explanation

	By      *Rule // nil where the configuration has it no more
	Deleted bool  // the rule or the segment is gone
}

// Summary is the alert in a sentence.
func (a *Alert) Summary(currency string) string {
	where := a.Segment
	if a.Grouping != where {
		where = a.Grouping + " " + a.Segment
	}
	if a.By == nil {
		return fmt.Sprintf("%s: the rule is gone", where)
	}
	what := string(a.By.Metric)
	if a.By.Type != "" {
		what += " of type " + a.By.Type
	}
	unit := " " + currency
	if a.By.Metric != MetricExpansion {
		unit = ""
	}
	text := fmt.Sprintf("%s: %s over %s is %s%s, %s under %s (%s%s)", where, what, a.By.Interval,
		Short(a.Value), unit, Percent(a.Fall), a.By.against(), Short(a.Base), unit)
	if a.Fall.Sign() < 0 {
		text = fmt.Sprintf("%s: %s over %s is %s%s, %s over %s (%s%s)", where, what, a.By.Interval,
			Short(a.Value), unit, Percent(a.Fall.Neg()), a.By.against(), Short(a.Base), unit)
	}
	if a.State == Suspect {
		text += "; suspect: " + DataGap
	}
	return text
}

// against names what the rule compares with.
func (r *Rule) against() string {
	switch r.Comparison {
	case TrailingMean:
		return fmt.Sprintf("the mean of the %d before", r.Of)
	case Target:
		return "the target"
	case Previous:
	}
	return "the one before"
}

// Short is an amount without trailing zeros behind the second digit of its fraction.
func Short(a money.Amount) string {
	text := a.String()
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	for len(fraction) == 1 {
		fraction += "0"
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// Percent is a share of millionths as people write it: 20 %, 12.5 %.
func Percent(share money.Amount) string {
	text := share.Times(100).String()
	if whole, fraction, _ := strings.Cut(text, "."); fraction != "" {
		if len(fraction) > 2 {
			fraction = fraction[:2]
		}
		if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
			return whole + " %"
		}
		return whole + "." + fraction + " %"
	}
	return text + " %"
}
