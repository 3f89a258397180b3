package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// record is one record of the source topic, and when it comes in the company's time.
type record struct {
	key   string
	value []byte
	comes time.Time
	kind  string    // what it is for the workload's counts
	said  *envelope // the event, where nothing went wrong with it
}

// workload makes the records of a run in the order in which they come: all of them a function of the
// options.
func workload(o *options) []record {
	total := int(o.duration().Seconds() * float64(o.rate))
	wanted := max(int(float64(total)*o.grow), 1)
	start := o.anchor.Add(-span)
	var all []record
	// Accounts that come late have less time, so the pace is raised until there are enough events.
	for gap := int64(span) / int64(max(wanted/o.accounts, 1)); len(all) < wanted; gap = gap * 9 / 10 {
		all = nil
		for number := range o.accounts {
			all = append(all, newCustomer(o.seed, number).life(start, o.anchor, time.Duration(gap))...)
		}
	}
	slices.SortStableFunc(all, func(a, b record) int { return a.comes.Compare(b.comes) })
	all = all[:min(len(all), wanted)]
	return append(all, corrections(o, all, total-wanted)...)
}

// corrected is how many of the company's last events are corrected once it has stopped growing: those
// of its last days, so that the rows that change stay few.
const corrected = 1000

// corrections come when the company grows no more: the events of its last days come again, changed,
// under one revision after the other, and as copies.
func corrections(o *options, all []record, n int) []record {
	var last []record
	for i := len(all) - 1; i >= 0 && len(last) < corrected; i-- {
		if all[i].said != nil {
			last = append(last, all[i])
		}
	}
	if len(last) == 0 {
		return nil
	}
	dice := rand.New(rand.NewPCG(o.seed, 1<<40)) //nolint:gosec // chosen by the seed
	revisions := make([]int, len(last))
	made := make([]record, 0, n)
	for len(made) < n {
		i := dice.IntN(len(last))
		one := &last[i]
		one.comes, one.kind = o.anchor, "duplicate"
		if changed, ok := reseated(*one.said, dice); ok && dice.IntN(10) < 7 {
			revisions[i]++
			changed.Revision = revisions[i]
			one.value, one.kind = encode(changed), "amendment"
		}
		made = append(made, *one)
	}
	return made
}

// life is everything that one account sends, mess included, in no order.
func (c *customer) life(start, end time.Time, gap time.Duration) []record {
	var all []record
	at := start.Add(time.Duration(c.dice.Int64N(int64(span) * 6 / 10))).Truncate(time.Second)
	if c.dice.IntN(3) == 0 {
		at = start.Add(time.Duration(c.dice.IntN(3600)) * time.Second)
	}
	for _, e := range c.signUp(at) {
		all = append(all, c.send(e, at)...)
	}
	for {
		switch roll := c.dice.IntN(100); {
		case roll < 2: // at the same instant
		case roll < 20: // within an hour, mostly: one change for the rules
			at = at.Add(time.Duration(1+c.dice.IntN(70*60)) * time.Second)
		default:
			at = at.Add(time.Duration(c.dice.ExpFloat64() * float64(gap))).Truncate(time.Second)
		}
		if !at.Before(end) {
			return all
		}
		all = append(all, c.send(c.act(at), at)...)
	}
}

// send is an event as it comes, with what goes wrong on the way, in permille.
func (c *customer) send(e envelope, at time.Time) []record {
	one := record{key: c.id, value: encode(e), comes: at, kind: e.Type}
	later := func(most time.Duration) time.Time { return at.Add(time.Duration(c.dice.Int64N(int64(most)))) }
	if c.dice.IntN(1000) < 40 {
		one.comes, one.kind = later(72*time.Hour), "late"
	}
	all := []record{one}
	add := func(kind string, value []byte) {
		all = append(all, record{key: c.id, value: value, comes: later(96 * time.Hour), kind: kind})
	}
	roll := c.dice.IntN(1000)
	switch {
	case roll < 15:
		add("duplicate", bytes.Replace(one.value, []byte(`,"source"`), []byte(` , "source"`), 1))
	case roll < 27:
		if changed, ok := c.changed(e); ok {
			changed.Revision = 1
			add("amendment", encode(changed))
		}
	case roll < 30:
		if changed, ok := c.changed(e); ok {
			add("conflict", encode(changed))
		}
	case roll < 38:
		revoked := c.envelope("event.revoked", at, map[string]any{"revokes": map[string]string{"source": e.Source, "id": e.ID}})
		if c.dice.IntN(5) == 0 { // before the event itself
			all[0].comes = later(24 * time.Hour)
			all = append(all, record{key: c.id, value: encode(revoked), comes: at, kind: "revocation"})
		} else {
			add("revocation", encode(revoked))
		}
	case roll < 45:
		add("bad", c.bad(e))
	default:
		all[0].said = &e
	}
	return all
}

// changed is the same event with another content.
func (c *customer) changed(e envelope) (envelope, bool) { return reseated(e, c.dice) }

// reseated is an event with another number of seats.
func reseated(e envelope, dice *rand.Rand) (envelope, bool) {
	data, ok := e.Data.(snapshot)
	if !ok || len(data.Items) == 0 {
		return e, false
	}
	data.Items = slices.Clone(data.Items)
	data.Items[0].Quantity = fmt.Sprint(1 + dice.IntN(60))
	e.Data = data
	return e, true
}

// bad is a record that must end in the dead letters, made of a good event with an id of its own.
func (c *customer) bad(e envelope) []byte {
	e.ID += "-bad"
	e.Type = "subscription.changed"
	good := item{Item: "seats", Product: "core", Plan: "basic", Quantity: "1", UnitPrice: "10", Currency: "USD"}
	data := snapshot{Subscription: c.id + "-s1", Status: "active", Items: []item{good}}
	e.Data = &data
	switch c.dice.IntN(9) {
	case 0:
		return []byte(strings.TrimSuffix(string(encode(e)), "}"))
	case 1:
		data.Subscription = ""
		return bytes.Replace(encode(e), []byte(`"subscription":"",`), nil, 1)
	case 2:
		data.Status = "sleeping"
	case 3:
		data.Items[0].UnitPrice = "ten"
	case 4:
		data.Items[0].Currency = "usd!"
	case 5:
		e.Time = "yesterday"
	case 6:
		data.Items[0].Currency = "CHF" // there is no rate for it
	case 7:
		e.Time = "2190-01-01T00:00:00Z"
	default:
		e.Type = "dog.barked"
	}
	return encode(e)
}

// counts are how many records there are of each kind.
func counts(all []record) string {
	tally := map[string]int{}
	for _, r := range all {
		tally[r.kind]++
	}
	return tallied(tally)
}

// tallied writes counts in order of their names.
func tallied[K cmp.Ordered](tally map[K]int) string {
	var b strings.Builder
	for _, name := range sorted(tally) {
		fmt.Fprintf(&b, "  %v %d", name, tally[name])
	}
	return strings.TrimSpace(b.String())
}

// sorted are a map's keys in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
