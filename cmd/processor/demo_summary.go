package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/money"
)

// summarise reads the output topics back, prints what they say and checks that it reconciles.
func (d *demo) summarise(ctx context.Context, w io.Writer) error {
	a := &demoAudit{cluster: d.cluster, prefix: demoPrefix}
	if err := a.read(ctx, demoPartitions); err != nil {
		return err
	}
	segments := a.checkMetrics()
	status := d.face.board.Status()
	if d.clock.sent() != status.Records {
		a.disagree("%d records were sent and %d were read", d.clock.sent(), status.Records)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s: %s records up to %s\n", d.source.title, thousands(strconv.FormatInt(status.Records, 10)), d.clock.last().UTC().Format(time.DateOnly))
	a.printMonth(&out, d.core.Currency)
	a.printRejected(&out, status.Rejected)
	// Alerts are on the page only: at which minutes a year that passes in seconds was looked at depends on the machine.
	err := a.verdict(&out, segments)
	if _, failed := io.WriteString(w, out.String()); failed != nil {
		return errors.Join(err, fmt.Errorf("print the summary: %w", failed))
	}
	return err
}

// verdict is the last line, or what does not agree.
func (a *demoAudit) verdict(out *strings.Builder, segments int) error {
	if a.broken == 0 {
		fmt.Fprintf(out, "\nreconciled: opening + movements = closing for %d accounts, %d segments\n", a.accounts, segments)
		return nil
	}
	out.WriteByte('\n')
	for _, text := range a.breaks {
		fmt.Fprintf(out, "differs: %s\n", text)
	}
	return fmt.Errorf("the rows do not reconcile: %d differences", a.broken)
}

// month is the newest month that tells something: the open one once half of it is over, else the
// one before, where there is one.
func (a *demoAudit) month() (name string, open bool) {
	var names []string
	until := ""
	for i := range a.metrics {
		m := &a.metrics[i]
		if m.Grouping == "all" && m.Kind == "month" {
			names = append(names, m.Interval)
		}
		if m.Grouping == "all" && m.Kind == "day" {
			until = m.Interval
		}
	}
	switch n := len(names); {
	case n == 0:
		return "", false
	case n > 1 && strings.HasPrefix(until, names[n-1]) && until[len(until)-2:] < "15":
		return names[n-2], false
	default:
		return names[n-1], true
	}
}

// printMonth prints one month: the way from opening to closing, the types, the segments.
func (a *demoAudit) printMonth(out *strings.Builder, currency string) {
	name, open := a.month()
	var rows []*metricRow
	for i := range a.metrics {
		if m := &a.metrics[i]; m.Kind == "month" && m.Interval == name {
			rows = append(rows, m)
		}
	}
	i := slices.IndexFunc(rows, func(m *metricRow) bool { return m.Grouping == "all" })
	if i < 0 {
		return
	}
	all := rows[i]
	state := ""
	if open {
		state = " (open)"
	}
	fmt.Fprintf(out, "\n%s%s, %s a month\n", name, state, currency)
	var way grid
	way.row("opening", thousands(all.Opening.String()))
	for _, step := range all.flows() {
		if !step.change.IsZero() {
			way.row(step.name, signed(step.change))
		}
	}
	way.row("closing", thousands(all.Closing.String()))
	way.print(out)
	printTypes(out, all)
	printSegments(out, rows)
}

func signed(a money.Amount) string {
	if a.Sign() > 0 {
		return "+" + thousands(a.String())
	}
	return thousands(a.String())
}

// printTypes prints what made revenue grow, the largest part first.
func printTypes(out *strings.Builder, all *metricRow) {
	ups := slices.DeleteFunc(all.ups(), func(f flow) bool { return f.change.IsZero() })
	slices.SortStableFunc(ups, func(x, y flow) int { return y.change.Cmp(x.change) })
	var sum money.Amount
	for _, up := range ups {
		sum = sum.Add(up.change)
	}
	types := grid{{"grew by", "MRR", "share"}}
	for _, up := range ups {
		part, _ := money.Ratio(up.change, sum)
		types.row(up.name, thousands(up.change.String()), percent(part))
	}
	out.WriteByte('\n')
	types.print(out)
}

// printSegments prints the segments of each grouping, the largest first.
func printSegments(out *strings.Builder, rows []*metricRow) {
	groupings := map[string][]*metricRow{}
	for _, m := range rows {
		if m.Grouping != aggregate.DimensionCohort { // two dozen lines, which are the page's heat map
			groupings[m.Grouping] = append(groupings[m.Grouping], m)
		}
	}
	for _, grouping := range slices.Sorted(maps.Keys(groupings)) {
		list := groupings[grouping]
		slices.SortFunc(list, func(x, y *metricRow) int {
			return cmp.Or(y.Closing.Cmp(x.Closing.Amount), cmp.Compare(x.Segment, y.Segment))
		})
		segments := grid{{grouping, "closing MRR", "expansion", "rate", "growth", "band", "accounts"}}
		for _, m := range list {
			band := "-"
			if m.Band != nil {
				band = strings.TrimSuffix(*m.Band, "_benchmark")
			}
			segments.row(printable(m.Segment), thousands(m.Closing.String()), thousands(m.Expansion.String()),
				share(m.Rate), share(m.Growth), band, strconv.FormatInt(m.AccountsClosing, 10))
		}
		out.WriteByte('\n')
		segments.print(out)
	}
}

func share(d *decimal) string {
	if d == nil {
		return "-"
	}
	return percent(d.Amount)
}

// printRejected prints how many records were not accepted, by reason, and holds the dead letters
// against the service's own count.
func (a *demoAudit) printRejected(out *strings.Builder, counted int64) {
	var letters int64
	for _, reason := range slices.Sorted(maps.Keys(a.rejected)) {
		if letters == 0 {
			out.WriteByte('\n')
		}
		letters += a.rejected[reason]
		fmt.Fprintf(out, "rejected: %d %s\n", a.rejected[reason], reason)
	}
	if letters != counted {
		a.disagree("%d records were rejected, there are %d dead letters", counted, letters)
	}
}
