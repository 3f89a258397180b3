package aggregate

import (
	"math/bits"

	"processor/internal/money"
)

// Sum is the closed set of amounts that a register adds up (spec: rules 9.1).
type Sum uint8

// The sums. Up and down types follow as SumUp+Up and SumDown+Down. SumChange is the whole signed
// change, which the sums by class must equal; SumCommitted is the change of committed MRR;
// SumCohort is closing less opening over the accounts with MRR at opening; SumBefore is the
// expansion of the window before (rolling intervals only), and SumBeforeUp+Up its typed parts; NRR and
// GRR are what the cohorts of 1 and 12 months ago gained, and what they kept, beyond what they had.
const (
	SumNew Sum = iota
	SumExpansion
	SumContraction
	SumChurned
	SumReactivation
	SumPaused
	SumResumed
	SumTransferIn
	SumTransferOut
	SumFX
	SumOpeningBalance
	SumUsageChange
	SumUsageRunRate
	SumUnconfirmed
	SumNonRecurring
	SumChange
	SumCommitted
	SumCohort
	SumBefore
	SumNRR1
	SumNRR12
	SumGRR1
	SumGRR12
	SumUp
	SumDown     = SumUp + Sum(UpTypes)
	SumBeforeUp = SumDown + Sum(DownTypes)
	Sums        = SumBeforeUp + Sum(UpTypes)
)

// Count is the closed set of numbers of accounts that a register adds up.
type Count uint8

// The counts. CountUp+Up are the accounts with a part of that type.
const (
	CountOpening Count = iota // by opening rows
	CountNew
	CountChurned
	CountReactivated
	CountPaused
	CountResumed
	CountTransferredIn
	CountTransferredOut
	CountExpanding
	CountContracting
	CountEntries // rows, charges and changes of committed MRR: where it is 0 there is nothing
	CountUp
	Counts = CountUp + Count(UpTypes)
)

// Register is what a set of accounts adds to one segment in one interval. Registers of disjoint
// sets of accounts add up.
type Register struct {
	Sums    [Sums]money.Amount
	Counts  [Counts]int64
	Ranking *Ranking    // of a month with expansion, else nil; Add leaves it alone
	Signals *SignalSums // of a month with signals, else nil; Add leaves it alone
}

// register is one of the state's.
type register struct {
	Register
	touched bool // since the last flush
}

// RegisterKey names a register within a State.
type RegisterKey struct {
	Segment SegmentID // of one grouping
	Kind    Kind
	Index   int32
}

// figures are some of a register's: most of what one account adds is 0, and need not be looked at.
type figures struct {
	sums   uint64
	counts uint32
}

// figures are those that are not 0.
func (r *Register) figures() (f figures) {
	for i := range r.Sums {
		if !r.Sums[i].IsZero() {
			f.sums |= 1 << i
		}
	}
	for i := range r.Counts {
		if r.Counts[i] != 0 {
			f.counts |= 1 << i
		}
	}
	return f
}

// add is r += sign x other, of the figures that other has.
func (r *Register) add(other *Register, has figures, sign int) {
	for left := has.sums; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		if sign > 0 {
			r.Sums[i] = r.Sums[i].Add(other.Sums[i])
		} else {
			r.Sums[i] = r.Sums[i].Sub(other.Sums[i])
		}
	}
	for left := has.counts; left != 0; left &= left - 1 {
		i := bits.TrailingZeros32(left)
		r.Counts[i] += int64(sign) * other.Counts[i]
	}
}

// Add adds the register of a disjoint set of accounts.
func (r *Register) Add(other *Register) { r.add(other, other.figures(), 1) }

// Subtract takes away the register of accounts that were added.
func (r *Register) Subtract(other *Register) { r.add(other, other.figures(), -1) }

// sparse is a register of which it is known what is not 0.
type sparse struct {
	Register
	has figures
}

// sparseOf is a register with what it has.
func sparseOf(r Register) *sparse { return &sparse{r, r.figures()} }

func (s *sparse) add(other *sparse, sign int) {
	s.Register.add(&other.Register, other.has, sign)
	s.has.sums |= other.has.sums
	s.has.counts |= other.has.counts
}

