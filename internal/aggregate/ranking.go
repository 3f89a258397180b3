package aggregate

import (
	"math/big"
	"slices"

	"processor/internal/money"
)

// RankingTop is how many accounts the concentration of expansion looks at (spec: rules 9.6).
const RankingTop = 10

// Ranking is how a month's expansion is spread over accounts: the largest amounts, descending, and
// the sum of all squares in millionths squared. Accounts are disjoint over shards, so rankings of
// shards merge exactly.
type Ranking struct {
	Top     []money.Amount
	Squares *big.Int
}

// Merge adds the ranking of other accounts.
func (r *Ranking) Merge(other *Ranking) {
	if other == nil {
		return
	}
	r.Top = append(r.Top, other.Top...)
	r.trim()
	r.Squares = new(big.Int).Add(orZero(r.Squares), orZero(other.Squares))
}

func (r *Ranking) trim() {
	slices.SortFunc(r.Top, func(a, b money.Amount) int { return b.Cmp(a) })
	r.Top = r.Top[:min(len(r.Top), RankingTop)]
}

func orZero(n *big.Int) *big.Int {
	if n == nil {
		return new(big.Int)
	}
	return n
}

// expansions are what each account expanded by in one month of one segment.
type expansions map[*account]money.Amount

// ranking sums the squares and picks the largest.
func (x expansions) ranking() *Ranking {
	if len(x) == 0 {
		return nil
	}
	r := &Ranking{Squares: new(big.Int)}
	var square big.Int
	for _, amount := range x { // a sum and a sorted choice, so their order does not matter
		n := amount.Big()
		r.Squares.Add(r.Squares, square.Mul(n, n))
		if len(r.Top) < 4*RankingTop {
			r.Top = append(r.Top, amount)
			continue
		}
		r.trim()
		r.Top = append(r.Top, amount)
	}
	r.trim()
	return r
}

// rank books what an account expanded by in a month before and after it was derived anew.
func (s *State) rank(a *account, key RegisterKey, amount money.Amount) {
	x := s.expansions[key]
	switch {
	case !amount.IsZero():
		if x == nil {
			x = expansions{}
			s.expansions[key] = x
		}
		x[a] = amount
	case x != nil:
		delete(x, a)
		if len(x) == 0 {
			delete(s.expansions, key)
		}
	}
}
