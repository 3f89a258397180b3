package money

import (
	"math/big"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

// FuzzParseDecimal: what the grammar of rules 1.1 allows, and nothing else, is read to the value that
// the library reads, has one form however it was written, and survives every form it is written in.
func FuzzParseDecimal(f *testing.F) {
	for _, text := range []string{
		"0", "-0", "0.000", "100", "-5", "007.50", "166.666667", "0.000000000001", "999999999999999999.999999999999",
		"-999999999999999999.999999999999", "", "-", ".5", "5.", "+1", "1e3", "1_000", "٣", " 1", "0x1", "1234567890123456789",
		"0.1234567890123", "18446744073709551616.000001", "--1", "1.2.3", "NaN",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d, ok := ParseDecimal(text)
		if want := len(text) <= decimalBytesMax && grammar.Match(text) && text[len(text)-1] != '\n'; ok != want {
			t.Fatalf("ParseDecimal(%q) says %v, the grammar %v", text, ok, want)
		}
		if !ok {
			if d != (Decimal{}) {
				t.Fatalf("ParseDecimal(%q) failed and left %#v", text, d)
			}
			return
		}
		library := decimal.RequireFromString(string(text))
		if !d.Library().Equal(library) || d.Rat().Cmp(library.Rat()) != 0 || d.String() != library.String() {
			t.Fatalf("%q became %s, the library has %s", text, d, library)
		}
		if again, ok := ParseDecimal([]byte(d.String())); !ok || again != d {
			t.Fatalf("%q has the forms %#v and %#v", text, d, again)
		}
		if longer, ok := ParseDecimal(lengthened(text)); ok && longer != d {
			t.Fatalf("%q and %q are the same number and differ: %#v, %#v", text, lengthened(text), d, longer)
		}
		checkDecimal(t, d)
	})
}

// lengthened is the same number with a zero more behind the point.
func lengthened(text []byte) []byte {
	if s := string(text); !strings.Contains(s, ".") {
		return []byte(s + ".0")
	}
	return append(append([]byte(nil), text...), '0')
}

// checkDecimal holds what is derived from a decimal against exact arithmetic.
func checkDecimal(t *testing.T, d Decimal) {
	t.Helper()
	if d.Sign() != d.Rat().Sign() || d.IsZero() != (d.Rat().Sign() == 0) {
		t.Fatalf("%s: sign %d, zero %v", d, d.Sign(), d.IsZero())
	}
	if d.Neg().Rat().Cmp(new(big.Rat).Neg(d.Rat())) != 0 || d.Neg().Neg() != d || d.Cmp(d.Neg()) != d.Sign() {
		t.Fatalf("%s: its negative is %s, which compares as %d", d, d.Neg(), d.Cmp(d.Neg()))
	}
	var tally Tally
	tally.Add(d)
	tally.Add(d)
	if twice := new(big.Rat).Add(d.Rat(), d.Rat()); tally.Rat().Cmp(twice) != 0 {
		t.Fatalf("%s twice is %s", d, tally.Rat().FloatString(12))
	}
	rounded := Round(d.Rat())
	if want := d.Library().RoundBank(6); rounded.Rat().Cmp(want.Rat()) != 0 {
		t.Fatalf("%s is rounded to %s, the library to %s", d, rounded, want)
	}
	largest := Units(1_000_000_000_000_000_000) // which only rounding reaches, and Parse does not take
	if back, err := Parse(rounded.String()); (err != nil || back != rounded) && rounded.Abs() != largest {
		t.Fatalf("%s is read back as %s, %v", rounded, back, err)
	}
}

// FuzzParse: an amount is read exactly or not at all, and what was read is written the same way again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"0.000000", "166.666667", "-0.000001", "5", "0.1234567", "1e3", "", "999999999999999999.999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			return
		}
		want, isNumber := new(big.Rat).SetString(text)
		if !isNumber || a.Rat().Cmp(want) != 0 {
			t.Fatalf("Parse(%q) is %s", text, a)
		}
		if again, err := Parse(a.String()); err != nil || again != a {
			t.Fatalf("%s is read back as %s, %v", a, again, err)
		}
		if a.Neg().Neg() != a || a.Abs().Sign() < 0 || a.Add(a.Neg()) != (Amount{}) || a.Cmp(a.Neg()) != a.Sign() {
			t.Fatalf("%s and its negative %s do not fit", a, a.Neg())
		}
	})
}
