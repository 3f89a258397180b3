package replay_test

import (
	"testing"

	"processor/internal/event"
)

// TestSumsDoNotWrap holds rules 1.1 and 1.3 at the largest line there may be, 10^18 - 1 a month: three
// of them make sums that 64 bits do not hold, one by a yearly price that is twelve times as much.
func TestSumsDoNotWrap(t *testing.T) {
	t.Parallel()
	core, err := coreOptions("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMachine(core, 2)
	if err != nil {
		t.Fatal(err)
	}
	records, err := nativeEvents(`
a 2026-01-01 acme s1 | seats quantity=999999999999999999 price=1
b 2026-01-01 brown s1 | seats quantity=12 price=999999999999999999 /year
c 2026-01-02 brown s2 | seats quantity=1 price=999999999999999999`)
	if err != nil {
		t.Fatal(err)
	}
	decoder := event.NewDecoder(event.Options{})
	for _, record := range records {
		e, rejection := decoder.Decode(record, nil)
		if rejection != nil {
			t.Fatal(rejection)
		}
		if _, rejection := m.apply(e); rejection != nil {
			t.Fatal(rejection)
		}
	}
	at, _ := event.ParseTime([]byte("2026-02-01T12:00:00Z"))
	m.advance(at)
	if err := m.flush(); err != nil {
		t.Fatal(err)
	}
	held := m.sink.table()
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
