package web

import (
	"cmp"
	"slices"
	"sync"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
)

// BoardOptions bound what is kept.
type BoardOptions struct {
	Rows int // rows of metrics in all; default 100,000, about 250 MB
}

// Board is what the page and the API show: the latest rows of every segment, some periods back,
// and where the service stands. It is safe for several goroutines.
type Board struct {
	limit int
	book  *book

	mu        sync.RWMutex
	status    Status
	watermark event.Time
	tracks    map[trackKey]*track
	rows      int
	omitted   map[aggregate.Segment]struct{} // segments with rows beyond the bound
	changes   uint64                         // rises with everything that is shown
}

// trackKey names the rows of one segment that follow each other; for windows, one window's.
type trackKey struct {
	segment aggregate.Segment
	label   string // day, week, month, quarter, year or a window's name
}

// track is one segment's rows of one kind, in the order of time.
type track struct {
	kind aggregate.Kind
	rows []*rollup.Row
}

// Periods is how many periods of a kind the board looks back; what is older is in the topic.
var Periods = [aggregate.KindRolling + 1]int{
	aggregate.KindDay: 32, aggregate.KindWeek: 14, aggregate.KindMonth: 14,
	aggregate.KindQuarter: 6, aggregate.KindYear: 4, aggregate.KindRolling: 1,
}

// omittedMax bounds the list of segments that did not fit; beyond it they are not told apart.
const omittedMax = 10_000

// NewBoard is an empty board.
func NewBoard(o BoardOptions) *Board {
	if o.Rows <= 0 {
		o.Rows = 100_000
	}
	return &Board{
		limit: o.Rows, book: newBook(), watermark: event.NoTime, tracks: map[trackKey]*track{}, omitted: map[aggregate.Segment]struct{}{},
		status: Status{Phase: "starting", Watermark: event.NoTime},
	}
}

// Observe takes rows of metrics as they are made, deleted ones included. What it keeps is its own: one
// row must not hold on to all that were made with it.
func (b *Board) Observe(rows []rollup.Row, watermark event.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes++
	b.watermark = watermark
	for i := range rows {
		if row := &rows[i]; row.Deleted {
			b.remove(row)
		} else {
			b.put(row)
		}
	}
}

// ObserveAccount takes the rows of one account that were made anew. It may be called by several goroutines.
func (b *Board) ObserveAccount(shard int, u *aggregate.Updates) { b.book.observe(shard, u) }

// DropShard forgets the accounts of a shard.
func (b *Board) DropShard(shard int) { b.book.drop(shard) }

// SetStatus takes where the service stands.
func (b *Board) SetStatus(s Status) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes++
	b.status = s
}

// Status is where the service stands.
func (b *Board) Status() Status {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.status
}

// state rises with everything that is shown.
func (b *Board) state() uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.changes + b.book.state()
}

func (b *Board) put(row *rollup.Row) {
	key := trackKey{row.Segment, labelOf(row)}
	t := b.tracks[key]
	if t == nil {
		if b.rows >= b.limit {
			if len(b.omitted) < omittedMax {
				b.omitted[row.Segment] = struct{}{}
			}
			return
		}
		t = &track{kind: row.Kind}
		b.tracks[key] = t
	}
	b.rows -= len(t.rows)
	own := *row
	t.put(&own)
	if b.rows+len(t.rows) > b.limit && len(t.rows) > 1 { // no room for history: the newest counts
		t.rows = slices.Delete(t.rows, 0, 1)
	}
	b.rows += len(t.rows)
}

func (t *track) put(row *rollup.Row) {
	if t.kind == aggregate.KindRolling {
		t.rows = append(t.rows[:0], row)
		return
	}
	i, found := slices.BinarySearchFunc(t.rows, row, func(a, b *rollup.Row) int { return cmp.Compare(a.StartsAt, b.StartsAt) })
	if found {
		t.rows[i] = row
		return
	}
	t.rows = slices.Insert(t.rows, i, row)
	if n := len(t.rows) - Periods[t.kind]; n > 0 {
		t.rows = slices.Delete(t.rows, 0, n)
	}
}

func (b *Board) remove(row *rollup.Row) {
	key := trackKey{row.Segment, labelOf(row)}
	t := b.tracks[key]
	if t == nil {
		return
	}
	b.rows -= len(t.rows)
	t.rows = slices.DeleteFunc(t.rows, func(r *rollup.Row) bool { return r.Interval == row.Interval })
	b.rows += len(t.rows)
	if len(t.rows) == 0 {
		delete(b.tracks, key)
	}
}

// labelOf names what a row's track is about: the period's kind, or the window.
func labelOf(r *rollup.Row) string {
	if r.Kind == aggregate.KindRolling {
		return r.Interval
	}
	return r.Kind.String()
}

// Filter chooses rows; an empty field chooses all.
type Filter struct {
	Grouping string
	Segment  string
	Kind     string
	Interval string // of a period, as 2026-03, or of a window, as 30d; empty: the latest of each kind
}

// Select are the chosen rows, ordered by grouping, segment, kind and time, at most limit of them,
// and how many there are in all.
func (b *Board) Select(f Filter, limit int) (rows []*rollup.Row, total int, watermark event.Time) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for key, t := range b.tracks {
		if f.Grouping != "" && f.Grouping != key.segment.Grouping || f.Segment != "" && f.Segment != key.segment.Name ||
			f.Kind != "" && f.Kind != t.kind.String() {
			continue
		}
		if f.Interval == "" {
			rows = append(rows, t.rows[len(t.rows)-1])
			continue
		}
		for _, r := range t.rows {
			if r.Interval == f.Interval {
				rows = append(rows, r)
			}
		}
	}
	slices.SortFunc(rows, func(a, b *rollup.Row) int {
		return cmp.Or(cmp.Compare(a.Segment.Grouping, b.Segment.Grouping), cmp.Compare(a.Segment.Name, b.Segment.Name),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.StartsAt, b.StartsAt), cmp.Compare(a.Interval, b.Interval))
	})
	return rows[:min(len(rows), limit)], len(rows), b.watermark
}
