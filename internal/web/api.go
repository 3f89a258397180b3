package web

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// metrics answers with rows of metrics as the topic has them, but for their version, which only the
// topic gives.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request, q query) {
	after, ok := metricAt(q.after)
	if !ok {
		problem(w, http.StatusBadRequest, cursorWanted)
		return
	}
	filter := Filter{Grouping: q.values["grouping"], Segment: q.values["segment"], Kind: q.values["interval_kind"], Interval: q.values["interval"]}
	rows, total, watermark := s.board.page(filter, after, q.limit)
	l := list{kind: "metrics", total: total}
	if len(rows) > q.limit {
		rows = rows[:q.limit]
		last := rows[q.limit-1]
		l.next = []string{last.Segment.Grouping, last.Segment.Name, last.Kind.String(), last.StartsAt.String(), last.Interval}
	}
	for _, found := range rows {
		l.rows = append(l.rows, s.metricRow(found, watermark))
	}
	s.answerList(w, r, q, l)
}

const cursorWanted = "cursor is the `next` of an answer to the same question; leave it out to begin anew"

func (s *Server) metricRow(r *rollup.Row, watermark event.Time) []byte {
	return withoutVersion(s.encoder().Metric(nil, r, row.Stamp{KnownAt: watermark}))
}

// withoutVersion takes the version out of a row, which only the topic gives. Quotes inside of a text are
// escaped, so these bytes are the field and nothing else.
func withoutVersion(encoded []byte) []byte {
	return bytes.Replace(encoded, []byte(`,"version":0,`), []byte(","), 1)
}

// metricAt is a row with the key of a cursor; nil without one.
func metricAt(key []string) (at *rollup.Row, ok bool) {
	if key == nil {
		return nil, true
	}
	if len(key) != 5 {
		return nil, false
	}
	kind := slices.Index(kindNames(), key[2])
	starts, valid := event.ParseTime([]byte(key[3]))
	if kind < 0 || !valid {
		return nil, false
	}
	return &rollup.Row{
		Segment: aggregate.Segment{Grouping: key[0], Name: key[1]}, Kind: aggregate.Kind(kind), StartsAt: starts, Interval: key[4], //nolint:gosec // an index of few
	}, true
}

// compareMetrics is the order of the rows: by grouping, segment, kind and time.
func compareMetrics(a, b *rollup.Row) int {
	return cmp.Or(cmp.Compare(a.Segment.Grouping, b.Segment.Grouping), cmp.Compare(a.Segment.Name, b.Segment.Name),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.StartsAt, b.StartsAt), cmp.Compare(a.Interval, b.Interval))
}

func kindNames() (names []string) {
	for k := aggregate.KindDay; k <= aggregate.KindRolling; k++ {
		names = append(names, k.String())
	}
	return names
}

// segmentJSON is one segment in the open month.
type segmentJSON struct {
	Grouping  string  `json:"grouping"`
	Segment   string  `json:"segment"`
	Interval  string  `json:"interval"`
	Accounts  int64   `json:"accounts_closing"`
	Opening   string  `json:"opening_mrr"`
	Expansion string  `json:"expansion_mrr"`
	Closing   string  `json:"closing_mrr"`
	Rate      *string `json:"expansion_rate"` // null where it is not defined
	KnownAt   *string `json:"known_at"`
	Final     bool    `json:"final"`
}

// segments answers with the segments there are, each with its open month.
func (s *Server) segments(w http.ResponseWriter, r *http.Request, q query) {
	var after *rollup.Row
	if q.after != nil {
		if len(q.after) != 2 {
			problem(w, http.StatusBadRequest, cursorWanted)
			return
		}
		after = &rollup.Row{Segment: aggregate.Segment{Grouping: q.after[0], Name: q.after[1]}, Kind: aggregate.KindRolling}
	}
	rows, total, watermark := s.board.page(Filter{Grouping: q.values["grouping"], Kind: aggregate.KindMonth.String()}, after, q.limit)
	l := list{kind: "segments", total: total}
	if len(rows) > q.limit {
		rows = rows[:q.limit]
		l.next = []string{rows[q.limit-1].Segment.Grouping, rows[q.limit-1].Segment.Name}
	}
	for _, found := range rows {
		l.rows = append(l.rows, appendValue(nil, segmentOf(found, watermark)))
	}
	s.answerList(w, r, q, l)
}

func segmentOf(r *rollup.Row, watermark event.Time) segmentJSON {
	return segmentJSON{
		Grouping: r.Segment.Grouping, Segment: r.Segment.Name, Interval: r.Interval, Accounts: r.AccountsClosing,
		Opening: r.Opening.String(), Expansion: r.Sums[aggregate.SumExpansion].String(), Closing: r.Closing.String(),
		Rate: ratioOrNull(r.ExpansionRate), KnownAt: timeOrNull(watermark), Final: r.Final,
	}
}

// Alert is a row of alerts as its topic has it.
type Alert struct {
	Rule, Grouping, Segment string
	Row                     []byte // the flat JSON object, with these three and whatever else it has
	Says                    []byte // what it says, without the instant at which it was looked at
}

// alerts answers with the latest rows of alerts.
func (s *Server) alerts(w http.ResponseWriter, r *http.Request, q query) {
	var all []Alert
	if s.options.Alerts != nil {
		all = s.options.Alerts()
	}
	key := func(a Alert) []string { return []string{a.Rule, a.Grouping, a.Segment} }
	chosen := page[Alert]{limit: q.limit, compare: func(a, b Alert) int { return slices.Compare(key(a), key(b)) }}
	l := list{kind: "alerts"}
	for _, a := range all {
		if isOther(q, "rule", a.Rule) || isOther(q, "grouping", a.Grouping) || isOther(q, "segment", a.Segment) {
			continue
		}
		l.total++
		if q.after == nil || slices.Compare(key(a), q.after) > 0 {
			chosen.add(a)
		}
	}
	rows, more := chosen.rows()
	for _, a := range rows {
		l.rows = append(l.rows, a.Row)
	}
	if more {
		l.next = key(rows[len(rows)-1])
	}
	s.answerList(w, r, q, l)
}

// isOther says whether a parameter was given and asks for something else.
func isOther(q query, name, value string) bool {
	wanted := q.values[name]
	return wanted != "" && wanted != value
}

// encoder writes rows with the configured dimensions and windows. It keeps nothing between two rows.
func (s *Server) encoder() *row.Encoder {
	return &row.Encoder{Dimensions: s.options.Dimensions, Windows: s.options.Windows}
}
