package alert

import (
	"time"

	"processor/internal/money"
)

// Defaults are the rules that a configuration gets for the word `default`: few enough that somebody looks
// at each of them, and of the whole company, as everybody has it. All of them compare the last 30 days
// with the 30 before: an open month is behind until its last day (docs/decisions/0005).
func Defaults() []Rule {
	rule := func(name, upType, severity string, threshold int64, wait time.Duration) Rule {
		share := money.Micros(threshold * 10_000)
		half, _ := money.Ratio(share, money.Units(2))
		return Rule{
			Name: name, Metric: MetricExpansion, Type: upType, Grouping: "all", Interval: "30d", Comparison: Previous,
			Threshold: share, Clear: half, For: wait, MinBase: money.Units(10_000), Severity: severity, SilentAfter: 24 * time.Hour,
		}
	}
	return []Rule{
		rule("expansion-slowing", "", "warning", 20, 6*time.Hour),
		rule("expansion-slowing-sharply", "", "critical", 50, 6*time.Hour),
		rule("seat-expansion-stalling", "seat", "warning", 50, 24*time.Hour),
	}
}
