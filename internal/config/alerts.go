package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"processor/internal/money"
)

// alertsMax bounds the rules of a configuration: each looks at every segment of its grouping.
const alertsMax = 100

// alertDefault is the item that stands for the rules that the program has of its own.
const alertDefault = "default"

// Alert is one item of `alerts`: a rule that watches for a slowdown, or Default for those that the program
// has of its own. What its words mean together is for the package alert to check.
type Alert struct {
	At      Origin
	Default bool

	Name        string
	Metric      string
	Type        string
	Grouping    string // as in rows: all, region, plan_tier,region
	Segments    []string
	Interval    string
	Comparison  string
	Of          int
	Target      *money.Amount
	Threshold   money.Amount // a share in millionths
	Clear       money.Amount
	For         time.Duration
	MinBase     money.Amount
	Severity    string
	SilentAfter time.Duration
}

// alertField is how one key of a rule is read; read says what is wrong with a value, or "".
type alertField struct {
	name string
	list bool // of texts
	read func(a *Alert, n *node) (complaint string)
}

// alertFields are the keys of a rule, in the order of the documentation.
var alertFields = []alertField{
	{name: "name", read: func(a *Alert, n *node) string {
		a.Name = n.text
		return checkName(n.text)
	}},
	{name: "metric", read: func(a *Alert, n *node) string { return oneWord(&a.Metric, n, alertMetrics) }},
	{name: "type", read: func(a *Alert, n *node) string { return oneWord(&a.Type, n, alertTypes) }},
	{name: "grouping", read: func(a *Alert, n *node) string { return anyWord(&a.Grouping, n) }},
	{name: "segments", list: true, read: func(a *Alert, n *node) string {
		a.Segments = append(a.Segments, n.text)
		return ""
	}},
	{name: "interval", read: func(a *Alert, n *node) string { return oneWord(&a.Interval, n, alertIntervals()) }},
	{name: "comparison", read: func(a *Alert, n *node) string { return oneWord(&a.Comparison, n, alertComparisons) }},
	{name: "of", read: func(a *Alert, n *node) string {
		if _, err := fmt.Sscanf(n.text, "%d", &a.Of); err != nil || !isDigits(n.text) {
			return "must be a whole number"
		}
		return ""
	}},
	{name: "target", read: func(a *Alert, n *node) string {
		a.Target = new(money.Amount)
		return anAmount(a.Target, n)
	}},
	{name: "threshold", read: func(a *Alert, n *node) string { return aShare(&a.Threshold, n) }},
	{name: "clear", read: func(a *Alert, n *node) string { return aShare(&a.Clear, n) }},
	{name: "for", read: func(a *Alert, n *node) string { return aDuration(&a.For, n) }},
	{name: "min_base", read: func(a *Alert, n *node) string { return anAmount(&a.MinBase, n) }},
	{name: "severity", read: func(a *Alert, n *node) string { return oneWord(&a.Severity, n, alertSeverities) }},
	{name: "silent_after", read: func(a *Alert, n *node) string { return aDuration(&a.SilentAfter, n) }},
}

// alertNames are the names of these keys.
func alertNames() []string {
	var names []string
	for _, known := range alertFields {
		names = append(names, known.name)
	}
	return names
}

// The words of rules; those of the package alert, as a test of cmd/processor holds.
var (
	alertMetrics = []string{"expansion_mrr", "expansion_rate", "nrr_1m", "nrr_12m", "grr_1m", "grr_12m"}
	alertTypes   = []string{
		"seat", "upsell", "cross_sell", "add_on", "usage", "price_increase", "renewal_uplift", "contract_ramp",
		"discount_expiry", "geographic", "feature_adoption", "other",
	}
	alertComparisons = []string{"previous", "trailing_mean", "target"}
	alertSeverities  = []string{"info", "warning", "critical"}
	alertPeriods     = []string{"day", "week", "month", "quarter", "year"}
)

// alertIntervals are the windows and the calendar's.
func alertIntervals() []string { return append(windowNames(), alertPeriods...) }

// assignAlerts reads the rules.
func (l *loader) assignAlerts(k key, target *[]Alert, n *node) {
	*target = nil
	items := l.list(k, n, k.example)
	if len(items) > alertsMax {
		l.complain(n.at, k.path, "must have at most %d rules, not %d", alertsMax, len(items))
		return
	}
	for _, item := range items {
		one, ok := l.alert(k, item)
		if !ok {
			continue
		}
		same := func(a Alert) bool { return a.Name == one.Name && a.Default == one.Default }
		if slices.ContainsFunc(*target, same) {
			l.complain(item.at, k.path, "the name %s stands twice", one.Name)
			continue
		}
		*target = append(*target, one)
	}
}

// alert reads one rule.
func (l *loader) alert(k key, item *node) (a Alert, ok bool) {
	if item.shape == shapeText && item.text == alertDefault {
		return Alert{At: item.at, Default: true, Name: alertDefault}, true
	}
	if item.shape != shapeMapping {
		l.complain(item.at, k.path, "must be %s, or a mapping such as {name: slowing, threshold: 20%%}, not %s", alertDefault, shown(item))
		return a, false
	}
	a = Alert{
		At: item.at, Metric: "expansion_mrr", Grouping: "all", Interval: "30d", Comparison: "previous", Severity: "warning",
		For: 6 * time.Hour, SilentAfter: 24 * time.Hour,
	}
	ok = true
	set := map[string]bool{}
	for _, f := range item.fields {
		set[f.name] = true
		ok = l.alertField(k, &a, f) && ok
	}
	for _, name := range []string{"name", "threshold"} {
		if !set[name] {
			l.complain(item.at, k.path, "a rule needs %s", name)
			ok = false
		}
	}
	if !set["clear"] {
		a.Clear, _ = money.Ratio(a.Threshold, money.Units(2))
	}
	return a, ok
}

