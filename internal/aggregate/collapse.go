package aggregate

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"processor/internal/event"
)

// foldAhead is how far beyond the frozen instant the fold looks that makes a base: farther than any
// accepted event, so that everything known counts, whatever the watermark of the moment.
const foldAhead = 800 * 24 * time.Hour

// collapse makes the account's base at the base instant, and gives up the records that it stands for.
// It depends on the records and the frozen instant only.
func (s *State) collapse(a *account) {
	a.collapsedTo = s.frozen
	at := s.calendar.baseAt(s.frozen)
	if a.from() >= at {
		return
	}
	gone := a.behind(at, s.calendar)
	if a.base == nil && len(gone) == 0 && (len(a.settled) == 0 || a.settled[0].month >= lastUsageMonth(at, s.calendar)) {
		return
	}
	f := fold{options: &s.options, calendar: s.calendar, dims: s.dims, account: a, now: s.frozen.Add(foldAhead), until: at}
	f.run()
	b := f.base(at)
	b.takeRecords(a, f.snapshots, gone, s.calendar)
	for _, key := range gone {
		for _, v := range a.records[key].versions {
			s.dropKept(a, keptKey(v), len(v.AppendStored(nil)))
		}
		delete(a.records, key)
	}
	s.dropWithdrawals(a, b)
	s.dropSettled(a, at)
	a.forgetBehind(at)
	a.setBase(b, s.calendar)
	s.keepReduced(a, storedBase, baseKey(a.id), b.appendStored(nil))
}

// behind are the identities that count before an instant and no longer say anything of what comes
// after it, in order. The last snapshot of each subscription still does; recorded usage is settled by
// its own horizon, and one erasure is as good as another.
func (a *account) behind(at event.Time, c *Calendar) []event.Key {
	var gone []event.Key
	last := a.lastBefore(at)
	for _, key := range sortedKeys(a.records) {
		if e := a.records[key].current(); last[e.Subscription] || !countsBefore(e, at, c) {
			continue
		}
		gone = append(gone, key)
	}
	return gone
}

// lastBefore are the subscription events that are in force at an instant.
func (a *account) lastBefore(at event.Time) map[*event.Subscription]bool {
	last, names := map[*event.Subscription]bool{}, map[string]bool{}
	for i := len(a.snapshots) - 1; i >= 0; i-- {
		if s := a.snapshots[i]; s.order.at < at && !names[s.name()] {
			names[s.name()], last[s.sub()] = true, true
		}
	}
	return last
}

// countsBefore says whether an event is of a type that collapses, and behind an instant. A statement
// goes with its month; the months just before the base are still needed for the rows after it.
func countsBefore(e *event.Event, at event.Time, c *Calendar) bool {
	switch e.Type {
	case event.TypeSubscriptionChanged, event.TypeAccountChanged, event.TypeChargeRecorded, event.TypeSignalObserved:
		effective, _ := effectiveAt(e)
		return c.Settle(effective) < at
	case event.TypeUsageStatement:
		return int32(e.Statement.Month) < lastUsageMonth(at, c)
	case event.TypeUsageRecorded, event.TypeAccountErased, event.TypeEventRevoked:
	}
	return false
}

// lastUsageMonth is the first month whose usage is still needed for the rows after a base: the one before
// it, and one more, because where a month is booked when it is invoiced the row at the very instant of
// the base is that of the month before it, which exists where the one before that was used.
func lastUsageMonth(at event.Time, c *Calendar) int32 { return int32(monthOfDay(c.Day(at))) - 2 }

func sortedKeys(records map[event.Key]*record) []event.Key {
	return slices.SortedFunc(maps.Keys(records), compareKeys)
}

func compareKeys(x, y event.Key) int {
	return cmp.Or(strings.Compare(x.Source, y.Source), strings.Compare(x.ID, y.ID))
}

