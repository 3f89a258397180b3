package money

import "testing"

func TestCurrency(t *testing.T) {
	tests := []struct {
		code     string
		exponent int
		ok       bool
	}{
		{"USD", 2, true},
		{"EUR", 2, true},
		{"GBP", 2, true},
		{"CHF", 2, true},
		{"JPY", 0, true},
		{"KRW", 0, true},
		{"VND", 0, true},
		{"ISK", 0, true},
		{"XOF", 0, true},
		{"KWD", 3, true},
		{"BHD", 3, true},
		{"TND", 3, true},
		{"CLF", 4, true},
		{"UYW", 4, true},
		{"MGA", 2, true}, // a fifth each, but two digits in the standard
		{"MRU", 2, true},
		{"HUF", 2, true},
		{"VES", 2, true},
		{"XCG", 2, true}, // since 2025, for ANG
		{"ZWG", 2, true}, // since 2024, for ZWL
		{"SLE", 2, true}, // since 2022, for SLL
		{"BGN", 2, true}, // until the end of 2025

		{"usd", 0, false},
		{"Usd", 0, false},
		{"US", 0, false},
		{"USDT", 0, false},
		{"", 0, false},
		{"840", 0, false},
		{"ZZZ", 0, false},
		{"XXX", 0, false}, // no currency
		{"XTS", 0, false}, // for tests
		{"XAU", 0, false}, // gold has no minor unit
		{"XDR", 0, false},
		{"HRK", 0, false}, // withdrawn in 2023
		{"DEM", 0, false},
		{"BTC", 0, false},
	}
	for _, test := range tests {
		exponent, ok := Currency(test.code)
		if exponent != test.exponent || ok != test.ok {
			t.Errorf("Currency(%q) = %d, %t, want %d, %t", test.code, exponent, ok, test.exponent, test.ok)
		}
	}
}

// The standard lists 178 active codes: 13 have no minor unit and are no money here, and BGN is kept
// beside them.
func TestCurrencyCounts(t *testing.T) {
	counts := map[int]int{}
	for n := range 26 * 26 * 26 {
		code := string([]byte{'A' + byte(n/676), 'A' + byte(n/26%26), 'A' + byte(n%26)})
		if exponent, ok := Currency(code); ok {
			counts[exponent]++
		}
	}
	want := map[int]int{0: 17, 2: 140, 3: 7, 4: 2}
	for exponent, n := range want {
		if counts[exponent] != n {
			t.Errorf("%d codes with exponent %d, want %d", counts[exponent], exponent, n)
		}
	}
}

func TestCurrencyAllocatesNothing(t *testing.T) {
	code := []byte("KWD")
	if n := testing.AllocsPerRun(100, func() { _, _ = Currency(string(code)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
