package aggregate

import (
	"slices"
	"testing"
)

func TestNearestAccounts(t *testing.T) {
	ids := []string{"acme", "acme-eu", "acne", "beta", "cust_acme_1", "Acme", "a", "zz"}
	for _, c := range []struct {
		word string
		want []string
	}{
		{"acme", []string{"Acme", "acme", "acne"}},
		{"acmee", []string{"Acme", "acme", "acme-eu"}},
		{"bet", []string{"beta"}},
		{"cust_acme", []string{"cust_acme_1"}},
		{"cust_acme_1xx", []string{"cust_acme_1"}},
		{"st_acme_1", []string{"cust_acme_1"}},
		{"xcust_acmes_1", []string{"cust_acme_1"}},
		{"ust", []string{"cust_acme_1"}},
		{"unknown", nil},
		{"b", nil},
		{"", nil},
	} {
		for range 3 {
			got := NearestAccounts(c.word, slices.Values(ids), 3)
			if !slices.Equal(got, c.want) {
				t.Errorf("nearest to %q are %q, want %q", c.word, got, c.want)
			}
			slices.Reverse(ids)
		}
	}
}
