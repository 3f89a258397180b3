package rollup

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// Options are what the rows of metrics depend on, beside the registers.
type Options struct {
	Calendar   *aggregate.Calendar
	Windows    []aggregate.Window
	UsageGrace time.Duration
	Shards     int // how many shards there are
	Targets    Targets
}

// Rollup keeps one register per segment, interval and shard, and sums them. It belongs to one
// goroutine.
type Rollup struct {
	options  Options
	segments map[aggregate.Segment]*series
	shards   []event.Time // watermark of each shard, 0 before it is known
	now      event.Time
	before   event.Time // the watermark of the last flush
	rows     []Row      // of the segment that is being flushed
}

// New is an empty rollup.
func New(o Options) *Rollup {
	return &Rollup{options: o, segments: map[aggregate.Segment]*series{}, shards: make([]event.Time, o.Shards)}
}

// series is one segment: its intervals by kind, in order, and its rolling windows.
type series struct {
	segment  aggregate.Segment
	kinds    [5]track
	rolling  []interval
	firstDay int32 // of the first row, charge or committed MRR
	touched  bool
}

// track is the intervals of one kind.
type track struct {
	intervals []interval // sorted by index; those without a register are not in it
	rows      []level    // running sums from the first index on
	dirtyFrom int32      // the first index that must be made anew
	base      int32      // the index of the first row
}

const clean = int32(1<<31 - 1)

// interval holds what each shard says of it, and their sum.
type interval struct {
	index  int32
	shards []shardRegister
	sum    aggregate.Register
	merged bool     // sum.Ranking and sum.Signals are those of the shards as they are now
	said   []string // the signals of which there are rows
}

type shardRegister struct {
	shard    int
	version  uint64
	register aggregate.Register
}

// level is what the sums have run up to at the end of an interval.
type level struct {
	closing   money.Amount
	committed money.Amount
	usage     money.Amount
	accounts  int64
}

// Put replaces what a shard says of a segment's interval (nil takes it away). A version below the
// one known is ignored, so that replays and slow former owners change nothing.
func (r *Rollup) Put(shard int, s aggregate.Segment, k aggregate.Kind, index int32, register *aggregate.Register, version uint64) error {
	if shard < 0 || shard >= len(r.shards) {
		return fmt.Errorf("register of shard %d: there are %d shards", shard, len(r.shards))
	}
	if k == aggregate.KindRolling && int(index) >= len(r.options.Windows) {
		return fmt.Errorf("register of window %d: there are %d windows", index, len(r.options.Windows))
	}
	t := r.segments[s]
	if t == nil {
		t = &series{segment: s, rolling: make([]interval, len(r.options.Windows)), firstDay: clean}
		for i := range t.kinds {
			t.kinds[i].dirtyFrom = clean
		}
		r.segments[s] = t
	}
	t.touched = true
	if k == aggregate.KindRolling {
		t.rolling[index].put(shard, register, version)
		return nil
	}
	track := &t.kinds[k]
	i, found := slices.BinarySearchFunc(track.intervals, index, func(v interval, n int32) int { return cmp.Compare(v.index, n) })
	if !found {
		track.intervals = slices.Insert(track.intervals, i, interval{index: index})
	}
	track.intervals[i].put(shard, register, version)
	track.dirtyFrom = min(track.dirtyFrom, index)
	return nil
}

func (v *interval) put(shard int, register *aggregate.Register, version uint64) {
	i, found := slices.BinarySearchFunc(v.shards, shard, func(s shardRegister, n int) int { return cmp.Compare(s.shard, n) })
	if !found {
		v.shards = slices.Insert(v.shards, i, shardRegister{shard: shard})
	}
	if v.shards[i].version > version {
		return
	}
	v.shards[i].version = version
	one := &v.shards[i].register
	v.sum.Subtract(one)
	if register == nil {
		*one = aggregate.Register{}
	} else {
		*one = *register
	}
	v.sum.Add(one)
	v.merged = false
}

// total is the sum of the shards. The largest amounts of all of them, and what their signals say, are looked for when they
// are asked for: taking one shard's away needs all the others'.
func (v *interval) total() *aggregate.Register {
	if v.merged {
		return &v.sum
	}
	v.merged, v.sum.Ranking, v.sum.Signals = true, nil, nil
	for j := range v.shards {
		if ranking := v.shards[j].register.Ranking; ranking != nil {
			if v.sum.Ranking == nil {
				v.sum.Ranking = &aggregate.Ranking{}
			}
			v.sum.Ranking.Merge(ranking)
		}
		v.mergeSignals(v.shards[j].register.Signals)
	}
	return &v.sum
}