// base is what the pass has come to at an instant.
func (f *fold) base(at event.Time) *base {
	b := &base{
		at: at, paid: f.book.paid, hasPaid: f.hasPaid, firstPaidAt: f.firstPaidAt, endedAt: f.endedAt, cohort: f.cohort,
		newMonth: f.usage.newMonth, lastAt: event.NoTime,
	}
	before := f.account.base
	if before == nil {
		before = &base{lastAt: event.NoTime}
	}
	b.lastClass, b.lastAt = before.lastClass, before.lastAt
	for i := len(f.rows) - 1; i >= 0; i-- {
		if m := &f.rows[i]; m.At < at && !m.inert() && m.hasAmount() {
			b.lastClass, b.lastAt = m.Class, m.At
			break
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(f.usage.levels), meterKey.compare) {
		levels := slices.DeleteFunc(slices.Clone(f.usage.levels[key]), (*usageLevel).isNothing)
		if len(levels) > 0 {
			b.levels = append(b.levels, baseLevel{key, levels})
		}
	}
	b.endedLines(f.ended, f.calendar.Start(KindMonth, int32(monthOfDay(f.calendar.Day(at)))-13))
	b.firsts, b.meters, b.gone = slices.Clone(before.firsts), slices.Clone(before.meters), slices.Clone(before.gone)
	last := f.account.lastBefore(at)
	for _, run := range f.pastDue {
		if last[run.snapshot.sub()] {
			b.pastDue = append(b.pastDue, basePastDue{run.snapshot.name(), run.since})
		}
	}
	b.overtaken = slices.DeleteFunc(slices.Clone(before.overtaken), func(o overtaken) bool { return o.at < at })
	return b
}

// isNothing says whether the level is 0 under every rate table.
func (u *usageLevel) isNothing() bool {
	return u.scale == nil || u.isValued && u.parts == nil && u.worth.IsZero()
}

// endedLines keeps of the lines that ended what later ones are compared with: of each kind the latest
// of the last months, and every region.
func (b *base) endedLines(ended []endedLine, since event.Time) {
	latest := map[baseLine]event.Time{}
	for _, e := range ended {
		it := e.line.item
		if it.Region != "" {
			b.regions = append(b.regions, it.Region)
		}
		if kind := (baseLine{family: it.Family, product: it.Product, plan: it.Plan, region: it.Region}); e.at > since {
			latest[kind] = max(latest[kind], e.at)
		}
	}
	slices.Sort(b.regions)
	b.regions = slices.Compact(b.regions)
	for kind, at := range latest {
		kind.at = at
		b.ended = append(b.ended, kind)
	}
	slices.SortFunc(b.ended, func(x, y baseLine) int {
		return cmp.Or(strings.Compare(x.family, y.family), strings.Compare(x.product, y.product), strings.Compare(x.plan, y.plan),
			strings.Compare(x.region, y.region))
	})
}

// takeRecords takes over what records that go still say.
func (b *base) takeRecords(a *account, snapshots []*snapshot, gone []event.Key, c *Calendar) {
	for _, key := range gone {
		if a.records[key].current().Signal == nil {
			b.gone = append(b.gone, hashOf(key))
		}
	}
	slices.SortFunc(b.gone, compareHashes)
	last := a.lastBefore(b.at)
	for _, s := range snapshots {
		if s.order.at < b.at && !last[s.sub()] {
			b.takeSnapshot(s)
		}
	}
	slices.SortFunc(b.overtaken, func(x, y overtaken) int { return cmp.Or(cmp.Compare(x.at, y.at), strings.Compare(x.key, y.key)) })
	b.takeAttributes(a)
	month := lastUsageMonth(b.at, c)
	for _, m := range a.settled {
		for i := range m.items {
			if first := m.items[i].first; m.month < month && first != event.NoTime {
				b.noteFirst(*m.items[i].named.Usage, first)
			}
		}
	}
}

// takeSnapshot keeps of a snapshot which items have its meters, and its steps that are still to come.
func (b *base) takeSnapshot(s *snapshot) {
	for it := range s.items() {
		if it.Meter != "" {
			b.noteMeter(meterName{s.name(), it.Meter, it.Item})
		}
	}
	for i := 1; i < len(s.phases); i++ {
		if s.phases[i].at >= b.at {
			b.overtaken = append(b.overtaken, overtaken{s.phases[i].key, s.phases[i].at})
		}
	}
}

// noteMeter keeps the first item in byte order that has a meter (spec: rules 6.1).
func (b *base) noteMeter(n meterName) {
	i, found := slices.BinarySearchFunc(b.meters, n, func(x, y meterName) int {
		return cmp.Or(strings.Compare(x.subscription, y.subscription), strings.Compare(x.meter, y.meter))
	})
	if !found {
		b.meters = slices.Insert(b.meters, i, n)
	} else if n.item < b.meters[i].item {
		b.meters[i].item = n.item
	}
}

// noteFirst keeps when usage first came under a name.
func (b *base) noteFirst(name event.Usage, at event.Time) {
	i, found := slices.BinarySearchFunc(b.firsts, name, func(x firstUsage, n event.Usage) int {
		return cmp.Or(strings.Compare(x.name.Subscription, n.Subscription), strings.Compare(x.name.Item, n.Item), strings.Compare(x.name.Meter, n.Meter))
	})
	if !found {
		b.firsts = slices.Insert(b.firsts, i, firstUsage{name, at})
	} else {
		b.firsts[i].at = min(b.firsts[i].at, at)
	}
}

// takeAttributes makes one change of all that went before: for each name the last value.
func (b *base) takeAttributes(a *account) {
	var merged event.AccountChanged
	found := false
	for _, change := range a.attributes {
		if change.at < b.at {
			mergeAttributes(&merged, change.event.Account)
			found = true
		}
	}
	if !found {
		return
	}
	at := b.at.Add(-2 * time.Second) // not in the last second, which belongs to the day after
	merged.EffectiveAt = at
	b.attributes = &event.Event{Subject: a.id, Type: event.TypeAccountChanged, Time: at, Account: &merged}
}

func mergeAttributes(merged, next *event.AccountChanged) {
	named := func(name string) func(event.Attribute) bool {
		return func(x event.Attribute) bool { return x.Name == name }
	}
	if next.Lifecycle.Set { // the attribute of that name would count before it
		merged.Attributes = slices.DeleteFunc(merged.Attributes, named("lifecycle"))
	}
	for _, attribute := range next.Attributes {
		merged.Attributes = append(slices.DeleteFunc(merged.Attributes, named(attribute.Name)), attribute)
	}
	slices.SortFunc(merged.Attributes, func(x, y event.Attribute) int { return strings.Compare(x.Name, y.Name) })
	for _, field := range []struct{ to, from *event.Optional }{
		{&merged.Name, &next.Name}, {&merged.Parent, &next.Parent}, {&merged.Lifecycle, &next.Lifecycle},
	} {
		if field.from.Set {
			*field.to = *field.from
		}
	}
	if next.HasHealth {
		merged.Health, merged.HasHealth = next.Health, true
	}
}

// dropWithdrawals gives up the revocations of what is gone: nothing of it can come back.
func (s *State) dropWithdrawals(a *account, b *base) {
	for _, key := range sortedKeys(a.records) {
		r := a.records[key]
		stays := func(v *event.Event) bool { return v.Revocation == nil || !b.isGone(v.Revocation.Key()) }
		if slices.ContainsFunc(r.versions, stays) {
			continue
		}
		for _, v := range r.versions {
			delete(a.revocations, v.Revocation.Key())
			s.dropKept(a, keptKey(v), len(v.AppendStored(nil)))
		}
		delete(a.records, key)
	}
}

// dropSettled gives up settled months of usage but the one before the base, which rows after it are
// compared with.
func (s *State) dropSettled(a *account, at event.Time) {
	month := lastUsageMonth(at, s.calendar)
	for len(a.settled) > 0 && a.settled[0].month < month {
		s.dropReduced(a, settledKey(a.id, a.settled[0].month))
		a.settled = a.settled[1:]
	}
}

// forgetBehind takes out of the account's lists what has no record any more.
func (a *account) forgetBehind(at event.Time) {
	isGone := func(e *event.Event) bool { return a.records[e.Key()] == nil }
	a.snapshots = slices.DeleteFunc(a.snapshots, func(s *snapshot) bool { return isGone(s.event) })
	a.revoked = slices.DeleteFunc(a.revoked, func(s *snapshot) bool { return isGone(s.event) })
	a.attributes = slices.DeleteFunc(a.attributes, func(c *attributeChange) bool { return c.at < at })
	a.charges = slices.DeleteFunc(a.charges, func(c charge) bool { return isGone(c.event) })
	a.usage = slices.DeleteFunc(a.usage, isGone)
	a.formerUsage = slices.DeleteFunc(a.formerUsage, isGone)
	a.signals = slices.DeleteFunc(a.signals, isGone)
}

// setBase files the account's base.
func (a *account) setBase(b *base, c *Calendar) {
	a.base, a.memo, a.metersStale = b, nil, true
	if b.attributes != nil {
		a.insertAttributes(b.attributes, c)
	}
	for i := range b.firsts {
		a.aliased = a.aliased || b.firsts[i].name.Item == ""
	}
	a.changed = true
}

// tooOld is the rejection of an event that would change one which counts before the start of the floor's month:
// a revision or a revocation of it. Of most there is only a hash by then.
func (s *State) tooOld(a *account, e *event.Event) *event.Rejection {
	if a == nil || s.bound == event.NoTime {
		return nil
	}
	if known := a.version(e); known != nil && bytes.Equal(known.AppendCanonical(nil), e.AppendCanonical(nil)) {
		return nil
	}
	var field string
	switch {
	case e.Statement != nil && s.calendar.Start(KindMonth, int32(e.Statement.Month)) < s.bound:
		field = "data.month"
	case e.Revocation != nil && s.isFrozen(a, e.Revocation.Key()):
		field = "data.revokes"
	case s.isFrozen(a, e.Key()):
		field = "revision"
	default:
		return nil
	}
	return &event.Rejection{Reason: event.ReasonBeyondHorizon, Detail: field, Time: e.Time, HasTime: true}
}

// isFrozen says whether an identity counts before the start of the floor's month.
func (s *State) isFrozen(a *account, key event.Key) bool {
	if a.base.isGone(key) {
		return true
	}
	r := a.records[key]
	return r != nil && (countsBefore(r.current(), s.bound, s.calendar) ||
		r.current().Statement != nil && s.calendar.Start(KindMonth, int32(r.current().Statement.Month)) < s.bound)
}
