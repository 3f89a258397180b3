package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// watched is what a shard keeps for the alerts: which registers changed since the last minute that they
// look at, and the accounts that fell most. A nil one watches nothing.
//
// A flush comes when it suits the machine. Alerts look at the figures of whole minutes of the watermark,
// with what the log held in front of the record that let each minute pass: so the shard says at every
// such minute what has changed (docs/decisions/0021-alerts-by-the-minute.md).
type watched struct {
	wanted  alert.Wanted
	ticker  alert.Ticker
	top     *alert.Contributors
	changed map[aggregate.RegisterKey]struct{}
	all     bool       // every minute is looked at, whatever its records say of themselves
	skipped event.Time // up to where a history was passed over, and not said yet; 0 for nothing
}

// historyAfter is how far a record may lie behind the time when it came into the log before it is history
// that somebody has imported. Nobody is to be told what went wrong then, and to look at each of its minutes
// would take as long as it took to live them. The log alone decides it.
const historyAfter = event.Time(24 * time.Hour)

// newWatched is nil where there are no rules.
func newWatched(o *Options) *watched {
	wanted := alert.WantedBy(o.Alerts, o.Core.Groupings, o.Core.Windows)
	if !wanted.Any() {
		return nil
	}
	return &watched{
		wanted: wanted, top: alert.NewContributors(wanted, o.Core.Windows), changed: map[aggregate.RegisterKey]struct{}{},
		ticker: alert.Ticker{Step: o.AlertsEvery}, all: o.AlertsEvery > 0,
	}
}

// observer is told of accounts as they are derived.
func (w *watched) observer(s *aggregate.State) func(*aggregate.Updates) {
	if w == nil {
		return func(*aggregate.Updates) {}
	}
	return func(u *aggregate.Updates) { w.top.ObserveAll(s, u) }
}

// note remembers a register that changed, if a rule needs it.
func (w *watched) note(s *aggregate.State, key aggregate.RegisterKey) {
	if w != nil && w.wanted.Has(s.Segment(key.Segment).Grouping, key.Kind, key.Index) {
		w.changed[key] = struct{}{}
	}
}

// accounts are those that fell most in a register's window; none of a calendar interval's.
func (w *watched) accounts(key aggregate.RegisterKey) []rollup.Contribution {
	if w == nil || key.Kind != aggregate.KindRolling {
		return nil
	}
	return w.top.Top(key.Segment, int(key.Index))
}

// inHistory says whether the minutes since the last mark are not to be looked at.
func (w *watched) inHistory() bool { return w != nil && w.skipped > 0 }

// lookEarly is look between two flushes, when a record has moved the watermark. Both of its times are
// given.
func (s *shard) lookEarly(received, at event.Time) {
	if s.alerts == nil {
		return
	}
	watermark := s.complete()
	if s.alerts.ticker.IsDue(watermark) {
		if received-at > historyAfter && !s.alerts.all {
			s.pass(watermark)
		} else {
			s.beforeFlush(func() { s.look(watermark) })
		}
	}
	s.alerts.ticker.Note()
}

// pass leaves the minutes up to a watermark out.
func (s *shard) pass(watermark event.Time) {
	s.alerts.ticker.Skip(watermark)
	s.alerts.skipped = watermark
}

// look derives the minutes up to a watermark at which anything changed, and says what. As long as rows of
// the run before are owed no register goes out, and alerts see nothing (see holdsBack).
func (s *shard) look(watermark event.Time) {
	if s.alerts == nil || s.resend != nil || !s.alerts.ticker.IsDue(watermark) {
		return
	}
	if late := watermark - historyAfter; s.alerts.ticker.IsDue(late) && !s.alerts.all && s.complete() <= late { // time alone has passed
		s.pass(late)
	}
	s.endHistory()
	s.alerts.ticker.Tick(s.state, watermark, func(minute event.Time) {
		s.derive(minute)
		s.addTick()
	})
}

