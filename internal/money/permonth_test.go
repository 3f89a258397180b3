package money_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"

	"processor/internal/money"
)

// PerMonth is the rounded rational, wherever it answers.
func TestPerMonthIsTheRoundedRational(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	number := func() money.Decimal {
		text := fmt.Sprint(dice.Uint64N([]uint64{10, 1_000, 1_000_000, 999_999_999_999_999_999}[dice.IntN(4)]))
		if digits := dice.IntN(13); digits > 0 {
			text += "." + fmt.Sprintf("%012d", dice.Uint64N(1_000_000_000_000))[:digits]
		}
		d, ok := money.ParseDecimal([]byte(text))
		if !ok {
			t.Fatal(text)
		}
		return d
	}
	answered, ties := 0, 0
	check := func(price, quantity money.Decimal, months int64) {
		got, ok := money.PerMonth(price, quantity, months)
		if !ok {
			return
		}
		answered++
		exact := new(big.Rat).Mul(price.Rat(), quantity.Rat())
		exact.Quo(exact, new(big.Rat).SetInt64(months))
		if twice := new(big.Rat).Mul(exact, big.NewRat(2_000_000, 1)); twice.IsInt() && twice.Num().Bit(0) == 1 {
			ties++
		}
		if want := money.Round(exact); got != want {
			t.Fatalf("%s x %s / %d: %s, want %s", price.Rat(), quantity.Rat(), months, got, want)
		}
	}
	for range 200_000 {
		check(number(), number(), []int64{1, 3, 7, 12, 24, 36, 1 << 40}[dice.IntN(7)])
	}
	for i := range uint32(2_000) { // x.xxxxxx5: halves go to the even digit
		half, _ := money.ParseDecimal(fmt.Appendf(nil, "0.0000%03d5", i%1000))
		check(half, money.Int(1+i%3), 1)
		check(half, money.Int(5), 10)
	}
	if answered < 100_000 || ties < 500 {
		t.Errorf("%d answers, %d of them halves", answered, ties)
	}
	for _, c := range []struct {
		price, quantity string
		months          int64
	}{{"-1", "1", 1}, {"1", "-1", 1}, {"1", "1", 0}, {"999999999999999999", "999999999999999999", 1}} {
		price, _ := money.ParseDecimal([]byte(c.price))
		quantity, _ := money.ParseDecimal([]byte(c.quantity))
		if got, ok := money.PerMonth(price, quantity, c.months); ok {
			t.Errorf("%v: %s", c, got)
		}
	}
}
