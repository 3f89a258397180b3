package web

import (
	"slices"

	"processor/internal/aggregate"
	"processor/internal/rollup"
)

// cohortsShown is how many of the youngest cohorts a page shows.
const cohortsShown = 13

// cohortsJSON are the cohorts of the months that the board looks back, the oldest first.
type cohortsJSON struct {
	Rows []cohortJSON `json:"rows"`
}

// cohortJSON is one month's first payers: what they pay at the end of each month, from their first.
type cohortJSON struct {
	Cohort   string   `json:"cohort"`
	Accounts int64    `json:"accounts"` // that pay at the end of the last month
	Closing  []string `json:"closing"`  // MRR by age in months
	Final    bool     `json:"final"`    // the last month is over
}

// cohorts is nil where no grouping tells cohorts apart. A cohort whose first month lies before what the
// board looks back is not shown: what it began with is not known here.
func (b *Board) cohorts() *cohortsJSON {
	label := aggregate.KindMonth.String()
	all := b.tracks[trackKey{everything, label}]
	if all == nil {
		return nil
	}
	months := all.rows[max(0, len(all.rows)-cohortsShown):]
	out := &cohortsJSON{Rows: []cohortJSON{}}
	for i, first := range months {
		t := b.tracks[trackKey{aggregate.Segment{Grouping: aggregate.DimensionCohort, Name: first.Interval}, label}]
		if t == nil {
			continue
		}
		at := t.find(first.Interval)
		if at < 0 || t.rows[at].Closing.IsZero() {
			continue
		}
		out.Rows = append(out.Rows, cohortOf(first.Interval, t.rows[at:], months[i:]))
	}
	if len(out.Rows) == 0 && !b.hasGrouping(aggregate.DimensionCohort) {
		return nil
	}
	return out
}

// cohortOf follows a cohort along the months.
func cohortOf(name string, rows, months []*rollup.Row) cohortJSON {
	c := cohortJSON{Cohort: name}
	for _, r := range rows[:min(len(rows), len(months))] {
		c.Closing, c.Accounts, c.Final = append(c.Closing, r.Closing.String()), r.AccountsClosing, r.Final
	}
	return c
}

func (b *Board) hasGrouping(name string) bool { return slices.Contains(b.groupings(), name) }
