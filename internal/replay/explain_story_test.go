package replay_test

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// explanation prints what explains an account's MRR, of its life or of an interval: the sum, and each
// row with its amount, what it leads to and what stands behind it.
func explanation(m *machine, account, interval string) string {
	var within *aggregate.Interval
	if interval != "" {
		i, ok := aggregate.IntervalNamed(interval)
		if !ok {
			return interval + " is no interval\n"
		}
		within = &i
	}
	e, found := m.states[shardOf(account, len(m.states))].Explain(account, within)
	if !found {
		return account + " is unknown\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: booked %s + openings %s + movements %s = %s", e.Account, e.Status, plain(e.Booked),
		plain(e.OpeningBalance), plain(e.Movements), plain(e.Closing))
	if e.Start != event.NoTime {
		fmt.Fprintf(&b, ", from %s until %s", shortTime(e.Start.String()), shortTime(e.End.String()))
	}
	b.WriteByte('\n')
	for i := range e.Rows {
		r := &e.Rows[i]
		fmt.Fprintf(&b, "  %s %s: %s %s -> %s", shortTime(r.At.String()), shortKey(r.Key), r.Class, plain(r.Change), plain(r.Balance))
		if r.Usage != nil {
			b.WriteString(usageFigures(r.Usage))
		}
		for _, rate := range r.Rates {
			fmt.Fprintf(&b, "; %s %s -> %s", rate.Currency, rational(rate.Before), rational(rate.After))
		}
		for _, ref := range r.Events {
			fmt.Fprintf(&b, "; %s %s", ref.Role, ref.ID)
			if ref.Step != event.NoTime {
				fmt.Fprintf(&b, "@%s", shortTime(ref.Step.String()))
			}
		}
		if r.Forgotten {
			b.WriteString("; not all kept")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// usageFigures are how a month of usage became its level.
func usageFigures(u *aggregate.UsageFigures) string {
	date := func(day int32) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }
	var b strings.Builder
	fmt.Fprintf(&b, "; %d days from %s until %s", u.Days, date(u.From), date(u.To))
	words := []struct {
		holds bool
		word  string
	}{{u.Partly, ", and that day so far"}, {u.Stated, ", stated"}, {u.Closed, ", closed"}, {u.Ended, ", ended"}, {u.Unrated, ", unrated"}}
	for _, w := range words {
		if w.holds {
			b.WriteString(w.word)
		}
	}
	fmt.Fprintf(&b, "; %s", rational(u.Quantity))
	if u.Included != nil {
		fmt.Fprintf(&b, " of which %s included", rational(u.Included))
	}
	fmt.Fprintf(&b, ", rated %s", plain(u.Rated))
	if u.Commit != nil {
		fmt.Fprintf(&b, " - commit %s", plain(*u.Commit))
	}
	fmt.Fprintf(&b, ", excess %s x %s, level %s -> %s", plain(u.Excess), rational(u.Factor), plain(u.LevelBefore), plain(u.LevelNow))
	return b.String()
}

func plain(a money.Amount) string { return orZero(short(a.String())) }

// rational is a number of at most 6 digits, "none" where there is none.
func rational(n *big.Rat) string {
	if n == nil {
		return "none"
	}
	return orZero(short(n.FloatString(6)))
}
