package aggregate

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// Updates are the absolute rows that changed since the last flush: sending one twice, or an older
// one after it, changes nothing. Their order is a function of the state.
type Updates struct {
	Movements []MovementRow
	Accounts  []AccountRow
	Months    []MonthRow
	Signals   []SignalRow
	Registers []RegisterRow
}

// MovementRow is one row of the fact table.
type MovementRow struct {
	Account string
	Movement
	Restated bool
	Deleted  bool
}

// AccountRow is an account as it stands at the watermark.
type AccountRow struct {
	Account        string
	Name           string // "" when there is none
	Status         string // paying, paused, churned, never_paid
	MRR            money.Amount
	Committed      money.Amount
	UsageRunRate   money.Amount
	FirstPaidAt    event.Time // NoTime when unknown
	LastClass      Class
	LastMovementAt event.Time // NoTime when there is none
	Windows        []WindowSums
	Readiness      *Readiness // nil where nothing says how ready it is
	Dims           *Dims
}

// WindowSums are an account's sums over one rolling window, without usage.
type WindowSums struct {
	Expansion   money.Amount
	Contraction money.Amount
	NetChange   money.Amount
}

// MonthRow is one month of one account.
type MonthRow struct {
	Account  string
	Month    event.Month
	Opening  money.Amount // the opening balance included
	Closing  money.Amount
	Sums     [Sums]money.Amount
	Dims     *Dims
	Final    bool
	Restated bool
	Deleted  bool
}

// RegisterRow is a shard's whole register of one segment and interval; an empty one is deleted.
type RegisterRow struct {
	Key      RegisterKey
	Register *Register // valid until the next flush
	Deleted  bool
}

// Flush derives every marked account anew and returns what changed. The rows point into the
// state: they are valid until the next call on it.
func (s *State) Flush() Updates {
	var all Updates
	all.Registers = s.FlushEach(func(u *Updates) {
		all.Movements = append(all.Movements, u.Movements...)
		all.Accounts = append(all.Accounts, u.Accounts...)
		all.Months = append(all.Months, u.Months...)
		all.Signals = append(all.Signals, u.Signals...)
	})
	return all
}

// FlushEach is Flush for many accounts: it calls each with the rows of one account after the other, in the
// order of their ids, and returns the registers. The rows are valid during the call.
func (s *State) FlushEach(each func(*Updates)) []RegisterRow {
	s.deriveDirty(each)
	rows := make([]RegisterRow, 0, len(s.touched))
	for _, key := range s.touched {
		s.change(key)
		r := s.registers[key]
		r.touched = false
		s.checkRegister(key, r)
		r.Ranking, r.Signals = s.ranking(key), s.signals[key].clone()
		row := RegisterRow{Key: key, Register: &r.Register}
		if r.isEmpty() {
			row.Deleted = true
			delete(s.registers, key)
		}
		rows = append(rows, row)
	}
	s.touched = s.touched[:0]
	slices.SortFunc(rows, func(a, b RegisterRow) int { return a.Key.compare(b.Key) })
	return rows
}

// deriveDirty derives every marked account anew.
func (s *State) deriveDirty(each func(*Updates)) {
	slices.SortFunc(s.dirty, func(a, b *slot) int { return cmp.Compare(a.id, b.id) })
	var u Updates
	for _, at := range s.dirty {
		a := s.open(at)
		at.dirty = false
		s.move(at)
		s.reduce(a)
		s.derive(a, &u)
		each(&u)
		u = Updates{Movements: u.Movements[:0], Accounts: u.Accounts[:0], Months: u.Months[:0], Signals: u.Signals[:0]}
	}
	s.dirty = s.dirty[:0]
	s.flushes++
	s.makeAllRoom()
}

func (k RegisterKey) compare(o RegisterKey) int {
	return cmp.Or(cmp.Compare(k.Segment, o.Segment), cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Index, o.Index))
}

// derive makes one account anew and books the difference. Where nothing but the watermark moved,
// and it changes no row, the rows stay and only what they add up to is made anew.
func (s *State) derive(a *account, u *Updates) {
	f := fold{options: &s.options, calendar: s.calendar, dims: s.dims, account: a, now: s.now, memo: a.memo}
	old := a.derived
	s.scratch.reset()
	if a.changed || old == nil || s.now >= a.slot.foldAt {
		s.fold(a, &f, old, u)
	} else {
		s.review(a, &f, old, u)
	}
	s.signalUpdates(a, old, a.derived, u)
	s.bookSignals(old, a.derived)
	a.signalled = false
	u.Accounts = append(u.Accounts, s.accountRow(a, a.derived))
	s.bookDeltas()
	at := a.slot
	if at.wake = min(at.foldAt, a.derived.nextFinal(), f.nextView(a.derived), a.derived.signalsNext()); at.wake != never {
		heap.Push(&s.wakes, wake{at.wake, at})
	}
}

