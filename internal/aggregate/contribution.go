package aggregate

import (
	"sort"

	"processor/internal/event"
	"processor/internal/money"
)

// contributions collects what one account adds to the registers: the new state of its entries
// less the old one. Only intervals that end after the earliest difference are looked at, and in them the
// amounts of the entries that differ: what both states have in common cancels out.
type contributions struct {
	calendar *Calendar
	windows  []Window
	dims     *dimensions
	deltas   map[RegisterKey]*sparse
	months   map[RegisterKey]monthChange // the account's expansion in the months looked at
	spare    []*sparse
	shares   []share
	effects  []effect // of the last entries of the derivation that is looked at, and one for those before
	made     []int    // which of them are known

	same   int   // how many of the first entries of the two derivations that are booked are the same
	sameIn []int // of each window: 0 where it does not lie over the same entries of both
}

// compare says which two derivations are booked, old nil where there is none, and how many of their first entries are
// the same.
func (c *contributions) compare(old, d *derived, same int) {
	c.same, c.sameIn = same, c.sameIn[:0]
	for _, w := range c.windows {
		in := 0
		if old != nil && c.windowBounds(old, w) == c.windowBounds(d, w) {
			in = same
		}
		c.sameIn = append(c.sameIn, in)
	}
}

// share is what one interval of one account adds to one segment, while it is collected.
type share struct {
	segment SegmentID
	flags   flag
	sums    sparse
}

// effect is what an entry adds to every interval of which it is part: one that shows usage in full, and one
// that shows it as a net change.
type effect struct {
	full, net sparse
	isNet     bool // net is another than full
	known     bool
	flags     flag
}

func newContributions(c *Calendar, windows []Window, dims *dimensions) *contributions {
	return &contributions{calendar: c, windows: windows, dims: dims, deltas: map[RegisterKey]*sparse{}, months: map[RegisterKey]monthChange{}}
}

// reset forgets the deltas and keeps their memory.
func (c *contributions) reset() {
	for _, r := range c.deltas {
		r.reset()
		c.spare = append(c.spare, r)
	}
	clear(c.deltas)
	clear(c.months)
}

func (c *contributions) delta(key RegisterKey) *sparse {
	if r, ok := c.deltas[key]; ok {
		return r
	}
	var r *sparse
	if n := len(c.spare); n > 0 {
		r, c.spare = c.spare[n-1], c.spare[:n-1]
	} else {
		r = &sparse{}
	}
	c.deltas[key] = r
	return r
}

// span is a run of entries that belongs to one interval of one kind.
type span struct {
	kind   Kind
	index  int32
	lo, hi int // entries[lo:hi]
	same   int // the entries before this one cancel out, but for what the account did at least once
	before entry
	d      *derived
}

// account adds (sign +1) or takes away (-1) everything that an account's entries give to the
// intervals that end after from.
func (c *contributions) account(d *derived, from event.Time, sign int) {
	if d == nil {
		return
	}
	c.forgetEffects(d)
	for kind := range Kind(calendarKinds) {
		c.calendarKind(d, kind, from, sign)
	}
	for i, w := range c.windows {
		c.window(d, i, w, sign)
	}
}

// forgetEffects begins with another derivation.
func (c *contributions) forgetEffects(d *derived) {
	for _, place := range c.made {
		e := &c.effects[place]
		e.full.reset()
		e.net.reset()
		e.isNet, e.known, e.flags = false, false, 0
	}
	c.made = c.made[:0]
	if n := min(len(d.entries), effectsKept) + 1 - len(c.effects); n > 0 {
		c.effects = append(c.effects, make([]effect, n)...)
	}
}

// effectsKept is of how many entries the effects are remembered while one account is looked at.
const effectsKept = 2048

// effect is that of an entry, made when it is asked for.
func (c *contributions) effect(d *derived, i int) *effect {
	place := max(i-max(len(d.entries)-effectsKept, 0)+1, 0)
	to := &c.effects[place]
	switch {
	case !to.known:
		c.made = append(c.made, place)
	case place > 0:
		return to
	default:
		*to = effect{}
	}
	to.known = true
	e, before := &d.entries[i], d.before(i)
	full := &to.full.Register
	full.Counts[CountEntries] = 1
	switch e.kind {
	case entryCommitted:
		full.Sums[SumCommitted] = e.amount
	case entryCharge:
		full.Sums[SumNonRecurring] = e.amount
	case entryRow:
		if e.row.inert() {
			break
		}
		full.tally(e.row, &before)
		full.bookUsageLevel(e, &before)
		if to.isNet = e.row.IsUsage; to.isNet {
			to.net.Register = *full
			to.net.bookUsageChange(e.row)
			to.net.has = to.net.figures()
		}
		full.book(e.row)
		to.flags = e.flags
	}
	to.full.has = full.figures()
	return to
}

