package main

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/replay"
	"processor/internal/row"
)

// hours is a duration of whole hours.
func hours(d time.Duration) string { return fmt.Sprintf("%dh", int(d.Hours())) }

// minuteOf is a minute in UTC, as tables show it.
func minuteOf(t event.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

// printAlertTable prints every change of state, with what made a fall, and what stands at the end.
func printAlertTable(out io.Writer, result *replay.AlertResult, currency string) error {
	w := bufio.NewWriter(out) // it keeps its first error for Flush
	fired := 0
	for i := range result.Changes {
		a := &result.Changes[i]
		_, _ = fmt.Fprintf(w, "%s  %-8s  %s  %s\n", minuteOf(a.Since), a.State, a.Key.Rule, a.Summary(currency))
		if a.State != alert.Firing {
			continue
		}
		fired++
		for _, one := range []struct {
			name  string
			parts []alert.Part
		}{{"types", a.Explanation.Types}, {"segments", a.Explanation.Segments}, {"accounts", a.Explanation.Accounts}} {
			for j := range one.parts {
				p := one.parts[j]
				_, _ = fmt.Fprintf(w, "    %-9s %s: %s, from %s to %s\n", one.name, p.Name, alert.Short(p.Change()), alert.Short(p.Before), alert.Short(p.Now))
			}
		}
	}
	var standing []string
	for i := range result.Alerts {
		if a := &result.Alerts[i]; a.State != alert.OK && a.State != alert.Resolved {
			standing = append(standing, fmt.Sprintf("%s (%s, %s)", a.Key.Rule, a.Segment, a.State))
		}
	}
	_, _ = fmt.Fprintf(w, "%d records up to %s: fired %s", result.Read, minuteOf(result.Until), times(fired))
	if len(standing) > 0 {
		_, _ = fmt.Fprintf(w, "; still there: %s", strings.Join(standing, ", "))
	}
	_, _ = fmt.Fprintln(w)
	return w.Flush()
}

// times says how often.
func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// printAlertJSON prints the rows as the topic alerts would have them.
func printAlertJSON(out io.Writer, result *replay.AlertResult, currency string) error {
	w := bufio.NewWriter(out) // it keeps its first error for Flush
	var encoder row.Encoder
	for i := range result.Changes {
		a := &result.Changes[i]
		stamp := row.Stamp{Version: uint64(i) + 1, KnownAt: a.Since} //nolint:gosec // a place in a list
		_, _ = fmt.Fprintf(w, `{"topic":%q,"key":%s,"value":%s}`+"\n", row.TopicAlerts, encoder.AlertKey(nil, a), encoder.Alert(nil, a, currency, stamp))
	}
	return w.Flush()
}

// alertColumns are those of `rules test -o csv`.
var alertColumns = []string{
	"at", "state", "rule", "grouping", "segment", "severity", "value", "base", "fall", "opening_mrr", "pending_since", "fired_at", "resolved_at",
	"types", "segments", "accounts",
}

// printAlertCSV prints one line for every change of state.
func printAlertCSV(out io.Writer, result *replay.AlertResult, _ string) error {
	w := csv.NewWriter(out) // it keeps its first error
	_ = w.Write(alertColumns)
	for i := range result.Changes {
		a := &result.Changes[i]
		_ = w.Write([]string{
			a.Since.String(), string(a.State), a.Key.Rule, a.Grouping, a.Segment, a.By.Severity, a.Value.String(), a.Base.String(), a.Fall.String(),
			a.Opening.String(), instantOrEmpty(a.PendingSince), instantOrEmpty(a.FiredAt), instantOrEmpty(a.ResolvedAt),
			changesOf(a.Explanation.Types), changesOf(a.Explanation.Segments), changesOf(a.Explanation.Accounts),
		})
	}
	w.Flush()
	return w.Error()
}

func instantOrEmpty(t event.Time) string {
	if t == event.NoTime {
		return ""
	}
	return t.String()
}

// changesOf is what made a fall, in one cell.
func changesOf(parts []alert.Part) string {
	var list []string
	for i := range parts {
		list = append(list, parts[i].Name+" "+parts[i].Change().String())
	}
	return strings.Join(list, "; ")
}
