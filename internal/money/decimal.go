package money

import (
	"math/big"
	"math/bits"

	"github.com/shopspring/decimal"
)

// Decimal is a number exactly as it was sent: up to 18 integer and 12 fractional digits. Trailing
// zeros are normalised away, so equal numbers are equal with ==. The zero value is 0.
type Decimal struct {
	hi, lo uint64 // the coefficient, below 10^30
	scale  uint8  // fractional digits, at most 12
	neg    bool
}

const (
	decimalBytesMax    = 32
	decimalIntegersMax = 18
	decimalScaleMax    = 12
)

// Int is the decimal of a small non-negative integer.
func Int(n uint32) Decimal { return Decimal{lo: uint64(n)} }

// ParseDecimal reads -?[0-9]{1,18}(\.[0-9]{1,12})?, at most 32 bytes, no exponent, nothing else
// (spec: rules 1.1).
func ParseDecimal(s []byte) (d Decimal, ok bool) {
	if len(s) == 0 || len(s) > decimalBytesMax {
		return Decimal{}, false
	}
	if s[0] == '-' {
		d.neg = true
		s = s[1:]
	}
	integers := digits(s)
	if integers == 0 || integers > decimalIntegersMax {
		return Decimal{}, false
	}
	for _, c := range s[:integers] {
		d.shift(c - '0')
	}
	if s = s[integers:]; len(s) > 0 {
		fraction := digits(s[1:])
		if s[0] != '.' || fraction == 0 || fraction > decimalScaleMax || fraction != len(s)-1 {
			return Decimal{}, false
		}
		for _, c := range trimZeros(s[1:]) {
			d.shift(c - '0')
			d.scale++
		}
	}
	if d.hi == 0 && d.lo == 0 {
		return Decimal{}, true
	}
	return d, true
}

func digits(s []byte) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func trimZeros(s []byte) []byte {
	for len(s) > 0 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	return s
}

// shift appends one decimal digit to the coefficient.
func (d *Decimal) shift(digit byte) {
	high, low := bits.Mul64(d.lo, 10)
	low, carry := bits.Add64(low, uint64(digit), 0)
	d.hi, d.lo = d.hi*10+high+carry, low
}

// Sign is -1, 0 or +1.
func (d Decimal) Sign() int {
	switch {
	case d.hi == 0 && d.lo == 0:
		return 0
	case d.neg:
		return -1
	default:
		return 1
	}
}

// IsZero says whether the number is 0.
func (d Decimal) IsZero() bool { return d.hi == 0 && d.lo == 0 }

// Neg is -d.
func (d Decimal) Neg() Decimal {
	if !d.IsZero() {
		d.neg = !d.neg
	}
	return d
}

// Cmp compares: -1 when d < e, 0 when equal, +1 when d > e.
func (d Decimal) Cmp(e Decimal) int {
	if d == e {
		return 0
	}
	if s, t := d.Sign(), e.Sign(); s != t {
		if s < t {
			return -1
		}
		return 1
	}
	return d.Rat().Cmp(e.Rat())
}

func (d Decimal) coefficient() *big.Int {
	n := new(big.Int).SetUint64(d.hi)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(d.lo))
	if d.neg {
		n.Neg(n)
	}
	return n
}

// Rat is the number as a new exact rational.
func (d Decimal) Rat() *big.Rat {
	if d.hi == 0 && d.scale == 0 && d.lo < 1<<62 {
		n := int64(d.lo)
		if d.neg {
			n = -n
		}
		return new(big.Rat).SetInt64(n)
	}
	return new(big.Rat).SetFrac(d.coefficient(), powerOfTen(d.scale))
}

// Library is the number as the decimal library's type.
func (d Decimal) Library() decimal.Decimal {
	return decimal.NewFromBigInt(d.coefficient(), -int32(d.scale))
}

var powersOfTen = func() (p [decimalScaleMax + 1]*big.Int) {
	n := big.NewInt(1)
	for i := range p {
		p[i] = new(big.Int).Set(n)
		n.Mul(n, big.NewInt(10))
	}
	return p
}()

func powerOfTen(scale uint8) *big.Int { return powersOfTen[scale] }

// AppendTo appends the shortest text: no trailing zeros, no "-0".
func (d Decimal) AppendTo(dst []byte) []byte {
	if d.neg {
		dst = append(dst, '-')
	}
	var buf [decimalBytesMax]byte
	text := d.appendCoefficient(buf[:0])
	if d.scale == 0 {
		return append(dst, text...)
	}
	point := len(text) - int(d.scale)
	if point <= 0 {
		dst = append(dst, '0', '.')
		for range -point {
			dst = append(dst, '0')
		}
		return append(dst, text...)
	}
	dst = append(dst, text[:point]...)
	dst = append(dst, '.')
	return append(dst, text[point:]...)
}

// appendCoefficient appends the digits of the unsigned coefficient.
func (d Decimal) appendCoefficient(dst []byte) []byte {
	var buf [decimalBytesMax]byte
	i := len(buf)
	for hi, lo := d.hi, d.lo; ; {
		var rest uint64
		high := hi / 10
		lo, rest = bits.Div64(hi%10, lo, 10)
		hi = high
		i--
		buf[i] = byte('0' + rest)
		if hi == 0 && lo == 0 {
			return append(dst, buf[i:]...)
		}
	}
}

// String is the shortest text.
func (d Decimal) String() string { return string(d.AppendTo(make([]byte, 0, decimalBytesMax))) }

// DecimalParts are the coefficient's halves, the scale and the sign, for compact encodings.
func (d Decimal) DecimalParts() (hi, lo uint64, scale uint8, negative bool) {
	return d.hi, d.lo, d.scale, d.neg
}