// fold makes the account's rows anew.
func (s *State) fold(a *account, f *fold, old *derived, u *Updates) {
	f.run()
	d := f.derived()
	a.memo, a.derived, a.changed = f.fresh, d, false
	a.slot.foldAt = f.nextFold(d)
	s.unrated += d.unrated - old.unratedMonths()
	from := firstDifference(old, d, f.same)
	s.rowUpdates(a, old, d, u)
	s.monthUpdates(a, f, old, d, from, u)
	if old != nil {
		from = min(from, old.asOf)
	}
	from = max(from, s.frozen)
	s.noteView(a, old, d)
	d.moves = s.movesOf(a, d)
	if old != nil {
		s.scratch.move(s, old.moves, -1)
	}
	s.scratch.move(s, d.moves, 1)
	s.scratch.compare(old, d, f.same)
	s.scratch.account(old, from, -1)
	s.scratch.account(d, from, 1)
	s.check(a, d)
}

// review moves the watermark over rows that stay as they are, or become final as they are.
func (s *State) review(a *account, f *fold, old *derived, u *Updates) {
	d := *old
	d.asOf = s.now
	f.same = len(d.entries)
	settled := s.settleGroups(a, &d, u)
	if a.signalled || s.now >= old.signalsNext() || settled && d.signals != nil { // a signal is final with its movement
		d.signals = f.deriveSignals(&d)
	}
	a.derived = &d
	s.monthUpdates(a, f, old, &d, never, u)
	s.scratch.review(old, &d)
}

// settleGroups makes the rows of groups final that the watermark has passed. Most groups become final once, an hour
// after they were booked, and a whole fold for it would double what an event costs.
func (s *State) settleGroups(a *account, d *derived, u *Updates) (some bool) {
	for len(d.finals) > 0 && d.finals[0].at <= s.now {
		of := d.finals[0].of
		d.finals, some = d.finals[1:], true
		i, _ := slices.BinarySearchFunc(d.rows, of, func(m Movement, at event.Time) int { return cmp.Compare(m.At, at) })
		for ; i < len(d.rows) && d.rows[i].At == of; i++ {
			row := &d.rows[i]
			if row.Final || row.rank() != rankGroup {
				continue
			}
			row.Final = true
			if row.At >= s.frozen {
				u.Movements = append(u.Movements, MovementRow{Account: a.id, Movement: *row})
			}
		}
	}
	return some
}

// bookDeltas adds what the account changed to the registers.
func (s *State) bookDeltas() {
	for key, delta := range s.scratch.deltas {
		if delta.isZero() {
			continue
		}
		r := s.registers[key]
		if r == nil {
			r = &register{}
			s.registers[key] = r
		}
		r.add(&delta.Register, delta.has, 1)
		s.touch(key, r)
	}
	for key, change := range s.scratch.months {
		s.rank(key, change)
		if r := s.registers[key]; r != nil {
			s.touch(key, r)
		}
	}
}

// touch notes that a register changes with this flush.
func (s *State) touch(key RegisterKey, r *register) {
	if !r.touched {
		r.touched = true
		s.touched = append(s.touched, key)
	}
}

// unratedMonths are those of a derivation, 0 before the first.
func (d *derived) unratedMonths() int {
	if d == nil {
		return 0
	}
	return d.unrated
}

// derived gathers what the pass made.
func (f *fold) derived() *derived {
	d := &derived{
		asOf: f.now, rows: f.rows, mrr: f.book.mrr(), held: f.book.held(), usage: f.book.usage, paid: f.book.paid,
		firstPaidAt: f.firstPaidAt, cohort: f.cohort,
	}
	for i := range f.usage.bookings {
		if f.usage.bookings[i].level.unrated {
			d.unrated++
		}
	}
	for i := range f.groups {
		if f.groups[i].finalAt > f.now {
			d.finals = append(d.finals, finality{f.groups[i].finalAt, f.groups[i].at()})
		}
	}
	f.entriesOf(d)
	f.same = commonEntries(f.account.derived, d)
	d.signals = f.deriveSignals(d)
	return d
}

// check holds the account's identity: the rows sum to its MRR, to the last digit.
func (s *State) check(a *account, d *derived) {
	sum := d.opening.mrr
	for i := range d.rows {
		sum = sum.Add(d.rows[i].Change)
	}
	if sum != d.mrr && s.broken == nil {
		s.broken = fmt.Errorf("account %q: its movements sum to %s, its lines to %s", a.id, sum, d.mrr)
	}
}

