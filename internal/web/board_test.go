package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/rollup"
	"processor/internal/web"
)

// month is the row of one segment in a month counted from 2026-01.
func month(grouping, segment string, number int, opening, expansion int64) rollup.Row {
	start := time.Date(2026, time.Month(number), 1, 0, 0, 0, 0, time.UTC)
	row := rollup.Row{
		Segment: aggregate.Segment{Grouping: grouping, Name: segment}, Kind: aggregate.KindMonth, Interval: start.Format("2006-01"),
		StartsAt: event.At(start), EndsAt: event.At(start.AddDate(0, 1, 0)),
		Opening: money.Units(opening), Closing: money.Units(opening + expansion), AccountsClosing: 3,
	}
	row.Sums[aggregate.SumExpansion] = money.Units(expansion)
	row.Sums[aggregate.SumUp+aggregate.Sum(aggregate.UpSeat)] = money.Units(expansion)
	row.Growth.Reason = rollup.ZeroBase
	return row
}

// intervalsOf are the intervals of the rows that a filter chooses, and how many there are in all.
func intervalsOf(b *web.Board, f web.Filter, limit int) string {
	rows, total, _ := b.Select(f, limit)
	var names []string
	for _, r := range rows {
		names = append(names, r.Segment.Name+" "+r.Interval)
	}
	return fmt.Sprintf("%d: %s", total, strings.Join(names, ", "))
}

func TestBoardKeepsTheLatestRows(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	rolling := month("region", "eu", 3, 100, 7)
	rolling.Kind, rolling.Interval = aggregate.KindRolling, "30d"
	later := rolling
	later.StartsAt++
	b.Observe([]rollup.Row{month("region", "eu", 3, 100, 1), month("region", "eu", 2, 90, 1), month("region", "us", 3, 50, 1), rolling, later}, 5)
	restated := month("region", "eu", 2, 90, 9)
	gone := rollup.Row{Segment: aggregate.Segment{Grouping: "region", Name: "us"}, Kind: aggregate.KindMonth, Interval: "2026-03", Deleted: true}
	b.Observe([]rollup.Row{restated, gone}, 6)

	for filter, want := range map[web.Filter]string{
		{}:                                       "2: eu 2026-03, eu 30d",
		{Kind: "month"}:                          "1: eu 2026-03",
		{Interval: "2026-02"}:                    "1: eu 2026-02",
		{Segment: "us"}:                          "0: ",
		{Grouping: "all"}:                        "0: ",
		{Kind: "rolling", Interval: "30d"}:       "1: eu 30d",
		{Grouping: "region", Interval: "2026-0"}: "0: ",
	} {
		if got := intervalsOf(b, filter, 10); got != want {
			t.Errorf("%+v: %q, want %q", filter, got, want)
		}
	}
	rows, _, watermark := b.Select(web.Filter{Interval: "2026-02"}, 1)
	if watermark != 6 || rows[0].Sums[aggregate.SumExpansion] != money.Units(9) {
		t.Errorf("the restated row is not there: %v as of %v", rows[0].Sums[aggregate.SumExpansion], watermark)
	}
	if got := intervalsOf(b, web.Filter{}, 1); got != "2: eu 2026-03" {
		t.Errorf("the limit: %q", got)
	}
}

// A hostile number of segments neither grows the board nor pushes out what it has.
func TestBoardIsBounded(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{Rows: 20})
	b.Observe([]rollup.Row{month("region", "eu", 1, 1, 1)}, 1)
	for i := range 1000 {
		b.Observe([]rollup.Row{month("region", fmt.Sprint("s", i), 1, 1, 1)}, 1)
	}
	if _, total, _ := b.Select(web.Filter{}, 1); total != 20 {
		t.Errorf("%d rows, want 20", total)
	}
	b.Observe([]rollup.Row{month("region", "eu", 2, 1, 1)}, 2) // no room for history: the newest counts
	if got := intervalsOf(b, web.Filter{Segment: "eu"}, 5); got != "1: eu 2026-02" {
		t.Errorf("got %q", got)
	}
	if got := intervalsOf(b, web.Filter{Interval: "2026-01", Segment: "eu"}, 5); got != "0: " {
		t.Errorf("the old month is still there: %q", got)
	}
	for i := range 60 {
		b.Observe([]rollup.Row{month("region", "eu", i+2, 1, 1)}, 3)
	}
	if _, total, _ := b.Select(web.Filter{}, 100); total != 20 {
		t.Errorf("%d rows after many months, want 20", total)
	}
}

func TestBoardLooksBackAYear(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	for i := range 40 {
		b.Observe([]rollup.Row{month("all", "all", i+1, 1, 1)}, 3)
	}
	for interval, want := range map[string]string{"2029-04": "1: all 2029-04", "2028-04": "1: all 2028-04", "2028-02": "0: "} {
		if got := intervalsOf(b, web.Filter{Interval: interval}, 5); got != want {
			t.Errorf("%s: %q, want %q", interval, got, want)
		}
	}
}

// The rows that a flush makes lie in one piece of memory: a board that kept pointers into it would hold on to
// all of them for one.
func TestBoardOwnsItsRows(t *testing.T) {
	b := web.NewBoard(web.BoardOptions{})
	made := []rollup.Row{month("region", "eu", 3, 100, 1)}
	b.Observe(made, 5)
	made[0] = month("region", "us", 4, 7, 1)
	if got := intervalsOf(b, web.Filter{Interval: "2026-03"}, 9); got != "1: eu 2026-03" {
		t.Errorf("%s after the caller used the row's memory again", got)
	}
}
