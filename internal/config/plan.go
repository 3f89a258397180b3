package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// valuesMax and targetsMax bound what one configuration may list.
const (
	valuesMax  = 1000
	targetsMax = 10_000
)

// DimensionValues are the values of one dimension that are told apart.
type DimensionValues struct {
	Dimension string
	Values    []string
}

// Target is the planned expansion MRR of a segment in a month. Amount is the decimal text of the
// configuration, in the reporting currency.
type Target struct {
	Grouping string // as in rows: all, region, plan_tier,region
	Segment  string // as in rows: all, eu, smb,eu
	Year     int
	Month    time.Month
	Amount   string
}

// assignValues reads, of each dimension, the values that it is limited to.
func (l *loader) assignValues(k key, target *[]DimensionValues, n *node) {
	*target = nil
	if n.shape != shapeMapping {
		l.complain(n.at, k.path, "must be a mapping such as %s, not %s", k.example, shown(n))
		return
	}
	for _, f := range n.fields {
		limited := DimensionValues{Dimension: f.name}
		if f.value.shape != shapeList || len(f.value.items) == 0 || len(f.value.items) > valuesMax {
			l.complain(f.at, k.path, "the values of %s must be a list of 1 to %d values", f.name, valuesMax)
			continue
		}
		for _, item := range f.value.items {
			if !l.isScalar(k, item) {
				continue
			}
			if slices.Contains(limited.Values, item.text) {
				l.complain(item.at, k.path, "the value %s stands twice", shown(item))
			}
			limited.Values = append(limited.Values, item.text)
		}
		*target = append(*target, limited)
	}
}

// assignTargets reads the plan.
func (l *loader) assignTargets(k key, target *[]Target, n *node) {
	*target = nil
	items := l.list(k, n, k.example)
	if len(items) > targetsMax {
		l.complain(n.at, k.path, "must have at most %d targets, not %d", targetsMax, len(items))
		return
	}
	seen := map[Target]bool{}
	for _, item := range items {
		one, ok := l.target(k, item)
		if !ok {
			continue
		}
		place := one
		place.Amount = ""
		if seen[place] {
			l.complain(item.at, k.path, "this segment and month stand twice")
			continue
		}
		seen[place] = true
		*target = append(*target, one)
	}
}

// target reads one target.
func (l *loader) target(k key, item *node) (t Target, ok bool) {
	t = Target{Grouping: "all", Segment: "all"}
	if item.shape != shapeMapping {
		l.complain(item.at, k.path, "must be a mapping such as %s, not %s", `{month: 2026-03, expansion_mrr: "25000"}`, shown(item))
		return t, false
	}
	ok = true
	for _, f := range item.fields {
		if !l.isScalar(k, f.value) {
			return t, false
		}
		complaint := ""
		switch f.name {
		case "grouping":
			t.Grouping = f.value.text
		case "segment":
			t.Segment = f.value.text
		case "month":
			month, err := time.Parse("2006-01", f.value.text)
			if err != nil || month.Year() < 1970 || month.Year() > 2199 {
				complaint = fmt.Sprintf("month must be a month such as 2026-03, not %s", shown(f.value))
			}
			t.Year, t.Month = month.Year(), month.Month()
		case "expansion_mrr":
			t.Amount = f.value.text
			if whole, fraction, point := strings.Cut(t.Amount, "."); !isDigits(whole) || point && !isDigits(fraction) {
				complaint = fmt.Sprintf("expansion_mrr must be an amount such as 25000 or 25000.50, not %s", shown(f.value))
			}
		default:
			complaint = fmt.Sprintf("unknown key %q%s", f.name, hintWord(f.name, []string{"grouping", "segment", "month", "expansion_mrr"}))
		}
		if complaint != "" {
			l.complain(f.value.at, k.path, "%s", complaint)
			ok = false
		}
	}
	if ok && (t.Year == 0 || t.Amount == "") {
		l.complain(item.at, k.path, "a target needs month and expansion_mrr")
		ok = false
	}
	return t, ok
}

// checkPlan refuses values and targets of what is not grouped by: they would change nothing.
func (l *loader) checkPlan() {
	for _, limited := range l.config.Values {
		grouped := func(g Grouping) bool { return slices.Contains(g, limited.Dimension) }
		if !l.bad["values"] && !l.bad["groupings"] && !slices.ContainsFunc(l.config.Groupings, grouped) {
			l.complain(l.place("values"), "values", "no grouping has the dimension %s", limited.Dimension)
		}
	}
	for _, t := range l.config.Targets {
		named := func(g Grouping) bool { return g.String() == t.Grouping }
		switch {
		case l.bad["targets"] || l.bad["groupings"]:
		case t.Grouping == "all" && t.Segment != "all":
			l.complain(l.place("targets"), "targets", "the segment %s needs its grouping, as in {grouping: region, segment: %s}", t.Segment, t.Segment)
		case t.Grouping != "all" && !slices.ContainsFunc(l.config.Groupings, named):
			l.complain(l.place("targets"), "targets", "there is no grouping %s", t.Grouping)
		case strings.Count(t.Grouping, ",") != strings.Count(t.Segment, ","):
			l.complain(l.place("targets"), "targets", "the segment %s is none of the grouping %s: write one value for each dimension", t.Segment, t.Grouping)
		}
	}
}
