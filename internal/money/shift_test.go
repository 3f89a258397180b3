package money_test

import (
	"math/big"
	"testing"

	"processor/internal/money"
)

func TestShift(t *testing.T) {
	for _, c := range []struct {
		text   string
		places int
		want   string // empty: no number
	}{
		{"1999", 2, "19.99"},
		{"500", 0, "500"},
		{"5", 3, "0.005"},
		{"-1050", 2, "-10.5"},
		{"0", 2, "0"},
		{"-0.00", 2, "0"},
		{"0.0125", 2, "0.000125"},
		{"1.5e3", 0, "1500"},
		{"1E-4", 0, "0.0001"},
		{"12", -2, "1200"},
		{"000120", 1, "12"},
		{"", 2, ""},
		{"-", 0, ""},
		{"1.", 0, ""},
		{".5", 0, ""},
		{"+5", 0, ""},
		{"1e999", 0, ""},
		{"abc", 0, ""},
		{"1e", 0, ""},
		{"--1", 0, ""},
	} {
		if got, ok := money.Shift(c.text, c.places); got != c.want || ok != (c.want != "") {
			t.Errorf("Shift(%q, %d) = %q, %v; want %q", c.text, c.places, got, ok, c.want)
		}
	}
}

func TestExactIsExactOrNothing(t *testing.T) {
	if got, ok := money.Exact(big.NewRat(5, 4)); got != "1.25" || !ok {
		t.Errorf("5/4 is %q", got)
	}
	if got, ok := money.Exact(big.NewRat(1, 3)); ok {
		t.Errorf("1/3 is said to be %q", got)
	}
}
