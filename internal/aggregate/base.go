package aggregate

import (
	"crypto/sha256"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// Below the floor an account collapses (spec: rules 10.3). Two instants matter, both of the local
// calendar, so that they move once a month:
//
//   - the frozen instant, the start of the floor's month: rows booked and intervals that ended before
//     it stand with the readers for ever; nothing sends, changes or deletes them again;
//   - the base instant, 13 months earlier: every record that counts before it is gone, and what the
//     account was then is one record, the base, from which the fold starts.
//
// Between the two the account is folded as ever, in silence: so quarters and years that reach over
// the frozen instant, retention against a year before, and the growth of the longest window are
// exact without anything kept for them.
const baseMonths = 13

// base is an account at its base instant. It never changes; a later one takes its place.
type base struct {
	at          event.Time
	paid        bool
	hasPaid     bool
	firstPaidAt event.Time
	endedAt     event.Time
	cohort      string
	newMonth    int32
	lastClass   Class // of the last row that moved something
	lastAt      event.Time

	levels     []baseLevel    // of usage, by item
	firsts     []firstUsage   // by the name that was sent
	meters     []meterName    // which item has a meter, of snapshots that are gone
	ended      []baseLine     // held until within the last 13 months
	regions    []string       // ever held
	overtaken  []overtaken    // steps still to come that a later snapshot has overtaken
	pastDue    []basePastDue  // subscriptions that were past due when their kept snapshot came into force
	attributes *event.Event   // every attribute's value, the name and the rest, as one change; nil for none
	gone       []identityHash // of everything that is gone, sorted
}

type baseLevel struct {
	key    meterKey
	levels []*usageLevel
}

type firstUsage struct {
	name event.Usage // holds nothing but the name
	at   event.Time
}

type meterName struct{ subscription, meter, item string }

type baseLine struct {
	family, product, plan, region string
	at                            event.Time // until which it was held
}

type basePastDue struct {
	subscription string
	since        event.Time
}

type overtaken struct {
	key string
	at  event.Time
}

// identityHash stands for an identity within its account.
type identityHash [16]byte

func hashOf(key event.Key) identityHash {
	sum := sha256.Sum256(appendText(appendText(nil, key.Source), key.ID))
	return identityHash(sum[:16])
}

func (b *base) isGone(key event.Key) bool {
	if b == nil {
		return false
	}
	_, found := slices.BinarySearchFunc(b.gone, hashOf(key), compareHashes)
	return found
}

func compareHashes(x, y identityHash) int { return slices.Compare(x[:], y[:]) }

// frozenAt is the frozen instant of a floor, NoTime for none.
func (c *Calendar) frozenAt(floor event.Time) event.Time {
	if floor <= 0 {
		return event.NoTime
	}
	return c.Start(KindMonth, int32(monthOfDay(c.Day(floor))))
}

// baseAt is the base instant of a frozen instant.
func (c *Calendar) baseAt(frozen event.Time) event.Time {
	return c.Start(KindMonth, int32(monthOfDay(c.Day(frozen)))-baseMonths)
}

// from is the instant at which the fold starts; NoTime for the beginning.
func (a *account) from() event.Time {
	if a.base == nil {
		return event.NoTime
	}
	return a.base.at
}

// start puts the fold where the base is. Of the changes before the base it keeps one of each
// subscription, the one in force; those after it are returned.
func (f *fold) start(changes []change) []change {
	b := f.account.base
	if b == nil {
		return changes
	}
	f.book.table = max(f.options.tableAt(b.at-1), 0)
	f.book.paid, f.hasPaid, f.firstPaidAt, f.endedAt, f.cohort = b.paid, b.hasPaid, b.firstPaidAt, b.endedAt, b.cohort
	for i := range b.ended {
		f.ended = append(f.ended, b.ended[i].line())
	}
	for _, region := range b.regions {
		f.ended = append(f.ended, (&baseLine{region: region, at: event.NoTime}).line())
	}
	later := slices.IndexFunc(changes, func(c change) bool { return c.at >= b.at })
	if later < 0 {
		later = len(changes)
	}
	for i, c := range changes[:later] {
		same := func(d change) bool { return d.snapshot.name() == c.snapshot.name() }
		if !slices.ContainsFunc(changes[i+1:later], same) {
			f.standing = append(f.standing, c)
			f.book.set(c)
		}
	}
	return changes[later:]
}

// line is a line that was held, as far as later lines are compared with it.
func (l *baseLine) line() endedLine {
	item := &event.Item{Family: l.family, Product: l.product, Plan: l.plan, Region: l.region}
	return endedLine{&line{item: item}, l.at}
}

// startUsage gives the items the level that they had at the base. One whose usage a later snapshot
// gave to another item has no row to take its level away, and none of its own any more.
func (f *fold) startUsage() {
	b := f.account.base
	if b == nil {
		return
	}
	f.usage.newMonth = b.newMonth
	month := f.rowAfter(b.at - 1)
	for _, l := range b.levels {
		booked := slices.ContainsFunc(f.usage.bookings, func(u usageBooking) bool { return u.key == l.key && u.month == month })
		if !booked {
			continue
		}
		f.usage.levels[l.key] = slices.Clone(l.levels)
		f.noteLevel(l.key, b.at)
		f.book.usage = f.book.usage.Add(f.valueOf(l.levels))
	}
}

// within leaves of the bookings those that the fold is about.
func (f *fold) within(all []booking) []booking {
	from := f.account.from()
	if from == event.NoTime && f.until == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(b booking) bool { return b.at < from || f.until > 0 && b.at >= f.until })
}

// overtakenRows are the rows of steps whose snapshots are gone.
func (f *fold) overtakenRows() {
	if f.account.base == nil {
		return
	}
	for _, o := range f.account.base.overtaken {
		if o.at <= f.now {
			f.rows = append(f.rows, unmoved(o.key, o.at, ClassNone, "superseded", true))
		}
	}
}

// openCommitted sums what was known before the base, and returns the later points.
func (f *fold) openCommitted(points []point) []point {
	from := f.account.from()
	for len(points) > 0 && points[0].at < from {
		f.committedBefore = f.committedBefore.Add(points[0].change)
		points = points[1:]
	}
	return points
}

// opening is the state before the first entry of an account with a base.
func (f *fold) opening() entry {
	if f.account.base == nil {
		return entry{}
	}
	l := f.account.dimensionLine(f.dims, f.cohort)
	values := make([]string, len(l.names))
	l.first(values)
	return entry{
		at: f.account.base.at, mrr: f.openingBook.mrr(), held: f.openingBook.held(), usage: f.openingBook.usage,
		dims: f.dims.of(values), dimsAfter: f.dims.of(values),
	}
}

// openingBook is the part of the book that an opening entry shows.
type openingBook struct{ licensed, paused, usage money.Amount }

func (b openingBook) held() money.Amount { return b.licensed.Add(b.usage) }
func (b openingBook) mrr() money.Amount  { return b.held().Sub(b.paused) }

// itemOf is the item that has a meter in the snapshots that are gone, or "".
func (b *base) itemOf(subscription, meter string) string {
	if b == nil {
		return ""
	}
	for i := range b.meters {
		if m := &b.meters[i]; m.subscription == subscription && m.meter == meter {
			return m.item
		}
	}
	return ""
}
