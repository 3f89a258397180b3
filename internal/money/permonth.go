package money

import "math/bits"

// powers are the powers of ten that fit 64 bits.
var powers = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// PerMonth is price x quantity / months, in currency units a month, rounded once, half-even (spec: rules
// 1.2, 2.1): Round of the exact rational, without making one. ok is false where a number is negative or
// needs more room on the way than 128 bits: then only the rational is exact.
func PerMonth(price, quantity Decimal, months int64) (amount Amount, ok bool) {
	if price.neg || quantity.neg || price.hi != 0 || quantity.hi != 0 || months <= 0 {
		return Amount{}, false
	}
	hi, lo := bits.Mul64(price.lo, quantity.lo)
	divisor, scale := uint64(months), int(price.scale)+int(quantity.scale)-amountScale
	switch {
	case scale <= 0:
		over, high := bits.Mul64(hi, powers[-scale])
		carry, low := bits.Mul64(lo, powers[-scale])
		sum, more := bits.Add64(high, carry, 0)
		if over != 0 || more != 0 {
			return Amount{}, false
		}
		hi, lo = sum, low
	case scale < len(powers):
		over, d := bits.Mul64(divisor, powers[scale])
		if over != 0 {
			return Amount{}, false
		}
		divisor = d
	default:
		return Amount{}, false
	}
	if hi>>62 != 0 || divisor>>62 != 0 {
		return Amount{}, false
	}
	high := hi / divisor
	low, rest := bits.Div64(hi%divisor, lo, divisor)
	amount = Amount{hi: int64(high), lo: low} //nolint:gosec // 62 bits
	if rest *= 2; rest > divisor || rest == divisor && low&1 == 1 {
		amount = amount.Add(Micros(1))
	}
	return amount, true
}

// amountScale is how many fractional digits an Amount has.
const amountScale = 6
