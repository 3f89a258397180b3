package alert

import (
	"cmp"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
)

// contributorsMax is how many accounts are remembered of a segment and window: far more than are named,
// so that some may recover before the smaller ones that were forgotten would be missed.
const contributorsMax = 1000

// Contributors knows the accounts of a shard whose expansion fell most, of each segment that they are in
// now and each window that a rule watches. It is told of every account that is derived, also at a
// restart, and needs no store of its own.
type Contributors struct {
	wanted  Wanted
	windows []aggregate.Window
	held    map[held]map[string]*fallen
	where   map[string]*aggregate.Dims // of the accounts that are held
}

// held names a list of accounts.
type held struct {
	segment aggregate.SegmentID
	of      watchedType
}

// fallen is an account that expanded by less than before.
type fallen struct{ before, now money.Amount }

// NewContributors knows nobody yet.
func NewContributors(w Wanted, windows []aggregate.Window) *Contributors {
	return &Contributors{wanted: w, windows: windows, held: map[held]map[string]*fallen{}, where: map[string]*aggregate.Dims{}}
}

// ObserveAll is Observe for all that one derivation made.
func (c *Contributors) ObserveAll(s *aggregate.State, u *aggregate.Updates) {
	for i := range u.Accounts {
		c.Observe(s, &u.Accounts[i])
	}
}

// Observe takes an account that was just derived.
func (c *Contributors) Observe(s *aggregate.State, row *aggregate.AccountRow) {
	if len(c.wanted.types) == 0 {
		return
	}
	if was := c.where[row.Account]; was != nil && was != row.Dims {
		c.forget(row.Account, was)
	}
	now := s.Watermark()
	kept := false
	var sums, before aggregate.Expansion
	for i, t := range c.wanted.types {
		if i == 0 || t.window != c.wanted.types[i-1].window {
			w := c.windows[t.window]
			start := w.Start(now)
			sums = s.Expanded(row.Account, start, now)
			before = s.Expanded(row.Account, start-event.Time(w.Length), start)
		}
		f := fallen{before.Of(t.name), sums.Of(t.name)}
		kept = c.put(row.Account, row.Dims, t, f) || kept
	}
	if kept {
		c.where[row.Account] = row.Dims
	} else {
		delete(c.where, row.Account)
	}
}

// put remembers an account in its segments, or takes it out where it did not fall.
func (c *Contributors) put(account string, dims *aggregate.Dims, t watchedType, f fallen) (kept bool) {
	fell := f.now.Cmp(f.before) < 0
	for _, segment := range dims.Segments {
		list := c.held[held{segment, t}]
		switch {
		case !fell:
			delete(list, account)
			continue
		case list == nil:
			list = map[string]*fallen{}
			c.held[held{segment, t}] = list
		}
		list[account] = &f
		kept = true
		if len(list) > 2*contributorsMax {
			c.trim(list)
		}
	}
	return kept
}

func (c *Contributors) forget(account string, dims *aggregate.Dims) {
	for _, t := range c.wanted.types {
		for _, segment := range dims.Segments {
			delete(c.held[held{segment, t}], account)
		}
	}
}

// trim forgets the smallest falls of a list.
func (c *Contributors) trim(list map[string]*fallen) {
	for _, account := range largest(list)[contributorsMax:] {
		delete(list, account)
	}
}

// largest are the accounts of a list, the largest fall first, ties by name.
func largest(list map[string]*fallen) []string {
	accounts := make([]string, 0, len(list))
	for account := range list {
		accounts = append(accounts, account)
	}
	slices.SortFunc(accounts, func(a, b string) int { return compareFalls(a, list[a], b, list[b]) })
	return accounts
}

// compareFalls orders accounts, the largest fall first, ties by name.
func compareFalls(a string, x *fallen, b string, y *fallen) int {
	return cmp.Or(x.now.Sub(x.before).Cmp(y.now.Sub(y.before)), cmp.Compare(a, b))
}

// largestFew are the first of them, found without ordering the others: this is asked every minute.
func largestFew(list map[string]*fallen) []string {
	few := make([]string, 0, partsShown+1)
	for account, f := range list {
		if len(few) == partsShown && compareFalls(account, f, few[partsShown-1], list[few[partsShown-1]]) > 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(few, account, func(other, account string) int { return compareFalls(other, list[other], account, f) })
		few = slices.Insert(few, i, account)
		few = few[:min(len(few), partsShown)]
	}
	return few
}

// Top are the accounts that fell most in a segment's window, of every type that is watched there.
func (c *Contributors) Top(segment aggregate.SegmentID, window int) []rollup.Contribution {
	var top []rollup.Contribution
	for _, t := range c.wanted.types {
		if t.window != window {
			continue
		}
		list := c.held[held{segment, t}]
		for _, account := range largestFew(list) {
			top = append(top, rollup.Contribution{Type: t.name, Account: account, Before: list[account].before, Now: list[account].now})
		}
	}
	return top
}
