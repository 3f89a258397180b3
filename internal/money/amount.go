package money

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
)

// Amount is a sum of money in the reporting currency, in millionths (six fractional digits), as a
// 128-bit two's complement integer: about 1.7e32 currency units. The zero value is 0.
// Amounts are comparable with ==.
type Amount struct {
	hi int64
	lo uint64
}

// Micros is the amount of n millionths.
func Micros(n int64) Amount { return Amount{hi: n >> 63, lo: uint64(n)} }

// Units is the amount of n whole currency units.
func Units(n int64) Amount {
	hi, lo := bits.Mul64(uint64(abs64(n)), 1_000_000)
	a := Amount{hi: int64(hi), lo: lo}
	if n < 0 {
		return a.Neg()
	}
	return a
}

func abs64(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// Add is a + b. It panics on overflow, which no sum of valid events reaches.
func (a Amount) Add(b Amount) Amount {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi := a.hi + b.hi + int64(carry)
	if (a.hi < 0) == (b.hi < 0) && (hi < 0) != (a.hi < 0) {
		panic("money: a sum passed 128 bits")
	}
	return Amount{hi: hi, lo: lo}
}

// Sub is a - b.
func (a Amount) Sub(b Amount) Amount { return a.Add(b.Neg()) }

// Neg is -a.
func (a Amount) Neg() Amount {
	lo, borrow := bits.Sub64(0, a.lo, 0)
	return Amount{hi: -a.hi - int64(borrow), lo: lo}
}

// Abs is the absolute value.
func (a Amount) Abs() Amount {
	if a.hi < 0 {
		return a.Neg()
	}
	return a
}

// Sign is -1, 0 or +1.
func (a Amount) Sign() int {
	switch {
	case a.hi < 0:
		return -1
	case a.hi == 0 && a.lo == 0:
		return 0
	default:
		return 1
	}
}

// IsZero says whether the amount is 0.
func (a Amount) IsZero() bool { return a == Amount{} }

// Cmp compares: -1 when a < b, 0 when equal, +1 when a > b.
func (a Amount) Cmp(b Amount) int {
	switch {
	case a.hi < b.hi || a.hi == b.hi && a.lo < b.lo:
		return -1
	case a == b:
		return 0
	default:
		return 1
	}
}

// Min is the smaller of two amounts.
func Min(a, b Amount) Amount {
	if a.Cmp(b) <= 0 {
		return a
	}
	return b
}

// Big is the amount in millionths as a new big integer.
func (a Amount) Big() *big.Int {
	m := a.Abs()
	n := new(big.Int).SetUint64(uint64(m.hi))
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(m.lo))
	if a.hi < 0 {
		n.Neg(n)
	}
	return n
}

// fromBig is the amount of n millionths; ok is false beyond 127 bits.
func fromBig(n *big.Int) (a Amount, ok bool) {
	if n.BitLen() > 127 {
		return Amount{}, false
	}
	var m big.Int
	m.Abs(n)
	lo := new(big.Int).And(&m, new(big.Int).SetUint64(^uint64(0))).Uint64()
	hi := new(big.Int).Rsh(&m, 64).Uint64()
	a = Amount{hi: int64(hi), lo: lo}
	if n.Sign() < 0 {
		a = a.Neg()
	}
	return a, true
}

// AppendTo appends the amount with exactly six fractional digits, as in "166.666667".
func (a Amount) AppendTo(dst []byte) []byte {
	if a.hi < 0 {
		dst = append(dst, '-')
		a = a.Neg()
	}
	if a.hi == 0 {
		dst = strconv.AppendUint(dst, a.lo/1_000_000, 10)
		return appendMicros(dst, a.lo%1_000_000)
	}
	text := a.Big().String() // at least 20 digits, so six fractional ones are there
	dst = append(dst, text[:len(text)-6]...)
	dst = append(dst, '.')
	return append(dst, text[len(text)-6:]...)
}

func appendMicros(dst []byte, micros uint64) []byte {
	dst = append(dst, '.')
	for unit := uint64(100_000); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+micros/unit%10))
	}
	return dst
}

// String is the amount with six fractional digits.
func (a Amount) String() string { return string(a.AppendTo(make([]byte, 0, 24))) }

var errAmount = errors.New("not an amount")

// Parse reads what String wrote of an amount below 10^18 units, and plain decimals with at most six fractional
// digits.
func Parse(s string) (Amount, error) {
	d, ok := ParseDecimal([]byte(s))
	if !ok {
		return Amount{}, fmt.Errorf("%w: %q", errAmount, s)
	}
	n := new(big.Rat).Mul(d.Rat(), big.NewRat(1_000_000, 1))
	if !n.IsInt() {
		return Amount{}, fmt.Errorf("%w: %q has more than six fractional digits", errAmount, s)
	}
	a, ok := fromBig(n.Num())
	if !ok {
		return Amount{}, fmt.Errorf("%w: %q is too large", errAmount, s)
	}
	return a, nil
}

// Words are the two 64-bit halves, high first, for compact encodings.
func (a Amount) Words() (hi int64, lo uint64) { return a.hi, a.lo }

// FromWords is the inverse of Words.
func FromWords(hi int64, lo uint64) Amount { return Amount{hi: hi, lo: lo} }

// Times is a x n; it panics when the product passes 128 bits.
func (a Amount) Times(n int64) Amount {
	m := a.Abs()
	u := uint64(abs64(n))
	hi, lo := bits.Mul64(m.lo, u)
	over, high := bits.Mul64(uint64(m.hi), u)
	sum, carry := bits.Add64(hi, high, 0)
	if over != 0 || carry != 0 || sum>>63 != 0 {
		panic("money: a product passed 128 bits")
	}
	p := Amount{hi: int64(sum), lo: lo}
	if (a.hi < 0) != (n < 0) {
		return p.Neg()
	}
	return p
}
