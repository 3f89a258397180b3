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

// rankingKept is how many of the largest amounts a month's expansions remember: more than are asked for, so
// that restatements may take some away before the accounts must be looked through again.
const rankingKept = 100 * RankingTop

// expansions are what the accounts expanded by in one month of one segment, as far as their ranking
// needs it: its memory and its cost do not grow with the accounts.
type expansions struct {
	accounts int
	squares  big.Int
	top      []money.Amount // descending; whatever is not among them is at most the last one
	square   big.Int        // scratch
}

// add counts an account's amount.
func (x *expansions) add(amount money.Amount) {
	x.addSquare(amount, 1)
	x.accounts++
	i, _ := x.find(amount)
	if i == len(x.top) && i < x.accounts-1 { // it is as small as those that are not remembered
		return
	}
	x.top = slices.Insert(x.top, i, amount)
	if len(x.top) > rankingKept {
		x.top = x.top[:rankingKept]
	}
}

// remove takes an account's amount away.
func (x *expansions) remove(amount money.Amount) {
	x.addSquare(amount, -1)
	x.accounts--
	if i, found := x.find(amount); found { // equal ones are as good as one another
		x.top = slices.Delete(x.top, i, i+1)
	}
}

func (x *expansions) find(amount money.Amount) (int, bool) {
	return slices.BinarySearchFunc(x.top, amount, func(a, b money.Amount) int { return b.Cmp(a) })
}

func (x *expansions) addSquare(amount money.Amount, sign int) {
	n := amount.Big()
	x.square.Mul(n, n)
	if sign < 0 {
		x.square.Neg(&x.square)
	}
	x.squares.Add(&x.squares, &x.square)
}

// isShort says whether so many amounts were taken away that the largest are not known any more.
func (x *expansions) isShort() bool { return len(x.top) < min(RankingTop, x.accounts) }

// ranking is what they come to; nil without any.
func (x *expansions) ranking() *Ranking {
	if x == nil {
		return nil
	}
	return &Ranking{Top: slices.Clone(x.top[:min(len(x.top), RankingTop)]), Squares: new(big.Int).Set(&x.squares)}
}

// monthChange is what an account expanded by in a month, as it was booked and as it is now.
type monthChange struct{ before, after money.Amount }

// rank books what an account expanded by in a month before and after it was derived anew.
func (s *State) rank(key RegisterKey, c monthChange) {
	if c.before == c.after {
		return
	}
	x := s.expansions[key]
	if x == nil {
		x = &expansions{}
		s.expansions[key] = x
	}
	if !c.before.IsZero() {
		x.remove(c.before)
	}
	if !c.after.IsZero() {
		x.add(c.after)
	}
	if x.accounts == 0 {
		delete(s.expansions, key)
	}
}

// ranking is that of a register; the accounts are looked through where its largest amounts were taken
// away.
func (s *State) ranking(key RegisterKey) *Ranking {
	x := s.expansions[key]
	if x != nil && x.isShort() {
		x = &expansions{}
		s.expansions[key] = x
		from := s.calendar.Start(key.Kind, key.Index)
		one := newContributions(s.calendar, nil, s.dims)
		for _, at := range s.accounts {
			one.reset()
			one.account(s.open(at).derived, from, 1)
			if amount := one.months[key].after; !amount.IsZero() {
				x.add(amount)
			}
		}
	}
	return x.ranking()
}