// addSum is add for one sum.
func (s *sparse) addSum(sum Sum, amount money.Amount, sign int) {
	if sign < 0 {
		amount = amount.Neg()
	}
	s.Sums[sum] = s.Sums[sum].Add(amount)
	s.has.sums |= 1 << sum
}

// addOne is add for one of a count.
func (s *sparse) addOne(count Count) {
	s.Counts[count]++
	s.has.counts |= 1 << count
}

// addParts is bookParts.
func (s *sparse) addParts(p *Parts) {
	s.bookParts(p)
	s.has.sums |= partFigures
}

func (s *sparse) isZero() bool {
	for left := s.has.sums; left != 0; left &= left - 1 {
		if !s.Sums[bits.TrailingZeros64(left)].IsZero() {
			return false
		}
	}
	for left := s.has.counts; left != 0; left &= left - 1 {
		if s.Counts[bits.TrailingZeros32(left)] != 0 {
			return false
		}
	}
	return true
}

func (s *sparse) reset() {
	for left := s.has.sums; left != 0; left &= left - 1 {
		s.Sums[bits.TrailingZeros64(left)] = money.Amount{}
	}
	for left := s.has.counts; left != 0; left &= left - 1 {
		s.Counts[bits.TrailingZeros32(left)] = 0
	}
	s.has = figures{}
}

var emptyRegister Register

func (r *Register) isZero() bool { return *r == emptyRegister }

// Closes says whether the movements by class add up to the whole change, opening balance
// included: opening + movements = closing, whatever the opening (invariant I2).
func (r *Register) Closes() bool {
	return r.Movements().Add(r.Sums[SumOpeningBalance]) == r.Sums[SumChange]
}

// Movements is the signed sum by class, without the opening balance.
func (r *Register) Movements() money.Amount {
	s := &r.Sums
	return s[SumNew].Add(s[SumExpansion]).Sub(s[SumContraction]).Sub(s[SumChurned]).Add(s[SumReactivation]).
		Sub(s[SumPaused]).Add(s[SumResumed]).Add(s[SumTransferIn]).Sub(s[SumTransferOut]).Add(s[SumFX]).
		Add(s[SumUsageChange])
}

// Accounts is the change of the number of accounts with MRR, without the opening rows.
func (r *Register) Accounts() int64 {
	c := &r.Counts
	return c[CountNew] + c[CountReactivated] - c[CountChurned] - c[CountPaused] + c[CountResumed] +
		c[CountTransferredIn] - c[CountTransferredOut]
}

// book adds one row's amounts; intervals that show usage only as a net change are told apart by
// the caller. Up and down halves of a transfer within a segment are not booked at all.
func (r *Register) book(m *Movement) {
	s := &r.Sums
	r.bookChange(m)
	amount := m.Amount()
	switch m.Class {
	case ClassOpening:
		s[SumOpeningBalance] = s[SumOpeningBalance].Add(amount)
	case ClassNew:
		s[SumNew] = s[SumNew].Add(amount)
	case ClassExpansion:
		s[SumExpansion] = s[SumExpansion].Add(amount)
		if m.Unconfirmed {
			s[SumUnconfirmed] = s[SumUnconfirmed].Add(amount)
		}
	case ClassContraction:
		s[SumContraction] = s[SumContraction].Sub(amount)
	case ClassChurn:
		s[SumChurned] = s[SumChurned].Sub(amount)
	case ClassReactivation:
		s[SumReactivation] = s[SumReactivation].Add(amount)
	case ClassTransfer:
		if amount.Sign() >= 0 {
			s[SumTransferIn] = s[SumTransferIn].Add(amount)
		} else {
			s[SumTransferOut] = s[SumTransferOut].Sub(amount)
		}
	case ClassFX:
		s[SumFX] = s[SumFX].Add(amount)
	case ClassNone, ClassPause, ClassResume, ClassScheduled, ClassRevoked:
	}
	r.bookParts(m.Parts)
}

// partFigures are those of the typed amounts.
const partFigures = (1<<SumBeforeUp - 1) &^ (1<<SumUp - 1)

