package alert_test

import (
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/money"
)

func share(percent int64) money.Amount { return money.Micros(percent * 10_000) }

func target(units int64) *money.Amount {
	amount := money.Units(units)
	return &amount
}

// Each mistake has a message that says what would be right.
func TestEveryMistakeOfARuleIsNamed(t *testing.T) {
	groupings := [][]string{{"region"}, {"product_family"}}
	windows := []aggregate.Window{aggregate.Windows[0], aggregate.Windows[2], aggregate.Windows[3]}
	for name, one := range map[string]struct {
		change func(*alert.Rule)
		want   string
	}{
		"no name":         {func(r *alert.Rule) { r.Name = "" }, "rule number 1: name is missing"},
		"window":          {func(r *alert.Rule) { r.Interval = "90d" }, `rule r: interval "90d" is neither one of the windows (1h, 7d, 30d) nor day, week, month, quarter, year`},
		"grouping":        {func(r *alert.Rule) { r.Grouping = "regoin" }, "rule r: grouping [regoin] is not among the groupings of the configuration"},
		"split":           {func(r *alert.Rule) { r.Grouping = "product_family" }, "rule r: grouping [product_family] splits only typed amounts"},
		"metric":          {func(r *alert.Rule) { r.Metric = "mrr" }, `rule r: there is no metric "mrr"`},
		"type":            {func(r *alert.Rule) { r.Type = "seats" }, `rule r: there is no type "seats"; there are seat, upsell`},
		"type of a ratio": {func(r *alert.Rule) { r.Metric, r.Type, r.Comparison, r.Target = "nrr_12m", "seat", "target", target(1) }, "rule r: type goes with the metric expansion_mrr only"},
		"retention of 7d": {func(r *alert.Rule) {
			r.Metric, r.Comparison, r.Target, r.Interval = "nrr_12m", "target", target(1), "7d"
		}, "rule r: nrr_12m is not defined for 7d"},
		"before a window": {func(r *alert.Rule) { r.Metric = "expansion_rate" }, "rule r: expansion_rate of a window has no previous one"},
		"mean of one":     {func(r *alert.Rule) { r.Comparison, r.Of = "trailing_mean", 1 }, "rule r: a trailing mean is of 2 to 24 intervals, not 1"},
		"mean of hours":   {func(r *alert.Rule) { r.Comparison, r.Of, r.Interval = "trailing_mean", 3, "1h" }, "rule r: a trailing mean of windows counts whole days"},
		"no target":       {func(r *alert.Rule) { r.Comparison = "target" }, "rule r: target is missing"},
		"stray target":    {func(r *alert.Rule) { r.Target = target(5) }, "rule r: target goes with the comparison target only"},
		"stray of":        {func(r *alert.Rule) { r.Of = 3 }, "rule r: of goes with the comparison trailing_mean only"},
		"comparison":      {func(r *alert.Rule) { r.Comparison = "last" }, `rule r: there is no comparison "last"`},
		"threshold":       {func(r *alert.Rule) { r.Threshold = money.Amount{} }, "rule r: threshold must be more than 0 % and at most 100 %"},
		"clear":           {func(r *alert.Rule) { r.Clear = share(30) }, "rule r: clear must be between 0 % and the threshold"},
		"severity":        {func(r *alert.Rule) { r.Severity = "page" }, `rule r: there is no severity "page"; there are info, warning, critical`},
		"for":             {func(r *alert.Rule) { r.For = -time.Hour }, "rule r: for, silent_after and min_base must not be below 0"},
	} {
		r := alert.Rule{
			Name: "r", Metric: alert.MetricExpansion, Grouping: "all", Interval: "30d", Comparison: alert.Previous,
			Threshold: share(20), Clear: share(10), Severity: "warning",
		}
		if err := alert.Check([]alert.Rule{r}, groupings, windows); err != nil {
			t.Fatal(err)
		}
		one.change(&r)
		if err := alert.Check([]alert.Rule{r}, groupings, windows); err == nil || !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: got %v, want %s", name, err, one.want)
		}
		if err := alert.Check([]alert.Rule{r, r}, groupings, windows); r.Name != "" && !strings.Contains(err.Error(), "the name stands twice") {
			t.Errorf("%s twice: %v", name, err)
		}
	}
	if err := alert.Check(make([]alert.Rule, alert.RulesMax+1), groupings, windows); err == nil || !strings.Contains(err.Error(), "at most 100") {
		t.Error(err)
	}
}

func TestTheDefaultsAreValid(t *testing.T) {
	if err := alert.Check(alert.Defaults(), nil, aggregate.Windows); err != nil {
		t.Error(err)
	}
}

func TestPercent(t *testing.T) {
	for micros, want := range map[int64]string{200_000: "20 %", 125_000: "12.5 %", 333_333: "33.33 %", 0: "0 %", 1_000_000: "100 %"} {
		if got := alert.Percent(money.Micros(micros)); got != want {
			t.Errorf("%d: %s, want %s", micros, got, want)
		}
	}
}
