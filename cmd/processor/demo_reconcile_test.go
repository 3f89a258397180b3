package main

import (
	"strings"
	"testing"

	"processor/internal/money"
)

func amountOf(t *testing.T, text string) decimal {
	t.Helper()
	a, err := money.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return decimal{a}
}

// monthOf is a month of an account that expands.
func monthOf(t *testing.T, name, opening, expansion, closing string) monthRow {
	t.Helper()
	return monthRow{Account: "acme", Month: name, flowColumns: flowColumns{
		Opening: amountOf(t, opening), Expansion: amountOf(t, expansion), Closing: amountOf(t, closing),
	}}
}

// metricOf is a month of a segment that expands.
func metricOf(t *testing.T, grouping, segment, name, opening, expansion, closing string) metricRow {
	t.Helper()
	starts, ends := name+"-01", name[:6]+string(name[6]+1)+"-01"
	return metricRow{
		Grouping: grouping, Segment: segment, Kind: "month", Interval: name, StartsAt: starts, EndsAt: ends, AccountsClosing: 1,
		flowColumns: monthOf(t, name, opening, expansion, closing).flowColumns,
	}
}

func wantBreaks(t *testing.T, a *demoAudit, want ...string) {
	t.Helper()
	if len(a.breaks) != len(want) || a.broken != len(want) {
		t.Fatalf("%d breaks: %q", a.broken, a.breaks)
	}
	for i := range want {
		if !strings.Contains(a.breaks[i], want[i]) {
			t.Errorf("%q does not say %q", a.breaks[i], want[i])
		}
	}
}

func TestAuditOfAnAccount(t *testing.T) {
	hundred, fifty := money.Units(100), money.Units(50)
	months := func() []monthRow {
		return []monthRow{monthOf(t, "2026-03", "50", "50", "100"), monthOf(t, "2026-01", "0", "50", "50")}
	}
	for _, test := range []struct {
		name        string
		mrr, booked money.Amount
		change      func([]monthRow) []monthRow
		want        []string
	}{
		{"fine", hundred, hundred, nil, nil},
		{"movements", hundred, fifty, nil, []string{"movements sum to 50.000000"}},
		{"last month", fifty, fifty, nil, []string{"last month closes at 100.000000"}},
		{"chain", hundred, hundred, func(m []monthRow) []monthRow { return m[:1] }, []string{"2026-03 begins at 50.000000, the month before ended at 0.000000"}},
		{"close", hundred, hundred, func(m []monthRow) []monthRow {
			m[0].Churned = amountOf(t, "0.000001")
			return m
		}, []string{"with its movements that is 99.999999"}},
		{"imported", hundred, hundred, func([]monthRow) []monthRow {
			m := monthOf(t, "2026-01", "100", "0", "100")
			m.OpeningBalance = amountOf(t, "100")
			return []monthRow{m}
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, m := &demoAudit{}, months()
			if test.change != nil {
				m = test.change(m)
			}
			a.checkAccount("acme", test.mrr, test.booked, m)
			wantBreaks(t, a, test.want...)
		})
	}
}

func TestAuditOfMetrics(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*demoAudit)
		want   []string
	}{
		{"fine", func(*demoAudit) {}, nil},
		{"close", func(a *demoAudit) { a.metrics[0].Churned = amountOf(t, "1") }, []string{"all=all 2026-01: opens at", "segments by region have a churned of 0.000000"}},
		{"gap", func(a *demoAudit) { a.metrics = append(a.metrics[:2], a.metrics[3:]...) }, []string{"region=eu: 2026-02 begins at 30.000000", "2026-01: the segments by region have a expansion of 20.000000", "2026-01: the segments by region have a closing of 20.000000"}},
		{"segment lost", func(a *demoAudit) { a.metrics = a.metrics[:4] }, []string{"2026-01: the segments by region have a expansion of 30", "have a closing of 30", "2026-02: the segments by region have a opening of 30", "have a closing of 35"}},
		{"accounts", func(a *demoAudit) { a.mrr = money.Units(54) }, []string{"the accounts have 54.000000 of MRR"}},
		{"days", func(a *demoAudit) { a.metrics[1].StartsAt = "2026-02-02" }, []string{"nothing between 2026-01 and 2026-02"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &demoAudit{mrr: money.Units(55), paying: 1, metrics: []metricRow{
				metricOf(t, "all", "all", "2026-01", "0", "50", "50"), metricOf(t, "all", "all", "2026-02", "50", "5", "55"),
				metricOf(t, "region", "eu", "2026-01", "0", "30", "30"), metricOf(t, "region", "eu", "2026-02", "30", "5", "35"),
				metricOf(t, "region", "us", "2026-01", "0", "20", "20"), metricOf(t, "region", "us", "2026-02", "20", "0", "20"),
			}}
			test.change(a)
			if n := a.checkMetrics(); len(test.want) == 0 && n != 3 {
				t.Errorf("%d segments, want 3", n)
			}
			wantBreaks(t, a, test.want...)
		})
	}
}

func TestAuditTellsSomeBreaksAndCountsAll(t *testing.T) {
	a := &demoAudit{}
	for range 100 {
		a.disagree("x")
	}
	if len(a.breaks) != breaksShown || a.broken != 100 {
		t.Errorf("%d told of %d", len(a.breaks), a.broken)
	}
}
