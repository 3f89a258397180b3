// Package company generates the native events of a believable software company: accounts that
// sign up, grow, change plans, pause, leave and return, with their usage, charges and signals.
// It serves the demo, tests and load generation. It is a pure function of its options: it must
// never read a clock, use global randomness or binary floats, or keep more than one small record
// an account.
package company

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"processor/internal/event"
)

// Origin says why a record is in the stream.
type Origin uint8

// The origins; all but Original and Late come only with the mess of that name.
const (
	Original    Origin = iota // in its place
	Late                      // an original that arrives after events with a later time
	Duplicate                 // the same content again
	Amendment                 // the same identity with the next revision and other content
	Conflict                  // the same identity and revision with other content
	Revoking                  // withdraws an earlier event
	Bad                       // to be rejected
	originCount = iota
)

var originNames = [originCount]string{
	"original", "late", "duplicate", "amendment", "conflict", "revoking", "bad",
}

// String is the origin's lower-case name.
func (o Origin) String() string { return originNames[o] }

// Record is one Kafka record. Key and Value are valid until the next one is generated.
type Record struct {
	Key    []byte // the account
	Value  []byte
	Time   event.Time
	Type   event.Type // 0 for Bad
	Origin Origin
	Reason event.Reason // of Bad: why it must be rejected
}

// Company generates the events of one company, in the order of their time unless its mess says
// otherwise. It is for one goroutine.
type Company struct {
	opts  Options
	stall stall
	pace  pace

	chunks [][]account // by slot / chunkSize: a record never moves
	free   []uint32    // slots of accounts that left for good
	turns  queue

	coming  account // the next to sign up
	born    int     // accounts that signed up
	emitted int     // events, mess not counted
	owed    []fact  // happen with the one before them, at the same instant

	wishes []wish

	dice  *rand.Rand
	faces faces
	mess  *disorder // nil without mess
	enc   encoder
}

// faces lets one rand.Rand draw from the generator of the account at hand.
type faces struct{ *rand.PCG }

// stall is the story in the terms of the simulation.
type stall struct {
	region, tier uint8
	from         int64
}

// New checks the options and returns the company at its first instant.
func New(o Options) (*Company, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("generate a company: %w", err)
	}
	o = o.filled()
	c := &Company{
		opts:  o,
		stall: stall{region: stallRegion, tier: stallTier, from: seconds(o.Stall().From)},
		pace:  newPace(o),
		enc:   encoder{currencies: o.Currencies},
	}
	c.dice = rand.New(&c.faces)
	c.wishes = wishes
	if o.Rare {
		c.wishes = slices.Concat(rareWishes, wishes)
	}
	c.announce()
	if o.Mess.any() {
		c.mess = newDisorder(o)
	}
	return c, nil
}

// Next returns the next record, or false after the last one.
func (c *Company) Next() (Record, bool) {
	if c.mess != nil {
		return c.mess.next(c)
	}
	f, ok := c.fact()
	if !ok {
		return Record{}, false
	}
	return c.enc.record(&f), true
}

// Records iterates over what is left; each record is valid within its turn of the loop.
func (c *Company) Records() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for {
			rec, ok := c.Next()
			if !ok || !yield(rec) {
				return
			}
		}
	}
}

// Collect returns all records of a small company, each with bytes of its own.
func Collect(o Options) ([]Record, error) {
	c, err := New(o)
	if err != nil {
		return nil, err
	}
	var records []Record
	for rec := range c.Records() {
		rec.Key, rec.Value = slices.Clone(rec.Key), slices.Clone(rec.Value)
		records = append(records, rec)
	}
	return records, nil
}

// fact simulates on to the next thing that happens.
func (c *Company) fact() (fact, bool) {
	for c.opts.Events == 0 || c.emitted < c.opts.Events {
		if len(c.owed) > 0 {
			f := c.owed[0]
			c.owed = c.owed[1:]
			c.emitted++
			return f, true
		}
		signUp := c.born < c.opts.Accounts
		if !signUp && len(c.turns) == 0 {
			break
		}
		if signUp && (len(c.turns) == 0 || c.coming.changeAt <= c.turns[0].at) {
			c.emitted++
			return c.signUp(), true
		}
		now := c.turns[0].at
		if now >= lastSecond || c.opts.Events == 0 && now >= seconds(c.opts.End) {
			break
		}
		if f, ok := c.take(c.turns[0]); ok {
			c.emitted++
			return f, true
		}
	}
	return fact{}, false
}

// take gives the account of the earliest turn its turn; false when it was a silent one.
func (c *Company) take(t turn) (fact, bool) {
	a := c.account(t.slot)
	c.faces.PCG = &a.rng
	f, ok := c.act(a, t.at)
	if at := a.nextAt(); at < never {
		c.turns.replaceFirst(turn{at: at, slot: t.slot})
	} else {
		c.turns.dropFirst()
		c.pace.running[clockOther]--
		c.pace.running[clockChange]--
		c.free = append(c.free, t.slot)
	}
	return f, ok
}

const chunkSize = 1024

func (c *Company) account(slot uint32) *account {
	return &c.chunks[slot/chunkSize][slot%chunkSize]
}

// settle finds a slot for a new account.
func (c *Company) settle() uint32 {
	if n := len(c.free); n > 0 {
		slot := c.free[n-1]
		c.free = c.free[:n-1]
		return slot
	}
	last := len(c.chunks) - 1
	if last < 0 || len(c.chunks[last]) == chunkSize {
		c.chunks = append(c.chunks, make([]account, 0, chunkSize))
		last++
	}
	c.chunks[last] = append(c.chunks[last], account{})
	return uint32(last*chunkSize + len(c.chunks[last]) - 1)
}
