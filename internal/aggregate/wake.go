package aggregate

import (
	"slices"
	"time"

	"processor/internal/event"
)

// never is a watermark that does not come.
const never = event.Time(1<<63 - 1)

// soonest keeps the earliest of the instants after a watermark.
type soonest struct {
	now  event.Time
	next event.Time
}

func (s *soonest) soon(t event.Time) {
	if t > s.now && t < s.next {
		s.next = t
	}
}

// nextFold is the first watermark after now at which time alone changes the account's rows.
func (f *fold) nextFold(d *derived) event.Time {
	first := soonest{f.now, never}
	soon := first.soon
	for _, s := range f.snapshots {
		soon(knownAt(s))
		for i := range s.phases {
			soon(s.phases[i].at)
		}
	}
	for _, s := range f.account.revoked {
		soon(s.order.at)
	}
	for _, c := range f.account.attributes {
		soon(c.at)
	}
	if b := f.account.base; b != nil {
		for _, o := range b.overtaken {
			soon(o.at)
		}
	}
	for _, c := range f.account.charges {
		soon(c.event.Time)
	}
	for i := range f.options.Rates {
		soon(f.options.Rates[i].From)
	}
	f.usageWakes(d, soon)
	return first.next
}

// finality is the watermark from which the rows of a group are final: nothing else about them changes then.
type finality struct {
	at event.Time
	of event.Time // the group's instant
}

// nextFinal is the first watermark at which a group becomes final.
func (d *derived) nextFinal() event.Time {
	if len(d.finals) == 0 {
		return never
	}
	return d.finals[0].at
}

// nextView is the first watermark after now at which time alone changes what the same rows add up
// to: a window moves on, a cohort's date passes an entry, a month becomes final.
func (f *fold) nextView(d *derived) event.Time {
	first := soonest{f.now, never}
	if len(d.entries) > 0 {
		f.windowWakes(d, first.soon)
		f.monthWakes(d, first.soon)
		f.cohortWakes(d, first.soon)
	}
	return first.next
}

// usageWakes are the next usage event, month that is stated ahead, and local day on which an open
// month's level is recomputed.
func (f *fold) usageWakes(d *derived, soon func(event.Time)) {
	for _, e := range f.account.formerUsage {
		soon(e.Time)
		if e.Statement != nil {
			soon(f.calendar.Start(KindMonth, int32(e.Statement.Month)))
		}
	}
	for i := len(f.account.usage) - 1; i >= 0; i-- {
		e := f.account.usage[i]
		if e.Time > f.now {
			soon(f.account.usageEffect(e, f.calendar, f.options))
		} else if e.Statement == nil && !f.account.stated {
			break
		}
		if e.Statement != nil {
			soon(f.calendar.Start(KindMonth, int32(e.Statement.Month)))
		}
	}
	if f.options.Usage == UsageInvoiceMonth {
		f.invoiceWakes(soon)
	}
	for i := range f.usage.bookings { // open, then closed, then final
		month := f.usage.bookings[i].month
		soon(f.calendar.Start(KindMonth, month+1))
		soon(f.monthFinal(month))
	}
	if until := f.account.usageUntil(f.calendar); until == event.NoTime || d.usage.IsZero() && until < f.now.Add(-70*24*time.Hour) {
		return
	}
	soon(f.calendar.DayStart(f.calendar.Day(f.now) + 1))
}

// invoiceWakes are the instants at which a month of usage, and the one after it, are booked.
func (f *fold) invoiceWakes(soon func(event.Time)) {
	for _, m := range f.account.meters {
		for month := range m.ever { // the soonest of them, whatever their order
			soon(f.calendar.Start(KindMonth, month+1))
			soon(f.calendar.Start(KindMonth, month+2))
		}
	}
}

// effectOf is the watermark from which an event that was just filed can change anything; 0 where
// it changes something at once.
func (a *account) effectOf(e *event.Event, s *State) event.Time {
	if a.revocations[e.Key()] > 0 {
		return 0
	}
	switch e.Type {
	case event.TypeUsageRecorded:
		return a.usageEffect(e, s.calendar, &s.options)
	case event.TypeChargeRecorded, event.TypeSignalObserved:
		return e.Time
	case event.TypeAccountChanged, event.TypeSubscriptionChanged, event.TypeUsageStatement, event.TypeAccountErased, event.TypeEventRevoked:
	}
	return 0
}

// usageEffect is the watermark from which a usage event counts: its own time where its month has no
// row yet, else the end of its local day, because an open month counts complete days.
func (a *account) usageEffect(e *event.Event, c *Calendar, o *Options) event.Time {
	if o.Usage != UsageNormalised || e.Usage == nil {
		return e.Time
	}
	day := c.Day(e.Time)
	start := c.Start(KindMonth, c.Index(KindMonth, day))
	place, _ := slices.BinarySearchFunc(a.usage, e, compareEvents)
	for i := place - 1; i >= 0 && a.usage[i].Time >= start; i-- {
		u := a.usage[i].Usage
		if u != nil && u.Subscription == e.Usage.Subscription && u.Item == e.Usage.Item && u.Meter == e.Usage.Meter {
			return c.DayStart(day + 1)
		}
	}
	return e.Time
}

// windowWakes are the instants at which an entry leaves a window, and the window before it.
func (f *fold) windowWakes(d *derived, soon func(event.Time)) {
	for _, w := range f.options.Windows {
		start := w.Start(f.now)
		for i := len(d.entries) - 1; i >= 0 && d.entries[i].at > start-event.Time(w.Length); i-- {
			leaves := w.leavesAt(d.entries[i].at)
			soon(leaves)
			soon(leaves.Add(w.Length))
		}
	}
}

// monthWakes are the instants at which a month of the account becomes final.
func (f *fold) monthWakes(d *derived, soon func(event.Time)) {
	for i := len(d.entries) - 1; i >= 0; i-- {
		final := f.monthFinal(d.entries[i].month)
		if final <= f.now {
			return
		}
		soon(final)
	}
}

// monthFinal is the watermark from which a month is final.
func (f *fold) monthFinal(month int32) event.Time {
	return f.calendar.Start(KindMonth, month+1).Add(f.options.UsageGrace)
}

// cohortWakes are the days on which a cohort's date passes one of the account's entries, and the
// start of the next month while one of them still looks back at an entry.
func (f *fold) cohortWakes(d *derived, soon func(event.Time)) {
	today := f.calendar.Day(f.now)
	newest := d.entries[len(d.entries)-1].day
	if today > dayAfterMonths(newest, 13) {
		return
	}
	soon(f.calendar.Start(KindMonth, f.calendar.Index(KindMonth, today)+1))
	for _, months := range [2]int{1, 12} {
		then := MonthsBefore(today, months)
		for i := len(d.entries) - 1; i >= 0 && d.entries[i].day > then; i-- {
			if i > 0 && d.entries[i-1].day > then {
				continue // the earliest one is what matters
			}
			day := today + 1
			if least := d.entries[i].day + int32(28*months); least > day {
				day = least
			}
			for MonthsBefore(day, months) < d.entries[i].day {
				day++
			}
			soon(f.calendar.DayStart(day))
		}
	}
}
