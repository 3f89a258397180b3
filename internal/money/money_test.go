package money

import (
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

var grammar = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,12})?$`)

// What the grammar of rules 1.1 allows is read exactly; the library agrees on its value.
func TestDecimalAgreesWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.StringMatching(`-?[0-9]{1,18}(\.[0-9]{1,12})?`),
			rapid.StringMatching(`[-+]?[0-9]{0,20}\.?[0-9]{0,14}(e[0-9])?`),
		).Draw(t, "text")
		d, ok := ParseDecimal([]byte(s))
		if want := grammar.MatchString(s) && len(s) <= 32; ok != want {
			t.Fatalf("ParseDecimal(%q) ok = %v, want %v", s, ok, want)
		}
		if !ok {
			return
		}
		lib := decimal.RequireFromString(s)
		if !d.Library().Equal(lib) || d.Rat().Cmp(lib.Rat()) != 0 {
			t.Fatalf("%q became %s", s, d.Library())
		}
		if got, want := d.String(), lib.String(); got != want {
			t.Fatalf("text of %q is %q, want %q", s, got, want)
		}
		if again, _ := ParseDecimal([]byte(d.String())); again != d {
			t.Fatalf("%q is not normalised: %#v and %#v", s, d, again)
		}
	})
}

func TestDecimalNormalises(t *testing.T) {
	for _, pair := range [][2]string{{"10.00", "10"}, {"-0", "0"}, {"0.000", "0"}, {"007.50", "7.5"}, {"0.000001000000", "0.000001"}} {
		d, ok := ParseDecimal([]byte(pair[0]))
		if !ok || d.String() != pair[1] {
			t.Errorf("%s became %s, want %s", pair[0], d, pair[1])
		}
	}
	for _, bad := range []string{"", "-", ".5", "5.", "+1", "1e3", "NaN", "Inf", "1_000", "٣", " 1", "0x1", strings.Repeat("9", 19)} {
		if _, ok := ParseDecimal([]byte(bad)); ok {
			t.Errorf("%q was taken for a decimal", bad)
		}
	}
}

func amounts() *rapid.Generator[Amount] {
	return rapid.Custom(func(t *rapid.T) Amount {
		return FromWords(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "hi"), rapid.Uint64().Draw(t, "lo"))
	})
}

func TestAmountArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := amounts().Draw(t, "a"), amounts().Draw(t, "b")
		n := rapid.Int64Range(-1<<20, 1<<20).Draw(t, "n")
		same := func(what string, got Amount, want *big.Int) {
			if got.Big().Cmp(want) != 0 {
				t.Fatalf("%s of %s and %s is %s, want %s", what, a, b, got.Big(), want)
			}
		}
		same("sum", a.Add(b), new(big.Int).Add(a.Big(), b.Big()))
		same("difference", a.Sub(b), new(big.Int).Sub(a.Big(), b.Big()))
		same("product", a.Times(n), new(big.Int).Mul(a.Big(), big.NewInt(n)))
		if got, want := a.Cmp(b), a.Big().Cmp(b.Big()); got != want {
			t.Fatalf("Cmp = %d, want %d", got, want)
		}
		lib := decimal.NewFromBigInt(a.Big(), -6).StringFixed(6)
		if a.String() != lib {
			t.Fatalf("text is %s, want %s", a, lib)
		}
		if back, err := Parse(lib); len(lib) <= 25 && (err != nil || back != a) && grammar.MatchString(lib) {
			t.Fatalf("Parse(%s) = %s, %v", lib, back, err)
		}
	})
}

func TestAmountNeverWraps(t *testing.T) {
	largest := FromWords(1<<63-1, ^uint64(0))
	defer func() {
		if recover() == nil {
			t.Fatal("the sum wrapped")
		}
	}()
	largest.Add(Micros(1))
}

func TestRoundingIsHalfEven(t *testing.T) {
	for text, want := range map[string]string{
		"0.0000005": "0.000000", "0.0000015": "0.000002", "-0.0000005": "0.000000", "-0.0000015": "-0.000002",
		"0.00000051": "0.000001", "166.6666666": "166.666667", "2.5": "2.500000", "-7.0000004": "-7.000000",
	} {
		r, _ := new(big.Rat).SetString(text)
		if got := Round(r).String(); got != want {
			t.Errorf("Round(%s) = %s, want %s", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, d := rapid.Int64().Draw(t, "n"), rapid.Int64Range(1, 1<<40).Draw(t, "d")
		r := big.NewRat(n, d)
		want := decimal.NewFromBigInt(r.Num(), 0).DivRound(decimal.NewFromBigInt(r.Denom(), 0), 40).RoundBank(6).StringFixed(6)
		if got := Round(r).String(); got != want && want != "-0.000000" {
			t.Fatalf("Round(%s) = %s, want %s", r, got, want)
		}
	})
}

func TestRatioOfNothingIsNoNumber(t *testing.T) {
	if _, ok := Ratio(Units(1), Amount{}); ok {
		t.Error("1 / 0 gave a number")
	}
	if r, ok := Ratio(Units(25_000), Units(500_000)); !ok || r.String() != "0.050000" {
		t.Errorf("25,000 / 500,000 = %s", r)
	}
}
