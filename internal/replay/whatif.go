package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/row"
)

// ErrCurrencies says that figures of two configurations are not in one currency.
var ErrCurrencies = errors.New("the reporting currencies differ")

// WhatIf runs the same events under two configurations, and says what the second one would change.
type WhatIf struct {
	now, then *Replay
}

// NewWhatIf is a comparison that has read nothing yet. Which rows are printed is not looked at.
func NewWhatIf(now, then Options) (*WhatIf, error) {
	if a, b := now.Core.Currency, then.Core.Currency; a != b {
		return nil, fmt.Errorf("%w: %s now, %s in the other one", ErrCurrencies, a, b)
	}
	w := &WhatIf{}
	var err error
	if w.now, err = New(now); err != nil {
		return nil, err
	}
	w.then, err = New(then)
	return w, err
}

// Read applies every line of a file to both.
func (w *WhatIf) Read(name string, in io.Reader) error {
	return eachLine(name, in, func(number int64, line []byte) {
		w.now.Apply(name, number, line)
		w.then.Apply(name, number, line)
	})
}

// Difference is one figure of an account, or of one month of it, that is another one under the second
// configuration.
type Difference struct {
	Account    string
	Month      string // "" for a figure of the account as it stands
	Figure     string // a column of accounts or account_months
	Now        string
	WhatIf     string
	Difference string // of amounts: the second less the first; else ""
}

// Total is a figure that differs somewhere, over all accounts, and months where it is one of months.
type Total struct {
	Figure string
	Now    money.Amount
	WhatIf money.Amount
}

// Changes sum up a comparison.
type Changes struct {
	AsOf           event.Time
	Accounts       int
	Differing      int
	Totals         []Total // by figure
	RejectedNow    int
	RejectedWhatIf int
}

