package main

import (
	"encoding/csv"
	"io"
	"strconv"

	"processor/internal/row"
)

// explainColumns are those of `explain -o csv`. The column line says what a line is: opening (what
// was booked before), left_out (earlier movements beyond the bound, in one sum), movement, event (behind
// the movement above it) or closing. The column change sums to closing less opening.
var explainColumns = []string{
	"line", "account", "interval", "booked_at", "movement", "class", "change", "mrr", "rule", "reason", "merged_into", "events_left_out",
	"usage_days", "usage_quantity", "usage_included", "usage_rated", "usage_commit", "usage_excess", "usage_level_before", "usage_level_now",
	"role", "event_source", "event_id", "event_type", "event_time", "event_effective_at", "event_revision", "event_step",
	"topic", "partition", "offset",
}

func printExplanationCSV(out io.Writer, x *row.Explanation) error {
	w := csv.NewWriter(out)
	write := func(cells map[string]string) {
		cells["account"], cells["interval"] = x.Account, textOf(x.Interval)
		line := make([]string, len(explainColumns))
		for i, column := range explainColumns {
			line[i] = cells[column]
		}
		_ = w.Write(line) // the writer keeps its first error
	}
	_ = w.Write(explainColumns)
	write(map[string]string{"line": "opening", "mrr": x.BookedBefore})
	if x.LeftOut > 0 {
		write(map[string]string{"line": "left_out", "change": x.LeftOutChange})
	}
	for i := range x.Movements {
		m := &x.Movements[i]
		write(movementCells(m))
		for j := range m.Events {
			write(eventCells(m, &m.Events[j]))
		}
	}
	write(map[string]string{"line": "closing", "mrr": x.Closing})
	w.Flush()
	return w.Error()
}

func movementCells(m *row.ExplainedMovement) map[string]string {
	cells := map[string]string{
		"line": "movement", "booked_at": m.EffectiveAt, "movement": m.Movement, "class": m.Class, "change": m.Change, "mrr": m.MRRAfter,
		"rule": m.Rule, "reason": m.Reason, "merged_into": textOf(m.MergedInto), "events_left_out": strconv.Itoa(m.EventsLeftOut),
	}
	if u := m.Usage; u != nil {
		cells["usage_days"], cells["usage_quantity"], cells["usage_included"] = strconv.Itoa(int(u.Days)), u.Quantity, textOf(u.Included)
		cells["usage_rated"], cells["usage_commit"], cells["usage_excess"] = u.Rated, textOf(u.Commit), u.Excess
		cells["usage_level_before"], cells["usage_level_now"] = u.LevelBefore, u.LevelNow
	}
	return cells
}

func eventCells(m *row.ExplainedMovement, e *row.ExplainedEvent) map[string]string {
	cells := map[string]string{
		"line": "event", "movement": m.Movement, "role": e.Role, "event_source": e.Source, "event_id": e.ID, "event_type": e.Type,
		"event_time": e.Time, "event_effective_at": e.EffectiveAt, "event_revision": strconv.FormatInt(e.Revision, 10), "event_step": textOf(e.Step),
	}
	if e.Topic != nil {
		cells["topic"], cells["partition"], cells["offset"] = *e.Topic, strconv.Itoa(int(*e.Partition)), strconv.FormatInt(*e.Offset, 10)
	}
	return cells
}

func textOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
