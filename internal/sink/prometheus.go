package sink

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
)

// This is the one place of the program where money becomes a binary float (invariant I9).

// RevenueOptions bound what Prometheus sees.
type RevenueOptions struct {
	Top int // segments shown of each grouping, the others together are "(other)"; default 50
}

// Revenue shows the latest rows of metrics to Prometheus. Its gauges are read from these rows at
// every scrape and never counted up by events, so that a replay cannot count twice. The segments of
// a grouping with the largest closing MRR have series of their own, the rest is summed exactly into
// one segment "(other)"; there is no label with an account. It is safe for several goroutines.
type Revenue struct {
	top int

	mu        sync.Mutex
	changes   uint64 // of what is shown, and 1
	groupings map[string]*shownGrouping
	seen      [measureCount]bool // measures that were ever not zero
}

// NewRevenue is an exporter that has seen no row yet.
func NewRevenue(o RevenueOptions) *Revenue {
	if o.Top <= 0 {
		o.Top = 50
	}
	return &Revenue{top: o.Top, changes: 1, groupings: map[string]*shownGrouping{}}
}

// shownGrouping is one grouping's segments and what they add up to, by interval label.
type shownGrouping struct {
	segments map[string]*shownSegment
	totals   map[string]*[additiveMeasures]money.Amount
}

// shownSegment is one segment's latest row of every interval label.
type shownSegment struct {
	name    string
	closing money.Amount
	latest  []shownRow
}

// shownRow is what is exported of a row of metrics. Most measures of most segments are zero, so
// only the others are kept.
type shownRow struct {
	label    string // day, week, month, quarter, year or a window's name
	interval string // the row's own, to know it again
	startsAt event.Time
	cells    []cell
}

// cell is one measure that a row has.
type cell struct {
	measure uint8
	value   money.Amount
}

// Observe takes rows of metrics as they are made. Of the periods of one kind only the latest is
// shown; a row of an earlier one (a restatement) changes nothing here.
func (r *Revenue) Observe(rows []rollup.Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	for i := range rows {
		if row := &rows[i]; row.Deleted {
			r.remove(row)
		} else {
			r.put(row)
		}
	}
}

// Forget drops every series: this process no longer owns the rows.
func (r *Revenue) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	clear(r.groupings)
}

// changed rises with everything that is shown.
func (r *Revenue) changed() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changes
}

func (r *Revenue) put(row *rollup.Row) {
	g := r.groupings[row.Segment.Grouping]
	if g == nil {
		g = &shownGrouping{segments: map[string]*shownSegment{}, totals: map[string]*[additiveMeasures]money.Amount{}}
		r.groupings[row.Segment.Grouping] = g
	}
	s := g.segments[row.Segment.Name]
	if s == nil {
		s = &shownSegment{name: row.Segment.Name}
		g.segments[s.name] = s
	}
	label := intervalLabel(row)
	i := slices.IndexFunc(s.latest, func(l shownRow) bool { return l.label == label })
	if i < 0 {
		i = len(s.latest)
		s.latest = append(s.latest, shownRow{label: label})
	} else if s.latest[i].startsAt > row.StartsAt {
		return
	}
	l := &s.latest[i]
	g.add(label, l.cells, -1)
	l.interval, l.startsAt, l.cells = row.Interval, row.StartsAt, r.cells(row, l.cells[:0])
	g.add(label, l.cells, 1)
	s.closing = row.Closing
}

func (r *Revenue) remove(row *rollup.Row) {
	g := r.groupings[row.Segment.Grouping]
	if g == nil || g.segments[row.Segment.Name] == nil {
		return
	}
	s := g.segments[row.Segment.Name]
	label := intervalLabel(row)
	s.latest = slices.DeleteFunc(s.latest, func(l shownRow) bool {
		gone := l.label == label && l.interval == row.Interval
		if gone {
			g.add(label, l.cells, -1)
		}
		return gone
	})
	if len(s.latest) == 0 {
		delete(g.segments, s.name)
	}
	if len(g.segments) == 0 {
		delete(r.groupings, row.Segment.Grouping)
	}
}

// add adds (sign 1) or takes away (-1) a row's measures from the totals of its interval label.
func (g *shownGrouping) add(label string, cells []cell, sign int64) {
	total := g.totals[label]
	if total == nil {
		total = new([additiveMeasures]money.Amount)
		g.totals[label] = total
	}
	addCells(total, cells, sign)
}

func addCells(total *[additiveMeasures]money.Amount, cells []cell, sign int64) {
	for _, c := range cells {
		if c.measure < additiveMeasures {
			total[c.measure] = total[c.measure].Add(c.value.Times(sign))
		}
	}
}

