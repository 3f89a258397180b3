package replay_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// since are the rows that are not frozen: those of accounts, those booked from an instant on, and
// those of intervals that end after it.
func (r rows) since(at event.Time) rows {
	if at == event.NoTime {
		return r
	}
	kept := rows{table{}, map[metricKey]rollup.Row{}, r.encoder}
	for name, value := range r.ledger {
		c := columnsOf(value)
		booked := c.text("effective_at")
		if strings.HasPrefix(name, string(row.TopicAccountMonths)+" ") {
			booked = c.text("month") + "-01T00:00:00Z"
		}
		if strings.HasPrefix(name, string(row.TopicSignals)+" ") {
			booked = c.text("opened_at")
		}
		if t, ok := event.ParseTime([]byte(booked)); ok && t < at {
			continue
		}
		kept.ledger[name] = value
	}
	for key, m := range r.metrics {
		if m.EndsAt > at {
			kept.metrics[key] = m
		}
	}
	return kept
}

// Accounts of several years collapse below the floor while late, amended, revoked, backdated and
// scheduled events go on above it. Every row booked from the frozen instant on, and every interval
// that ends after it, must be the same bytes as if no record had ever gone, whatever the order and
// after any restart; and what a consumer holds must reconcile.
func TestCollapseChangesNoRowAboveIt(t *testing.T) {
	t.Parallel()
	collapsed := 0
	for seed := range uint64(24) {
		collapsed += collapseChangesNothing(t, seed)
	}
	if collapsed < 15 {
		t.Errorf("%d accounts have collapsed: this proves little", collapsed)
	}
}

// collapseChangesNothing runs one company and returns how many of its accounts have collapsed.
func collapseChangesNothing(t *testing.T, seed uint64) int {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 3))
	until := instant(2026, 3, 10)
	o := company.Options{
		Seed: seed, Accounts: 2 + dice.IntN(2), Events: 160, Start: instant(2022, 8, 1), End: until,
		Usage: dice.IntN(3) > 0, Future: dice.IntN(2) > 0, Currencies: []string{"USD", "EUR"}, Openings: 300,
		Mess: company.Mess{
			Late: 100, Duplicates: 60, Amendments: 80, Conflicts: 30, Revocations: 80, Backdated: 200,
			Ties: 400 * dice.IntN(2), Calendar: 400 * dice.IntN(2),
		},
	}
	config := strings.Join([]string{
		"zone " + []string{"UTC", "America/New_York", "Africa/Cairo"}[dice.IntN(3)],
		"groupings " + []string{"region", "plan_tier cohort", "plan_tier,region", "region product_family motion"}[dice.IntN(4)],
		"windows " + []string{"30d", "365d", "24h 365d"}[dice.IntN(3)],
		[]string{"", "fiscal 4", "fiscal 11"}[dice.IntN(3)],
		[]string{"", "", "reactivation_within 90d"}[dice.IntN(3)],
		[]string{"", "", "start 2023-01-31"}[dice.IntN(3)],
		[]string{"", "", "usage raw", "usage invoice_month"}[dice.IntN(4)],
		[]string{"", "", "past_due_for 720h", "past_due_for 12000h"}[dice.IntN(4)],
		[]string{"", "", "values region eu"}[dice.IntN(3)],
		"rates EUR=1.1", "rates 2023-11-01 EUR=1.15", "rates 2024-10-01 EUR=1.05", "rates 2026-02-01 EUR=1.25",
	}, "\n")
	core, err := coreOptions(strings.Replace(config, "90d", "2160h", 1))
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDelivery(core, 1+2*dice.IntN(2), dice)
	if err != nil {
		t.Fatal(err)
	}
	events := slices.DeleteFunc(decoded(collect(t, o)), func(e *event.Event) bool { return e.Time > until })
	d.deliver(t, events, 1+dice.IntN(12))
	want, err := run(core, d.accepted, d.machine.now, way{shards: 1}, dice)
	if err != nil {
		t.Fatal(err)
	}
	frozen := d.machine.states[0].Frozen()
	if problem := diff(d.machine.sink.since(frozen), want.since(frozen)); problem != "" {
		t.Errorf("seed %d, %d of %d events, frozen %s\n%s\n%s", seed, len(d.accepted), len(events), frozen, config, problem)
	}
	if problems := reconcile(d.machine.sink.table(), core); len(problems) > 0 {
		t.Errorf("seed %d: reconcile: %s", seed, strings.Join(problems, "\n"))
	}
	return d.machine.bases()
}

// bases is how many accounts of the checkpoints have collapsed.
func (m *machine) bases() int {
	n := 0
	for _, shard := range m.store {
		for _, value := range shard {
			if value[0] == 0x82 {
				n++
			}
		}
	}
	return n
}
