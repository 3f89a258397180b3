package aggregate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// RegisterDifference is a figure of a register that two states have differently.
type RegisterDifference struct {
	Segment  Segment
	Interval string // such as 2026-03
	Kind     Kind
	Figure   string
	A, B     string
}

// CompareRegisters calls fn with every figure in which the registers of two states under one meaning differ, as of
// their last flushes, in order.
func CompareRegisters(a, b *State, fn func(RegisterDifference)) {
	type name struct {
		segment Segment
		kind    Kind
		index   int32
	}
	names := map[name]struct{}{}
	for _, s := range []*State{a, b} {
		for key := range s.registers {
			names[name{s.Segment(key.Segment), key.Kind, key.Index}] = struct{}{}
		}
	}
	ordered := slices.SortedFunc(maps.Keys(names), func(x, y name) int {
		return cmp.Or(cmp.Compare(x.segment.Grouping, y.segment.Grouping), cmp.Compare(x.segment.Name, y.segment.Name),
			cmp.Compare(x.kind, y.kind), cmp.Compare(x.index, y.index))
	})
	for _, n := range ordered {
		d := RegisterDifference{Segment: n.segment, Kind: n.kind, Interval: a.intervalName(n.kind, n.index)}
		compareFigures(orEmpty(a.Register(n.segment, n.kind, n.index)), orEmpty(b.Register(n.segment, n.kind, n.index)), func(figure, inA, inB string) {
			d.Figure, d.A, d.B = figure, inA, inB
			fn(d)
		})
	}
}

// intervalName is the name of an interval in rows.
func (s *State) intervalName(k Kind, index int32) string {
	if k != KindRolling {
		return s.calendar.Name(k, index)
	}
	if int(index) < len(s.options.Windows) {
		return s.options.Windows[index].Name
	}
	return strconv.Itoa(int(index))
}

// signalsText is what a register says of signals, "" for nothing.
func signalsText(s *SignalSums) string {
	if s == nil || len(s.Named) == 0 {
		return ""
	}
	return fmt.Sprintf("%+v", s.Named)
}

// orEmpty stands for a register that is not there, which is one of zeros.
func orEmpty(r *Register) *Register {
	if r == nil {
		return new(Register)
	}
	return r
}

func compareFigures(a, b *Register, differ func(figure, inA, inB string)) {
	for i := range a.Sums {
		if a.Sums[i].Cmp(b.Sums[i]) != 0 {
			differ(sumName(Sum(i)), a.Sums[i].String(), b.Sums[i].String())
		}
	}
	for i := range a.Counts {
		if a.Counts[i] != b.Counts[i] {
			differ("accounts "+countName(Count(i)), strconv.FormatInt(a.Counts[i], 10), strconv.FormatInt(b.Counts[i], 10))
		}
	}
	if x, y := rankingText(a.Ranking), rankingText(b.Ranking); x != y {
		differ("ranking", x, y)
	}
	if x, y := signalsText(a.Signals), signalsText(b.Signals); x != y {
		differ("signals", x, y)
	}
}

func rankingText(r *Ranking) string {
	if r == nil {
		return "none"
	}
	return fmt.Sprintf("%v of squares %s", r.Top, orZero(r.Squares))
}

// sumNames are those before the types.
var sumNames = [SumUp]string{
	"new", "expansion", "contraction", "churned", "reactivation", "paused", "resumed", "transfer_in", "transfer_out", "fx", "opening_balance",
	"usage_change", "usage_run_rate", "unconfirmed", "non_recurring", "change", "committed", "cohort", "before", "nrr_1", "nrr_12", "grr_1", "grr_12",
}

func sumName(s Sum) string {
	switch {
	case s < SumUp:
		return sumNames[s]
	case s < SumDown:
		return "up_" + UpNames[s-SumUp]
	case s < SumBeforeUp:
		return "down_" + DownNames[s-SumDown]
	default:
		return "before_up_" + UpNames[s-SumBeforeUp]
	}
}

var countNames = [CountUp]string{
	"opening", "new", "churned", "reactivated", "paused", "resumed", "transferred_in", "transferred_out", "expanding", "contracting", "entries",
}

func countName(c Count) string {
	if c < CountUp {
		return countNames[c]
	}
	return "up_" + UpNames[c-CountUp]
}