// checkRegister holds a register's identity. Every register that changed is held against it at the flush, and every
// one that was read: so a checkpoint need not look at all of them.
func (s *State) checkRegister(key RegisterKey, r *register) {
	if !r.Closes() && s.broken == nil {
		segment := s.Segment(key.Segment)
		s.broken = fmt.Errorf("register %s=%s %s %d: its movements do not add up to its change", segment.Grouping, segment.Name, key.Kind, key.Index)
	}
}

// commonEntries is how many of their first entries two derivations have in common. The half of a transfer that leaves
// counts only with the other one.
func commonEntries(old, d *derived) int {
	if old == nil || old.opening != d.opening {
		return 0
	}
	n := 0
	for n < len(old.entries) && n < len(d.entries) && old.entries[n].equal(&d.entries[n]) {
		n++
	}
	if n > 0 && old.entries[n-1].kind == entryRow && old.entries[n-1].row.leaves {
		n--
	}
	return n
}

// firstDifference is the earliest instant at which two derivations differ, of which so many first entries are the
// same; never when they agree.
func firstDifference(old, d *derived, same int) event.Time {
	first := never
	if old != nil && same < len(old.entries) {
		first = old.entries[same].at
	}
	if same < len(d.entries) {
		first = min(first, d.entries[same].at)
	}
	return first
}

func (e *entry) equal(o *entry) bool {
	if e.at != o.at || e.kind != o.kind || e.amount != o.amount || e.dims != o.dims || e.mrr != o.mrr || e.held != o.held || e.usage != o.usage {
		return false
	}
	if e.kind != entryRow {
		return true
	}
	return slices.Equal(e.row.Slices, o.row.Slices) && e.row.equalButFinal(o.row)
}

// equalButFinal compares what counts in sums.
func (m *Movement) equalButFinal(o *Movement) bool {
	x, y := *m, *o
	x.Final, y.Final = false, false
	return x.equal(&y)
}

// rowUpdates lists the rows that are new, other than before, or gone.
func (s *State) rowUpdates(a *account, old, d *derived, u *Updates) {
	before, rows := old.rowsFrom(s.frozen), d.rowsFrom(s.frozen)
	same := 0
	for same < len(before) && same < len(rows) && before[same].equal(&rows[same]) {
		same++
	}
	if same == len(before) {
		for i := same; i < len(rows); i++ {
			u.Movements = append(u.Movements, MovementRow{Account: a.id, Movement: rows[i]})
		}
		return
	}
	earlier := make(map[string]*Movement, len(before)-same)
	for i := same; i < len(before); i++ {
		earlier[before[i].Key] = &before[i]
	}
	for i := same; i < len(rows); i++ {
		row := &rows[i]
		was := earlier[row.Key]
		delete(earlier, row.Key)
		if was == nil || !was.equal(row) {
			u.Movements = append(u.Movements, MovementRow{Account: a.id, Movement: *row, Restated: was != nil && was.Final})
		}
	}
	for i := same; i < len(before); i++ {
		if was := earlier[before[i].Key]; was == &before[i] {
			u.Movements = append(u.Movements, MovementRow{Account: a.id, Movement: *was, Restated: was.Final, Deleted: true})
		}
	}
}

// Everything returns every row of the state, as if nothing had been sent yet.
func (s *State) Everything() Updates {
	s.Flush()
	var u Updates
	ids := make([]string, 0, len(s.accounts))
	for id := range s.accounts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		s.accountUpdates(s.find(id), &u)
	}
	for key, r := range s.registers {
		if s.ended(key) {
			continue
		}
		r.Ranking, r.Signals = s.ranking(key), s.signals[key].clone()
		u.Registers = append(u.Registers, RegisterRow{Key: key, Register: &r.Register})
	}
	slices.SortFunc(u.Registers, func(a, b RegisterRow) int { return a.Key.compare(b.Key) })
	return u
}

// Account returns every row of one account (no registers) as of the last flush; found is false
// for an account that the state does not know, or has not flushed yet.
func (s *State) Account(id string) (u Updates, found bool) {
	a := s.find(id)
	if a == nil || a.derived == nil {
		return u, false
	}
	s.accountUpdates(a, &u)
	return u, true
}

func (s *State) accountUpdates(a *account, u *Updates) {
	f := fold{options: &s.options, calendar: s.calendar, dims: s.dims, account: a, now: s.now}
	s.rowUpdates(a, nil, a.derived, u)
	s.monthUpdates(a, &f, nil, a.derived, 0, u)
	s.signalUpdates(a, nil, a.derived, u)
	u.Accounts = append(u.Accounts, s.accountRow(a, a.derived))
}

// Register is the shard's register of a segment and interval as of the last flush, or nil.
func (s *State) Register(segment Segment, kind Kind, index int32) *Register {
	id, known := s.SegmentNumber(segment)
	if !known {
		return nil
	}
	if r := s.registers[RegisterKey{id, kind, index}]; r != nil {
		return &r.Register
	}
	return nil
}
