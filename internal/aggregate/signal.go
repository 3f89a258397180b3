package aggregate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

// SignalState is the closed set of what has become of a signal's opportunity.
type SignalState uint8

// The states of an opportunity.
const (
	SignalOpen SignalState = iota
	SignalConverted
	SignalMissed
)

// String is the state's name in output rows.
func (s SignalState) String() string { return [...]string{"open", "converted", "missed"}[s] }

// Signal is one signal of an account and the opportunity that it opened.
type Signal struct {
	Key          string // what it is about, and since when: seats/s1/x/80@2026-03-05T10:00:00Z
	Name         string // usage, seats, health, or as it was observed
	Threshold    int    // percent; 0 where there is none
	Subscription string
	Item         string
	Detail       string // the text that an observation carried, such as the feature
	OpenedAt     event.Time
	EndsAt       event.Time // from then on no movement converts it
	State        SignalState
	ClosedAt     event.Time   // NoTime while it is open
	Movement     string       // the key of the movement that converted it, or ""
	Days         int32        // whole days from the signal to that movement
	Value        money.Amount // what was used or observed when it opened
	HasValue     bool
	Bound        money.Amount // the limit, or the seats bought
	HasBound     bool
	Reached      int32        // local date on which usage reached the limit in that month, or noDay
	Projected    int32        // local date on which it will if it goes on as it does, or noDay
	Potential    money.Amount // MRR of the next tier or block of seats
	HasPotential bool
	Expansion    money.Amount // MRR of the movement by types that match, unless an earlier signal of the name has it
	Gated        Gate         // while it is open
	Dims         *Dims        // of the account when it opened
	Final        bool
}

// noDay is no local date.
const noDay = int32(-1 << 31)

// SignalRow is a row of the signals topic.
type SignalRow struct {
	Account string
	Signal
	Restated bool
	Deleted  bool
}

// trigger is an instant at which an account shows a signal.
type trigger struct {
	key          string // of the signal without its instant
	name         string
	threshold    int
	subscription string
	item         string
	detail       string
	at           event.Time
	event        *event.Event // that says it; nil for usage
	value, bound money.Amount
	hasValue     bool
	hasBound     bool
	month        int32       // of usage
	limit        *event.Item // that usage is held against
	used         money.Tally // of it
}

// signalPass derives the signals of one account at a watermark: a pure function of the account's
// records, its rows and the watermark, like everything that is derived.
type signalPass struct {
	*fold
	derived  *derived
	signals  *SignalOptions
	timeline []change // of the subscriptions up to the watermark, in order; made when it is asked for
	names    []string // of the subscriptions
	hasLines bool
	erased   bool
	reaches  []reach // the months of usage that have a limit
	figured  []figured
	triggers []trigger
	next     soonest // when time alone changes something
}

// signalView is what an account's signals came to.
type signalView struct {
	signals   []Signal // by their keys
	readiness *Readiness
	shares    []signalShare // of the registers
	figured   []figured     // of the usage signals
	next      event.Time
}

// figured is what a signal of metered usage says in figures: a function of its terms, what was used, and
// its instant, whatever else came since. A busy account is asked for it every day.
type figured struct {
	limit                   *event.Item
	used                    money.Tally
	at                      event.Time
	value, bound, potential money.Amount
	hasPotential            bool
}

// deriveSignals is nil for an account that has no signal, no line with a limit and no health: it
// costs nothing more.
func (f *fold) deriveSignals(d *derived) *signalView {
	if !f.account.showsSignals() {
		return nil
	}
	p := signalPass{fold: f, derived: d, signals: &f.options.Signals, erased: len(f.account.erasures) > 0, next: soonest{f.now, never}}
	p.usageTriggers()
	p.observedTriggers()
	p.healthTriggers()
	v := &signalView{signals: p.opportunities()}
	v.readiness = p.readiness(v.signals)
	for i := range v.signals {
		if v.signals[i].State == SignalOpen { // so its trigger is no older than what readiness looks at
			v.signals[i].Gated = v.readiness.Gated
		}
	}
	if v.shares = p.sharesBefore(v.signals); v.shares == nil {
		v.shares = p.shares(v.signals)
	}
	v.next, v.figured = p.next.next, p.figured
	return v
}

// sharesBefore are those of the last time, where they are the same: the signals, all that is dated,
// and the month of the watermark.
func (p *signalPass) sharesBefore(signals []Signal) []signalShare {
	old := p.account.derived
	if old == nil || old.signals == nil || !slices.Equal(old.signals.signals, signals) || firstDifference(old, p.derived, p.same) != never ||
		p.month(old.asOf) != p.month(p.now) {
		return nil
	}
	return old.signals.shares
}