// cells reads a row's measures.
func (r *Revenue) cells(row *rollup.Row, dst []cell) []cell {
	for i := range measures {
		value, there := measures[i].of(row)
		if !there || i < additiveMeasures && value.IsZero() {
			continue
		}
		r.seen[i] = true
		dst = append(dst, cell{measure: uint8(i), value: value})
	}
	return slices.Clip(dst)
}

// Describe sends every description.
func (r *Revenue) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range revenueDescriptions {
		ch <- d
	}
}

// Collect sends the series of the latest rows.
func (r *Revenue) Collect(ch chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.groupings["all"]
	used := names{}
	for _, name := range slices.Sorted(maps.Keys(r.groupings)) {
		g := r.groupings[name]
		label, ok := used.label(name)
		if !ok { // another grouping has this name already; a configuration has few groupings
			continue
		}
		r.collectGrouping(ch, label, g)
		ch <- prometheus.MustNewConstMetric(transferBalanceDescription, prometheus.GaugeValue, float(g.transferBalance(all)), label)
	}
}

// collectGrouping sends the top segments, and the others as one.
func (r *Revenue) collectGrouping(ch chan<- prometheus.Metric, grouping string, g *shownGrouping) {
	used := names{otherSegment: true} // a segment that is called so is part of it
	shown := map[string]*[additiveMeasures]money.Amount{}
	hidden := len(g.segments)
	for _, s := range g.topSegments(r.top) {
		segment, ok := used.label(s.name)
		if !ok {
			continue
		}
		hidden--
		for i := range s.latest {
			l := &s.latest[i]
			if shown[l.label] == nil {
				shown[l.label] = new([additiveMeasures]money.Amount)
			}
			addCells(shown[l.label], l.cells, 1)
			r.collectRow(ch, grouping, segment, l)
		}
	}
	if hidden == 0 {
		return
	}
	for label, total := range g.totals {
		rest := *total
		if shown[label] != nil {
			for i := range rest {
				rest[i] = rest[i].Sub(shown[label][i])
			}
		}
		r.collectSums(ch, grouping, otherSegment, label, &rest)
	}
}

// collectRow sends one row: its sums and those ratios that it has.
func (r *Revenue) collectRow(ch chan<- prometheus.Metric, grouping, segment string, l *shownRow) {
	var sums [additiveMeasures]money.Amount
	addCells(&sums, l.cells, 1)
	r.collectSums(ch, grouping, segment, l.label, &sums)
	for _, c := range l.cells {
		if c.measure < additiveMeasures {
			continue
		}
		labels := []string{grouping, segment, l.label}
		m := &measures[c.measure]
		if m.label != "" {
			labels = append(labels, m.label)
		}
		ch <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, float(c.value), labels...)
	}
}

// collectSums sends the measures that add up over segments. Typed parts have series only when the
// type ever occurred.
func (r *Revenue) collectSums(ch chan<- prometheus.Metric, grouping, segment, label string, sums *[additiveMeasures]money.Amount) {
	for i := range sums {
		m := &measures[i]
		if m.description == upDescription && !r.seen[i] {
			continue
		}
		ch <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, float(sums[i]), grouping, segment, label, m.label)
	}
}

// topSegments are the n segments with the largest closing MRR, ties by name.
func (g *shownGrouping) topSegments(n int) []*shownSegment {
	larger := func(a, b *shownSegment) int {
		return cmp.Or(b.closing.Cmp(a.closing), cmp.Compare(a.name, b.name))
	}
	top := make([]*shownSegment, 0, min(n, len(g.segments))+1)
	for _, s := range g.segments {
		if len(top) == n && larger(s, top[n-1]) > 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(top, s, larger)
		top = slices.Insert(top, i, s)
		top = top[:min(len(top), n)]
	}
	return top
}

// transferBalance is what the transfers between segments leave over in the open year, beside the
// moves between accounts, which `all` has too. It is 0 unless a half is missing.
func (g *shownGrouping) transferBalance(all *shownGrouping) money.Amount {
	balance := g.transfers()
	if all != nil {
		balance = balance.Sub(all.transfers())
	}
	return balance
}

func (g *shownGrouping) transfers() money.Amount {
	year := g.totals["year"]
	if year == nil {
		return money.Amount{}
	}
	return year[measureTransferIn].Sub(year[measureTransferOut])
}

// float is an amount as the nearest binary float.
func float(a money.Amount) float64 {
	hi, lo := a.Words()
	if n := int64(lo); hi == n>>63 && n > -1<<53 && n < 1<<53 {
		return float64(n) / 1e6 // both are exact, so the quotient is the nearest
	}
	f, _ := a.Rat().Float64()
	if math.IsInf(f, 0) { // beyond 1e308; amounts end at 1.7e32
		return math.NaN()
	}
	return f
}
