package company

// status is a subscription's state in the simulation; unborn has no snapshot yet.
type status uint8

const (
	unborn status = iota
	trialing
	active
	pastDue
	paused
	unpaid
	canceled
)

var statusNames = [...]string{"", "trialing", "active", "past_due", "paused", "unpaid", "canceled"}

// subscription is what one snapshot says, as small numbers.
type subscription struct {
	status   status
	ordinal  uint8 // how often the account has bought the product anew
	plan     uint8 // position in the product's plans
	interval uint8 // position in intervals
	count    int32 // seats
	base     int32 // seats at the start, from which they grow
	price    int64 // hundredths, a seat and interval

	addOns   uint8 // bit set of addOns that are paid
	addOnTry uint8 // bit set of addOns on a free trial
	abroad   int32 // seats of another region
	abroadIn uint8

	metered  bool
	included int64 // calls a month
	commit   int64 // hundredths a month, 0 without

	discount     uint8 // percent, 0 without
	discountEnd  int64
	discountTold bool // the snapshot says when the discount ends
	trialEnd     int64
	termStart    int64 // 0 without a term
	termEnd      int64
	cancelAt     int64 // 0 unless announced
	rampAt       int64 // 0 unless more seats are scheduled
	rampCount    int32

	rampPauses bool  // the scheduled step pauses it
	rebate     int64 // hundredths an interval off the seats, 0 without
	away       bool  // an affiliate of the account holds it

	begun int64 // when it was bought
	due   int64 // when past_due or paused ends
}

// held says whether the subscription still has lines.
func (s *subscription) held() bool { return s.status != unborn && s.status != canceled }

// deadline is the next instant that the subscription's own terms bring a change, or never.
func (s *subscription) deadline() int64 {
	at := never
	consider := func(t int64) {
		if t > 0 {
			at = min(at, t)
		}
	}
	switch s.status {
	case trialing:
		consider(s.trialEnd)
	case pastDue, paused, unpaid:
		consider(s.due)
	case active:
		consider(s.termEnd)
		consider(s.cancelAt)
		consider(s.discountEnd)
	}
	return at
}

// catchUp brings in the steps that earlier snapshots announced and time has reached.
func (s *subscription) catchUp(now int64) {
	if s.rampAt > 0 && s.rampAt <= now {
		if s.rampPauses && s.status == active {
			s.status, s.due, s.rampPauses = paused, s.rampAt+month, false
		}
		s.count, s.rampAt = s.rampCount, 0
	}
}

// ceiling is how many seats the account can use after its growth since the start: about 5 % a
// month, so that many small changes do not compound without end.
func (s *subscription) ceiling(now int64) int32 {
	months := (now - s.begun) / month
	return int32(int64(s.base)*(1000+50*months)*115/100_000) + 2
}

// end turns the snapshot into its last one.
func (s *subscription) end() {
	*s = subscription{status: canceled, ordinal: s.ordinal, plan: s.plan, base: s.base, begun: s.begun}
}
