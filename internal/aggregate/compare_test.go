package aggregate

import (
	"testing"

	"processor/internal/event"
	"processor/internal/money"
)

// Every figure of a register has a name, and one that differs is told by it with both values.
func TestEveryFigureHasAName(t *testing.T) {
	names := map[string]bool{}
	for i := range Sums {
		a, b := &Register{}, &Register{}
		b.Sums[i] = money.Units(7)
		compareFigures(a, b, func(figure, inA, inB string) {
			if names[figure] || inA != "0.000000" || inB != "7.000000" {
				t.Errorf("sum %d is %q: %s and %s", i, figure, inA, inB)
			}
			names[figure] = true
		})
	}
	for i := range Counts {
		a, b := &Register{}, &Register{}
		a.Counts[i] = 3
		compareFigures(a, b, func(figure, inA, inB string) {
			if names[figure] || inA != "3" || inB != "0" {
				t.Errorf("count %d is %q: %s and %s", i, figure, inA, inB)
			}
			names[figure] = true
		})
	}
	if len(names) != int(Sums)+int(Counts) || names[""] {
		t.Errorf("%d names of %d figures: %v", len(names), int(Sums)+int(Counts), names)
	}
	a, b := comparedState(t), comparedState(t)
	CompareRegisters(a, b, func(d RegisterDifference) { t.Errorf("two empty states differ: %+v", d) })
}

func comparedState(t *testing.T) *State {
	t.Helper()
	s, err := New(Options{Currency: "USD", ReportingStart: event.NoTime})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