// SetWatermark says up to where a shard is complete. The rollup's watermark is the smallest.
func (r *Rollup) SetWatermark(shard int, watermark event.Time) {
	if shard < 0 || shard >= len(r.shards) {
		return
	}
	r.shards[shard] = max(r.shards[shard], watermark)
	r.now = max(r.now, slices.Min(r.shards))
}

// Watermark is the smallest watermark of the shards.
func (r *Rollup) Watermark() event.Time { return r.now }

// complete is how many shards are known.
func (r *Rollup) complete() int {
	n := 0
	for _, w := range r.shards {
		if w > 0 {
			n++
		}
	}
	return n
}

// Flush makes the rows anew that changed since the last flush, by registers or by the watermark, a
// segment at a time, ordered by grouping, segment, kind and interval: what it takes does not grow with
// the number of segments. Rows are valid until the next ones come. A broken identity is an error, and
// ends it. A flush that is not read to its end has to be followed by Remake.
func (r *Rollup) Flush() iter.Seq2[[]Row, error] {
	return func(yield func([]Row, error) bool) {
		crossed := r.crossed()
		for _, name := range r.names() {
			s := r.segments[name]
			if crossed {
				r.reopen(s)
			}
			r.rows = r.rows[:0]
			if err := r.flushSeries(s); err != nil {
				yield(nil, err)
				return
			}
			if len(r.rows) > 0 && !yield(r.rows, nil) {
				return
			}
		}
		r.before = r.now
	}
}

// names are the segments in their order.
func (r *Rollup) names() []aggregate.Segment {
	return slices.SortedFunc(maps.Keys(r.segments), compareSegments)
}

func compareSegments(a, b aggregate.Segment) int {
	return cmp.Or(cmp.Compare(a.Grouping, b.Grouping), cmp.Compare(a.Name, b.Name))
}

// crossed says whether the watermark passed an instant at which an interval begins, ends or
// becomes final since the last flush.
func (r *Rollup) crossed() bool {
	c := r.options.Calendar
	if c.Day(r.before) != c.Day(r.now) {
		return true
	}
	grace := event.Time(r.options.UsageGrace)
	return c.Day(r.before-grace) != c.Day(r.now-grace)
}

// reopen marks the intervals that were not final at the last flush.
func (r *Rollup) reopen(s *series) {
	c := r.options.Calendar
	for k := range s.kinds {
		kind := aggregate.Kind(k)
		open := c.Index(kind, c.Day(max(r.before-event.Time(r.options.UsageGrace), 0)))
		s.kinds[k].dirtyFrom = min(s.kinds[k].dirtyFrom, open)
	}
	s.touched = true
}

// flushSeries makes one segment's rows.
func (r *Rollup) flushSeries(s *series) error {
	first := s.first()
	if first != clean && r.now < r.options.Calendar.DayStart(first) {
		first = clean // it has not begun yet, also where it had: what was sent of it is gone
	}
	if first != s.firstDay { // the segment starts earlier or later than it did
		r.goneRows(s, first)
		for k := range s.kinds {
			s.kinds[k].dirtyFrom, s.kinds[k].rows = -clean, nil
		}
		s.firstDay = first
	}
	if first == clean {
		return nil
	}
	r.lookBack(s)
	for k := range s.kinds {
		if err := r.flushTrack(s, aggregate.Kind(k)); err != nil {
			return err
		}
	}
	if s.touched || r.now != r.before {
		if err := r.flushRolling(s); err != nil {
			return err
		}
	}
	s.touched = false
	return nil
}

// lookBack marks the intervals whose retention compares with a day that changed. The open one looks
// back at the middle of a month, which can change where the whole month does not.
func (r *Rollup) lookBack(s *series) {
	day := s.kinds[aggregate.KindDay].dirtyFrom
	if day == clean || day == -clean { // nothing, or everything already
		return
	}
	for kind := aggregate.KindMonth; kind < aggregate.KindRolling; kind++ {
		s.kinds[kind].dirtyFrom = min(s.kinds[kind].dirtyFrom, r.options.Calendar.Index(kind, day))
	}
}

