package aggregate_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// seats is an event that sets how many seats of 10 USD an account has from a day of 2026 on.
func seats(account string, month, n int) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"m%d","source":"test","type":"subscription.changed","subject":%q,"time":"2026-%02d-05T00:00:00Z",`+
		`"data":{"subscription":"s1","status":"active","items":[{"item":"x","product":"core","quantity":"%d","unit_price":"10","currency":"USD"}]}}`,
		month, account, month, n)
}

func at(month int) event.Time {
	return event.At(time.Date(2026, time.Month(month), 1, 0, 0, 0, 0, time.UTC))
}

// The open accounts stay within the room there is, and what is parked comes back with the rows it had.
func TestOpenAccountsStayWithinTheRoom(t *testing.T) {
	const accounts, limit = 400, 300 << 10
	unlimited, limited := newState(t), newState(t)
	limited.LimitRoom(limit)
	for month := 1; month <= 6; month++ {
		for i := range accounts {
			for _, s := range []*aggregate.State{unlimited, limited} {
				apply(t, s, seats(fmt.Sprintf("account-%d", i), month, 1+(i+month)%7))
			}
		}
		unlimited.AdvanceTo(at(month + 1))
		limited.AdvanceTo(at(month + 1))
		want, got := unlimited.Flush(), limited.Flush()
		if len(want.Movements) != len(got.Movements) || len(want.Accounts) != len(got.Accounts) || len(want.Registers) != len(got.Registers) {
			t.Fatalf("month %d: %d movements, %d accounts, %d registers; without a limit %d, %d, %d", month,
				len(got.Movements), len(got.Accounts), len(got.Registers), len(want.Movements), len(want.Accounts), len(want.Registers))
		}
		if bytes, open := limited.Room(); bytes > limit || open == 0 || open >= accounts {
			t.Fatalf("month %d: %d accounts are open and take %d bytes; the limit is %d", month, open, bytes, limit)
		}
		if bytes, open := unlimited.Room(); bytes <= limit || open != accounts {
			t.Fatalf("month %d: without a limit %d accounts are open and take %d bytes", month, open, bytes)
		}
		if limited.Bytes() != unlimited.Bytes() {
			t.Fatalf("month %d: the records take %d bytes, without a limit %d", month, limited.Bytes(), unlimited.Bytes())
		}
	}
	for i := range accounts {
		id := fmt.Sprintf("account-%d", i)
		want, _ := unlimited.Account(id)
		got, found := limited.Account(id)
		want.Accounts[0].Dims, got.Accounts[0].Dims = nil, nil // of each state its own
		if !found || fmt.Sprintf("%+v", got.Accounts) != fmt.Sprintf("%+v", want.Accounts) || len(got.Movements) != 6 {
			t.Fatalf("%s: %+v\nwithout a limit %+v", id, got.Accounts, want.Accounts)
		}
	}
	const one = 16 << 10 // the account that was asked for last
	if bytes, _ := limited.Room(); bytes > limit+one {
		t.Errorf("after asking for every account the open ones take %d bytes; the limit is %d", bytes, limit)
	}
}

// A month of which nearly all of the largest expansions are taken back is ranked by those that are left.
func TestRankingOfAMonthThatIsTakenBack(t *testing.T) {
	const accounts, left = 1300, 5
	for _, room := range []int64{0, 1} {
		s := newState(t)
		s.LimitRoom(room)
		for i := range accounts {
			id := fmt.Sprintf("account-%d", i)
			apply(t, s, seats(id, 1, 1))
			apply(t, s, seats(id, 2, 2+i))
		}
		s.AdvanceTo(at(3))
		if top := february(t, s.Flush()).Top; len(top) != aggregate.RankingTop || top[0] != money.Units(10*accounts) {
			t.Fatalf("room %d: the largest are %v", room, top)
		}
		for i := left; i < accounts; i++ {
			id := fmt.Sprintf("account-%d", i)
			apply(t, s, `{"specversion":"1.0","id":"r","source":"test","type":"event.revoked","subject":"`+id+
				`","time":"2026-02-20T00:00:00Z","data":{"revokes":{"source":"test","id":"m2"}}}`)
		}
		want := []money.Amount{money.Units(50), money.Units(40), money.Units(30), money.Units(20), money.Units(10)}
		if top := february(t, s.Flush()).Top; !slices.Equal(top, want) {
			t.Errorf("room %d: the largest are %v, want %v", room, top, want)
		}
	}
}

// february is the ranking of February 2026 in a flush.
func february(t *testing.T, u aggregate.Updates) *aggregate.Ranking {
	t.Helper()
	for _, r := range u.Registers {
		if r.Key.Kind == aggregate.KindMonth && r.Key.Index == int32(event.MonthOf(2026, 2)) && r.Register.Ranking != nil {
			return r.Register.Ranking
		}
	}
	t.Fatal("no ranking of 2026-02")
	return nil
}

func newState(t *testing.T) *aggregate.State {
	t.Helper()
	s, err := aggregate.New(options(nil))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An account whose records take long to read stays open as long as every flush brings an event for it.
func TestABusyLargeAccountStaysOpen(t *testing.T) {
	const events = 2000 // of about 200 bytes
	s := newState(t)
	s.LimitRoom(1)
	open := func() int {
		_, n := s.Room()
		return n
	}
	for i := range events {
		apply(t, s, fmt.Sprintf(`{"specversion":"1.0","id":"usage-%d","source":"test-of-a-large-account","type":"usage.recorded","subject":"large",`+
			`"time":"2026-01-%02dT10:%02d:%02dZ","data":{"subscription":"the-only-subscription","item":"api-calls","quantity":"1"}}`, i, 1+i%28, i/60%60, i%60))
	}
	apply(t, s, seats("small", 1, 1))
	for month := 2; month <= 4; month++ {
		s.AdvanceTo(at(month))
		s.Flush()
		if got := open(); got != 1 {
			t.Fatalf("month %d: %d accounts are open, want the large one", month, got)
		}
		apply(t, s, seats("large", month, month))
	}
	s.AdvanceTo(at(5))
	s.Flush() // with the last of them
	s.Flush()
	if got := open(); got != 0 {
		t.Errorf("after a flush without an event %d accounts are open", got)
	}
}
