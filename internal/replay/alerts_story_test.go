package replay_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/replay"
	"processor/internal/rollup"
)

// TestAlertScripts runs the stories of slowdown alerts. A story is commands with what they print:
//
//	config   starts over; the lines of the core's stories, and: lateness 10m, target 2026-03 25000
//	rule     one rule of the name behind the word; a line for each of its keys, as in the configuration
//	log      lines of the core's notation, in the order of their times, and:
//	         grow ACCOUNT FROM TO every 24h from 100 by 5    (seats at 10 a month, TO is not in it)
//	         a line that begins with a time in brackets arrives then, whatever time it has itself
//	alerts   when each alert changed its state, up to the time behind the word
//
// Whenever it is asked, the log is also run over 4 shards, and with many minutes looked at together: the
// same log must give the same alerts.
func TestAlertScripts(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "../alert/testdata/script", func(t *testing.T, path string) {
		s := &alertStory{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			printed, err := s.command(d)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return printed
		})
	})
}

// alertStory is one run of a script.
type alertStory struct {
	options replay.AlertOptions
	events  []arrival
	grown   int // so far, for ids
}

// arrival is a record and when it comes.
type arrival struct {
	at     event.Time
	record []byte
}

func (s *alertStory) command(d *datadriven.TestData) (string, error) {
	switch d.Cmd {
	case "config":
		return "", s.configure(d.Input)
	case "rule":
		rule, err := ruleOf(d.CmdArgs[0].Key, d.Input)
		s.options.Rules = append(s.options.Rules, rule)
		return "", err
	case "log":
		return "", s.log(d.Input)
	case "alerts":
		until := event.NoTime
		if len(d.CmdArgs) > 0 {
			until, _ = event.ParseTime([]byte(instantOf(d.CmdArgs[0].Key)))
		}
		return s.alerts(until)
	}
	return "", fmt.Errorf("unknown command %s", d.Cmd)
}

func (s *alertStory) configure(input string) error {
	*s = alertStory{options: replay.AlertOptions{Lateness: 10 * time.Minute, Targets: rollup.Targets{}}}
	var core []string
	for _, line := range strings.Split(input, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 2 && words[0] == "lateness":
			var err error
			if s.options.Lateness, err = time.ParseDuration(words[1]); err != nil {
				return err
			}
		case len(words) == 3 && words[0] == "target":
			month, _ := event.ParseMonth([]byte(words[1]))
			amount, err := money.Parse(words[2])
			if err != nil {
				return err
			}
			s.options.Targets[rollup.TargetKey{Segment: aggregate.Segment{Grouping: "all", Name: "all"}, Month: int32(month)}] = amount
		default:
			core = append(core, line)
		}
	}
	var err error
	s.options.Core, err = coreOptions(strings.Join(core, "\n"))
	return err
}

// ruleOf reads the keys of a rule; what is not named is as the configuration has it.
func ruleOf(name, input string) (alert.Rule, error) {
	r := alert.Rule{
		Name: name, Metric: alert.MetricExpansion, Grouping: "all", Interval: "30d", Comparison: alert.Previous,
		Threshold: money.Micros(200_000), Severity: "warning", SilentAfter: 24 * time.Hour,
	}
	clears := false
	for _, line := range strings.Split(input, "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		var err error
		switch key {
		case "":
		case "metric":
			r.Metric = alert.Metric(value)
		case "type":
			r.Type = value
		case "grouping":
			r.Grouping = value
		case "segments":
			r.Segments = strings.Fields(value)
		case "interval":
			r.Interval = value
		case "comparison":
			r.Comparison = alert.Comparison(value)
		case "of":
			r.Of, err = strconv.Atoi(value)
		case "target":
			var amount money.Amount
			amount, err = money.Parse(value)
			r.Target = &amount
		case "threshold":
			r.Threshold, err = percentOf(value)
		case "clear":
			r.Clear, err = percentOf(value)
			clears = true
		case "for":
			r.For, err = time.ParseDuration(value)
		case "min_base":
			r.MinBase, err = money.Parse(value)
		case "silent_after":
			r.SilentAfter, err = time.ParseDuration(value)
		default:
			err = fmt.Errorf("no key %q", key)
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", line, err)
		}
	}
	if !clears {
		r.Clear, _ = money.Ratio(r.Threshold, money.Units(2))
	}
	return r, nil
}

// percentOf reads 20%.
func percentOf(text string) (money.Amount, error) {
	amount, err := money.Parse(strings.TrimSuffix(text, "%"))
	if err != nil {
		return amount, err
	}
	share, _ := money.Ratio(amount, money.Units(100))
	return share, nil
}

