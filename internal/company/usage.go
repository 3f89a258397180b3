package company

import (
	"time"

	"processor/internal/event"
)

const (
	weekly = 7 * day
	daily  = day
)

// meteredShare is how many of the accounts use the metered product, in permille: as many as it
// takes to fill the usage budget with weekly reports, at most two in five.
func (c *Company) meteredShare() int {
	p := &c.pace
	if p.budget[clockUsage] == 0 {
		return 0
	}
	reports := mulDiv(p.area, 1000, weekly) // if all accounts reported weekly, in thousandths
	return int(min(400, max(1, mulDiv(p.budget[clockUsage], 1_000_000, reports))))
}

// adoptMeter adds the metered line; two thirds of the present calls are included.
func (c *Company) adoptMeter(a *account, s *subscription) {
	s.metered = true
	s.included = max(1000, a.callsDaily*20/1000*1000)
	if a.tier == stallTier && c.chance(300) {
		s.commit = 25_000
	}
	if c.opts.Rare {
		c.rareMeter(s)
	}
}

// meterRuns starts or stops the usage clock after a change.
func (c *Company) meterRuns(a *account, now int64) {
	s := &a.seats[0]
	runs := s.metered && (s.status == active || s.status == pastDue || s.status == trialing)
	switch {
	case runs && a.usageAt == never:
		c.pace.running[clockUsage]++
		a.usageAt = c.reportAfter(a, now)
	case !runs && a.usageAt != never:
		c.pace.running[clockUsage]--
		a.usageAt = never
	}
}

// reportAfter is the next report of a meter: daily for some accounts and weekly for the others,
// so many of each that the budget is met; more often or more rarely only where it asks for that.
func (c *Company) reportAfter(a *account, now int64) int64 {
	period := c.pace.wait(clockUsage, now)
	if period > daily && period < weekly {
		dailyPermille := mulDiv(1000, weekly-period, 6*period)
		if int64(scramble(a.key)%1000) < dailyPermille {
			period = daily
		} else {
			period = weekly
		}
	}
	if period < daily {
		return now + max(1, period*3/4+c.dice.Int64N(period/2+1))
	}
	// Reports come in the small hours, each account at its own minute.
	next := (now+period)/day*day + int64(scramble(a.key^1)%(4*3600))
	return max(now+1, next)
}

// meterCalls reports what was used since the last report, or states the month before.
func (c *Company) meterCalls(a *account, now int64) fact {
	s := &a.seats[0]
	a.usageAt = c.reportAfter(a, now)
	c.pace.done[clockUsage]++

	in := monthOf(now)
	if in != a.calls.month {
		a.calls = meter{month: in, last: a.calls.current}
		if a.calls.last > 0 && (c.chance(60) || c.opts.Rare && c.chance(250)) {
			f := a.fact(event.TypeUsageStatement, now)
			f.seats, f.month = *s, in-1
			f.amount = ratedMinor(max(0, a.calls.last-s.included))
			if c.opts.Rare {
				f.amount = c.rareStatement(f.amount)
			}
			return f
		}
	}
	// Calls grow about 3 % a month and vary by a quarter from report to report.
	period := max(1, a.usageAt-now)
	grown := a.callsDaily * (1000 + 30*((now-a.born)/month)) / 1000
	f := a.fact(event.TypeUsageRecorded, now)
	f.seats = *s
	f.amount = max(1, mulDiv(grown*c.between(750, 1250)/1000, period, day))
	a.calls.current += f.amount
	if c.opts.Rare && c.chance(80) { // a correction of what was reported
		f.amount = -f.amount / 2
		return f
	}
	if a.key%9 == 0 { // rated by another system: money instead of calls
		f.item, f.amount = 1, ratedMinor(f.amount)
	}
	return f
}

func monthOf(at int64) event.Month {
	year, number, _ := time.Unix(at, 0).UTC().Date()
	return event.MonthOf(year, int(number))
}

// addMonths is the same day n months later, or the last one of a shorter month.
func addMonths(at int64, n int) int64 {
	from := time.Unix(at, 0).UTC()
	to := from.AddDate(0, n, 0)
	if to.Day() != from.Day() {
		to = to.AddDate(0, 0, -to.Day())
	}
	return to.Unix()
}

func monthStart(at int64) int64 {
	year, number, _ := time.Unix(at, 0).UTC().Date()
	return time.Date(year, number, 1, 0, 0, 0, 0, time.UTC).Unix()
}
