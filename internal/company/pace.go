package company

import "math/bits"

// clock is one of the three independent sources of an account's events.
type clock uint8

const (
	clockChange clock = iota // subscription changes
	clockUsage
	clockOther // charges, signals, account changes
	clockCount
)

const (
	day   int64 = 24 * 60 * 60
	month       = day * 3044 / 100

	// naturalChange is the mean time between two changes of one account's subscriptions when
	// nothing asks for a number of events.
	naturalChange = month * 10 / 6

	never int64 = 1 << 62
)

// pace spreads a budget of events over the company's life in proportion to its accounts, and
// corrects itself by what has happened so far. Integers only: the same on every machine.
type pace struct {
	start, span    int64 // seconds
	openings, rest int64 // accounts at the start, accounts that sign up evenly until the end
	area           int64 // account-seconds of the whole life, churn not counted
	budget         [clockCount]int64
	done           [clockCount]int64
	running        [clockCount]int64 // accounts whose clock runs
}

func newPace(o Options) pace {
	p := pace{start: seconds(o.Start), span: seconds(o.End) - seconds(o.Start)}
	p.openings = int64(o.Accounts) * int64(o.Openings) / 1000
	p.rest = int64(o.Accounts) - p.openings
	p.area = p.areaUntil(p.span)

	shares := [clockCount]int64{int64(o.Shares.Subscription), int64(o.Shares.Usage), int64(o.Shares.Other)}
	if !o.Usage {
		shares[clockUsage] = 0
	}
	total := max(1, shares[0]+shares[1]+shares[2])
	events := int64(o.Events)
	if events == 0 {
		events = mulDiv(p.area, total, naturalChange*max(1, shares[clockChange]))
	}
	for c := range clockCount {
		p.budget[c] = mulDiv(events, shares[c], total)
	}
	// Every account comes with one snapshot and its attributes: those are not paced.
	p.budget[clockChange] = max(p.budget[clockChange]-int64(o.Accounts), p.budget[clockChange]/16)
	p.budget[clockOther] = max(p.budget[clockOther]-int64(o.Accounts), p.budget[clockOther]/16)
	return p
}

// planned is the number of accounts that were to exist after elapsed seconds.
func (p *pace) planned(elapsed int64) int64 {
	return max(1, p.openings+mulDiv(p.rest, min(elapsed, p.span), p.span))
}

func (p *pace) areaUntil(elapsed int64) int64 {
	return p.openings*elapsed + mulDiv(p.rest, elapsed, p.span)*elapsed/2
}

// wait is the mean time from one event of an account's clock to the next, at least a second.
func (p *pace) wait(c clock, now int64) int64 {
	if p.budget[c] == 0 {
		return never
	}
	elapsed := max(0, now-p.start)
	planned := p.planned(elapsed)
	base := mulDiv(max(1, p.running[c]), p.area, p.budget[c]*planned)

	// Behind or ahead of the plan: make up for it within about a twelfth of the whole life.
	ahead := mulDiv(p.budget[c]*planned, p.span/12+1, p.area) + 1
	expected := p.budget[c]
	if elapsed < p.span {
		expected = mulDiv(p.budget[c], p.areaUntil(elapsed), p.area)
	}
	wanted := min(max(ahead+expected-p.done[c], ahead/4), ahead*4)
	return max(1, mulDiv(base, ahead, max(1, wanted)))
}

// tempo is how much slower than naturally changes may come, in permille up to 1000: with many
// more events than a company would have, each is smaller and the rare ones stay rare.
func (p *pace) tempo(now int64) int64 {
	return min(1000, p.wait(clockChange, now)*1000/naturalChange)
}

// mulDiv is a*b/c without overflow in between, saturated at never.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return never
	}
	quotient, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(quotient, uint64(never)))
}
