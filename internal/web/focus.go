package web

import (
	"slices"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
)

// placesOf says where the dimensions of a grouping stand among the dimensions of accounts: those are in the
// order in which the groupings mention them first. Groupings that split amounts by product or motion have no
// accounts of their own, and are left out.
func placesOf(groupings []string) map[string][]int {
	var names []string
	places := map[string][]int{aggregate.SegmentAll: nil}
	for _, grouping := range groupings {
		if grouping == aggregate.SegmentAll {
			continue
		}
		splits := false
		at := []int{}
		for _, name := range strings.Split(grouping, ",") {
			if name == aggregate.DimensionProductFamily || name == aggregate.DimensionMotion {
				splits = true
				continue
			}
			i := slices.Index(names, name)
			if i < 0 {
				i, names = len(names), append(names, name)
			}
			at = append(at, i)
		}
		if !splits {
			places[grouping] = at
		}
	}
	return places
}

// accounts are the lists behind a row: of the month that it ends in, or that is open. There are none where the
// grouping splits amounts and has no accounts of its own.
func (b *Board) accounts(v View, places map[string][]int, row *rollup.Row) *topsJSON {
	c := chosen{all: true}
	if v.Segment != "" {
		at, ok := places[v.Grouping]
		if !ok {
			return nil
		}
		c.places, c.name = at, v.Segment
	}
	if up := slices.Index(aggregate.UpNames[:], v.Type); up >= 0 {
		c.up, c.all = aggregate.Up(up), false
	}
	month := b.tracks[trackKey{everything, aggregate.KindMonth.String()}]
	if month == nil {
		return nil
	}
	for _, r := range month.rows {
		if r.StartsAt < row.EndsAt {
			c.month = monthNamed(r.Interval)
		}
	}
	return b.book.tops(c)
}

// monthNamed is the month that an interval of that kind is.
func monthNamed(interval string) event.Month {
	at, err := time.Parse("2006-01", interval)
	if err != nil {
		return 0
	}
	return event.MonthOf(at.Year(), int(at.Month()))
}
