package alert

import (
	"fmt"
	"slices"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
)

// Options are what a watch depends on.
type Options struct {
	Rules      []Rule
	Groupings  [][]string // of the configuration; "all" is not listed
	Windows    []aggregate.Window
	Calendar   *aggregate.Calendar
	UsageGrace time.Duration
	Targets    rollup.Targets
	Shards     int
	Lanes      int // how many ways each shard's entries come, each in order; 1 when 0
	Waiting    int // registers that may wait for slower shards; WaitingMax when 0
}

// WaitingMax is how many registers wait, unless the options say otherwise, for shards that lag behind.
const WaitingMax = 200_000

// Register is a shard's whole register of one segment and interval, and the accounts that fell most.
type Register struct {
	Segment  aggregate.Segment
	Kind     aggregate.Kind
	Index    int32
	Register *aggregate.Register // nil: there is nothing any more
	Version  uint64
	Accounts []rollup.Contribution
}

// Entry is what a shard says of one watermark: the registers that changed since its entry before.
type Entry struct {
	Watermark event.Time
	Heard     []event.Time // by source: the latest record that the shard has read; NoTime before the first
	History   bool         // the minutes since the entry before are not to be looked at
	Registers []Register
}

// Watch evaluates rules over what the shards say. Entries wait until every shard has come as far, so that
// each minute is looked at with what the shards knew then, whatever came together. It belongs to one
// goroutine.
type Watch struct {
	options Options
	wanted  Wanted
	sums    *rollup.Rollup
	state   *evaluator
	lanes   []lane // by shard, then lane
	done    event.Time
	waiting int
	merged  int64
}

// lane is one way of a shard's entries.
type lane struct {
	reached event.Time // the watermark of its last entry
	entries []Entry
}

// New is a watch that has heard nothing; the rules have to be checked.
func New(o Options) *Watch {
	if o.Lanes == 0 {
		o.Lanes = 1
	}
	if o.Waiting == 0 {
		o.Waiting = WaitingMax
	}
	w := &Watch{
		options: o, wanted: WantedBy(o.Rules, o.Groupings, o.Windows), lanes: make([]lane, o.Shards*o.Lanes),
		sums: rollup.New(rollup.Options{Calendar: o.Calendar, Windows: o.Windows, UsageGrace: o.UsageGrace, Shards: o.Shards, Targets: o.Targets}),
	}
	w.state = newEvaluator(&o, w.sums)
	return w
}

// Restore takes over an alert as it was said last, before the first Advance. One of a rule that is gone
// is returned as deleted.
func (w *Watch) Restore(a Alert) (gone bool) {
	i := slices.IndexFunc(w.state.rules, func(r watched) bool {
		return r.Name == a.Key.Rule && r.watches(aggregate.Segment{Grouping: a.Grouping, Name: a.Segment})
	})
	if i < 0 {
		return true
	}
	a.By = &w.state.rules[i].Rule
	w.state.keep(&a)
	return false
}

// Prime takes what a shard said before this watch was there. Of one register the highest version counts.
func (w *Watch) Prime(shard int, r *Register) error {
	if !w.wanted.Has(r.Segment.Grouping, r.Kind, r.Index) {
		return nil
	}
	return w.put(shard, r)
}

// Primed ends what was said before: the first minute that is looked at is that of the slowest shard.
func (w *Watch) Primed(shard, lane int, watermark event.Time, heard []event.Time) {
	l := &w.lanes[shard*w.options.Lanes+lane]
	l.reached = max(l.reached, watermark)
	w.state.hear(heard)
	if reach := w.reach(); reach > 0 {
		w.done = max(w.done, reach-event.Time(time.Minute))
	}
}

// Take queues what a shard says. The registers are kept.
func (w *Watch) Take(shard, lane int, e Entry) error {
	l := &w.lanes[shard*w.options.Lanes+lane]
	e.Registers = slices.DeleteFunc(e.Registers, func(r Register) bool { return !w.wanted.Has(r.Segment.Grouping, r.Kind, r.Index) })
	l.reached = max(l.reached, e.Watermark)
	l.entries = append(l.entries, e)
	w.waiting += len(e.Registers) + 1
	for w.waiting > w.options.Waiting { // at the limit a fast shard's oldest entries count early
		if err := w.drop(); err != nil {
			return err
		}
	}
	return nil
}

// drop applies the oldest entry of the longest lane before its time.
func (w *Watch) drop() error {
	longest := 0
	for i := range w.lanes {
		if len(w.lanes[i].entries) > len(w.lanes[longest].entries) {
			longest = i
		}
	}
	w.merged++
	return w.pop(longest)
}