// alertField reads one key of a rule.
func (l *loader) alertField(k key, a *Alert, f field) bool {
	i := slices.IndexFunc(alertFields, func(known alertField) bool { return known.name == f.name })
	if i < 0 { // it was reported before
		return false
	}
	known := alertFields[i]
	values := []*node{f.value}
	if known.list {
		if values = l.list(key{path: k.path}, f.value, "[eu, us]"); len(values) == 0 {
			return false
		}
	}
	for _, value := range values {
		if !l.isScalar(k, value) {
			return false
		}
		if complaint := known.read(a, value); complaint != "" {
			l.complain(value.at, k.path, "%s %s, not %s", f.name, complaint, shown(value))
			return false
		}
	}
	return true
}

func oneWord(to *string, n *node, words []string) string {
	*to = n.text
	if !slices.Contains(words, n.text) {
		return "must be one of " + strings.Join(words, ", ")
	}
	return ""
}

func anyWord(to *string, n *node) string {
	*to = n.text
	return ""
}

func anAmount(to *money.Amount, n *node) string {
	whole, fraction, point := strings.Cut(n.text, ".")
	amount, err := money.Parse(n.text)
	if err != nil || !isDigits(whole) || point && !isDigits(fraction) {
		return "must be an amount such as 10000 or 10000.50"
	}
	*to = amount
	return ""
}

// aShare reads a percentage.
func aShare(to *money.Amount, n *node) string {
	text, percent := strings.CutSuffix(n.text, "%")
	var amount money.Amount
	if complaint := anAmount(&amount, &node{text: strings.TrimSpace(text)}); complaint != "" || !percent || amount.Cmp(money.Units(100)) > 0 {
		return "must be a percentage from 0% to 100% such as 20%"
	}
	*to, _ = money.Ratio(amount, money.Units(100))
	return ""
}

func aDuration(to *time.Duration, n *node) string {
	length, ok := parseDuration(n.text)
	if !ok || length < 0 || length > 366*day {
		return "must be a duration of at most 366d such as 6h"
	}
	*to = length
	return ""
}

// plainAlerts are rules as a file would have them.
func plainAlerts(alerts []Alert) any {
	list := make([]any, len(alerts))
	for i := range alerts {
		a := &alerts[i]
		if a.Default {
			list[i] = alertDefault
			continue
		}
		one := map[string]any{
			"name": a.Name, "metric": a.Metric, "grouping": a.Grouping, "interval": a.Interval, "comparison": a.Comparison,
			"threshold": percent(a.Threshold), "clear": percent(a.Clear), "for": formatDuration(a.For), "min_base": a.MinBase.String(),
			"severity": a.Severity, "silent_after": formatDuration(a.SilentAfter),
		}
		if a.Type != "" {
			one["type"] = a.Type
		}
		if len(a.Segments) > 0 {
			one["segments"] = a.Segments
		}
		if a.Of != 0 {
			one["of"] = a.Of
		}
		if a.Target != nil {
			one["target"] = a.Target.String()
		}
		list[i] = one
	}
	return list
}

// percent is a share as a file would have it.
func percent(share money.Amount) string {
	text := share.Times(100).String()
	if whole, fraction, found := strings.Cut(text, "."); found {
		if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
			return whole + "%"
		}
		return whole + "." + fraction + "%"
	}
	return text + "%"
}

// alertSchema is the schema of `alerts`.
func alertSchema() object {
	text := object{"type": []string{"string", "number", "boolean"}}
	length := orReference(object{"type": "string", "pattern": `^([0-9]+d)?([0-9.]+(ns|us|µs|ms|s|m|h))*$`, "minLength": 1}, object{"const": 0})
	share := orReference(object{"type": "string", "pattern": `^[0-9]{1,3}(\.[0-9]{1,6})? *%$`})
	amount := orReference(object{"type": "string", "pattern": `^[0-9]{1,18}(\.[0-9]{1,6})?$`}, object{"type": "number", "minimum": 0})
	words := func(list []string) object { return orReference(object{"enum": list}) }
	rule := object{
		"type": "object", "additionalProperties": false, "required": []string{"name", "threshold"},
		"properties": object{
			"name": object{"type": "string", "minLength": 1}, "metric": words(alertMetrics), "type": words(alertTypes), "grouping": object{"type": "string", "minLength": 1},
			"segments": object{"type": "array", "minItems": 1, "items": text}, "interval": words(alertIntervals()), "comparison": words(alertComparisons),
			"of": orReference(object{"type": "integer", "minimum": 2}), "target": amount, "threshold": share, "clear": share, "for": length, "min_base": amount,
			"severity": words(alertSeverities), "silent_after": length,
		},
	}
	return object{"type": "array", "maxItems": alertsMax, "items": object{"anyOf": []object{{"const": alertDefault}, rule}}}
}
