package main

import (
	"fmt"
	"io"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/money"
	"processor/internal/rollup"
	"processor/internal/web"
)

// demoScreen is the table that a person sees every second. Where nobody looks on, it draws nothing.
type demoScreen struct {
	w        io.Writer // nil when nothing is shown
	board    *web.Board
	currency string
	address  string
	lines    int // drawn last
}

// screenSegments is how many segments the table shows: it has to fit a small terminal.
const screenSegments = 12

func newDemoScreen(w io.Writer, b *web.Board, currency, address string) *demoScreen {
	s := &demoScreen{board: b, currency: currency, address: address}
	if isTerminal(w) {
		s.w = w
	}
	return s
}

// draw puts the table where the last one stood. A terminal that is gone ends the process anyway.
func (s *demoScreen) draw() {
	if s.w == nil {
		return
	}
	s.clear()
	text := s.table()
	s.lines = strings.Count(text, "\n")
	_, _ = io.WriteString(s.w, text)
}

// clear takes the table away.
func (s *demoScreen) clear() {
	if s.w != nil && s.lines > 0 {
		_, _ = fmt.Fprintf(s.w, "\x1b[%dA\x1b[J", s.lines)
		s.lines = 0
	}
}

// table is the open month by segment.
func (s *demoScreen) table() string {
	var out strings.Builder
	status := s.board.Status()
	watermark := "no figures yet"
	if status.Watermark > 0 {
		watermark = status.Watermark.UTC().Format("2006-01-02 15:04")
	}
	fmt.Fprintf(&out, "%s   records %d   rejected %d   behind %d   accounts %d   http://%s\n",
		watermark, status.Records, status.Rejected, status.LagRecords, status.Accounts, s.address)
	rows := s.rows()
	if len(rows) == 0 {
		return out.String()
	}
	fmt.Fprintf(&out, "%s, %s a month\n", rows[0].Interval, s.currency)
	segments := grid{{"segment", "opening MRR", "new", "expansion", "contraction", "churned", "closing MRR", "rate", "growth"}}
	for _, r := range rows {
		sum := func(s aggregate.Sum) string { return units(r.Sums[s]) }
		segments.row(printable(r.Segment.Name), units(r.Opening), sum(aggregate.SumNew), sum(aggregate.SumExpansion), sum(aggregate.SumContraction),
			sum(aggregate.SumChurned), units(r.Closing), ratioText(r.ExpansionRate), ratioText(r.Growth))
	}
	segments.print(&out)
	return out.String()
}

// rows are those of the open month: everything, then the segments of the first grouping.
func (s *demoScreen) rows() []*rollup.Row {
	all, _, _ := s.board.Select(web.Filter{Grouping: "all", Kind: "month"}, 1)
	segments, _, _ := s.board.Select(web.Filter{Grouping: demoGroupings[0][0], Kind: "month"}, screenSegments)
	return append(all, segments...)
}

func ratioText(r rollup.Ratio) string {
	if r.Reason != rollup.Defined {
		return "-"
	}
	return percent(r.Value)
}

// percent is a ratio in hundredths, with two digits, cut and not rounded.
func percent(ratio money.Amount) string {
	text := ratio.Times(100).String()
	return text[:len(text)-4] + " %"
}

// printable keeps a name from outside from steering the terminal.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
	if runes := []rune(name); len(runes) > 28 {
		return string(runes[:27]) + "…"
	}
	return name
}

// units is an amount in whole currency units with the thousands apart, cut and not rounded.
func units(a money.Amount) string {
	text := a.String()
	return thousands(text[:len(text)-7])
}

// thousands sets the digits before the point apart in threes.
func thousands(text string) string {
	whole, fraction, hasPoint := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasPoint {
		return sign + whole + "." + fraction
	}
	return sign + whole
}