// first is the first day into which anything of the segment is dated.
func (s *series) first() int32 {
	days := s.kinds[aggregate.KindDay].intervals
	for i := range days {
		if days[i].sum.Counts[aggregate.CountEntries] > 0 {
			return days[i].index
		}
	}
	return clean
}

// goneRows takes back the rows before the segment's new first day.
func (r *Rollup) goneRows(s *series, first int32) {
	if s.firstDay == clean {
		return
	}
	c := r.options.Calendar
	for k := range s.kinds {
		kind := aggregate.Kind(k)
		for i := range s.kinds[k].intervals {
			if v := &s.kinds[k].intervals[i]; first == clean || v.index < c.Index(kind, first) {
				r.goneSignals(s, kind, v)
			}
		}
		base := s.kinds[k].base
		for i := range s.kinds[k].rows {
			if index := base + int32(i); first == clean || index < c.Index(kind, first) {
				r.rows = append(r.rows, Row{Segment: s.segment, Kind: kind, Interval: c.Name(kind, index), Deleted: true})
			}
		}
	}
	if first == clean {
		for _, w := range r.options.Windows {
			r.rows = append(r.rows, Row{Segment: s.segment, Kind: aggregate.KindRolling, Interval: w.Name, Deleted: true})
		}
	}
}

// flushTrack makes the rows of one kind from the first dirty interval to the watermark's.
func (r *Rollup) flushTrack(s *series, kind aggregate.Kind) error {
	c := r.options.Calendar
	t := &s.kinds[kind]
	base, last := t.first(c.Index(kind, s.firstDay)), c.Index(kind, c.Day(r.now))
	if base != t.base {
		t.base, t.rows, t.dirtyFrom = base, nil, -clean
	}
	from := max(t.dirtyFrom, base)
	t.dirtyFrom = clean
	if from > last {
		return nil
	}
	from = min(from, base+int32(len(t.rows)))
	t.rows = t.rows[:from-base]
	next, _ := slices.BinarySearchFunc(t.intervals, from, func(v interval, n int32) int { return cmp.Compare(v.index, n) })
	var before level
	if n := len(t.rows); n > 0 {
		before = t.rows[n-1]
	}
	for index := from; index <= last; index++ {
		sum, found := &zero, (*interval)(nil)
		if next < len(t.intervals) && t.intervals[next].index == index {
			found = &t.intervals[next]
			sum = found.total()
			next++
		}
		row := r.row(s, kind, index, sum, before)
		if err := row.check(); err != nil {
			return err
		}
		r.rows = append(r.rows, row)
		if found != nil {
			found.said = r.signalRows(&row, sum, found.said)
		}
		before = row.level()
		t.rows = append(t.rows, before)
	}
	return nil
}

// first is the index of the first row, given that of the segment's first day: an opening balance that
// stands for what a shard has no more may lie in a week or year before.
func (t *track) first(index int32) int32 {
	for i := range t.intervals {
		if t.intervals[i].sum.Counts[aggregate.CountEntries] > 0 {
			return min(index, t.intervals[i].index)
		}
	}
	return index
}

var zero aggregate.Register

// at is the sum of one interval of a kind; the zero register where there is none.
func (t *track) at(index int32) *aggregate.Register {
	i, found := slices.BinarySearchFunc(t.intervals, index, func(v interval, n int32) int { return cmp.Compare(v.index, n) })
	if !found {
		return &zero
	}
	return t.intervals[i].total()
}

// closingOn is the segment's MRR at the end of a local day.
func (r *Rollup) closingOn(s *series, day int32) money.Amount {
	days := s.kinds[aggregate.KindDay].rows
	i := int(day - s.firstDay)
	switch {
	case i < 0:
		return money.Amount{}
	case i >= len(days):
		return days[len(days)-1].closing
	default:
		return days[i].closing
	}
}

// flushRolling makes the rows of the rolling windows, which end at the watermark.
func (r *Rollup) flushRolling(s *series) error {
	days := s.kinds[aggregate.KindDay].rows
	now := days[len(days)-1]
	for i, w := range r.options.Windows {
		row := r.rollingRow(s, w, s.rolling[i].total(), now)
		if err := row.check(); err != nil {
			return err
		}
		r.rows = append(r.rows, row)
	}
	return nil
}

// Segments is how many segments have anything dated.
func (r *Rollup) Segments() int {
	n := 0
	for _, s := range r.segments {
		if s.firstDay != clean {
			n++
		}
	}
	return n
}
