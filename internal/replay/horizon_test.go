package replay_test

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
)

// delivery is a run of a company's events as a service sees them: in batches, each in any order, with
// the horizons of the watermark before the batch.
type delivery struct {
	machine  *machine
	dice     *rand.Rand
	accepted []*event.Event
	usage    map[identity][]*event.Event // of recorded usage, what was accepted
	late     int                         // rejected
}

type identity struct {
	account string
	key     event.Key
}

func newDelivery(core aggregate.Options, shards int, dice *rand.Rand) (*delivery, error) {
	m, err := newMachine(core, shards)
	if err != nil {
		return nil, err
	}
	m.horizons = true
	if dice.IntN(2) == 0 {
		m.park()
	}
	return &delivery{machine: m, dice: dice, usage: map[identity][]*event.Event{}}, nil
}

// batch applies events in any order, moves the watermark and at times restarts.
func (d *delivery) batch(events []*event.Event) error {
	d.dice.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
	watermark := d.machine.now
	for _, e := range events {
		watermark = max(watermark, e.Time)
		if d.forgotten(e) {
			continue
		}
		if _, rejection := d.machine.apply(e); rejection != nil && rejection.Reason == event.ReasonBeyondHorizon {
			d.late++
			continue
		}
		d.accepted = append(d.accepted, e)
		if e.Usage != nil {
			id := identity{e.Subject, e.Key()}
			d.usage[id] = append(d.usage[id], e)
		}
	}
	d.machine.advance(watermark)
	if err := d.machine.flush(); err != nil {
		return err
	}
	if d.dice.IntN(3) == 0 {
		return d.machine.restart(d.dice)
	}
	return nil
}

// deliver applies all events in batches.
func (d *delivery) deliver(t fataler, events []*event.Event, batch int) {
	for len(events) > 0 {
		n := min(batch, len(events))
		if err := d.batch(events[:n]); err != nil {
			t.Fatalf("%v", err)
		}
		events = events[n:]
	}
}

// forgotten says whether an event speaks of usage whose id lives no more: what becomes of it then is
// another matter than whether settling changes a number.
func (d *delivery) forgotten(e *event.Event) bool {
	id := identity{e.Subject, e.Key()}
	if e.Revocation != nil {
		id.key = e.Revocation.Key()
	}
	horizon := d.machine.calendar().Horizons(d.machine.now).Usage
	for _, u := range d.usage[id] {
		if u.Time < horizon {
			return true
		}
	}
	return false
}

// Usage whose ids live no more is kept as sums. Every row must be the same bytes as if each event
// were there still, whatever the order, and after any restart.
func TestSettlingUsageChangesNoRow(t *testing.T) {
	t.Parallel()
	settled := 0
	rapid.Check(t, func(t *rapid.T) {
		o := company.Options{
			Seed:     rapid.Uint64().Draw(t, "company"),
			Accounts: rapid.IntRange(1, 4).Draw(t, "accounts"),
			Events:   rapid.IntRange(20, 150).Draw(t, "events"),
			Start:    instant(2025, 8, 1), End: instant(2026, 3, 10),
			Usage: true, Currencies: []string{"USD", "EUR"}, Openings: 300,
			Mess: company.Mess{Late: 150, Duplicates: 60, Amendments: 80, Conflicts: 30, Revocations: 80, Backdated: 100, Hostile: 200},
		}
		core, err := coreOptions(drawConfig(t))
		if err != nil {
			t.Fatalf("%v", err)
		}
		dice := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		d, err := newDelivery(core, rapid.SampledFrom([]int{1, 3}).Draw(t, "shards"), dice)
		if err != nil {
			t.Fatalf("%v", err)
		}
		d.deliver(t, decoded(collect(t, o)), rapid.IntRange(1, 20).Draw(t, "batch"))
		settled += d.machine.reduced()
		want, err := run(core, d.accepted, d.machine.now, way{shards: 1}, dice)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if problem := diff(d.machine.sink, want); problem != "" {
			t.Fatalf("%+v: %s", o, problem)
		}
	})
	if settled == 0 && !testing.Short() { // then there are five companies only
		t.Error("no usage was ever settled: this proves nothing")
	}
}

func (m *machine) calendar() *aggregate.Calendar { return m.states[0].Calendar() }

// reduced is how many records of the checkpoints stand for events that are gone.
func (m *machine) reduced() int {
	n := 0
	for _, shard := range m.store {
		for _, value := range shard {
			if value[0] >= 0x80 {
				n++
			}
		}
	}
	return n
}