// bookParts adds typed amounts.
func (r *Register) bookParts(p *Parts) {
	if p == &noParts {
		return
	}
	for i, up := range p.Up {
		r.Sums[SumUp+Sum(i)] = r.Sums[SumUp+Sum(i)].Add(up)
	}
	for i, down := range p.Down {
		r.Sums[SumDown+Sum(i)] = r.Sums[SumDown+Sum(i)].Add(down)
	}
}

// showsUsageNet says whether usage is shown only as a net change: a month's row falling out of a
// day or a window is not a slowdown (spec: rules 6.4).
func (k Kind) showsUsageNet() bool { return k == KindDay || k == KindWeek || k == KindRolling }

// bookUsageChange adds a usage row to an interval that shows usage as a net change only.
func (r *Register) bookUsageChange(m *Movement) {
	r.bookChange(m)
	r.Sums[SumUsageChange] = r.Sums[SumUsageChange].Add(m.Change)
}

// bookUsageLevel adds the change of the level of usage, which transfers take along.
func (r *Register) bookUsageLevel(e, before *entry) {
	change := e.usage.Sub(before.usage)
	if e.row.transfer != nil {
		change = e.usage
		if e.row.leaves {
			change = change.Neg()
		}
	}
	r.Sums[SumUsageRunRate] = r.Sums[SumUsageRunRate].Add(change)
}

// bookChange adds what every row has.
func (r *Register) bookChange(m *Movement) {
	s := &r.Sums
	s[SumChange] = s[SumChange].Add(m.Change)
	s[SumPaused] = s[SumPaused].Add(m.Paused)
	s[SumResumed] = s[SumResumed].Add(m.Resumed)
}

// tally counts what the row does to the number of accounts with MRR, given the state before it.
func (r *Register) tally(m *Movement, before *entry) {
	c := &r.Counts
	if m.transfer != nil {
		c[CountTransferredIn] += boolCount(m.After.Sign() > 0)
		c[CountTransferredOut] += boolCount(m.Before.Sign() > 0)
		return
	}
	heldBefore, heldAfter := m.heldBefore.Sign() > 0, m.heldAfter.Sign() > 0
	idleBefore := heldBefore && before.mrr.Sign() == 0
	idleAfter := heldAfter && m.After.Sign() == 0
	switch m.Class {
	case ClassNew: // a rise of usage in the month of the account's new is new, and no second account
		c[CountNew] += boolCount(!heldBefore && heldAfter)
	case ClassChurn:
		c[CountChurned]++
	case ClassReactivation:
		c[CountReactivated]++
	case ClassTransfer:
		c[CountTransferredIn] += boolCount(!heldBefore && heldAfter)
		c[CountTransferredOut] += boolCount(heldBefore && !heldAfter)
	case ClassOpening:
		c[CountOpening] += boolCount(!heldBefore && heldAfter) - boolCount(heldBefore && !heldAfter)
	case ClassExpansion: // a win-back that is expansion by choice still brings the account back
		c[CountReactivated] += boolCount(!heldBefore && heldAfter)
	case ClassFX: // a rate alone may round an amount to 0, or from it (decision 0008)
		c[CountChurned] += boolCount(heldBefore && !heldAfter)
		c[CountReactivated] += boolCount(!heldBefore && heldAfter)
	case ClassNone, ClassContraction, ClassPause, ClassResume, ClassScheduled, ClassRevoked:
	}
	c[CountPaused] += boolCount(!idleBefore && idleAfter)
	c[CountResumed] += boolCount(idleBefore && !idleAfter)
}

func boolCount(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// flag is what an account did at least once in an interval, for the distinct counts.
type flag uint32

func flagsOf(m *Movement) (f flag) {
	if m.Class == ClassExpansion {
		f |= 1 << CountExpanding
	}
	if m.Class == ClassContraction {
		f |= 1 << CountContracting
	}
	if m.Parts == &noParts {
		return f
	}
	for i := range m.Parts.Up {
		if m.Parts.Up[i].Sign() > 0 {
			f |= 1 << (CountUp + Count(i))
		}
	}
	return f
}

// isEmpty says whether nothing at all is dated into the interval.
func (r *Register) isEmpty() bool { return r.Counts[CountEntries] == 0 && r.isZero() }

// compile-time checks that every count fits a flag, and every sum a bit.
const (
	_ = uint(32 - Counts)
	_ = uint(64 - Sums)
)
