package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/money"
)

// Metric is the closed set of figures that a rule may watch. All of them are good when they are high.
type Metric string

// The metrics, by their names in rows of metrics.
const (
	MetricExpansion     Metric = "expansion_mrr"
	MetricExpansionRate Metric = "expansion_rate"
	MetricNRR1          Metric = "nrr_1m"
	MetricNRR12         Metric = "nrr_12m"
	MetricGRR1          Metric = "grr_1m"
	MetricGRR12         Metric = "grr_12m"
)

// Metrics are all metrics.
var Metrics = []Metric{MetricExpansion, MetricExpansionRate, MetricNRR1, MetricNRR12, MetricGRR1, MetricGRR12}

// isRetention says whether the metric looks back at a cohort, which some windows do not have.
func (m Metric) isRetention() bool { return m != MetricExpansion && m != MetricExpansionRate }

// Comparison is what a rule holds a figure against.
type Comparison string

// The comparisons.
const (
	Previous     Comparison = "previous"      // the interval before, or the window of the same length before
	TrailingMean Comparison = "trailing_mean" // the mean of the last n of them
	Target       Comparison = "target"        // the rule's own target, else the plan of the configuration
)

// Comparisons are all comparisons.
var Comparisons = []Comparison{Previous, TrailingMean, Target}

// Severities are what a rule may be labelled with.
var Severities = []string{"info", "warning", "critical"}

// Kinds are the calendar intervals that a rule may watch, by name. A rule looks at the last one that
// has ended: an open month is behind a whole one until its last day.
var Kinds = []string{"day", "week", "month", "quarter", "year"}

// TrailingMax is the most intervals of a trailing mean.
const TrailingMax = 24

// Rule says when a slowdown of a segment is worth a person's attention.
type Rule struct {
	Name       string
	Metric     Metric
	Type       string   // a typed part of expansion such as "seat"; "" for all of it
	Grouping   string   // "all", "region", "plan_tier,region"
	Segments   []string // of the grouping; all of them when empty
	Interval   string   // a window such as 30d, or the last complete day, week, month, quarter or year
	Comparison Comparison
	Of         int           // how many intervals a trailing mean is of
	Target     *money.Amount // of Target; nil for the plan
	Threshold  money.Amount  // a share in millionths: the alert is on where the fall is larger
	Clear      money.Amount  // and off again where it is at most this
	For        time.Duration // how long a fall has to last
	MinBase    money.Amount  // opening MRR below which the segment is not looked at
	Severity   string
	// SilentAfter is how long the latest record of any source may lie back before a fall is suspected
	// to be a gap in the data; 0 for never.
	SilentAfter time.Duration
}

// span is a rule's interval in the terms of the rollup.
type span struct {
	kind   aggregate.Kind
	window int // the place among the windows, of KindRolling
}

// spanOf finds a rule's interval.
func spanOf(interval string, windows []aggregate.Window) (span, bool) {
	for kind := aggregate.KindDay; kind < aggregate.KindRolling; kind++ {
		if kind.String() == interval {
			return span{kind: kind}, true
		}
	}
	place := slices.IndexFunc(windows, func(w aggregate.Window) bool { return w.Name == interval })
	return span{aggregate.KindRolling, place}, place >= 0
}

// Problem is what is wrong with one rule.
type Problem struct {
	Rule int // its place in the list
	Text string
}

// Problems are everything that is wrong with a list of rules.
type Problems []Problem

// Error is one problem to a line.
func (p Problems) Error() string {
	var lines []string
	for i := range p {
		lines = append(lines, p[i].Text)
	}
	return strings.Join(lines, "\n")
}

// RulesMax is the most rules of a configuration: each looks at every segment of its grouping.
const RulesMax = 100

