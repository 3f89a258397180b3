package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"processor/internal/aggregate"
	"processor/internal/rollup"
)

// View is what one page looks at: a grouping, a period's kind or a window's name, and what was chosen of
// them. An empty Period is the newest that tells something; an empty Segment or Type is all.
type View struct {
	Grouping string
	Interval string
	Period   string
	Segment  string
	Type     string // of expansion, as in aggregate.UpNames
}

// The bounds of what one snapshot carries; the API has the rest.
const (
	viewSegments = 100
	viewTrend    = 13 // periods of a segment
)

// snapshotJSON is everything a page shows at one moment.
type snapshotJSON struct {
	Status        statusJSON      `json:"status"`
	Currency      string          `json:"currency"`
	KnownAt       *string         `json:"known_at"`
	Grouping      string          `json:"grouping"`
	Interval      string          `json:"interval"`
	Period        string          `json:"period"` // the one that is shown
	Segment       string          `json:"segment"`
	Type          string          `json:"type"`
	Groupings     []string        `json:"groupings"`
	Intervals     []string        `json:"intervals"`
	Periods       []string        `json:"periods"` // oldest first
	Total         *figuresJSON    `json:"total"`   // of the segment that was chosen, or of all
	History       []figuresJSON   `json:"history"` // of the same, up to the period, oldest first
	Segments      []figuresJSON   `json:"segments"`
	SegmentsTotal int             `json:"segments_total"`
	Slow          []slowJSON      `json:"slow"`
	Cohorts       *cohortsJSON    `json:"cohorts"`
	Accounts      *topsJSON       `json:"accounts"`
	Feed          []fedJSON       `json:"feed"`
	Offers        map[string]bool `json:"offers"`
	AlertsSaid    string          `json:"alerts_said"` // changes when an alert does
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
	NRR1      *string        `json:"nrr_1m"`
	GRR1      *string        `json:"grr_1m"`
	Accounts  int64          `json:"accounts"`
	Expanding int64          `json:"accounts_expanding"`
	Complete  bool           `json:"complete"`
	Trend     []string       `json:"trend,omitzero"` // of a segment: expansion up to the period, oldest first
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

// setting is what every view of a server has in common.
type setting struct {
	currency string
	places   map[string][]int
	offers   map[string]bool
	alerts   func() []Alert // nil: there are none
}

// said is another text whenever an alert is another one: a page asks for the alerts then, and not every second.
func (f *setting) said() string {
	if f.alerts == nil {
		return ""
	}
	h := xxhash.New()
	for _, a := range f.alerts() {
		_, _ = h.Write(a.Says) // a hash takes everything
	}
	return strconv.FormatUint(h.Sum64(), 36)
}

// snapshot encodes what a page shows, with <, > and & escaped, so that the bytes are harmless
// wherever they end up.
func (b *Board) snapshot(v View, f setting) ([]byte, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	s := snapshotJSON{
		Status: b.statusOf(), Currency: f.currency, KnownAt: timeOrNull(b.watermark), Grouping: v.Grouping, Interval: v.Interval,
		Groupings: b.groupings(), Intervals: b.intervals(), Periods: []string{}, History: []figuresJSON{}, Segments: []figuresJSON{},
		Slow: []slowJSON{}, Feed: b.book.latest(), Offers: f.offers, AlertsSaid: f.said(),
	}
	if t := b.tracks[trackKey{everything, v.Interval}]; t != nil {
		b.look(&s, v, f, t)
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the snapshot: %w", err)
	}
	return encoded, nil
}

// look fills in what the view is about; all is the track of everything. A segment that has no such row
// gives way to everything.
func (b *Board) look(s *snapshotJSON, v View, f setting, all *track) {
	for _, r := range all.rows {
		s.Periods = append(s.Periods, r.Interval)
	}
	row := all.rows[all.period(v.Period, b.watermark)]
	s.Period = row.Interval
	t := all
	if chosen := b.tracks[trackKey{aggregate.Segment{Grouping: v.Grouping, Name: v.Segment}, v.Interval}]; chosen != nil && v.Segment != "" && chosen.find(row.Interval) >= 0 {
		t, s.Segment = chosen, v.Segment
	}
	v.Segment, s.Type = s.Segment, v.Type
	for _, r := range t.rows[:t.find(row.Interval)+1] {
		s.History = append(s.History, figuresOf(r))
	}
	s.Total = &s.History[len(s.History)-1]
	segments := b.segmentsOf(v, row.Interval)
	s.SegmentsTotal = len(segments)
	for _, found := range segments[:min(len(segments), viewSegments)] {
		figures := figuresOf(found.row)
		figures.Trend = found.trend()
		s.Segments = append(s.Segments, figures)
	}
	s.Slow, s.Cohorts, s.Accounts = b.slowest(v.Interval, row.Interval), b.cohorts(), b.accounts(v, f.places, row)
}

var everything = aggregate.Segment{Grouping: aggregate.SegmentAll, Name: aggregate.SegmentAll}

// placed is a row in its track.
type placed struct {
	row   *rollup.Row
	track *track
	at    int
}

// trend is the expansion of the periods up to the row's.
func (p placed) trend() []string {
	list := []string{}
	for _, r := range p.track.rows[max(0, p.at+1-viewTrend) : p.at+1] {
		list = append(list, r.Sums[aggregate.SumExpansion].String())
	}
	return list
}

// segmentsOf are the rows of a view's segments in an interval, the largest first.
func (b *Board) segmentsOf(v View, interval string) []placed {
	var rows []placed
	for key, t := range b.tracks {
		if key.segment.Grouping != v.Grouping || key.label != v.Interval {
			continue
		}
		if at := t.find(interval); at >= 0 {
			rows = append(rows, placed{t.rows[at], t, at})
		}
	}
	slices.SortFunc(rows, func(a, b placed) int {
		return cmp.Or(b.row.Closing.Cmp(a.row.Closing), cmp.Compare(a.row.Segment.Name, b.row.Segment.Name))
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
		Growth: ratioOrNull(r.Growth), NRR: ratioOrNull(r.NRR12), NRRBand: textOrNull(string(r.NRRBand)), GRR: ratioOrNull(r.GRR12), NRR1: ratioOrNull(r.NRR1), GRR1: ratioOrNull(r.GRR1),
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
