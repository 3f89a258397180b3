package aggregate

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"processor/internal/money"
)

// The largest amounts and the sum of squares are those of all accounts, whatever came and went; when too
// many of the largest went, it says so.
func TestExpansionsRankWhatTheyHold(t *testing.T) {
	dice := rand.New(rand.NewPCG(7, 7))
	var x expansions
	var held []money.Amount
	short := 0
	for step := range 20_000 {
		growing := step%6000 < 3500
		if len(held) == 0 || growing && dice.IntN(4) > 0 {
			amount := money.Micros(1 + dice.Int64N(5000))
			x.add(amount)
			held = append(held, amount)
		} else { // mostly the largest go
			slices.SortFunc(held, func(a, b money.Amount) int { return b.Cmp(a) })
			i := min(dice.IntN(40), len(held)-1)
			x.remove(held[i])
			held = slices.Delete(held, i, i+1)
		}
		if x.isShort() {
			short++
			x = expansions{}
			for _, amount := range held {
				x.add(amount)
			}
		}
		if step%97 == 0 {
			compareRanking(t, &x, held)
		}
	}
	if short == 0 {
		t.Error("it never ran short")
	}
}

func compareRanking(t *testing.T, x *expansions, held []money.Amount) {
	t.Helper()
	want, squares := slices.Clone(held), new(big.Int)
	slices.SortFunc(want, func(a, b money.Amount) int { return b.Cmp(a) })
	for _, amount := range held {
		n := amount.Big()
		squares.Add(squares, n.Mul(n, n))
	}
	got := x.ranking()
	if want = want[:min(len(want), RankingTop)]; !slices.Equal(got.Top, want) {
		t.Fatalf("of %d amounts the largest are %v, want %v", len(held), got.Top, want)
	}
	if got.Squares.Cmp(squares) != 0 {
		t.Fatalf("the sum of squares is %s, want %s", got.Squares, squares)
	}
	if x.accounts != len(held) || x.isShort() {
		t.Fatalf("it counts %d of %d amounts, and is short: %t", x.accounts, len(held), x.isShort())
	}
	if len(x.top) > rankingKept {
		t.Fatalf("%d amounts are remembered, at most %d", len(x.top), rankingKept)
	}
}
