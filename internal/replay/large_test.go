package replay_test

import "testing"

// TestSumsDoNotWrap holds rules 1.1 and 1.3 at the largest line there may be, 10^18 - 1 a month: three
// of them make sums that 64 bits do not hold, one by a yearly price that is twelve times as much.
func TestSumsDoNotWrap(t *testing.T) {
	t.Parallel()
	held := heldAfter(t, "", `
a 2026-01-01 acme s1 | seats quantity=999999999999999999 price=1
b 2026-01-01 brown s1 | seats quantity=12 price=999999999999999999 /year
c 2026-01-02 brown s2 | seats quantity=1 price=999999999999999999`, "2026-02-01T12:00")
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
	check(metrics(held, "all 2026-01"),
		"all 2026-01: 0 + new 1999999999999999998 + expansion 999999999999999999 = 2999999999999999997, up_seat 999999999999999999\n")
	check(metrics(held, "all 2026-01: arr arpa top_share hhi"),
		"all 2026-01: arr 35999999999999999964, arpa 1499999999999999998.5, top_share 1, hhi 1\n")
	check(accounts(held, []string{"mrr", "arr"}),
		"acme: mrr 999999999999999999, arr 11999999999999999988\nbrown: mrr 1999999999999999998, arr 23999999999999999976\n")
}
