package web

import (
	"cmp"
	"math/big"
	"slices"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/money"
	"processor/internal/rollup"
)

const (
	slowPeriods = 6 // that a period is compared with: the mean of those before it
	slowLeast   = 2 // with fewer before it nothing is said
	slowShown   = 3
)

// slowJSON is one finding: a type of expansion that slowed in a segment, against the mean of the periods
// before and against what the same type did in everything.
type slowJSON struct {
	Grouping string   `json:"grouping"`
	Segment  string   `json:"segment"`
	Type     string   `json:"type"`
	Now      string   `json:"now"`
	Before   string   `json:"before"` // the mean
	Periods  int      `json:"periods"`
	Trend    []string `json:"trend"` // the periods before, oldest first, then now

	excess *big.Int
}

// slowest are the findings of a period, at most one for each type of expansion, the largest first.
//
// What counts is how much less came than would have, had the segment's part moved as the same part of
// everything did: so a slow month of the whole company is nobody's finding, and a segment inside of
// another is found before the one around it, whose rest dilutes the fall.
func (b *Board) slowest(label, interval string) []slowJSON {
	found := []slowJSON{}
	all := b.tracks[trackKey{everything, label}]
	if all == nil || all.kind == aggregate.KindRolling {
		return found
	}
	at := all.find(interval)
	if at < slowLeast {
		return found
	}
	base := all.rows[max(0, at-slowPeriods) : at+1]
	best := map[aggregate.Up]slowJSON{}
	for key, t := range b.tracks {
		if key.label != label || key.segment == everything || isOfCohorts(key.segment.Grouping) {
			continue
		}
		rows := make([]*rollup.Row, len(base)) // nil: the segment was not there yet
		for i, r := range base {
			if j := t.find(r.Interval); j >= 0 {
				rows[i] = t.rows[j]
			}
		}
		for up := aggregate.Up(0); up < aggregate.UpTypes; up++ {
			s, ok := slowing(key.segment, up, base, rows)
			if was, has := best[up]; ok && (!has || s.before(&was) < 0) {
				best[up] = s
			}
		}
	}
	for _, s := range best {
		found = append(found, s)
	}
	slices.SortFunc(found, func(a, b slowJSON) int { return a.before(&b) })
	if len(found) == 0 {
		return found
	}
	first := found[0].excess
	// What is small beside the first is mostly chance: big sales that came in the months before.
	found = slices.DeleteFunc(found, func(s slowJSON) bool { return new(big.Int).Lsh(s.excess, 1).Cmp(first) < 0 })
	return found[:min(len(found), slowShown)]
}

// before orders findings: the largest first, then by name, so that equals have one order.
func (s *slowJSON) before(o *slowJSON) int {
	return cmp.Or(o.excess.Cmp(s.excess), cmp.Compare(s.Type, o.Type), cmp.Compare(s.Grouping, o.Grouping), cmp.Compare(s.Segment, o.Segment))
}

// slowing compares one type in one segment. A fall of less than a fifth, or of a hundredth of all
// expansion, is none.
func slowing(segment aggregate.Segment, up aggregate.Up, all, rows []*rollup.Row) (s slowJSON, ok bool) {
	periods := len(rows) - 1
	var before, allBefore, expansion money.Amount
	for i := range periods {
		before, allBefore = before.Add(upOf(rows[i], up)), allBefore.Add(upOf(all[i], up))
		expansion = expansion.Add(all[i].Sums[aggregate.SumExpansion])
	}
	now, allNow := upOf(rows[periods], up), upOf(all[periods], up)
	if before.Sign() <= 0 || now.Times(int64(periods)*5).Cmp(before.Times(4)) > 0 {
		return s, false
	}
	expected := new(big.Int).Mul(before.Big(), allNow.Big())
	expected.Quo(expected, allBefore.Big()) // not less than before, so not 0
	excess := expected.Sub(expected, now.Big())
	if least := expansion.Big(); new(big.Int).Mul(excess, big.NewInt(100*int64(periods))).Cmp(least) < 0 {
		return s, false
	}
	mean, _ := money.Ratio(before, money.Units(int64(periods)))
	s = slowJSON{
		Grouping: segment.Grouping, Segment: segment.Name, Type: aggregate.UpNames[up], Now: now.String(), Before: mean.String(),
		Periods: periods, excess: excess,
	}
	for _, r := range rows {
		s.Trend = append(s.Trend, upOf(r, up).String())
	}
	return s, true
}

// upOf is a row's sum of a type; 0 where there is no row.
func upOf(r *rollup.Row, up aggregate.Up) money.Amount {
	if r == nil {
		return money.Amount{}
	}
	return r.Sums[aggregate.SumUp+aggregate.Sum(up)]
}

// isOfCohorts says whether a grouping tells cohorts apart. Their expansion falls with their age.
func isOfCohorts(grouping string) bool {
	return slices.Contains(strings.Split(grouping, ","), aggregate.DimensionCohort)
}