// endHistory says, to all partitions, up to where a history was passed over.
func (s *shard) endHistory() {
	if s.alerts.skipped == 0 {
		return
	}
	p := rollup.Partial{
		Shard: s.number, Version: s.version(), Generation: s.generation, IsMark: true, IsTick: true,
		Mark: rollup.Mark{Shards: s.of, Watermark: s.alerts.skipped, History: true},
	}
	s.alerts.skipped = 0
	for partition := range s.of {
		s.outbox.add(s.options.topic(row.TopicPartials), partition, p.AppendKey, p.AppendValue)
	}
}

// addTick sends the registers that alerts look at as they are at this minute. The partitions that get
// none of them learn from the next flush that the minute has passed.
func (s *shard) addTick() {
	keys := slices.SortedFunc(maps.Keys(s.alerts.changed), compareRegisterKeys)
	clear(s.alerts.changed)
	s.addRegisters(keys)
	for _, key := range keys {
		s.ticked[s.tickedOf(key)] = struct{}{}
	}
	partitions := map[int]struct{}{}
	for _, key := range keys {
		partitions[segmentPartition(s.state.Segment(key.Segment), s.of)] = struct{}{}
	}
	if len(partitions) == 0 { // a source was heard of, at least
		partitions[s.number] = struct{}{}
	}
	p := rollup.Partial{
		Shard: s.number, Version: s.version(), Generation: s.generation, IsMark: true, IsTick: true,
		Mark: rollup.Mark{Shards: s.of, Watermark: s.state.Watermark(), Heard: s.heard()},
	}
	for _, partition := range slices.Sorted(maps.Keys(partitions)) {
		s.outbox.add(s.options.topic(row.TopicPartials), partition, p.AppendKey, p.AppendValue)
	}
}

// tickedMost bounds what a cut has to list: a cut is a header of a progress row, which has to fit into a record. Beyond
// it the registers are sent as they are at the cut, which then need not name them.
const tickedMost = 2000

// ticked is a register that a tick sent.
type ticked struct {
	Grouping string         `json:"g"`
	Segment  string         `json:"s"`
	Kind     aggregate.Kind `json:"k"`
	Index    int32          `json:"i"`
}

func (s *shard) tickedOf(key aggregate.RegisterKey) ticked {
	segment := s.state.Segment(key.Segment)
	return ticked{segment.Grouping, segment.Name, key.Kind, key.Index}
}

// tickedNow are the registers that ticks sent since the last slow flush, in order.
func (s *shard) tickedNow() []ticked {
	return slices.SortedFunc(maps.Keys(s.ticked), func(a, b ticked) int {
		return cmp.Or(strings.Compare(a.Grouping, b.Grouping), strings.Compare(a.Segment, b.Segment), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Index, b.Index))
	})
}

// addTicked sends again what ticks sent and the slow flush would not. A run that lives sends all of it anyway, as
// it has changed. One that follows a cut derives at other instants than the run before: what changed and changed
// back between two of them has not changed for it, and the partials would keep what a tick said in the middle.
func (s *shard) addTicked(sent []aggregate.RegisterKey) {
	for _, key := range sent {
		delete(s.ticked, s.tickedOf(key))
	}
	for _, t := range s.tickedNow() {
		segment := aggregate.Segment{Grouping: t.Grouping, Name: t.Segment}
		if id, known := s.state.SegmentNumber(segment); known {
			s.addRegisters([]aggregate.RegisterKey{{Segment: id, Kind: t.Kind, Index: t.Index}})
			continue
		}
		// Nothing of this run has been in the segment.
		s.addPartial(rollup.Partial{Shard: s.number, Version: s.version(), Generation: s.generation, Segment: segment, Kind: t.Kind, Index: t.Index})
	}
	clear(s.ticked)
}

// heard is the latest record of each source; nil without rules.
func (s *shard) heard() []event.Time {
	if s.alerts == nil {
		return nil
	}
	list := make([]event.Time, len(s.sources))
	for i, src := range s.sources {
		list[i] = src.heard
	}
	return list
}
