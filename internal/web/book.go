package web

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// The bounds of the book: about 15 MB when it is full.
const (
	bookMonths   = 14   // that it looks back, as many as the board
	bookAccounts = 2000 // of a month: those whose revenue moved most
	bookText     = 128  // bytes of an account's id or name that are shown
)

// book keeps which accounts made the months' figures: of each month the accounts that moved most, and the
// latest movements. What it keeps of an account is its own. It is safe for several goroutines: every shard
// writes into it.
type book struct {
	mu     sync.Mutex
	months map[event.Month]*bookMonth
	newest event.Month
	feed   feed
	turns  uint64
}

// bookMonth are the accounts of one month. An account that is not among them moved by at most floor.
type bookMonth struct {
	accounts map[string]*accountMonth
	floor    money.Amount // the most that was ever left out
}

// accountMonth is what one account added in one month.
type accountMonth struct {
	shard         int
	account, name string
	dims          *aggregate.Dims
	closing       money.Amount
	expansion     money.Amount
	contraction   money.Amount // with what was lost altogether
	ups           []upAmount   // those that are not 0
}

type upAmount struct {
	up     aggregate.Up
	amount money.Amount
}

func newBook() *book { return &book{months: map[event.Month]*bookMonth{}} }

// state rises with everything that is kept.
func (k *book) state() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.turns
}

// observe takes the rows of one account that changed.
func (k *book) observe(shard int, u *aggregate.Updates) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.turns++
	name := ""
	if len(u.Accounts) > 0 {
		name = u.Accounts[0].Name
	}
	for i := range u.Months {
		k.month(shard, &u.Months[i], name)
	}
	for i := range u.Movements {
		k.feed.add(shard, &u.Movements[i], name)
	}
}

// drop forgets what a shard has told: its accounts are another instance's, or are told once more.
func (k *book) drop(shard int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.turns++
	for _, m := range k.months {
		maps.DeleteFunc(m.accounts, func(_ string, a *accountMonth) bool { return a.shard == shard })
	}
	k.feed.rows = slices.DeleteFunc(k.feed.rows, func(r fed) bool { return r.shard == shard })
}

// month files what an account added in a month.
func (k *book) month(shard int, r *aggregate.MonthRow, name string) {
	if r.Month > k.newest {
		k.newest = r.Month
		maps.DeleteFunc(k.months, func(m event.Month, _ *bookMonth) bool { return m <= k.newest-bookMonths })
	}
	if r.Month <= k.newest-bookMonths {
		return
	}
	m := k.months[r.Month]
	if m == nil {
		m = &bookMonth{accounts: map[string]*accountMonth{}}
		k.months[r.Month] = m
	}
	a := accountMonthOf(shard, r, name)
	if r.Deleted || a.size().IsZero() {
		delete(m.accounts, r.Account)
		return
	}
	if len(m.accounts) >= bookAccounts && a.size().Cmp(m.floor) <= 0 {
		delete(m.accounts, r.Account) // the floor says already how much may be missing
		return
	}
	m.accounts[a.account] = a
	if len(m.accounts) >= 2*bookAccounts {
		m.shrink()
	}
}

// shrink leaves the accounts that moved most.
func (m *bookMonth) shrink() {
	all := slices.SortedFunc(maps.Values(m.accounts), func(a, b *accountMonth) int {
		return cmp.Or(b.size().Cmp(a.size()), cmp.Compare(a.account, b.account))
	})
	for _, a := range all[bookAccounts:] {
		delete(m.accounts, a.account)
	}
	if left := all[bookAccounts].size(); left.Cmp(m.floor) > 0 {
		m.floor = left
	}
}

func accountMonthOf(shard int, r *aggregate.MonthRow, name string) *accountMonth {
	a := &accountMonth{
		shard: shard, account: strings.Clone(r.Account), name: strings.Clone(name), dims: r.Dims, closing: r.Closing,
		expansion:   r.Sums[aggregate.SumExpansion],
		contraction: r.Sums[aggregate.SumContraction].Add(r.Sums[aggregate.SumChurned]).Add(r.Sums[aggregate.SumPaused]),
	}
	for up := aggregate.Up(0); up < aggregate.UpTypes; up++ {
		if v := r.Sums[aggregate.SumUp+aggregate.Sum(up)]; !v.IsZero() {
			a.ups = append(a.ups, upAmount{up, v})
		}
	}
	return a
}

// size is how much the account's revenue moved, up or down or by a type: what decides whether it is kept.
func (a *accountMonth) size() money.Amount {
	size := a.contraction
	for _, v := range append([]upAmount{{amount: a.expansion}}, a.ups...) {
		if v.amount.Cmp(size) > 0 {
			size = v.amount
		}
	}
	return size
}

// grew is what an account added by a type, or by all.
func (a *accountMonth) grew(up aggregate.Up, all bool) money.Amount {
	if a == nil {
		return money.Amount{}
	}
	if all {
		return a.expansion
	}
	for _, v := range a.ups {
		if v.up == up {
			return v.amount
		}
	}
	return money.Amount{}
}