// log adds to the events.
func (s *alertStory) log(input string) error {
	for _, line := range strings.Split(input, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "grow ") {
			if err := s.grow(strings.Fields(line)[1:]); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
			continue
		}
		if err := s.add(line); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	return nil
}

// add adds one line.
func (s *alertStory) add(line string) error {
	arrives := event.NoTime
	if rest, found := strings.CutPrefix(line, "["); found {
		at, arrived, _ := strings.Cut(rest, "]")
		arrives, _ = event.ParseTime([]byte(instantOf(at)))
		line = strings.TrimSpace(arrived)
	}
	records, err := nativeEvents(line)
	if err != nil {
		return err
	}
	for _, record := range records {
		at := arrives
		if at == event.NoTime {
			e, rejection := event.NewDecoder(event.Options{}).Decode(record, nil)
			if rejection != nil {
				return fmt.Errorf("%s: %s", rejection.Reason, rejection.Detail)
			}
			at = e.Time
		}
		s.events = append(s.events, arrival{at, record})
	}
	return nil
}

// grow adds an account that buys seats again and again: ACCOUNT FROM TO every 24h from 100 by 5.
func (s *alertStory) grow(words []string) error {
	if len(words) < 9 || words[3] != "every" || words[5] != "from" || words[7] != "by" {
		return fmt.Errorf("want ACCOUNT FROM TO every 24h from 100 by 5")
	}
	from, ok1 := event.ParseTime([]byte(instantOf(words[1])))
	to, ok2 := event.ParseTime([]byte(instantOf(words[2])))
	every, err := time.ParseDuration(words[4])
	seats, err1 := strconv.Atoi(words[6])
	by, err2 := strconv.Atoi(words[8])
	if err != nil || err1 != nil || err2 != nil || !ok1 || !ok2 {
		return fmt.Errorf("it cannot be read")
	}
	options := strings.Join(words[9:], " ")
	for at := from; at < to; at = at.Add(every) {
		s.grown++
		if err := s.add(fmt.Sprintf("g%d %s %s s1 | %d x 10 %s", s.grown, at, words[0], seats, options)); err != nil {
			return err
		}
		seats += by
	}
	return nil
}

// alerts runs the log in several ways and prints what they agree on.
func (s *alertStory) alerts(until event.Time) (string, error) {
	slices.SortStableFunc(s.events, func(a, b arrival) int { return int(max(min(a.at-b.at, 1), -1)) })
	printed, err := s.run(1, 1, until)
	if err != nil {
		return "", err
	}
	dice := rand.New(rand.NewPCG(1, uint64(len(s.events))))
	for _, way := range [][2]int{{4, 1}, {1, 2 + dice.IntN(1000)}, {3, 1 << 30}} {
		again, err := s.run(way[0], way[1], until)
		if err != nil {
			return "", err
		}
		if again != printed {
			return "", fmt.Errorf("over %d shards, %d minutes together, the same log gives\n%s\ninstead of\n%s", way[0], way[1], again, printed)
		}
	}
	return printed, nil
}

func (s *alertStory) run(shards, every int, until event.Time) (string, error) {
	o := s.options
	o.Shards, o.Every = shards, every
	o.ShardOf = func(account string, n int) int {
		h := fnv.New32a()
		h.Write([]byte(account))
		return int(h.Sum32() % uint32(n))
	}
	a, err := replay.NewAlerts(o)
	if err != nil {
		return "", err
	}
	for _, e := range s.events {
		if err := a.Apply(e.record); err != nil {
			return "", err
		}
	}
	result, err := a.Finish(until)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i := range result.Changes {
		printAlert(&b, &result.Changes[i])
	}
	if b.Len() == 0 {
		b.WriteString("no alert\n")
	}
	return b.String(), nil
}

// printAlert prints one change of state.
func printAlert(b *strings.Builder, a *alert.Alert) {
	fmt.Fprintf(b, "%s %s %s: %s\n", a.Since.UTC().Format("2006-01-02 15:04"), a.State, a.Key.Rule, a.Summary("USD"))
	if a.State != alert.Firing {
		return
	}
	for _, part := range []struct {
		name  string
		parts []alert.Part
	}{{"types", a.Explanation.Types}, {"segments", a.Explanation.Segments}, {"accounts", a.Explanation.Accounts}} {
		if len(part.parts) == 0 {
			continue
		}
		fmt.Fprintf(b, "  %s:", part.name)
		for i := range part.parts {
			p := &part.parts[i]
			change := p.Change()
			fmt.Fprintf(b, " %s %s", p.Name, strings.TrimSuffix(strings.TrimRight(change.String(), "0"), "."))
		}
		b.WriteString("\n")
	}
}