// showsSignals says whether there is anything that signals are made of.
func (a *account) showsSignals() bool {
	return len(a.signals) > 0 || slices.ContainsFunc(a.snapshots, (*snapshot).hasBound) ||
		slices.ContainsFunc(a.attributes, func(c *attributeChange) bool { return c.event.Account.HasHealth })
}

// opportunities are the signals that the triggers make: what goes on is one signal. A trigger opens
// one where none of the same key came within the time that an opportunity lasts, or where a movement
// that matches came in between. So no signal depends on more than that time before it, which is what
// lets an account collapse.
func (p *signalPass) opportunities() []Signal {
	slices.SortFunc(p.triggers, func(a, b trigger) int {
		return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.at, b.at), compareSignalEvents(a.event, b.event))
	})
	var made []Signal
	for i := range p.triggers {
		t := &p.triggers[i]
		converting := p.signals.converting(t.name)
		if i > 0 && p.goesOn(&p.triggers[i-1], t, &converting) {
			continue
		}
		made = append(made, p.signal(t, &converting))
	}
	p.attribute(made)
	slices.SortFunc(made, func(a, b Signal) int { return strings.Compare(a.Key, b.Key) })
	return made
}

func compareSignalEvents(a, b *event.Event) int {
	if a == nil || b == nil {
		return 0
	}
	return compareEvents(a, b)
}

// goesOn says whether a trigger is the signal that the one before it was.
func (p *signalPass) goesOn(before, t *trigger, converting *[UpTypes]bool) bool {
	if before.key != t.key || before.at <= t.at.Add(-p.signals.Within) {
		return false
	}
	m, _ := p.match(before.at, t.at, converting)
	return m == nil
}

// match is the first movement in [from, to) that converts, and what it is worth by the types that do.
func (p *signalPass) match(from, to event.Time, converting *[UpTypes]bool) (m *Movement, worth money.Amount) {
	rows := p.derived.rows
	first, _ := slices.BinarySearchFunc(rows, from, func(m Movement, at event.Time) int { return cmp.Compare(m.At, at) })
	for i := first; i < len(rows) && rows[i].At < to; i++ {
		row := &rows[i]
		if row.Class != ClassExpansion || row.inert() {
			continue
		}
		var sum money.Amount
		for up, amount := range row.Parts.Up {
			if converting[up] {
				sum = sum.Add(amount)
			}
		}
		if sum.Sign() > 0 {
			return row, sum
		}
	}
	return nil, worth
}

// signal is the opportunity that a trigger opens, as it is at the watermark.
func (p *signalPass) signal(t *trigger, converting *[UpTypes]bool) Signal {
	s := Signal{
		Key: t.key + "@" + t.at.String(), Name: t.name, Threshold: t.threshold, Subscription: t.subscription, Item: t.item, Detail: t.detail,
		OpenedAt: t.at, EndsAt: t.at.Add(p.signals.Within), ClosedAt: event.NoTime,
		Value: t.value, HasValue: t.hasValue, Bound: t.bound, HasBound: t.hasBound, Reached: noDay, Projected: noDay,
		Dims: p.stateAt(t.at).dimsAfter,
	}
	if t.limit != nil {
		s.Reached, s.Projected = p.reachOf(t)
	}
	p.figure(&s, t)
	final := s.EndsAt.Add(p.options.UsageGrace)
	m, worth := p.match(t.at, s.EndsAt, converting)
	switch {
	case m != nil:
		s.State, s.ClosedAt, s.Movement, s.Expansion, s.Final = SignalConverted, m.At, m.Key, worth, m.Final
		s.Days = int32((m.At - t.at) / nanosPerDay) //nolint:gosec // at most 365
	case p.now >= s.EndsAt:
		s.State, s.ClosedAt, s.Final = SignalMissed, s.EndsAt, p.now >= final
		p.next.soon(final)
	default:
		p.next.soon(s.EndsAt)
		p.next.soon(p.calendar.Start(KindMonth, p.month(p.now)+1)) // it will be open in the next month too
	}
	return s
}

// figure fills in what was used, of what, and what the next step would cost.
func (p *signalPass) figure(s *Signal, t *trigger) {
	if t.limit == nil || !t.limit.Metered {
		if t.limit != nil {
			s.Value, s.HasValue = money.Round(t.used.Rat()), true
			s.Bound, s.HasBound = money.Round(bound(t.limit).Rat()), true
		}
		more := p.more(t)
		s.Potential, s.HasPotential = more.worth(p.options)
		return
	}
	known := p.figuredBefore(t)
	if known == nil {
		more := p.more(t)
		known = &figured{limit: t.limit, used: t.used, at: t.at, value: money.Round(t.used.Rat()), bound: money.Round(bound(t.limit).Rat())}
		known.potential, known.hasPotential = more.worth(p.options)
	}
	p.figured = append(p.figured, *known)
	s.Value, s.HasValue, s.Bound, s.HasBound = known.value, true, known.bound, true
	s.Potential, s.HasPotential = known.potential, known.hasPotential
}

