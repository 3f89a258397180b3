package money

import (
	"math/big"
	"strconv"
	"strings"
)

// shiftMax bounds an exponent and a shift: no amount that is accepted has so many places.
const shiftMax = 64

// Shift reads a JSON number, which may have an exponent, and moves its point by so many places to the
// left: Shift("1999", 2) is 19.99, Shift("1.5e3", 0) is 1500. The result is exact, without exponent,
// superfluous zeros and plus sign. ok is false for what is no number or has too many places.
func Shift(text string, places int) (moved string, ok bool) {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	mantissa, exponent, has := strings.Cut(strings.ToLower(text), "e")
	if has {
		n, err := strconv.Atoi(exponent)
		if err != nil || n < -shiftMax || n > shiftMax {
			return "", false
		}
		places -= n
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !isNumeral(whole) || point && !isNumeral(fraction) || places < -2*shiftMax || places > 2*shiftMax || len(mantissa) > 2*shiftMax {
		return "", false
	}
	all, scale := whole+fraction, len(fraction)+places
	if scale < 0 {
		all, scale = all+strings.Repeat("0", -scale), 0
	}
	if missing := scale + 1 - len(all); missing > 0 {
		all = strings.Repeat("0", missing) + all
	}
	whole, fraction = strings.TrimLeft(all[:len(all)-scale], "0"), strings.TrimRight(all[len(all)-scale:], "0")
	switch {
	case whole == "" && fraction == "":
		return "0", true
	case whole == "":
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return sign + whole, true
}

// Exact is a rational as a decimal text, where it has one of at most twelve fractional digits.
func Exact(r *big.Rat) (text string, ok bool) {
	text = r.FloatString(decimalScaleMax)
	back, ok := new(big.Rat).SetString(text)
	if !ok || back.Cmp(r) != 0 {
		return "", false
	}
	return Shift(text, 0)
}

func isNumeral(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