// review replaces what an account gives to the intervals that move with the watermark, where its
// entries stay as they are.
func (c *contributions) review(old, d *derived) {
	if len(d.entries) == 0 {
		return
	}
	c.forgetEffects(d) // both have the same entries
	c.compare(old, d, len(d.entries))
	for kind := KindMonth; kind < calendarKinds; kind++ {
		first := c.calendar.Index(kind, c.calendar.Day(old.asOf))
		c.cohorts(old, kind, first, -1)
		c.cohorts(d, kind, first, 1)
	}
	for i, w := range c.windows {
		if c.sameIn[i] > 0 && !w.HasCohorts() {
			continue
		}
		c.window(old, i, w, -1)
		c.window(d, i, w, 1)
	}
}

// windowBounds are the first entries inside a window, and inside the window before it.
func (c *contributions) windowBounds(d *derived, w Window) [2]int {
	start := w.Start(d.asOf)
	return [2]int{c.firstAt(d, start+1), c.firstAt(d, start-event.Time(w.Length)+1)}
}

// calendarKind walks the intervals of a kind in which the account has entries, and for months and
// longer those in which a cohort still looks back at one.
func (c *contributions) calendarKind(d *derived, kind Kind, from event.Time, sign int) {
	if len(d.entries) == 0 {
		return
	}
	first := c.calendar.Index(kind, c.calendar.Day(max(from, 0)))
	lo := c.firstAt(d, c.calendar.Start(kind, first))
	for lo < len(d.entries) {
		index := c.calendar.Index(kind, d.entries[lo].day)
		hi := lo + 1
		for hi < len(d.entries) && c.calendar.Index(kind, d.entries[hi].day) == index {
			hi++
		}
		s := span{kind: kind, index: index, lo: lo, hi: hi, before: d.before(lo), d: d}
		if kind != KindMonth { // whose ranking needs all that the account expanded by
			s.same = c.same
		}
		c.add(s, sign)
		lo = hi
	}
	if kind >= KindMonth {
		c.cohorts(d, kind, first, sign)
	}
}

// firstAt is the place of the first entry at or after an instant.
func (c *contributions) firstAt(d *derived, at event.Time) int {
	return sort.Search(len(d.entries), func(i int) bool { return d.entries[i].at >= at })
}

// before is the state before an entry; before the first one, that of the opening.
func (d *derived) before(i int) entry {
	if i == 0 {
		return d.opening
	}
	return d.entries[i-1]
}

// window adds the entries in (start, now], and the expansion of the window before.
func (c *contributions) window(d *derived, place int, w Window, sign int) {
	bounds := c.windowBounds(d, w)
	lo, earlier := bounds[0], bounds[1]
	s := span{kind: KindRolling, index: int32(place), lo: lo, hi: len(d.entries), same: c.sameIn[place], before: d.before(lo), d: d}
	if lo < s.hi {
		c.add(s, sign)
	}
	for i := max(earlier, s.same); i < lo; i++ {
		c.addBefore(&d.entries[i], int32(place), sign)
	}
	if w.HasCohorts() {
		c.cohort(s, c.calendar.Day(d.asOf), d.last(), sign)
	}
}

// last is the state at the watermark.
func (d *derived) last() entry { return d.before(len(d.entries)) }

func (c *contributions) addBefore(e *entry, place int32, sign int) {
	if e.kind != entryRow || e.row.IsUsage || e.row.inert() {
		return
	}
	expands := e.row.Class == ClassExpansion
	if !expands && e.row.Parts == &noParts {
		return
	}
	amount := e.row.Amount()
	for _, segment := range e.dims.Segments {
		to := c.delta(RegisterKey{segment, KindRolling, place})
		if expands {
			to.addSum(SumBefore, amount, sign)
		}
		for i, up := range e.row.Parts.Up {
			if !up.IsZero() {
				to.addSum(SumBeforeUp+Sum(i), up, sign)
			}
		}
	}
}

// add collects one interval for every grouping.
func (c *contributions) add(s span, sign int) {
	for g := range c.dims.groupings {
		c.shares = c.shares[:0]
		for i := s.lo; i < s.hi; i++ {
			c.addEntry(&s, g, i)
		}
		c.addCohortNet(&s, g)
		c.settle(&s, sign)
	}
	if len(c.dims.splits) > 0 {
		c.shares = c.shares[:0]
		for i := max(s.lo, s.same); i < s.hi; i++ {
			c.addSlices(&s, i)
		}
		c.settle(&s, sign)
	}
}

// settle books what was collected of one interval.
func (c *contributions) settle(s *span, sign int) {
	for i := range c.shares {
		c.shares[i].count()
		key := RegisterKey{c.shares[i].segment, s.kind, s.index}
		c.delta(key).add(&c.shares[i].sums, sign)
		if expansion := c.shares[i].sums.Sums[SumExpansion]; s.kind == KindMonth && !expansion.IsZero() {
			c.noteMonth(key, expansion, sign)
		}
	}
}

