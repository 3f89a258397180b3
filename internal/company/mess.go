package company

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"processor/internal/event"
)

// Mess is what goes wrong between a company and its stream, each in permille of the events.
// Late, Duplicates, Amendments, Conflicts, Revocations, Bad, Rewrites and Early leave the events
// of the company
// as they are and disturb or add to their stream; Backdated, Ties, Calendar and Hostile make a
// company whose own events are harder.
type Mess struct {
	Late        int           // arrive after events with a later time
	LateMax     time.Duration // how late, in the time of events; 6 hours when zero
	Duplicates  int           // arrive again later, never right behind the first
	Amendments  int           // come again with the next revision and other content
	Conflicts   int           // come again with the same revision and other content
	Revocations int           // are withdrawn later
	Bad         int           // are followed by a record that must be rejected
	Rewrites    int           // come again with the next revision and another story: dates, terms, kinds
	Early       int           // are withdrawn before they come

	// BadReasons choose among the bad records. By default those that the record alone decides;
	// future_time, beyond_horizon and missing_rate come only when they are named, because they
	// depend on the reader (and a future time moves what `replay` takes for now).
	BadReasons []event.Reason

	Backdated int // snapshots that count from up to 40 days before or after their time
	Ties      int // changes at the same instant as the one before, at most 500
	Calendar  int // changes at month ends and clock changes of several zones
	Hostile   int // accounts whose ids and names break careless programs
}

const lateMaxDefault = 6 * time.Hour

// any says whether the stream differs from the company's own order and events.
func (m Mess) any() bool {
	return m.Late+m.Duplicates+m.Amendments+m.Conflicts+m.Revocations+m.Bad+m.Backdated+m.Rewrites+m.Early > 0
}

func (m Mess) validate() error {
	var problems []error
	for _, field := range messFields {
		limit := 1000
		if field.name == "ties" {
			limit = 500 // more would never let the time go on
		}
		if permille := *field.of(&m); permille < 0 || permille > limit {
			problems = append(problems, fmt.Errorf("mess: %s is a permille from 0 to %d, not %d", field.name, limit, permille))
		}
	}
	if m.LateMax < 0 {
		problems = append(problems, fmt.Errorf("mess: late_max must not be negative, not %v", m.LateMax))
	}
	for _, reason := range m.BadReasons {
		if !slices.ContainsFunc(badForms, func(f badForm) bool { return f.reason == reason }) {
			problems = append(problems, fmt.Errorf("mess: there is no bad record for the reason %q", reason))
		}
	}
	return errors.Join(problems...)
}

func (m Mess) filled() Mess {
	if m.LateMax == 0 {
		m.LateMax = lateMaxDefault
	}
	m.BadReasons = slices.Clone(m.BadReasons)
	return m
}

// disorder turns the company's events into the messy stream. It has dice of its own, so that the
// company is the same with and without it.
type disorder struct {
	mess  Mess
	delay int64 // LateMax in seconds
	dice  *rand.Rand
	bad   []badForm

	ahead  fact  // the company's next event
	ready  bool  // ahead is set
	over   bool  // the company has ended
	latest int64 // the latest time sent so far
	lastID uint64
	serial uint64

	waiting queue
	held    []heldBack
	free    []uint32
}

// heldBack is a record that is sent later.
type heldBack struct {
	fact   fact
	origin Origin
	bad    uint32 // of Bad: position in disorder.bad
}

func newDisorder(o Options) *disorder {
	d := &disorder{
		mess:  o.Mess,
		delay: max(2, int64(o.Mess.LateMax/time.Second)),
		dice:  rand.New(rand.NewPCG(scramble(o.Seed^0xd150de4), 1)),
	}
	for _, form := range badForms {
		if slices.Contains(o.Mess.BadReasons, form.reason) || len(o.Mess.BadReasons) == 0 && !form.readerDecides {
			d.bad = append(d.bad, form)
		}
	}
	return d
}