// Compare moves both to one watermark and hands out every difference, sorted by account, month and
// figure. It must follow the last Read.
func (w *WhatIf) Compare(each func(Difference) error) (Changes, error) {
	asOf := max(w.now.asOf(), w.then.asOf())
	for _, r := range []*Replay{w.now, w.then} {
		r.options.AsOf = asOf
		if err := r.Settle(); err != nil {
			return Changes{}, err
		}
	}
	c := comparison{now: newSide(w.now), then: newSide(w.then), totals: map[string]*Total{}, differs: map[string]bool{}}
	changes := Changes{AsOf: asOf, RejectedNow: len(w.now.rejected), RejectedWhatIf: len(w.then.rejected)}
	ids := map[string]struct{}{}
	for _, r := range []*Replay{w.now, w.then} {
		for _, s := range r.shards {
			for id := range s.AccountIDs() {
				ids[id] = struct{}{}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		differences := c.account(id)
		changes.Accounts++
		if len(differences) > 0 {
			changes.Differing++
		}
		for _, d := range differences {
			if err := each(d); err != nil {
				return changes, err
			}
		}
	}
	for _, figure := range slices.Sorted(maps.Keys(c.differs)) {
		if total := c.totals[figure]; total != nil {
			changes.Totals = append(changes.Totals, *total)
		}
	}
	return changes, nil
}

// side is what one configuration makes of the accounts, in figures.
type side struct {
	replay  *Replay
	encoder row.Encoder // without dimensions: they are no figures
	account figures     // of an account that the side does not know
	month   figures     // of a month without a row
}

// figures are columns with their values; an absent text is "".
type figures map[string]string

func newSide(r *Replay) *side {
	s := &side{replay: r, encoder: row.Encoder{Windows: r.options.Core.Windows}}
	s.account = figuresOf(s.encoder.Account(nil, &aggregate.AccountRow{
		FirstPaidAt: event.NoTime, LastMovementAt: event.NoTime, Windows: make([]aggregate.WindowSums, len(r.options.Core.Windows)),
	}, row.Stamp{}))
	s.month = figuresOf(s.encoder.Month(nil, &aggregate.MonthRow{}, row.Stamp{}))
	return s
}

// of are the figures of an account and of each of its months.
func (s *side) of(id string) (account figures, months map[string]figures) {
	account, months = s.account, map[string]figures{}
	u, _ := s.replay.shard(id).Account(id)
	for i := range u.Accounts {
		account = figuresOf(s.encoder.Account(nil, &u.Accounts[i], row.Stamp{}))
	}
	for i := range u.Months {
		months[u.Months[i].Month.String()] = figuresOf(s.encoder.Month(nil, &u.Months[i], row.Stamp{}))
	}
	return account, months
}

// notFigures are the columns that say which row it is and when it was made.
var notFigures = []string{"account", "name", "month", "version", "known_at", "restated", "final", "deleted"}

// figuresOf reads an encoded row. It was written by this program, so it is read without doubts.
func figuresOf(encoded []byte) figures {
	var columns map[string]any
	d := json.NewDecoder(bytes.NewReader(encoded))
	d.UseNumber()
	if err := d.Decode(&columns); err != nil {
		panic(fmt.Sprintf("replay: a row is not JSON: %v", err))
	}
	f := figures{}
	for name, value := range columns {
		switch {
		case slices.Contains(notFigures, name):
		case value == nil:
			f[name] = ""
		default:
			f[name] = fmt.Sprint(value)
		}
	}
	return f
}

// comparison is the work of Compare.
type comparison struct {
	now, then *side
	totals    map[string]*Total
	differs   map[string]bool
}

// account compares one account: as it stands first, then its months.
func (c *comparison) account(id string) []Difference {
	now, nowMonths := c.now.of(id)
	then, thenMonths := c.then.of(id)
	list := c.figures(id, "", now, then)
	names := maps.Clone(nowMonths)
	maps.Copy(names, thenMonths)
	nowCarried, thenCarried := c.now.month, c.then.month
	for _, month := range slices.Sorted(maps.Keys(names)) {
		nowCarried, thenCarried = carry(nowMonths[month], nowCarried), carry(thenMonths[month], thenCarried)
		list = append(list, c.figures(id, month, nowCarried, thenCarried)...)
	}
	return list
}

// carry is a month's figures. One without a row has no flows, and opens and closes where the one before
// it closed.
func carry(month, before figures) figures {
	if month != nil {
		return month
	}
	carried := figures{}
	for name, value := range before {
		if isAmount(value) {
			value = money.Amount{}.String()
		}
		carried[name] = value
	}
	carried["opening_mrr"], carried["closing_mrr"] = before["closing_mrr"], before["closing_mrr"]
	return carried
}

// figures compares those that both sides have, and adds them to the totals.
func (c *comparison) figures(id, month string, now, then figures) (list []Difference) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		was := now[name]
		is, both := then[name]
		if !both {
			continue
		}
		d := Difference{Account: id, Month: month, Figure: name, Now: was, WhatIf: is}
		if isAmount(was) && isAmount(is) && name != "utilization" { // ratios have no total
			d.Difference = c.add(name, was, is)
		}
		if was != is {
			c.differs[name] = true
			list = append(list, d)
		}
	}
	return list
}

// add counts two amounts in the totals of their figure, and returns how far they are apart.
func (c *comparison) add(figure, was, is string) string {
	total := c.totals[figure]
	if total == nil {
		total = &Total{Figure: figure}
		c.totals[figure] = total
	}
	before, errBefore := money.Parse(was)
	after, errAfter := money.Parse(is)
	if err := errors.Join(errBefore, errAfter); err != nil {
		panic(fmt.Sprintf("replay: %s is no amount: %v", figure, err))
	}
	total.Now, total.WhatIf = total.Now.Add(before), total.WhatIf.Add(after)
	return after.Sub(before).String()
}

var amountText = regexp.MustCompile(`^-?[0-9]+\.[0-9]{6}$`)

func isAmount(text string) bool { return amountText.MatchString(text) }
