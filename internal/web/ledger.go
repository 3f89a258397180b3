package web

import (
	"cmp"
	"strings"
	"sync"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// LedgerOptions bound what is kept.
type LedgerOptions struct {
	Accounts  int // default 100,000, about 40 MB
	Movements int // default 10,000, about 7 MB
}

// Ledger is what lists of accounts and of movements show: the accounts of this instance with the largest
// amounts, and the movements that were booked last. Everything is in the topics; single accounts, whatever
// their size, are asked of their shard. It is safe for several goroutines.
type Ledger struct {
	mu        sync.RWMutex
	accounts  *ranked[string, listedAccount]
	movements *ranked[movementKey, listedMovement]
}

// listedAccount is an account's row with the largest of its amounts, by which it is kept.
type listedAccount struct {
	aggregate.AccountRow
	shard  int
	weight money.Amount
}

type movementKey struct{ account, movement string }

type listedMovement struct {
	aggregate.MovementRow
	shard int
}

// NewLedger is an empty one.
func NewLedger(o LedgerOptions) *Ledger {
	if o.Accounts <= 0 {
		o.Accounts = 100_000
	}
	if o.Movements <= 0 {
		o.Movements = 10_000
	}
	return &Ledger{
		accounts: newRanked[string](o.Accounts, func(a, b *listedAccount) int {
			return cmp.Or(b.weight.Cmp(a.weight), strings.Compare(a.Account, b.Account))
		}),
		movements: newRanked[movementKey](o.Movements, func(a, b *listedMovement) int { return compareMovements(&b.MovementRow, &a.MovementRow) }),
	}
}

// compareMovements is the order of rows over accounts: by instant, account and key.
func compareMovements(a, b *aggregate.MovementRow) int {
	return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Account, b.Account), strings.Compare(a.Key, b.Key))
}

// idBytesMax bounds the ids and keys that lists have, nameBytesMax what they have of a name: both come from
// outside and may be as long as an event.
const (
	idBytesMax   = 4 << 10
	nameBytesMax = 1 << 10
)

// Observe takes the rows of one account as they are made. What it keeps is its own.
func (l *Ledger) Observe(shard int, u *aggregate.Updates) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range u.Accounts {
		if a := &u.Accounts[i]; len(a.Account) <= idBytesMax {
			l.accounts.put(a.Account, &listedAccount{AccountRow: ownAccount(a), shard: shard, weight: weightOf(a)})
		}
	}
	for i := range u.Movements {
		m := &u.Movements[i]
		key := movementKey{m.Account, m.Key}
		switch {
		case m.Deleted:
			l.movements.remove(key)
		case len(m.Account)+len(m.Key) <= idBytesMax:
			l.movements.put(key, &listedMovement{MovementRow: ownMovement(m), shard: shard})
		}
	}
}

// ownAccount shares no memory that is made anew at every flush. Windows that are all zero are left out.
func ownAccount(a *aggregate.AccountRow) aggregate.AccountRow {
	own := *a
	own.Name = strings.Clone(cut(own.Name, nameBytesMax))
	quiet := true
	for i := range own.Windows {
		quiet = quiet && own.Windows[i] == aggregate.WindowSums{}
	}
	if quiet {
		own.Windows = nil
	}
	return own
}

func ownMovement(m *aggregate.MovementRow) aggregate.MovementRow {
	own := *m
	own.Slices = nil
	return own
}

// weightOf is the largest amount that a list could be ordered by.
func weightOf(a *aggregate.AccountRow) money.Amount {
	weight := a.MRR.Abs()
	for i := range a.Windows {
		w := &a.Windows[i]
		for _, v := range [...]money.Amount{w.Expansion, w.Contraction, w.NetChange.Abs()} {
			if v.Cmp(weight) > 0 {
				weight = v
			}
		}
	}
	return weight
}

// Drop forgets a shard that is another instance's now.
func (l *Ledger) Drop(shard int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, a := range l.accounts.values {
		if a.shard == shard {
			l.accounts.remove(id)
		}
	}
	for key, m := range l.movements.values {
		if m.shard == shard {
			l.movements.remove(key)
		}
	}
}

// eachAccount calls fn for the listed accounts, in no order, and says how many there are.
func (l *Ledger) eachAccount(fn func(*aggregate.AccountRow)) (n int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, a := range l.accounts.values {
		fn(&a.AccountRow)
	}
	return len(l.accounts.values)
}

// eachMovement calls fn for the listed movements, in no order. Of those that were booked at floor or before
// some may be missing; NoTime: none is.
func (l *Ledger) eachMovement(fn func(*aggregate.MovementRow)) (floor event.Time) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, m := range l.movements.values {
		fn(&m.MovementRow)
	}
	if l.movements.last == nil {
		return event.NoTime
	}
	return l.movements.last.At
}
