package rollup

import (
	"encoding/binary"
	"slices"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/money"
)

// counted are a signal's numbers, in the order of their bytes.
func counted(s *aggregate.SignalSum) [7]*int64 {
	return [7]*int64{&s.Opened, &s.Converted, &s.Missed, &s.Accounts, &s.AccountsConverted, &s.With, &s.WithExpanding}
}

// amounts are a signal's amounts, in the order of their bytes.
func amounts(s *aggregate.SignalSum) [3]*money.Amount {
	return [3]*money.Amount{&s.Potential, &s.OpenPotential, &s.Expansion}
}

// appendSignals writes the sums of signals behind their number, each with its name before it.
func appendSignals(dst []byte, s *aggregate.SignalSums) []byte {
	if s == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Named)))
	for i := range s.Named {
		named := &s.Named[i]
		dst = binary.AppendUvarint(dst, uint64(len(named.Name)))
		dst = append(dst, named.Name...)
		for _, n := range counted(&named.SignalSum) {
			dst = binary.AppendVarint(dst, *n)
		}
		for _, a := range amounts(&named.SignalSum) {
			hi, lo := a.Words()
			dst = binary.BigEndian.AppendUint64(dst, uint64(hi)) //nolint:gosec // the bits
			dst = binary.BigEndian.AppendUint64(dst, lo)
		}
		dst = binary.AppendUvarint(dst, uint64(len(named.Days)))
		for _, d := range named.Days {
			dst = binary.AppendVarint(binary.AppendVarint(dst, int64(d.Days)), d.Count)
		}
	}
	return dst
}

// signals reads what appendSignals wrote; nil for none. The names must rise, as they do in every sum.
func (r *reader) signals() *aggregate.SignalSums {
	n := r.uvarint()
	if n == 0 {
		return nil
	}
	s := &aggregate.SignalSums{}
	for i := uint64(0); i < n && !r.failed; i++ {
		named := aggregate.NamedSignalSum{Name: string(r.bytes(r.uvarint()))}
		for _, to := range counted(&named.SignalSum) {
			*to = r.varint()
		}
		for _, to := range amounts(&named.SignalSum) {
			*to = money.FromWords(int64(r.uint64()), r.uint64()) //nolint:gosec // the bits
		}
		for left := r.uvarint(); left > 0 && !r.failed; left-- {
			named.Days = append(named.Days, aggregate.DayCount{Days: int32(r.varint()), Count: r.varint()}) //nolint:gosec // at most 365
		}
		s.Named = append(s.Named, named)
	}
	if !slices.IsSortedFunc(s.Named, func(a, b aggregate.NamedSignalSum) int { return strings.Compare(a.Name, b.Name) }) {
		r.fail()
	}
	return s
}
