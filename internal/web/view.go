package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/rollup"
)

// View is what one page looks at: a grouping, and a period's kind or a window's name.
type View struct {
	Grouping string
	Interval string
}

// viewSegments is how many segments a page shows; the API has all.
const viewSegments = 100

// snapshotJSON is everything a page shows at one moment.
type snapshotJSON struct {
	Status        statusJSON    `json:"status"`
	Currency      string        `json:"currency"`
	KnownAt       *string       `json:"known_at"`
	Grouping      string        `json:"grouping"`
	Interval      string        `json:"interval"`
	Groupings     []string      `json:"groupings"`
	Intervals     []string      `json:"intervals"`
	Total         *figuresJSON  `json:"total"`
	History       []figuresJSON `json:"history"` // of all, oldest first, the open one last
	Segments      []figuresJSON `json:"segments"`
	SegmentsTotal int           `json:"segments_total"`
}

// figuresJSON is the part of a row of metrics that a page shows.
type figuresJSON struct {
	Segment   string         `json:"segment"`
	Interval  string         `json:"interval"`
	StartsAt  *string        `json:"starts_at"`
	EndsAt    *string        `json:"ends_at"`
	Final     bool           `json:"final"`
	Opening   string         `json:"opening"`
	Closing   string         `json:"closing"`
	Expansion string         `json:"expansion"`
	Movements []movementJSON `json:"movements"`
	Ups       []partJSON     `json:"ups"`
	Driver    *string        `json:"primary_driver"`
	Rate      *string        `json:"expansion_rate"`
	Band      *string        `json:"expansion_rate_band"`
	Growth    *string        `json:"growth_rate"`
	NRR       *string        `json:"nrr_12m"`
	NRRBand   *string        `json:"nrr_band"`
	GRR       *string        `json:"grr_12m"`
	Accounts  int64          `json:"accounts"`
	Expanding int64          `json:"accounts_expanding"`
	Complete  bool           `json:"complete"`
}

// movementJSON is one step from opening to closing, with its sign.
type movementJSON struct {
	Kind   string `json:"kind"`
	Change string `json:"change"`
}

type partJSON struct {
	Type   string `json:"type"`
	Amount string `json:"amount"`
}

// snapshot encodes what a page shows, with <, > and & escaped, so that the bytes are harmless
// wherever they end up.
func (b *Board) snapshot(v View, currency string) ([]byte, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := snapshotJSON{
		Status: b.statusOf(), Currency: currency, KnownAt: timeOrNull(b.watermark), Grouping: v.Grouping, Interval: v.Interval,
		Groupings: b.groupings(), Intervals: b.intervals(), History: []figuresJSON{}, Segments: []figuresJSON{},
	}
	if t := b.tracks[trackKey{everything, v.Interval}]; t != nil {
		for _, r := range t.rows {
			s.History = append(s.History, figuresOf(r))
		}
		s.Total = &s.History[len(s.History)-1]
	}
	rows := b.segmentsOf(v)
	s.SegmentsTotal = len(rows)
	for _, r := range rows[:min(len(rows), viewSegments)] {
		s.Segments = append(s.Segments, figuresOf(r))
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the snapshot: %w", err)
	}
	return encoded, nil
}

var everything = aggregate.Segment{Grouping: aggregate.SegmentAll, Name: aggregate.SegmentAll}

// segmentsOf are the latest rows of a view's segments, the largest first.
func (b *Board) segmentsOf(v View) []*rollup.Row {
	var rows []*rollup.Row
	for key, t := range b.tracks {
		if key.segment.Grouping == v.Grouping && key.label == v.Interval {
			rows = append(rows, t.rows[len(t.rows)-1])
		}
	}
	slices.SortFunc(rows, func(a, b *rollup.Row) int {
		return cmp.Or(b.Closing.Cmp(a.Closing), cmp.Compare(a.Segment.Name, b.Segment.Name))
	})
	return rows
}

// groupings are the names of those that have rows, `all` first, then by name.
func (b *Board) groupings() []string {
	found := map[string]bool{}
	for key := range b.tracks {
		found[key.segment.Grouping] = true
	}
	names := slices.Sorted(maps.Keys(found))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(boolInt(a != aggregate.SegmentAll), boolInt(b != aggregate.SegmentAll))
	})
	return append([]string{}, names...)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// intervals are the labels that `all` has rows of: the periods by length, then the windows.
func (b *Board) intervals() []string {
	labels := []string{}
	for k := aggregate.KindDay; k < aggregate.KindRolling; k++ {
		labels = append(labels, k.String())
	}
	for _, w := range aggregate.Windows {
		labels = append(labels, w.Name)
	}
	return slices.DeleteFunc(labels, func(l string) bool { return b.tracks[trackKey{everything, l}] == nil })
}

// flows are the steps from opening to closing in the order of reading, with their signs (spec:
// rules 9.1).
var flows = []struct {
	kind string
	sum  aggregate.Sum
	sign int64
}{
	{"new", aggregate.SumNew, 1},
	{"expansion", aggregate.SumExpansion, 1},
	{"reactivation", aggregate.SumReactivation, 1},
	{"resumed", aggregate.SumResumed, 1},
	{"transfer_in", aggregate.SumTransferIn, 1},
	{"usage_change", aggregate.SumUsageChange, 1},
	{"fx", aggregate.SumFX, 1},
	{"contraction", aggregate.SumContraction, -1},
	{"churned", aggregate.SumChurned, -1},
	{"paused", aggregate.SumPaused, -1},
	{"transfer_out", aggregate.SumTransferOut, -1},
}

func figuresOf(r *rollup.Row) figuresJSON {
	f := figuresJSON{
		Segment: r.Segment.Name, Interval: r.Interval, StartsAt: timeOrNull(r.StartsAt), EndsAt: timeOrNull(r.EndsAt), Final: r.Final,
		Opening: r.Opening.String(), Closing: r.Closing.String(), Expansion: r.Sums[aggregate.SumExpansion].String(),
		Driver: textOrNull(r.PrimaryDriver), Rate: ratioOrNull(r.ExpansionRate), Band: textOrNull(string(r.ExpansionBand)),
		Growth: ratioOrNull(r.Growth), NRR: ratioOrNull(r.NRR12), NRRBand: textOrNull(string(r.NRRBand)), GRR: ratioOrNull(r.GRR12),
		Accounts: r.AccountsClosing, Expanding: r.Counts[aggregate.CountExpanding], Complete: r.CompleteShards == r.Shards,
		Movements: []movementJSON{}, Ups: []partJSON{},
	}
	for _, flow := range flows {
		if v := r.Sums[flow.sum]; !v.IsZero() {
			f.Movements = append(f.Movements, movementJSON{flow.kind, v.Times(flow.sign).String()})
		}
	}
	for i, name := range aggregate.UpNames {
		if v := r.Sums[aggregate.SumUp+aggregate.Sum(i)]; !v.IsZero() {
			f.Ups = append(f.Ups, partJSON{name, v.String()})
		}
	}
	return f
}

func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func ratioOrNull(r rollup.Ratio) *string {
	if r.Reason != rollup.Defined {
		return nil
	}
	text := r.Value.String()
	return &text
}