// Check says everything that is wrong with a list of rules as Problems, given the groupings and windows
// that there are; nil where nothing is. A text begins with the rule's name, or its number where it has
// none.
func Check(rules []Rule, groupings [][]string, windows []aggregate.Window) error {
	var problems Problems
	if len(rules) > RulesMax {
		return Problems{{RulesMax, fmt.Sprintf("there are %d rules, at most %d are looked at", len(rules), RulesMax)}}
	}
	seen := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		name := r.Name
		if name == "" {
			name = fmt.Sprintf("number %d", i+1)
		}
		refuse := func(format string, args ...any) {
			problems = append(problems, Problem{i, fmt.Sprintf("rule %s: "+format, append([]any{name}, args...)...)})
		}
		if r.Name == "" {
			refuse("name is missing")
		} else if seen[r.Name] {
			refuse("the name stands twice")
		}
		seen[r.Name] = true
		r.check(groupings, windows, refuse)
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

func (r *Rule) check(groupings [][]string, windows []aggregate.Window, refuse func(string, ...any)) {
	at, known := spanOf(r.Interval, windows)
	if !known {
		var names []string
		for _, w := range windows {
			names = append(names, w.Name)
		}
		refuse("interval %q is neither one of the windows (%s) nor %s", r.Interval, strings.Join(names, ", "), strings.Join(Kinds, ", "))
		return
	}
	r.checkGrouping(groupings, refuse)
	if !slices.Contains(Metrics, r.Metric) {
		refuse("there is no metric %q", r.Metric)
	}
	if r.Type != "" && r.Metric != MetricExpansion {
		refuse("type goes with the metric expansion_mrr only")
	}
	if r.Type != "" && !slices.Contains(aggregate.UpNames[:], r.Type) {
		refuse("there is no type %q; there are %s", r.Type, strings.Join(aggregate.UpNames[:], ", "))
	}
	rolling := at.kind == aggregate.KindRolling
	if r.Metric.isRetention() && (rolling && !windows[at.window].HasCohorts() || at.kind < aggregate.KindMonth) {
		refuse("%s is not defined for %s: use 30d, 365d, month, quarter or year", r.Metric, r.Interval)
	}
	r.checkComparison(at, windows, refuse)
	if r.Threshold.Sign() <= 0 || r.Threshold.Cmp(one) > 0 {
		refuse("threshold must be more than 0 %% and at most 100 %%")
	}
	if r.For < 0 || r.SilentAfter < 0 || r.MinBase.Sign() < 0 {
		refuse("for, silent_after and min_base must not be below 0")
	}
	if !slices.Contains(Severities, r.Severity) {
		refuse("there is no severity %q; there are %s", r.Severity, strings.Join(Severities, ", "))
	}
	if r.Clear.Sign() < 0 || r.Clear.Cmp(r.Threshold) > 0 {
		refuse("clear must be between 0 %% and the threshold")
	}
}

func (r *Rule) checkGrouping(groupings [][]string, refuse func(string, ...any)) {
	if r.Grouping == aggregate.SegmentAll {
		return
	}
	i := slices.IndexFunc(groupings, func(g []string) bool { return strings.Join(g, ",") == r.Grouping })
	switch {
	case i < 0:
		refuse("grouping [%s] is not among the groupings of the configuration", r.Grouping)
	case slices.Contains(groupings[i], aggregate.DimensionProductFamily), slices.Contains(groupings[i], aggregate.DimensionMotion):
		refuse("grouping [%s] splits only typed amounts, which have no opening MRR to hold a fall against; use type, or another grouping", r.Grouping)
	}
}

func (r *Rule) checkComparison(at span, windows []aggregate.Window, refuse func(string, ...any)) {
	rolling := at.kind == aggregate.KindRolling
	switch r.Comparison {
	case Previous:
		if rolling && r.Metric != MetricExpansion {
			refuse("%s of a window has no previous one to compare with: use a calendar interval such as month, or compare with target", r.Metric)
		}
	case TrailingMean:
		switch {
		case r.Of < 2 || r.Of > TrailingMax:
			refuse("a trailing mean is of 2 to %d intervals, not %d", TrailingMax, r.Of)
		case r.Metric != MetricExpansion:
			refuse("a trailing mean is of expansion_mrr only, not of %s", r.Metric)
		case rolling && windows[at.window].Length < 24*time.Hour:
			refuse("a trailing mean of windows counts whole days: use 24h or longer, not %s", r.Interval)
		}
	case Target:
		switch {
		case r.Target == nil && (r.Metric != MetricExpansion || r.Type != "" || rolling || at.kind < aggregate.KindMonth):
			refuse("target is missing: the plan of the configuration is of all expansion_mrr of a month, quarter or year")
		case r.Target != nil && r.Target.Sign() <= 0:
			refuse("target must be more than 0")
		}
	default:
		refuse("there is no comparison %q", r.Comparison)
	}
	if r.Comparison != Target && r.Target != nil {
		refuse("target goes with the comparison target only")
	}
	if r.Comparison != TrailingMean && r.Of != 0 {
		refuse("of goes with the comparison trailing_mean only")
	}
}

var one = money.Units(1)

// watches says whether the rule looks at a segment.
func (r *Rule) watches(s aggregate.Segment) bool {
	return s.Grouping == r.Grouping && (len(r.Segments) == 0 || slices.Contains(r.Segments, s.Name))
}