// figuredBefore is what the pass before found out, or nil.
func (p *signalPass) figuredBefore(t *trigger) *figured {
	if old := p.account.derived; old != nil && old.signals != nil {
		for i := range old.signals.figured {
			if f := &old.signals.figured[i]; f.limit == t.limit && f.used == t.used && f.at == t.at {
				return f
			}
		}
	}
	return nil
}

// attribute leaves what a movement is worth with the first signal of each name that it converted: the
// column sums to money that came.
func (p *signalPass) attribute(made []Signal) {
	slices.SortFunc(made, func(a, b Signal) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Threshold, b.Threshold), cmp.Compare(a.OpenedAt, b.OpenedAt), strings.Compare(a.Key, b.Key))
	})
	for i := range made {
		for j := i - 1; j >= 0 && made[j].Name == made[i].Name && made[j].Threshold == made[i].Threshold; j-- {
			if made[i].Movement != "" && made[j].Movement == made[i].Movement {
				made[i].Expansion = money.Amount{}
				break
			}
		}
	}
}

// stateAt is the account's state at an instant, what happened at it included.
func (p *signalPass) stateAt(at event.Time) entry {
	entries := p.derived.entries
	n, _ := slices.BinarySearchFunc(entries, at+1, func(e entry, t event.Time) int { return cmp.Compare(e.at, t) })
	return p.derived.before(n)
}

// pays says whether expansion is possible at an instant: only existing customers expand.
func (p *signalPass) pays(at event.Time) bool { return p.stateAt(at).held.Sign() > 0 }

// add files a trigger, unless the account was no customer then.
func (p *signalPass) add(t *trigger) {
	if p.pays(t.at) {
		p.triggers = append(p.triggers, *t)
	}
}

// signalKey names what a signal is about.
func signalKey(parts ...string) string {
	for i := range parts {
		parts[i] = escape(parts[i], keySpecial)
	}
	return strings.Join(parts, "/")
}

func percentText(percent int) string { return strconv.Itoa(percent) }

// observedTriggers are those of signal.observed.
func (p *signalPass) observedTriggers() {
	for _, e := range p.account.signals {
		switch {
		case e.Time > p.now:
			p.next.soon(e.Time)
		case e.Signal.Name == "seats_used":
			p.seatTriggers(e)
		default:
			p.observed(e)
		}
	}
}

// observed is the trigger of an observation that is none of seats.
func (p *signalPass) observed(e *event.Event) {
	t := trigger{name: observedName(e.Signal.Name), subscription: e.Signal.Subscription, item: e.Signal.Item, at: e.Time, event: e}
	value, isNumber := numberOf(e.Signal)
	if isNumber {
		t.value, t.hasValue = money.Round(value.Rat()), true
		if least, limited := p.signals.AtLeast[t.name]; limited && compareWhole(value, least) < 0 {
			return
		}
	}
	if e.Signal.HasValue && (!isNumber || t.name == "milestone") && !p.erased {
		t.detail = e.Signal.Value // each feature and each milestone is a signal of its own
	}
	t.key = signalKey("observed", t.name, t.subscription, t.item, t.detail)
	p.add(&t)
}

// observedName is the name of an observation.
func observedName(name string) string {
	if name == SignalUsage || name == SignalSeats || name == SignalHealth {
		return "observed_" + name
	}
	return name
}

// numberOf is an observation's value, where it is a number.
func numberOf(s *event.Signal) (value money.Decimal, ok bool) {
	if !s.HasValue {
		return value, false
	}
	return money.ParseDecimal([]byte(s.Value))
}

// healthTriggers are those at which health rises to what counts as good.
func (p *signalPass) healthTriggers() {
	least, wanted := p.signals.AtLeast[SignalHealth]
	if !wanted || p.erased {
		return
	}
	var before *event.AccountChanged
	for _, c := range p.account.attributes {
		now := c.event.Account
		if c.at > p.now || !now.HasHealth {
			continue
		}
		if before != nil && compareWhole(before.Health, least) < 0 && compareWhole(now.Health, least) >= 0 {
			p.add(&trigger{key: SignalHealth, name: SignalHealth, at: c.at, event: c.event, value: money.Round(now.Health.Rat()), hasValue: true})
		}
		before = now
	}
}

// ReachedOn is the local date on which usage reached the limit in the month of the signal, "" when it
// did not.
func (s *Signal) ReachedOn() string { return dateText(s.Reached) }

// ProjectedOn is the local date on which it will if it goes on as it does, "" when that is not within
// the month.
func (s *Signal) ProjectedOn() string { return dateText(s.Projected) }

func dateText(day int32) string {
	if day == noDay {
		return ""
	}
	return dateOfDay(day).Format(time.DateOnly)
}
