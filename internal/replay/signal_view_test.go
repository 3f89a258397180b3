package replay_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/row"
)

// signals prints signals rows by account and instant, or of each the columns asked for.
func signals(t table, asked []string) string {
	rows := t.of(row.TopicSignals)
	slices.SortFunc(rows, func(a, b columns) int {
		return cmp.Or(cmp.Compare(a.text("account"), b.text("account")), cmp.Compare(a.text("opened_at"), b.text("opened_at")),
			cmp.Compare(a.text("signal"), b.text("signal")))
	})
	var b strings.Builder
	for _, c := range rows {
		subject, _, _ := strings.Cut(c.text("signal"), "@")
		fmt.Fprintf(&b, "%s %s %s: ", c.text("account"), shortTime(c.text("opened_at")), subject)
		if len(asked) > 0 {
			fmt.Fprintln(&b, asking(c, asked))
			continue
		}
		b.WriteString(c.text("state"))
		if at := c.text("closed_at"); at != "" {
			b.WriteString(" " + shortTime(at))
		}
		if days := c.text("days_to_expand"); days != "" {
			fmt.Fprintf(&b, " after %s days by %s, +%s", days, shortKey(c.text("movement")), orZero(c.amount("expansion_mrr")))
		}
		if value := c.text("value"); value != "" {
			fmt.Fprintf(&b, ", value %s", orZero(short(value)))
		}
		if bound := c.text("bound"); bound != "" {
			fmt.Fprintf(&b, " of %s", orZero(short(bound)))
		}
		for _, name := range []string{"reached_on", "projected_on", "potential_mrr", "gated_by"} {
			if text := c.text(name); text != "" {
				fmt.Fprintf(&b, ", %s %s", name, orZero(short(text)))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// answers answers queries on signal_metrics, one to a line: SEGMENT MONTH SIGNAL[: column...].
func answers(t table, input string) string {
	rows := t.of(row.TopicSignalMetrics)
	slices.SortFunc(rows, func(a, b columns) int {
		return cmp.Or(cmp.Compare(a.text("grouping"), b.text("grouping")), cmp.Compare(a.text("segment"), b.text("segment")),
			cmp.Compare(a.text("interval"), b.text("interval")), cmp.Compare(a.text("signal"), b.text("signal")))
	})
	var b strings.Builder
	for _, query := range strings.Split(strings.TrimSpace(input), "\n") {
		where, what, _ := strings.Cut(query, ": ")
		words := strings.Fields(where)
		found := false
		for _, c := range rows {
			name := strings.TrimPrefix(c.text("grouping")+"="+c.text("segment"), "all=")
			if words[0] != name || words[1] != c.text("interval") || words[2] != c.text("signal") {
				continue
			}
			found = true
			names := strings.Fields(what)
			if len(names) == 0 {
				names = []string{"opened", "converted", "missed", "open", "conversion_rate", "median_days_to_expand"}
			}
			fmt.Fprintf(&b, "%s: %s\n", where, asking(c, names))
		}
		if !found {
			fmt.Fprintf(&b, "%s: none\n", where)
		}
	}
	return b.String()
}

// signalOptions reads words such as within=60d; what is not named stays at its default.
func signalOptions(o *aggregate.SignalOptions, words []string) error {
	if o.Within == 0 {
		*o = aggregate.DefaultSignals()
	}
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		subject, number, _ := strings.Cut(value, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(cmp.Or(number, subject), "d"))
		switch name {
		case "within":
			o.Within = time.Duration(n) * 24 * time.Hour
		case "thresholds":
			o.Thresholds = nil
			for _, percent := range strings.Split(value, ",") {
				at, err := strconv.Atoi(percent)
				if err != nil {
					return err
				}
				o.Thresholds = append(o.Thresholds, at)
			}
		case "block":
			o.SeatBlock = n
		case "at_least":
			o.AtLeast[subject] = n
		case "weight":
			o.Weights[subject] = n
		case "converts":
			o.Converts[subject] = strings.Split(number, ",")
		case "health_below":
			o.HealthBelow = n
		case "onboarding":
			o.Onboarding = time.Duration(n) * 24 * time.Hour
		case "usage_fall":
			o.UsageFall = n
		default:
			return fmt.Errorf("signals has no option %s", name)
		}
	}
	return nil
}
