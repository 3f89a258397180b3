package aggregate

import "processor/internal/money"

// circumstances are what the class of a change depends on.
type circumstances struct {
	opening bool // the imported base: said so by an event, or booked up to reporting.start
	moved   bool // between accounts
	paid    bool // held MRR was above 0 earlier
	lapsed  bool // held MRR has been 0 for longer than a win-back may take
	before  money.Amount
	after   money.Amount // both held
}

// classify is the class of a change of held MRR: the first that matches (spec: rules 4).
func (o *Options) classify(c circumstances) Class {
	before, after := c.before.Sign(), c.after.Sign()
	switch {
	case c.opening:
		return ClassOpening
	case c.moved:
		return ClassTransfer
	case !c.paid && after > 0:
		return ClassNew
	case before > 0 && after == 0:
		return ClassChurn
	case before == 0 && after > 0:
		return o.winBack(c.lapsed)
	case c.after.Cmp(c.before) > 0:
		return ClassExpansion
	case c.after.Cmp(c.before) < 0:
		return ClassContraction
	default:
		return ClassNone
	}
}

// winBack is the class of a return: all of it, also above the old level.
func (o *Options) winBack(lapsed bool) Class {
	switch {
	case lapsed:
		return ClassNew
	case o.ReactivationIsExpansion:
		return ClassExpansion
	default:
		return ClassReactivation
	}
}

// typed says whether movements of the class have typed parts (spec: rules 5).
func (c Class) typed() bool {
	switch c {
	case ClassExpansion, ClassContraction, ClassNone, ClassPause, ClassResume:
		return true
	case ClassOpening, ClassNew, ClassChurn, ClassReactivation, ClassTransfer, ClassFX, ClassScheduled, ClassRevoked:
		return false
	}
	return false
}
