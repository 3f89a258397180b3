package pipeline

import (
	"slices"

	"processor/internal/aggregate"
)

// How many accounts of a shard its observer is told of when it is opened, and in one round: deriving them takes some
// milliseconds, which is what a round may wait.
const (
	tellFirst  = 512
	tellAtOnce = 64
)

// tellAccounts goes on telling the observer of accounts that were not derived when their shard was opened, a few in each
// round, once the shards are near the ends of their logs.
func (s *session) tellAccounts() error {
	untold := false
	for _, one := range s.shards {
		untold = untold || len(one.untold) > 0
	}
	if !untold || s.lag() > int64(s.options.FlushRecords) {
		return nil
	}
	return s.parallel(len(s.shards), func(i int) error {
		s.shards[i].tell(tellAtOnce)
		return nil
	})
}

// tell tells the observer of some accounts as of their last derivation.
func (s *shard) tell(most int) {
	n := min(most, len(s.untold))
	observe := s.observer()
	for _, id := range s.untold[:n] {
		if u, found := s.state.Account(id); found {
			observe(&u)
		}
	}
	if s.untold = s.untold[n:]; len(s.untold) == 0 {
		s.untold = nil
	}
}

// observer is told of accounts as they are derived: for the alerts, and for whoever looks on.
func (s *shard) observer() func(*aggregate.Updates) {
	watch := s.alerts.observer(s.state)
	return func(u *aggregate.Updates) {
		watch(u)
		s.options.Observer.derived(s.number, u)
	}
}

// tellOfAll tells of every account, where a state was resumed instead of derived. What an alert says must not depend on
// a restart, so with rules all of them are derived at once; else the observer hears of them little by little.
func (s *shard) tellOfAll() {
	if s.alerts == nil && s.options.Observer.Derived == nil {
		return
	}
	s.untold = slices.Sorted(s.state.AccountIDs())
	if s.alerts == nil {
		s.tell(tellFirst)
		return
	}
	s.tell(len(s.untold))
}
