package aggregate

import (
	"math/big"
	"slices"
	"strings"

	"processor/internal/event"
	"processor/internal/money"
)

// Readiness is how close an account is to expanding, at the watermark.
type Readiness struct {
	Utilization money.Amount // the highest of its limits and seats, as a ratio; only where Known says so
	Known       Measured
	Index       int // 0 to 100
	Gated       Gate
}

// Measured says whether there is a utilization.
type Measured uint8

// The answers.
const (
	MeasuredNothing  Measured = iota // no line has a limit, and nobody told how many seats are used
	MeasuredZeroBase                 // seats are used of which none is bought, or the limit is 0
	MeasuredSome
)

// Gate is the set of reasons for which an account had better be left alone.
type Gate uint8

// The reasons.
const (
	GateHealth Gate = 1 << iota
	GateOnboarding
	GateUsage
)

// String lists the reasons, "" for none.
func (g Gate) String() string {
	var names []string
	for i, name := range [...]string{"low_health", "onboarding", "usage_falls"} {
		if g&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// usageFallDays is the length of the two spans of usage that are compared.
const usageFallDays = 30

// readiness is that of the account at the watermark, given its signals; nil where nothing that is in
// force says anything: no signal that is not older than an opportunity lasts, no limit, no health.
func (p *signalPass) readiness(signals []Signal) *Readiness {
	limits := p.limits()
	if _, known := p.health(); !known && len(limits) == 0 && !p.observes() && !hasOpen(signals) {
		return nil
	}
	r := &Readiness{Gated: p.gate()}
	usage, seats := p.utilizationOf(r, limits), p.utilizationOf(r, p.seats())
	total, whole := 0, 0
	for name, weight := range p.signals.Weights { // a sum of whole numbers, whatever their order
		total += weight
		if slices.ContainsFunc(signals, func(s Signal) bool { return s.State == SignalOpen && s.Name == name && !isGraded(name) }) {
			whole += weight
		}
	}
	if total == 0 {
		return r
	}
	points := ratOf(whole)
	p.addGraded(points, SignalUsage, usage)
	p.addGraded(points, SignalSeats, seats)
	if health, known := p.health(); known {
		share := health.Rat()
		p.addGraded(points, SignalHealth, share.Quo(share, ratOf(100)))
	}
	if points.Sign() > 0 {
		r.Index = percentOf(points.Quo(points, ratOf(total)))
	}
	return r
}

// isGraded says whether a name counts by how much, and not by whether a signal is open.
func isGraded(name string) bool {
	return name == SignalUsage || name == SignalSeats || name == SignalHealth
}

// addGraded adds the points of a share.
func (p *signalPass) addGraded(points *big.Rat, name string, share *big.Rat) {
	if weight := p.signals.Weights[name]; weight > 0 && share.Sign() > 0 {
		share = clipped(share)
		points.Add(points, share.Mul(share, ratOf(weight)))
	}
}

// observes says whether anything was observed within the time that an opportunity lasts.
func (p *signalPass) observes() bool {
	observed := false
	for _, e := range p.account.signals {
		until := e.Time.Add(p.signals.Within)
		p.next.soon(until)
		observed = observed || e.Time <= p.now && p.now < until
	}
	return observed
}

func hasOpen(signals []Signal) bool {
	return slices.ContainsFunc(signals, func(s Signal) bool { return s.State == SignalOpen })
}

// clipped is a share of 1 at most.
func clipped(share *big.Rat) *big.Rat {
	if share.Cmp(one) > 0 {
		share.Set(one)
	}
	return share
}

// compareWhole compares a decimal with a whole number.
func compareWhole(d money.Decimal, n int) int {
	var sum, whole money.Tally
	sum.Add(d)
	whole.Add(money.Int(uint32(n))) //nolint:gosec // bounded where it is configured
	return sum.Sum().Cmp(whole.Sum())
}

// percentOf is a share in whole percent, half-even.
func percentOf(share *big.Rat) int {
	n := new(big.Rat).Mul(share, ratOf(200))
	twice := new(big.Int).Quo(n.Num(), n.Denom())
	whole := int(twice.Int64() / 2)
	isHalf := n.IsInt() && twice.Bit(0) == 1
	if twice.Bit(0) == 1 && (!isHalf || whole%2 == 1) {
		whole++
	}
	return whole
}

// heldAgainst is a quantity beside what it is held against.
type heldAgainst struct{ value, of *big.Rat }

// utilizationOf is the highest of some shares, which it notes.
func (p *signalPass) utilizationOf(r *Readiness, all []heldAgainst) *big.Rat {
	most := new(big.Rat)
	for _, h := range all {
		if h.of.Sign() <= 0 {
			r.Known = max(r.Known, MeasuredZeroBase)
			continue
		}
		share := new(big.Rat).Quo(h.value, h.of)
		if most.Cmp(share) < 0 {
			most = share
		}
		if ratio := money.Round(share); r.Known < MeasuredSome || r.Utilization.Cmp(ratio) < 0 {
			r.Known, r.Utilization = MeasuredSome, ratio
		}
	}
	return most
}

// limits are the lines with a limit, with this month's usage of the complete days.
func (p *signalPass) limits() (all []heldAgainst) {
	if !slices.ContainsFunc(p.account.snapshots, (*snapshot).hasBound) {
		return nil
	}
	today := p.calendar.Day(p.now)
	first := firstDayOfMonth(monthOfDay(today))
	p.lines()
	for _, name := range p.names {
		state := p.phaseAt(name, p.now)
		for i := range state.lines {
			l := &state.lines[i]
			if !l.held() || !isBound(l.item) {
				continue
			}
			h := heldAgainst{new(big.Rat), bound(l.item).Rat()}
			for _, m := range p.account.meters {
				if m.key == (meterKey{name, l.item.Item}) {
					sum := money.TallyOf(m.quantity(first, today))
					h.value = sum.Rat()
				}
			}
			all = append(all, h)
		}
	}
	return all
}

// seats are the latest observations of seats in use beside the seats that are bought now. One that is
// older than an opportunity lasts says nothing any more.
func (p *signalPass) seats() (all []heldAgainst) {
	var latest []*event.Event
	for _, e := range p.account.signals {
		if _, ok := numberOf(e.Signal); !ok || e.Signal.Name != "seats_used" || e.Time > p.now || e.Time.Add(p.signals.Within) <= p.now {
			continue
		}
		i := slices.IndexFunc(latest, func(o *event.Event) bool {
			return o.Signal.Subscription == e.Signal.Subscription && o.Signal.Item == e.Signal.Item
		})
		if i < 0 {
			latest = append(latest, e)
		} else {
			latest[i] = e
		}
	}
	for _, e := range latest {
		p.next.soon(e.Time.Add(p.signals.Within))
		used, _ := numberOf(e.Signal)
		all = append(all, heldAgainst{used.Rat(), seatsOf(p.licensed(e.Signal.Subscription, e.Signal.Item, p.now))})
	}
	return all
}

// health is the account's health at the watermark.
func (p *signalPass) health() (health money.Decimal, known bool) {
	if p.erased {
		return health, false
	}
	for _, c := range p.account.attributes {
		if c.at <= p.now && c.event.Account.HasHealth {
			health, known = c.event.Account.Health, true
		}
	}
	return health, known
}

// gate is why the account had better be left alone.
func (p *signalPass) gate() (g Gate) {
	if health, known := p.health(); known && compareWhole(health, p.signals.HealthBelow) < 0 {
		g |= GateHealth
	}
	if began := p.onboardedFrom(); began != event.NoTime {
		if until := began.Add(p.signals.Onboarding); p.now < until {
			g |= GateOnboarding
			p.next.soon(until)
		}
	}
	if p.signals.UsageFall > 0 && slices.ContainsFunc(p.account.meters, p.falls) {
		g |= GateUsage
	}
	return g
}

// onboardedFrom is when onboarding began: when the account first paid, or a later instant at which its
// lifecycle became "onboarding".
func (p *signalPass) onboardedFrom() event.Time {
	began, before := p.derived.firstPaidAt, ""
	if p.erased {
		return began
	}
	for _, c := range p.account.attributes {
		stage, named := c.value("lifecycle")
		if c.at > p.now || !named {
			continue
		}
		if stage == "onboarding" && before != stage && (began == event.NoTime || c.at > began) {
			began = c.at
		}
		before = stage
	}
	return began
}

// falls says whether the usage of an item over the last 30 complete local days is lower than that of
// the 30 before by more than the percentage that gates.
func (p *signalPass) falls(m *meter) bool {
	today := p.calendar.Day(p.now)
	first := m.firstBy(p.now)
	if first == event.NoTime || p.calendar.Day(first) > today-2*usageFallDays {
		return false
	}
	now, before := m.quantity(today-usageFallDays, today), m.quantity(today-2*usageFallDays, today-usageFallDays)
	if before.Sign() <= 0 || now.Cmp(before) >= 0 {
		return false
	}
	least := new(big.Int).Mul(before.Big(), big.NewInt(int64(100-p.signals.UsageFall)))
	return new(big.Int).Mul(now.Big(), big.NewInt(100)).Cmp(least) < 0
}
