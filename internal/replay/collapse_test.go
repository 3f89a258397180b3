package replay_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// since are the rows that are not frozen: those of accounts, those booked from an instant on, and
// those of intervals that end after it.
func (r *rows) since(at event.Time) rows {
	kept := rows{table{}, map[metricKey]rollup.Row{}, r.encoder}
	for name, value := range r.ledger {
		c := columnsOf(value)
		booked := c.text("effective_at")
		if strings.HasPrefix(name, string(row.TopicAccountMonths)+" ") {
			booked = c.text("month") + "-01T00:00:00Z"
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
	rapid.Check(t, func(t *rapid.T) {
		o := company.Options{
			Seed:     rapid.Uint64().Draw(t, "company"),
			Accounts: rapid.IntRange(1, 3).Draw(t, "accounts"),
			Events:   rapid.IntRange(60, 250).Draw(t, "events"),
			Start:    instant(2021, 8, 1), End: instant(2026, 3, 10),
			Usage: rapid.Bool().Draw(t, "usage"), Future: rapid.Bool().Draw(t, "future"), Currencies: []string{"USD", "EUR"}, Openings: 300,
			Mess: company.Mess{
				Late: 100, Duplicates: 60, Amendments: 80, Conflicts: 30, Revocations: 80, Backdated: 200,
				Ties: rapid.SampledFrom([]int{0, 400}).Draw(t, "ties"), Calendar: rapid.SampledFrom([]int{0, 400}).Draw(t, "calendar"),
			},
		}
		core, err := coreOptions(olderConfig(drawConfig(t)))
		if err != nil {
			t.Fatalf("%v", err)
		}
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		d, err := newDelivery(core, rapid.SampledFrom([]int{1, 3}).Draw(t, "shards"), dice)
		if err != nil {
			t.Fatalf("%v", err)
		}
		d.deliver(t, decoded(collect(t, o)), rapid.IntRange(1, 20).Draw(t, "batch"))
		collapsed += d.machine.bases()
		want, err := run(core, d.accepted, d.machine.now, way{shards: 1}, dice)
		if err != nil {
			t.Fatalf("%v", err)
		}
		frozen := d.machine.states[0].Frozen()
		if problem := diff(d.machine.sink.since(frozen), want.since(frozen)); problem != "" {
			t.Fatalf("%+v: frozen %s: %s", o, frozen, problem)
		}
		if problems := reconcile(d.machine.sink.table(), core); len(problems) > 0 {
			t.Fatalf("reconcile: %s", strings.Join(problems, "\n"))
		}
	})
	if collapsed == 0 {
		t.Error("no account ever collapsed: this proves nothing")
	}
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

// olderConfig has rate tables and a start of reporting on both sides of the floor.
func olderConfig(config string) string {
	config = strings.Replace(config, "start 2026-01-31", "start 2022-01-31", 1)
	return strings.Replace(config, "rates 2026-02-01", "rates 2023-02-01 EUR=1.15\nrates 2024-10-01 EUR=1.05\nrates 2026-02-01", 1)
}
