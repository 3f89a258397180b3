package web

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

const (
	topShown  = 8
	topMonths = 6 // that a month is compared with
)

// topsJSON are the accounts behind a month's figures, of the segment and type in view.
type topsJSON struct {
	Month     string    `json:"month"`
	Expanding []topJSON `json:"expanding"`
	Shrinking []topJSON `json:"shrinking"`
	Slowing   []topJSON `json:"slowing"` // added most less than in the months before
	Complete  bool      `json:"complete"`
}

// topJSON is one account in a list.
type topJSON struct {
	Account string  `json:"account"`
	Name    *string `json:"name"`
	Amount  string  `json:"amount"`
	Before  string  `json:"before"` // of slowing: the mean of the months before
	MRR     string  `json:"mrr"`    // at the month's end
}

// chosen says which accounts a list is of.
type chosen struct {
	month  event.Month
	places []int  // of the grouping's dimensions; nil: of every segment
	name   string // the segment
	up     aggregate.Up
	all    bool // every type
}

func (c *chosen) has(a *accountMonth) bool {
	return c.places == nil || a.dims.SegmentName(c.places) == c.name
}

// contender is an account on its way into a list.
type contender struct {
	*accountMonth
	amount, before money.Amount
	by             money.Amount // what it is sorted by
}

// tops are the lists of a choice. They are complete unless accounts that were left out may belong in them.
func (k *book) tops(c chosen) *topsJSON {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := &topsJSON{Month: c.month.String(), Expanding: []topJSON{}, Shrinking: []topJSON{}, Slowing: []topJSON{}, Complete: true}
	m := k.months[c.month]
	if m == nil {
		return out
	}
	var up, down []contender
	for _, a := range m.accounts {
		if !c.has(a) {
			continue
		}
		if v := a.grew(c.up, c.all); v.Sign() > 0 {
			up = append(up, contender{accountMonth: a, amount: v, by: v})
		}
		if a.contraction.Sign() > 0 {
			down = append(down, contender{accountMonth: a, amount: a.contraction, by: a.contraction})
		}
	}
	slow := k.slowing(&c)
	out.Expanding, out.Shrinking, out.Slowing = shown(up), shown(down), shown(slow)
	for _, list := range [][]contender{up, down} {
		if !m.floor.IsZero() && (len(list) < topShown || list[topShown-1].by.Cmp(m.floor) < 0) {
			out.Complete = false
		}
	}
	return out
}

// slowing are the accounts that added more in the months before than in this one, on average.
func (k *book) slowing(c *chosen) []contender {
	now := k.months[c.month]
	sums, latest := map[string]money.Amount{}, map[string]*accountMonth{}
	months := int64(0)
	for month := c.month - topMonths; month < c.month; month++ {
		m := k.months[month]
		if m == nil {
			continue
		}
		months++
		for id, a := range m.accounts {
			if v := a.grew(c.up, c.all); v.Sign() > 0 && c.has(a) {
				sums[id], latest[id] = sums[id].Add(v), a
			}
		}
	}
	if months < slowLeast {
		return nil
	}
	var list []contender
	for id, sum := range sums {
		a := now.accounts[id]
		amount := a.grew(c.up, c.all)
		if fall := sum.Sub(amount.Times(months)); fall.Sign() > 0 {
			mean, _ := money.Ratio(sum, money.Units(months))
			if a == nil {
				a = latest[id]
			}
			list = append(list, contender{accountMonth: a, amount: amount, before: mean, by: fall})
		}
	}
	return list
}

// shown sorts a list, the largest first, and writes its head down.
func shown(list []contender) []topJSON {
	slices.SortFunc(list, func(a, b contender) int { return cmp.Or(b.by.Cmp(a.by), cmp.Compare(a.account, b.account)) })
	out := make([]topJSON, 0, topShown)
	for _, r := range list[:min(len(list), topShown)] {
		out = append(out, topJSON{
			Account: r.account, Name: textOrNull(clipped(r.name)), Amount: r.amount.String(), Before: r.before.String(), MRR: r.closing.String(),
		})
	}
	return out
}

// clipped cuts a text that is longer than a page shows, between two characters.
func clipped(text string) string {
	if head := cut(text, bookText); head != text {
		return head + "…"
	}
	return text
}

// cut is as much of a text as fits so many bytes, up to the end of a character.
func cut(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	for bytes > 0 && !utf8.RuneStart(text[bytes]) {
		bytes--
	}
	return text[:bytes]
}
