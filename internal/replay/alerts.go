package replay

import (
	"errors"
	"fmt"
	"io"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/rollup"
)

// AlertOptions are what past alerts depend on beside the files.
type AlertOptions struct {
	Core     aggregate.Options
	Targets  rollup.Targets
	Decoder  event.Options
	Lateness time.Duration // how far the watermark stays behind the latest event
	Rules    []alert.Rule
	Shards   int                             // how many states share the accounts; 1 when 0
	ShardOf  func(account string, n int) int // needed for more than one shard

	// Every is after how many minutes at which something changed the alerts are looked at together; 1
	// when 0. It changes nothing, as it must not matter what comes in one batch.
	Every int
}

// Alerts says when rules would have fired over files of events, as the service would have: the order of
// the lines is that of the log, and each minute of the watermark is looked at with what was read by then.
type Alerts struct {
	options  AlertOptions
	decoder  *event.Decoder
	shards   []*alertShard
	watch    *alert.Watch
	seen     event.Time // the largest time so far; NoTime before the first
	waiting  int
	read     int64
	rejected int64
	changes  []alert.Alert
}

// alertShard is one state and what it tells the watch.
type alertShard struct {
	number int
	state  *aggregate.State
	ticker alert.Ticker
	top    *alert.Contributors
	wanted alert.Wanted
	flush  uint64
}

// NewAlerts has read nothing yet. What is wrong with the rules is an error.
func NewAlerts(o AlertOptions) (*Alerts, error) {
	o.Shards, o.Every = max(o.Shards, 1), max(o.Every, 1)
	if o.Shards > 1 && o.ShardOf == nil {
		return nil, errors.New("alerts over several shards need a partitioner")
	}
	if err := alert.Check(o.Rules, o.Core.Groupings, o.Core.Windows); err != nil {
		return nil, err
	}
	a := &Alerts{options: o, decoder: event.NewDecoder(o.Decoder), seen: event.NoTime}
	wanted := alert.WantedBy(o.Rules, o.Core.Groupings, o.Core.Windows)
	for n := range o.Shards {
		state, err := aggregate.New(o.Core)
		if err != nil {
			return nil, err
		}
		a.shards = append(a.shards, &alertShard{number: n, state: state, top: alert.NewContributors(wanted, o.Core.Windows), wanted: wanted})
	}
	a.watch = alert.New(alert.Options{
		Rules: o.Rules, Groupings: o.Core.Groupings, Windows: o.Core.Windows, Calendar: a.shards[0].state.Calendar(),
		UsageGrace: o.Core.UsageGrace, Targets: o.Targets, Shards: o.Shards,
	})
	return a, nil
}

// Read applies every line of a file; a bad line is counted and never stops the run.
func (a *Alerts) Read(name string, in io.Reader) error {
	var failed error
	err := eachLine(name, in, func(_ int64, line []byte) {
		if failed == nil {
			failed = a.Apply(line)
		}
	})
	return errors.Join(err, failed)
}

// Apply takes one record. The minutes that its time lets pass are looked at without it.
func (a *Alerts) Apply(value []byte) error {
	a.read++
	e, rejection := a.decoder.Decode(value, nil)
	if e != nil {
		if err := a.advance(e.Time - event.Time(a.options.Lateness)); err != nil {
			return err
		}
		a.seen = max(a.seen, e.Time)
		s := a.shards[0]
		if len(a.shards) > 1 {
			s = a.shards[a.options.ShardOf(e.Subject, len(a.shards))]
		}
		s.ticker.Note()
		_, rejection = s.state.Apply(e)
	}
	if rejection != nil {
		a.rejected++
	}
	return nil
}

// advance looks at the minutes up to a watermark.
func (a *Alerts) advance(watermark event.Time) error {
	for _, s := range a.shards {
		if !s.ticker.IsDue(watermark) {
			continue
		}
		for _, entry := range s.entries(watermark, a.seen) {
			if err := a.watch.Take(s.number, 0, entry); err != nil {
				return err
			}
			a.waiting++
		}
		// It has come as far, whether or not there was anything to say.
		if err := a.watch.Take(s.number, 0, alert.Entry{Watermark: watermark, Heard: []event.Time{a.seen}}); err != nil {
			return err
		}
	}
	if a.waiting < a.options.Every {
		return nil
	}
	return a.look()
}

// entries are what the shard has at each minute up to a watermark at which anything changes.
func (s *alertShard) entries(watermark, heard event.Time) (entries []alert.Entry) {
	s.ticker.Tick(s.state, watermark, func(minute event.Time) {
		s.state.AdvanceTo(minute)
		s.flush++
		entry := alert.Entry{Watermark: minute, Heard: []event.Time{heard}}
		for _, r := range s.state.FlushEach(func(u *aggregate.Updates) { s.top.ObserveAll(s.state, u) }) {
			if segment := s.state.Segment(r.Key.Segment); s.wanted.Has(segment.Grouping, r.Key.Kind, r.Key.Index) {
				entry.Registers = append(entry.Registers, s.register(segment, &r))
			}
		}
		entries = append(entries, entry)
	})
	return entries
}

// register is a copy of one that changed.
func (s *alertShard) register(segment aggregate.Segment, r *aggregate.RegisterRow) alert.Register {
	one := alert.Register{Segment: segment, Kind: r.Key.Kind, Index: r.Key.Index, Version: s.flush}
	if !r.Deleted {
		register := *r.Register
		one.Register = &register
	}
	if r.Key.Kind == aggregate.KindRolling {
		one.Accounts = s.top.Top(r.Key.Segment, int(r.Key.Index))
	}
	return one
}

// look evaluates what has come.
func (a *Alerts) look() error {
	a.waiting = 0
	changes, err := a.watch.Advance()
	a.changes = append(a.changes, changes...)
	return err
}

// AlertResult is what a run found.
type AlertResult struct {
	Changes  []alert.Alert // of state, in their order
	Alerts   []alert.Alert // as they stand at the end
	Until    event.Time    // the last watermark
	Read     int64
	Rejected int64
}

// Finish looks at the minutes up to an instant, or to the largest time of the events where it is NoTime,
// and says what was found.
func (a *Alerts) Finish(until event.Time) (AlertResult, error) {
	if until == event.NoTime {
		until = max(a.seen, 0)
	}
	if err := a.advance(until); err != nil {
		return AlertResult{}, err
	}
	err := a.look()
	for _, s := range a.shards {
		if err == nil {
			err = s.state.Check()
		}
	}
	if err != nil {
		return AlertResult{}, fmt.Errorf("alerts: %w", err)
	}
	return AlertResult{Changes: a.changes, Alerts: a.watch.Alerts(), Until: until, Read: a.read, Rejected: a.rejected}, nil
}