// next sends what was held back until now, or else the company's next event.
func (d *disorder) next(c *Company) (Record, bool) {
	for {
		if !d.ready && !d.over {
			d.ahead, d.ready = c.fact()
			d.over = !d.ready
			if d.ready {
				d.backdate(&d.ahead)
			}
		}
		if len(d.waiting) > 0 && (d.over || d.waiting[0].at <= d.ahead.at && !d.repeats()) {
			return d.send(c, d.release()), true
		}
		if d.over {
			return Record{}, false
		}
		f := d.ahead
		d.ready = false
		d.follow(f)
		if d.chance(d.mess.Early) && !f.introduces {
			d.hold(heldBack{fact: f, origin: Original}, f.at)
			return d.send(c, heldBack{fact: d.revocation(f, f.at), origin: Revoking}), true
		}
		if d.chance(d.mess.Late) {
			d.hold(heldBack{fact: f, origin: Original}, f.at)
			continue
		}
		return d.send(c, heldBack{fact: f, origin: Original}), true
	}
}

// repeats says whether the next record held back would come directly behind the one it repeats:
// A, A proves nothing about a reader, A, B, A does.
func (d *disorder) repeats() bool {
	h := &d.held[d.waiting[0].slot]
	return h.origin == Duplicate && h.fact.id == d.lastID
}

// backdate lets a snapshot count from another instant than its time.
func (d *disorder) backdate(f *fact) {
	const farthest = 40 * day
	if f.kind != event.TypeSubscriptionChanged || f.flags.opening || !d.chance(d.mess.Backdated) {
		return
	}
	f.effective = max(1, f.at-farthest+d.dice.Int64N(2*farthest))
}

// follow holds back what an event entails.
func (d *disorder) follow(f fact) {
	if d.chance(d.mess.Duplicates) {
		d.hold(heldBack{fact: f, origin: Duplicate}, f.at)
	}
	if d.chance(d.mess.Amendments) {
		amended := f.varied()
		amended.revision++
		d.hold(heldBack{fact: amended, origin: Amendment}, f.at)
	}
	if d.chance(d.mess.Rewrites) {
		d.hold(heldBack{fact: d.rewritten(f), origin: Amendment}, f.at)
	}
	if d.chance(d.mess.Conflicts) {
		d.hold(heldBack{fact: f.varied(), origin: Conflict}, f.at)
	}
	if d.chance(d.mess.Revocations) && !f.introduces {
		at := f.at + 1 + d.dice.Int64N(d.delay)
		d.put(at, heldBack{origin: Revoking, fact: d.revocation(f, at)})
	}
	if len(d.bad) > 0 && d.chance(d.mess.Bad) {
		d.put(f.at, heldBack{fact: f, origin: Bad, bad: uint32(d.dice.IntN(len(d.bad)))})
	}
}

// revocation withdraws an event.
func (d *disorder) revocation(f fact, at int64) fact {
	d.serial++
	return fact{
		kind: event.TypeEventRevoked, who: f.who, at: at, sequence: noSequence,
		id: scramble(1<<63 | d.serial), target: f.kind, rival: f.id,
	}
}

// hold keeps a record back for a while after an instant.
func (d *disorder) hold(h heldBack, from int64) { d.put(from+1+d.dice.Int64N(d.delay), h) }

func (d *disorder) put(at int64, h heldBack) {
	slot := uint32(len(d.held))
	if n := len(d.free); n > 0 {
		slot = d.free[n-1]
		d.free = d.free[:n-1]
		d.held[slot] = h
	} else {
		d.held = append(d.held, h)
	}
	d.waiting.push(turn{at: at, slot: slot})
}

func (d *disorder) release() heldBack {
	slot := d.waiting[0].slot
	d.waiting.dropFirst()
	d.free = append(d.free, slot)
	return d.held[slot]
}

// send writes a record and says where it comes from; an original is late only when something
// with a later time went before it.
func (d *disorder) send(c *Company, h heldBack) Record {
	if h.origin == Bad {
		return c.enc.bad(&h.fact, d.bad[h.bad])
	}
	rec := c.enc.record(&h.fact)
	rec.Origin = h.origin
	if h.origin == Original && h.fact.at < d.latest {
		rec.Origin = Late
	}
	d.latest, d.lastID = max(d.latest, h.fact.at), h.fact.id
	return rec
}

func (d *disorder) chance(permille int) bool { return permille > 0 && d.dice.IntN(1000) < permille }
