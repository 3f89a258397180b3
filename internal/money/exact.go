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