// pop applies the first entry of a lane.
func (w *Watch) pop(place int) error {
	l := &w.lanes[place]
	e := l.entries[0]
	l.entries[0] = Entry{}
	l.entries = l.entries[1:]
	w.waiting -= len(e.Registers) + 1
	w.state.hear(e.Heard)
	for i := range e.Registers {
		if err := w.put(place/w.options.Lanes, &e.Registers[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *Watch) put(shard int, r *Register) error {
	if err := w.sums.Put(shard, r.Segment, r.Kind, r.Index, r.Register, r.Version); err != nil {
		return fmt.Errorf("alerts: %w", err)
	}
	if r.Kind == aggregate.KindRolling {
		of := contribution{r.Segment, int(r.Index)}
		if len(r.Accounts) == 0 {
			delete(w.state.shards[shard], of)
		} else {
			w.state.shards[shard][of] = r.Accounts
		}
	}
	return nil
}

// reach is the last whole minute that every shard has come to; 0 before the first.
func (w *Watch) reach() event.Time {
	least := w.lanes[0].reached
	for i := range w.lanes {
		least = min(least, w.lanes[i].reached)
	}
	return least - least%event.Time(time.Minute)
}

// Advance looks at every minute that all shards have come to, each in turn, but for those at which nothing
// can be other than the minute before. It returns the changes of state in their order.
func (w *Watch) Advance() (changes []Alert, err error) {
	reach := w.reach()
	for {
		minute, found := w.next()
		if !found || minute > reach {
			return changes, nil
		}
		if until := w.historyAt(minute); until >= minute {
			if err := w.apply(until); err != nil {
				return changes, err
			}
			w.done = until - until%event.Time(time.Minute)
			continue
		}
		if err := w.apply(minute); err != nil {
			return changes, err
		}
		for shard := range w.options.Shards {
			w.sums.SetWatermark(shard, minute)
		}
		changed, err := w.sums.Settle()
		if err != nil {
			return changes, fmt.Errorf("alerts: %w", err)
		}
		changes = append(changes, w.state.evaluate(minute, changed)...)
		w.done = minute
	}
}

// apply takes what the shards have said up to a watermark.
func (w *Watch) apply(watermark event.Time) error {
	for i := range w.lanes {
		for len(w.lanes[i].entries) > 0 && w.lanes[i].entries[0].Watermark <= watermark {
			if err := w.pop(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// historyAt is up to where a shard does not want a minute looked at, and those after it; 0 where every
// shard does.
func (w *Watch) historyAt(minute event.Time) (until event.Time) {
	for i := range w.lanes {
		for j := range w.lanes[i].entries {
			if e := &w.lanes[i].entries[j]; e.Watermark >= minute {
				if e.History {
					until = max(until, e.Watermark)
				}
				break
			}
		}
	}
	return until
}

// next is the earliest minute after the last one at which anything can be other than then: a shard has
// said something, an alert's time has come, or a local day begins.
func (w *Watch) next() (minute event.Time, found bool) {
	after := w.done + event.Time(time.Minute)
	soon := func(t event.Time) {
		if t = max(wholeMinute(t), after); !found || t < minute {
			minute, found = t, true
		}
	}
	for i := range w.lanes {
		if len(w.lanes[i].entries) > 0 {
			soon(w.lanes[i].entries[0].Watermark)
		}
	}
	if w.done == 0 {
		return minute, found
	}
	if t, timed := w.state.nextTimer(w.done); timed {
		soon(t)
	}
	c := w.options.Calendar
	soon(c.DayStart(c.Day(w.done) + 1))
	return minute, found
}

// Alerts are all alerts as of the last minute that was looked at, in their order.
func (w *Watch) Alerts() []Alert { return w.state.all() }

// Board is what stands now; ours says which alerts this instance publishes.
func (w *Watch) Board(ours func(Key) bool) *Board {
	b := &Board{Alerts: w.Alerts(), Ours: map[Key]bool{}}
	if w.done > 0 { // minutes after it were looked at and need no evaluation
		b.Minute = max(w.done, w.reach())
	}
	for i := range b.Alerts {
		if key := b.Alerts[i].Key; ours(key) {
			b.Ours[key] = true
		}
	}
	return b
}

// Waiting is how many registers wait for slower shards, and Merged how many entries counted early because
// too many did.
func (w *Watch) Waiting() (registers int, merged int64) { return w.waiting, w.merged }
