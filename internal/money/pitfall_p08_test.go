package money

import (
	"testing"

	"github.com/shopspring/decimal"
)

// P8: a decimal library takes ten bytes of input for a number of ten thousand digits, and a sum that it
// was added to stays that long and slow for ever. What is parsed here has a bounded number of digits.
func TestPitfallP08OneNumberPoisonsASum(t *testing.T) {
	sum := decimal.RequireFromString("19.99")
	for _, bomb := range []string{"1e10000", "1e-10000"} {
		number, err := decimal.NewFromString(bomb)
		if err != nil {
			t.Errorf("the library refuses %s: %v; want it to take it", bomb, err)
		}
		if n := len(sum.Add(number).String()); n < 10_000 {
			t.Errorf("the naive sum with %s has %d characters: want it poisoned", bomb, n)
		}
		if d, ok := ParseDecimal([]byte(bomb)); ok {
			t.Errorf("%s was taken for %s", bomb, d)
		}
	}
}
