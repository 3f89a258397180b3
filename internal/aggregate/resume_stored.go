package aggregate

import (
	"encoding/binary"
	"math/big"
	"math/bits"

	"processor/internal/event"
	"processor/internal/money"
)

// The stored forms of what was derived. Each begins with a byte of its own and an account, which is empty
// where it belongs to none: so those come before every account's records.
const (
	storedShard    = 0x91
	storedRegister = 0x92
	storedRest     = 0x93
)

// IsDerived says whether a kept record can be derived from the others.
func IsDerived(value []byte) bool { return len(value) > 0 && value[0]&0xf0 == 0x90 }

// DerivedBy is the text under which the derived records beside this one were kept (see Trust); ok is false where it
// is another record. "" says that they are older than the events.
func DerivedBy(value []byte) (trust string, ok bool) {
	if len(value) == 0 || value[0] != storedShard {
		return "", false
	}
	r := &reducedReader{left: value[1:]}
	r.text() // of no account
	trust = r.text()
	return trust, !r.broken
}

func shardKey() []byte { return append(accountKey(""), 's') }

func appendRestKey(dst []byte, id string) []byte { return append(appendText(dst, id), 'r') }

func (s *State) registerKey(key RegisterKey) []byte {
	segment := s.Segment(key.Segment)
	dst := append(accountKey(""), 't', byte(key.Kind))
	dst = binary.BigEndian.AppendUint32(dst, uint32(key.Index)) //nolint:gosec // the bits
	return appendText(appendText(dst, segment.Grouping), segment.Name)
}

// appendShard is what the state knows beside its accounts and registers.
func (s *State) appendShard(dst []byte, trust string) []byte {
	dst = appendText(appendReduced(dst, storedShard, ""), trust)
	return appendInt(appendInt(dst, int64(s.firstEvent)), int64(s.unrated))
}

// restoreShard says whether what was derived can be trusted.
func (s *State) restoreShard(r *reducedReader) bool {
	trust, first, unrated := r.text(), event.Time(r.int()), int(r.int())
	if r.broken || trust != s.derivation.trust {
		return false
	}
	s.setFirst(first)
	s.unrated = unrated
	return true
}

// appendRest is when an account was derived, and when time alone will change it.
func (at *slot) appendRest(dst []byte) []byte {
	asOf, settledTo, collapsedTo := at.asOf, at.settledTo, at.collapsedTo
	if a := at.open; a != nil {
		asOf, settledTo, collapsedTo = a.derived.asOf, a.settledTo, a.collapsedTo
	}
	dst = appendReduced(dst, storedRest, at.id)
	for _, t := range [...]event.Time{asOf, at.foldAt, at.wake, settledTo, collapsedTo} {
		dst = appendInt(dst, int64(t))
	}
	return dst
}

func (s *State) restoreRest(at *slot, r *reducedReader) {
	for _, t := range [...]*event.Time{&at.asOf, &at.foldAt, &at.wake, &at.settledTo, &at.collapsedTo} {
		*t = event.Time(r.int())
	}
	at.restKept = true
}

// appendRegister is a register, and of a month what its ranking is made of.
func (s *State) appendRegister(dst []byte, key RegisterKey, r *register) []byte {
	segment, has := s.Segment(key.Segment), r.figures()
	dst = appendText(appendText(appendReduced(dst, storedRegister, ""), segment.Grouping), segment.Name)
	dst = appendInt(append(dst, byte(key.Kind)), int64(key.Index))
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, has.sums), uint64(has.counts))
	for left := has.sums; left != 0; left &= left - 1 {
		dst = appendAmount(dst, r.Sums[bits.TrailingZeros64(left)])
	}
	for left := has.counts; left != 0; left &= left - 1 {
		dst = appendInt(dst, r.Counts[bits.TrailingZeros32(left)])
	}
	dst = s.expansions[key].appendStored(dst)
	return s.signals[key].appendStored(dst)
}

func (x *expansions) appendStored(dst []byte) []byte {
	if x == nil {
		return appendCount(dst, 0)
	}
	dst = appendCount(dst, x.accounts)
	dst = appendText(dst, string(x.squares.Bytes())) // a sum of squares is not negative
	dst = appendCount(dst, len(x.top))
	for _, amount := range x.top {
		dst = appendAmount(dst, amount)
	}
	return dst
}

func (s *SignalSums) appendStored(dst []byte) []byte {
	if s == nil {
		return appendCount(dst, 0)
	}
	dst = appendCount(dst, len(s.Named))
	for i := range s.Named {
		n := &s.Named[i]
		dst = appendText(dst, n.Name)
		for _, count := range n.counts() {
			dst = appendInt(dst, *count)
		}
		for _, amount := range n.amounts() {
			dst = appendAmount(dst, *amount)
		}
		dst = appendCount(dst, len(n.Days))
		for _, d := range n.Days {
			dst = appendInt(appendInt(dst, int64(d.Days)), d.Count)
		}
	}
	return dst
}

func (r *reducedReader) signalSums() *SignalSums {
	named := readList(r, func() NamedSignalSum {
		n := NamedSignalSum{Name: r.text()}
		for _, count := range n.counts() {
			*count = r.int()
		}
		for _, amount := range n.amounts() {
			*amount = r.amount()
		}
		n.Days = readList(r, func() DayCount { return DayCount{Days: r.int32(), Count: r.int()} })
		return n
	})
	if len(named) == 0 {
		return nil
	}
	return &SignalSums{Named: named}
}

func (s *State) restoreRegister(r *reducedReader) {
	segment := Segment{Grouping: r.text(), Name: r.text()}
	key := RegisterKey{Kind: Kind(r.octet()), Index: r.int32()}
	has := figures{sums: r.uint(), counts: uint32(r.uint())} //nolint:gosec // checked below
	if r.broken || has.sums>>Sums != 0 || has.counts>>Counts != 0 || key.Kind > KindRolling {
		r.fail()
		return
	}
	key.Segment = s.dims.segment(segment)
	made := &register{}
	for left := has.sums; left != 0; left &= left - 1 {
		made.Sums[bits.TrailingZeros64(left)] = r.amount()
	}
	for left := has.counts; left != 0; left &= left - 1 {
		made.Counts[bits.TrailingZeros32(left)] = r.int()
	}
	s.registers[key] = made
	s.checkRegister(key, made)
	s.derivation.stored[key] = struct{}{}
	if accounts := int(r.uint()); accounts > 0 { //nolint:gosec // of a shard
		x := &expansions{accounts: accounts}
		x.squares = *new(big.Int).SetBytes([]byte(r.text()))
		x.top = readList(r, func() money.Amount { return r.amount() })
		s.expansions[key] = x
		made.Ranking = x.ranking()
	}
	if signals := r.signalSums(); signals != nil {
		if s.signals == nil {
			s.signals = signalSums{}
		}
		s.signals[key] = signals
		made.Signals = signals.clone()
	}
}
