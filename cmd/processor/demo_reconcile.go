package main

import (
	"cmp"
	"slices"

	"processor/internal/money"
)

// checkAccount holds an account's rows against each other: its movements sum to its MRR, every month
// closes, each begins where the one before ended, and the last ends at its MRR.
func (a *demoAudit) checkAccount(account string, mrr, booked money.Amount, months []monthRow) {
	a.accounts++
	a.mrr = a.mrr.Add(mrr)
	if mrr.Sign() > 0 {
		a.paying++
	}
	if booked != mrr {
		a.disagree("account %s: its movements sum to %s, its MRR is %s", account, booked, mrr)
	}
	slices.SortFunc(months, func(x, y monthRow) int { return cmp.Compare(x.Month, y.Month) })
	var before money.Amount
	for i := range months {
		m := &months[i]
		if begins := m.Opening.Sub(m.OpeningBalance.Amount); begins != before {
			a.disagree("account %s: %s begins at %s, the month before ended at %s", account, m.Month, begins, before)
		}
		if m.end() != m.Closing.Amount {
			a.disagree("account %s: %s opens at %s, with its movements that is %s, it closes at %s", account, m.Month, m.Opening, m.end(), m.Closing)
		}
		before = m.Closing.Amount
	}
	if before != mrr {
		a.disagree("account %s: its last month closes at %s, its MRR is %s", account, before, mrr)
	}
}

// series names the rows of one segment that follow each other.
type series struct{ grouping, segment, kind string }

// interval names the rows of one grouping that together are everything.
type interval struct{ grouping, kind, name string }

// checkMetrics holds the rows of metrics against each other and against the accounts, and returns
// how many segments there are.
func (a *demoAudit) checkMetrics() (segments int) {
	slices.SortFunc(a.metrics, func(x, y metricRow) int {
		return cmp.Or(cmp.Compare(x.Grouping, y.Grouping), cmp.Compare(x.Segment, y.Segment), cmp.Compare(x.Kind, y.Kind),
			cmp.Compare(x.StartsAt, y.StartsAt), cmp.Compare(x.Interval, y.Interval))
	})
	found := map[[2]string]bool{}
	previous := map[series]*metricRow{}
	for i := range a.metrics {
		m := &a.metrics[i]
		found[[2]string{m.Grouping, m.Segment}] = true
		if m.end() != m.Closing.Amount {
			a.disagree("metrics %s=%s %s: opens at %s, with its movements that is %s, it closes at %s", m.Grouping, m.Segment, m.Interval, m.Opening, m.end(), m.Closing)
		}
		if m.Kind != "rolling" {
			key := series{m.Grouping, m.Segment, m.Kind}
			a.checkFollows(previous[key], m)
			previous[key] = m
		}
	}
	a.checkSegments()
	if now := previous[series{"all", "all", "month"}]; now == nil {
		if a.mrr.Sign() != 0 {
			a.disagree("the accounts have %s of MRR and there is no row of metrics", a.mrr)
		}
	} else if now.Closing.Amount != a.mrr || now.AccountsClosing != a.paying {
		a.disagree("the accounts have %s of MRR, %d of them pay; metrics of %s close at %s with %d", a.mrr, a.paying, now.Interval, now.Closing, now.AccountsClosing)
	}
	return len(found)
}

// checkFollows holds a period against the one before it.
func (a *demoAudit) checkFollows(before, m *metricRow) {
	var closed money.Amount
	if before != nil {
		closed = before.Closing.Amount
		if before.EndsAt != m.StartsAt {
			a.disagree("metrics %s=%s: nothing between %s and %s", m.Grouping, m.Segment, before.Interval, m.Interval)
		}
	}
	if begins := m.Opening.Sub(m.OpeningBalance.Amount); begins != closed {
		a.disagree("metrics %s=%s: %s begins at %s, the one before ended at %s", m.Grouping, m.Segment, m.Interval, begins, closed)
	}
}

// checkSegments holds the segments of every grouping against `all`, column by column.
func (a *demoAudit) checkSegments() {
	whole, sums := map[interval][]flow{}, map[interval][]flow{}
	for i := range a.metrics {
		m := &a.metrics[i]
		columns := append(m.flows(), flow{"opening", m.Opening.Amount}, flow{"closing", m.Closing.Amount})
		at := interval{m.Grouping, m.Kind, m.Interval}
		if m.Grouping == "all" {
			whole[at] = columns
			continue
		}
		if sums[at] == nil {
			sums[at] = columns
			continue
		}
		for j := range columns {
			sums[at][j].change = sums[at][j].change.Add(columns[j].change)
		}
	}
	order := make([]interval, 0, len(sums))
	for at := range sums {
		order = append(order, at)
	}
	slices.SortFunc(order, func(x, y interval) int {
		return cmp.Or(cmp.Compare(x.grouping, y.grouping), cmp.Compare(x.kind, y.kind), cmp.Compare(x.name, y.name))
	})
	for _, at := range order {
		all := whole[interval{"all", at.kind, at.name}]
		if all == nil {
			a.disagree("metrics by %s have %s, all have not", at.grouping, at.name)
			continue
		}
		for j, column := range sums[at] {
			if column.change != all[j].change {
				a.disagree("metrics %s: the segments by %s have a %s of %s, all have %s", at.name, at.grouping, column.name, column.change, all[j].change)
			}
		}
	}
}
