package money

import "math/big"

var million = big.NewInt(1_000_000)

// Round is an exact rational, in currency units, as an amount: six fractional digits, half-even
// (spec: rules 1.2). It panics beyond 127 bits, which the bounds on input exclude.
func Round(x *big.Rat) Amount {
	n := new(big.Int).Mul(x.Num(), million)
	a, ok := fromBig(divHalfEven(n, x.Denom()))
	if !ok {
		panic("money: a figure passed 128 bits")
	}
	return a
}

// Rat is the amount as an exact rational in currency units.
func (a Amount) Rat() *big.Rat { return new(big.Rat).SetFrac(a.Big(), million) }

// Ratio is num / den with six fractional digits, half-even, as an Amount whose unit is 1. ok is
// false for a zero denominator: a ratio of nothing is no number (spec: rules 9.2).
func Ratio(num, den Amount) (ratio Amount, ok bool) {
	if num.IsZero() && !den.IsZero() { // most ratios of most segments, and big integers are not free
		return Amount{}, true
	}
	return RatioBig(num.Big(), den.Big())
}

// RatioBig is Ratio over big integers, for figures that pass 128 bits, such as sums of squares.
func RatioBig(num, den *big.Int) (ratio Amount, ok bool) {
	if den.Sign() == 0 {
		return Amount{}, false
	}
	return fromBig(divHalfEven(new(big.Int).Mul(num, million), den))
}

// divHalfEven is n / d rounded to the nearest integer, halves to the even one.
func divHalfEven(n, d *big.Int) *big.Int {
	q, r := new(big.Int).QuoRem(n, d, new(big.Int))
	r.Abs(r).Lsh(r, 1)
	c := r.CmpAbs(d)
	if c > 0 || c == 0 && q.Bit(0) == 1 {
		if n.Sign()*d.Sign() < 0 {
			q.Sub(q, big.NewInt(1))
		} else {
			q.Add(q, big.NewInt(1))
		}
	}
	return q
}

// trillion is the scale of Tally.
var trillion = big.NewInt(1_000_000_000_000)

// Tally is an exact sum of decimals as they were sent: an integer of trillionths in 128 bits. It
// has room for 10^8 of the largest decimals.
type Tally struct{ sum Amount }

// Add adds a decimal.
func (t *Tally) Add(d Decimal) {
	n := Amount{hi: int64(d.hi), lo: d.lo}
	for range decimalScaleMax - int(d.scale) {
		n = n.Times(10)
	}
	if d.neg {
		n = n.Neg()
	}
	t.sum = t.sum.Add(n)
}

// Plus adds another tally.
func (t *Tally) Plus(o Tally) { t.sum = t.sum.Add(o.sum) }

// IsZero says whether the sum is 0.
func (t *Tally) IsZero() bool { return t.sum.IsZero() }

// Rat is the sum as a new exact rational.
func (t *Tally) Rat() *big.Rat { return new(big.Rat).SetFrac(t.sum.Big(), trillion) }

// Sum is the sum in trillionths, to be stored.
func (t Tally) Sum() Amount { return t.sum }

// TallyOf is the tally of a stored sum.
func TallyOf(sum Amount) Tally { return Tally{sum} }