// noteMonth remembers what the account expanded by in a month.
func (c *contributions) noteMonth(key RegisterKey, expansion money.Amount, sign int) {
	change := c.months[key]
	if sign < 0 {
		change.before = expansion
	} else {
		change.after = expansion
	}
	c.months[key] = change
}

// count turns the flags into distinct accounts.
func (s *share) count() {
	for i := range Counts {
		if s.flags&(1<<i) != 0 {
			s.sums.addOne(i)
		}
	}
}

func (c *contributions) share(segment SegmentID) *share {
	for i := range c.shares {
		if c.shares[i].segment == segment {
			return &c.shares[i]
		}
	}
	if n := len(c.shares); n < cap(c.shares) { // it has been used before
		c.shares = c.shares[:n+1]
		c.shares[n].sums.reset()
		c.shares[n].segment, c.shares[n].flags = segment, 0
		return &c.shares[n]
	}
	c.shares = append(c.shares, share{segment: segment})
	return &c.shares[len(c.shares)-1]
}

func (c *contributions) addEntry(s *span, grouping, i int) {
	e := &s.d.entries[i]
	if i < s.same {
		if flags := e.flags; flags != 0 && !(e.row.IsUsage && s.kind.showsUsageNet()) {
			c.share(e.dims.Segments[grouping]).flags |= flags
		}
		return
	}
	to := c.share(e.dims.Segments[grouping])
	if e.kind == entryRow && e.row.transfer != nil && s.d.staysIn(grouping, i) {
		to.sums.addOne(CountEntries)
		return
	}
	of := c.effect(s.d, i)
	if of.isNet && s.kind.showsUsageNet() {
		to.sums.add(&of.net, 1)
		return
	}
	to.sums.add(&of.full, 1)
	to.flags |= of.flags
}

// staysIn says whether both halves of a transfer fall into one segment of a grouping: then
// neither counts there.
func (d *derived) staysIn(grouping, i int) bool {
	row := d.entries[i].row
	other := i + 1
	if !row.leaves {
		other = i - 1
	}
	return d.entries[other].dims.Segments[grouping] == d.entries[i].dims.Segments[grouping]
}

// addCohortNet adds closing less opening, where the account had MRR at opening (opening rows
// included), to the segment that it had then (spec: rules 9.2).
func (c *contributions) addCohortNet(s *span, grouping int) {
	opening, dims := s.before.mrr, s.before.dimsAfter
	for i := s.lo; i < s.hi; i++ {
		e := &s.d.entries[i]
		if e.kind != entryRow || e.row.Class != ClassOpening {
			continue
		}
		if opening.Sign() <= 0 {
			dims = e.dims
		}
		opening = opening.Add(e.row.Change)
	}
	if opening.Sign() <= 0 {
		return
	}
	if net := s.d.entries[s.hi-1].mrr.Sub(opening); !net.IsZero() {
		c.share(dims.Segments[grouping]).sums.addSum(SumCohort, net, 1)
	}
}

// cohorts adds retention to every month, quarter or year from the first one on, as long as the
// account's MRR differs from what it was 1 or 12 months before.
func (c *contributions) cohorts(d *derived, kind Kind, first int32, sign int) {
	start := c.calendar.Index(kind, d.entries[0].day)
	last := c.calendar.Index(kind, c.calendar.Day(d.asOf))
	reach := c.calendar.Index(kind, dayAfterMonths(d.entries[len(d.entries)-1].day, 13))
	for index := max(first, start); index <= min(last, reach); index++ {
		s := span{kind: kind, index: index, d: d}
		day, now := c.calendar.Day(d.asOf), d.last()
		if index < last {
			end := c.calendar.Start(kind, index+1)
			day, now = c.calendar.FirstDay(kind, index+1)-1, d.before(c.firstAt(d, end))
		}
		c.cohort(s, day, now, sign)
	}
}

// dayAfterMonths is a day at least n months later, for bounds.
func dayAfterMonths(day int32, n int) int32 { return day + int32(31*n) }

// cohort compares the account's MRR at an interval's last local date with that of 1 and 12 months
// before; quiet accounts add nothing.
func (c *contributions) cohort(s span, day int32, now entry, sign int) {
	for _, months := range [2]int{1, 12} {
		then := s.d.before(c.firstAt(s.d, c.calendar.DayStart(MonthsBefore(day, months)+1)))
		if then.mrr.Sign() <= 0 || then.mrr == now.mrr {
			continue
		}
		gained := now.mrr.Sub(then.mrr)
		kept := money.Min(now.mrr, then.mrr).Sub(then.mrr)
		net, gross := SumNRR1, SumGRR1
		if months == 12 {
			net, gross = SumNRR12, SumGRR12
		}
		for _, segment := range then.dimsAfter.Segments {
			to := c.delta(RegisterKey{segment, s.kind, s.index})
			to.addSum(net, gained, sign)
			to.addSum(gross, kept, sign)
		}
	}
}
