package replay_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/rollup"
)

// TestRestartAtEveryEvent takes the messy file of 2,000 events through a machine whose state is
// thrown away after every single one and made again from what its checkpoint holds, in any order,
// while the watermark moves on. Rows, registers and metrics must end as those of one undisturbed
// run. A state is that of a shard, as in the service; now and then all of them and the rollup go.
func TestRestartAtEveryEvent(t *testing.T) {
	t.Parallel()
	o := company.Options{
		Seed: 21, Accounts: 80, Events: 2000, Start: instant(2025, 2, 10), End: instant(2025, 4, 20), Openings: 300, Usage: true, Future: true,
		Rare: true, Currencies: []string{"USD", "EUR"}, Mess: company.Whole,
	}
	const shards = 16
	if testing.Short() {
		o.Accounts, o.Events = 60, 400
	}
	core, err := coreOptions("zone Europe/Berlin\ngroupings region tier,cohort\nwindows 24h 30d\nstart 2025-02-11\n" +
		"rates EUR=1.1\nrates 2025-03-01 EUR=1.123456789\nrates 2025-04-01 EUR=0.9")
	if err != nil {
		t.Fatal(err)
	}
	events := decoded(collect(t, o))
	until := instant(2025, 5, 2)
	dice := rand.New(rand.NewPCG(4, 4))

	still, err := newMachine(core, shards)
	if err != nil {
		t.Fatal(err)
	}
	broken, err := newMachine(core, shards)
	if err != nil {
		t.Fatal(err)
	}
	broken.park()
	for i, e := range events {
		still.apply(e)
		broken.apply(e)
		if err := broken.breakAfter(e, i%400 == 399, dice); err != nil {
			t.Fatalf("event %d, %s: %v", i, e.ID, err)
		}
	}
	for _, m := range []*machine{still, broken} {
		m.advance(until)
		if err := m.flush(); err != nil {
			t.Fatal(err)
		}
	}
	if problem := diff(broken.sink, still.sink); problem != "" {
		t.Error(problem)
	}
	registers := 0
	for i := range shards {
		got, want := registersOf(broken.states[i]), registersOf(still.states[i])
		registers += len(want)
		if !maps.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("shard %d: %d registers after restarts, %d without; these are not the same: %q", i, len(got), len(want), unlike(got, want))
		}
	}
	t.Logf("%d restarts, %d rows, %d registers", len(events), len(still.sink.table()), registers)
}

// breakAfter moves the watermark to an event's time, checkpoints, and restarts: the shard of the
// event, or everything.
func (m *machine) breakAfter(e *event.Event, all bool, dice *rand.Rand) error {
	m.advance(e.Time)
	shard := shardOf(e.Subject, len(m.states))
	if err := m.flushShard(shard); err != nil {
		return err
	}
	if all {
		if err := m.flush(); err != nil { // the other shards are checkpointed too
			return err
		}
		return m.restart(dice)
	}
	if err := m.reload(shard, dice); err != nil {
		return err
	}
	return m.flushShard(shard)
}

// registersOf is every register as it goes to the rollup, by segment and interval.
func registersOf(s *aggregate.State) map[string][]byte {
	registers := map[string][]byte{}
	u := s.Everything()
	for i := range u.Registers {
		r := &u.Registers[i]
		if r.Deleted {
			continue
		}
		p := rollup.Partial{Segment: s.Segment(r.Key.Segment), Kind: r.Key.Kind, Index: r.Key.Index, Register: r.Register}
		registers[string(p.AppendKey(nil))] = p.AppendValue(nil)
	}
	return registers
}

func unlike(a, b map[string][]byte) []string {
	var names []string
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names[:min(len(names), 5)]
}
