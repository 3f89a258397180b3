package alert

import (
	"slices"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/money"
	"processor/internal/rollup"
)

// partsShown is how many types, segments of a grouping and accounts an explanation names.
const partsShown = 5

// Explanation is what made a fall, in money: the largest falls first, at most partsShown of a kind.
type Explanation struct {
	Types    []Part
	Segments []Part
	Accounts []Part // of windows only, which the shards keep them for
}

// Part is one of them: what it expanded by then and now.
type Part struct {
	Name        string // of a segment with its grouping: region=eu
	Before, Now money.Amount
}

// Change is what it adds to the difference; below 0 for a fall.
func (p *Part) Change() money.Amount { return p.Now.Sub(p.Before) }

// IsEmpty says whether nothing fell.
func (x *Explanation) IsEmpty() bool {
	return len(x.Types) == 0 && len(x.Segments) == 0 && len(x.Accounts) == 0
}

// largestFalls keeps the parts that fell, the largest first, ties by name.
func largestFalls(parts []Part) []Part {
	parts = slices.DeleteFunc(parts, func(p Part) bool { return p.Now.Cmp(p.Before) >= 0 })
	slices.SortFunc(parts, func(a, b Part) int {
		x, y := a.Change(), b.Change()
		if c := x.Cmp(y); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return slices.Clip(parts[:min(len(parts), partsShown)])
}

// compared is what a segment expanded by in a rule's interval and in what it is held against; a target
// is explained by the interval before.
func (r *Rule) compared(sums *rollup.Rollup, at span, segment aggregate.Segment) (now, before *aggregate.Expansion, found bool) {
	row, earlier, found := r.rows(sums, at, segment)
	if !found {
		return nil, nil, false
	}
	now = expansionIn(&row)
	if r.Comparison == TrailingMean {
		if before, found = r.trailingExpansion(sums, at, segment, &row); found {
			return now, before, true
		}
	}
	switch {
	case at.kind == aggregate.KindRolling:
		return now, expansionBefore(&row), true
	case earlier == nil:
		return now, &aggregate.Expansion{}, true
	default:
		return now, expansionIn(earlier), true
	}
}

// explain finds what made the fall of a segment.
func (e *evaluator) explain(r *watched, segment aggregate.Segment) (x Explanation) {
	now, before, found := r.compared(e.sums, r.at, segment)
	if !found {
		return x
	}
	if r.Type != "" {
		x.Types = []Part{{Name: r.Type, Before: before.Of(r.Type), Now: now.Of(r.Type)}}
	} else {
		for i, name := range aggregate.UpNames {
			x.Types = append(x.Types, Part{Name: name, Before: before.Up[i], Now: now.Up[i]})
		}
	}
	x.Types = largestFalls(x.Types)
	for _, grouping := range e.below[segment.Grouping] {
		var parts []Part
		for _, child := range e.sums.SegmentsOf(grouping) {
			if !contains(segment, child) {
				continue
			}
			if now, before, found := r.compared(e.sums, r.at, child); found {
				parts = append(parts, Part{Name: grouping + "=" + child.Name, Before: before.Of(r.Type), Now: now.Of(r.Type)})
			}
		}
		x.Segments = append(x.Segments, largestFalls(parts)...)
	}
	if r.at.kind == aggregate.KindRolling {
		x.Accounts = e.accounts(contribution{segment, r.at.window}, r.Type)
	}
	return x
}

// accounts merges what the shards say of a window: accounts are disjoint over shards.
func (e *evaluator) accounts(of contribution, upType string) []Part {
	var parts []Part
	for _, shard := range e.shards {
		for _, c := range shard[of] {
			if c.Type == upType {
				parts = append(parts, Part{Name: c.Account, Before: c.Before, Now: c.Now})
			}
		}
	}
	return largestFalls(parts)
}

// contribution names what a shard says of accounts: a segment's window.
type contribution struct {
	segment aggregate.Segment
	window  int
}

// dimensionsOf are those of a grouping's name; none of "all".
func dimensionsOf(grouping string) []string {
	if grouping == aggregate.SegmentAll {
		return nil
	}
	return strings.Split(grouping, ",")
}

// contains says whether a segment of a finer grouping lies in another one. Commas within a value are
// escaped in names.
func contains(outer, inner aggregate.Segment) bool {
	if outer.Grouping == aggregate.SegmentAll {
		return true
	}
	names, values := dimensionsOf(inner.Grouping), strings.Split(inner.Name, ",")
	outerValues := strings.Split(outer.Name, ",")
	for i, name := range dimensionsOf(outer.Grouping) {
		if j := slices.Index(names, name); j < 0 || values[j] != outerValues[i] {
			return false
		}
	}
	return true
}

// groupingsBelow are, of each grouping, those that explain a fall in it: they have its dimensions and
// one more. Groupings that split typed amounts have no accounts and are none of them.
func groupingsBelow(groupings [][]string) map[string][]string {
	below := map[string][]string{}
	all := append([][]string{nil}, groupings...)
	for _, outer := range all {
		name := aggregate.SegmentAll
		if len(outer) > 0 {
			name = strings.Join(outer, ",")
		}
		for _, inner := range groupings {
			if len(inner) == len(outer)+1 && !splitsAmounts(inner) && hasAll(inner, outer) {
				below[name] = append(below[name], strings.Join(inner, ","))
			}
		}
	}
	return below
}

func hasAll(list, wanted []string) bool {
	for _, w := range wanted {
		if !slices.Contains(list, w) {
			return false
		}
	}
	return true
}

// splitsAmounts says whether a grouping splits only typed amounts.
func splitsAmounts(grouping []string) bool {
	return slices.Contains(grouping, aggregate.DimensionProductFamily) || slices.Contains(grouping, aggregate.DimensionMotion)
}
