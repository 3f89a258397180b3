package replay_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the stories' zones, also where the machine has none

	"github.com/cockroachdb/datadriven"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/row"
)

// TestScripts runs the stories of the core. A story is commands with what they print:
//
//	config     starts over; lines such as zone, coalesce, rates, groupings (see configure). With
//	           horizons first, what comes too late for the watermark is rejected, as in the service;
//	           every other way to the events knows no horizon and must come to the same rows from
//	           the frozen instant on, or from a later date behind the word
//	apply      events in the notation of nativeEvents; prints what was not simply applied
//	advance    moves the watermark: advance 2026-03-01
//	ledger     movements rows, of one account or of all
//	sent       movements rows sent since the last look, and which of them correct a final one;
//	           sent months: account_months rows
//	months     account_months rows, of one account or of all, or the columns named behind it
//	metrics    answers queries: SEGMENT INTERVAL[: column...]
//	accounts   accounts rows, or the columns named
//	signals    signals rows, or the columns named
//	answers    answers queries on signal_metrics: SEGMENT MONTH SIGNAL[: column...]
//	explain    what stands behind the MRR of an account: explain acme [2026-03]
//	restart    encode, decode, go on
//
// Beside the machine that prints runs one that restarts after every command. Whenever the story
// looks, its events are also run in other orders, doubled late, in other steps of the watermark,
// over 1, 4 and 16 shards and through replay: all must hold the same bytes, and reconcile.
func TestScripts(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "../aggregate/testdata/script", func(t *testing.T, path string) {
		s := &story{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.command(t, d)
		})
	})
}

// story is one run of a script.
type story struct {
	main     *machine
	crashed  *machine // restarts after every command
	dice     *rand.Rand
	records  [][]byte // applied so far
	events   []*event.Event
	looked   string // what was compared last
	seen     int    // how many records were there then
	permuted int    // up to how many events run in all orders

	agree event.Time // from when on ways without horizons must agree, if not from the frozen instant
}

func (s *story) command(t *testing.T, d *datadriven.TestData) string {
	if s.main == nil || d.Cmd == "config" {
		if problem := s.configure(t, d); problem != "" {
			return problem
		}
		if d.Cmd == "config" {
			return ""
		}
	}
	if d.Cmd == "sent" { // of the first machine: the other sends everything again
		return s.sent(len(d.CmdArgs) > 0 && d.CmdArgs[0].Key == "months")
	}
	printed := s.do(t, d, s.main)
	if *effort == "print" {
		return printed
	}
	if again := s.do(t, d, s.crashed); again != printed {
		d.Fatalf(t, "a machine that restarts after every command prints\n%swhere the other prints\n%s", again, printed)
	}
	if err := s.crashed.restart(s.dice); err != nil {
		d.Fatalf(t, "restart: %v", err)
	}
	return printed
}

// do runs one command on one machine.
func (s *story) do(t *testing.T, d *datadriven.TestData, m *machine) string {
	arg := ""
	if len(d.CmdArgs) > 0 {
		arg = d.CmdArgs[0].Key
	}
	switch d.Cmd {
	case "apply":
		return s.apply(t, d, m)
	case "advance":
		at, ok := event.ParseTime([]byte(instantOf(arg)))
		if !ok {
			d.Fatalf(t, "%q is no instant", arg)
		}
		m.advance(at)
		s.flush(t, d, m)
		return ""
	case "restart":
		if err := m.restart(s.dice); err != nil {
			d.Fatalf(t, "restart: %v", err)
		}
		return ""
	}
	if m == s.main {
		s.look(t, d)
	}
	if d.Cmd == "explain" {
		return explanation(m, arg, strings.Join(wordsOf(d)[1:], ""))
	}
	held := m.sink.table()
	asked := wordsOf(d)
	switch d.Cmd {
	case "ledger":
		return ledger(held.of(row.TopicMovements), arg)
	case "months":
		return months(held, arg, asked)
	case "accounts":
		return accounts(held, asked)
	case "metrics":
		return metrics(held, d.Input)
	case "signals":
		return signals(held, asked)
	case "answers":
		return answers(held, d.Input)
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return ""
}

// wordsOf are those behind the command.
func wordsOf(d *datadriven.TestData) []string {
	var words []string
	for _, a := range d.CmdArgs {
		words = append(words, a.Key)
	}
	return words
}

func (s *story) flush(t *testing.T, d *datadriven.TestData, m *machine) {
	if err := m.flush(); err != nil {
		d.Fatalf(t, "flush: %v", err)
	}
}

// apply decodes and applies the events of the input.
func (s *story) apply(t *testing.T, d *datadriven.TestData, m *machine) string {
	records, err := nativeEvents(d.Input)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	var b strings.Builder
	decoder := event.NewDecoder(event.Options{})
	for _, record := range records {
		e, rejection := decoder.Decode(record, nil)
		var outcome aggregate.Outcome
		applied := rejection == nil && e != nil
		if applied {
			outcome, rejection = m.apply(e)
		}
		tooLate := rejection != nil && rejection.Reason == event.ReasonBeyondHorizon // other ways know no horizon
		if m == s.main && !tooLate {
			s.records = append(s.records, record)
			if applied {
				s.events = append(s.events, e)
			}
		}
		switch {
		case rejection != nil:
			fmt.Fprintf(&b, "rejected: %s %s\n", rejection.Reason, rejection.Detail)
		case outcome != aggregate.Applied:
			fmt.Fprintf(&b, "%s: %s\n", e.ID, outcome)
		}
	}
	s.flush(t, d, m)
	return b.String()
}

// sent prints the rows sent since the last look: movements or account_months.
func (s *story) sent(ofMonths bool) string {
	rows := &s.main.sent
	if ofMonths {
		rows = &s.main.months
	}
	var b strings.Builder
	for _, r := range *rows {
		c := columnsOf(r.value)
		if ofMonths {
			fmt.Fprintf(&b, "%s %s: %s", c.text("account"), c.text("month"), flows(c))
			if c["final"] == false && !r.deleted {
				b.WriteString(", open")
			}
		} else {
			fmt.Fprintf(&b, "%s %s", c.text("account"), movementLine(c))
		}
		if r.restated {
			b.WriteString(", restated")
		}
		if r.deleted {
			b.WriteString(", deleted")
		}
		b.WriteByte('\n')
	}
	*rows = nil
	return b.String()
}

// configure starts over with the options of the input.
func (s *story) configure(t *testing.T, d *datadriven.TestData) string {
	*s = story{dice: rand.New(rand.NewPCG(7, 7)), permuted: 5}
	if testing.Short() { // with the race detector 120 orders of five events take minutes
		s.permuted = 3
	}
	input := ""
	if d.Cmd == "config" {
		input = d.Input
	}
	if rest, found := strings.CutPrefix(input, "orders all"); found { // though there are 720 or more
		s.permuted, input = 7, rest
	}
	rest, horizons := strings.CutPrefix(input, "horizons") // those of the watermark hold
	if horizons {
		var agree string
		agree, input, _ = strings.Cut(rest, "\n")
		s.agree, _ = event.ParseTime([]byte(instantOf(strings.TrimSpace(agree))))
	}
	core, err := coreOptions(input)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	for _, m := range []**machine{&s.main, &s.crashed} {
		if *m, err = newMachine(core, 1); err != nil {
			return "error: " + err.Error() + "\n"
		}
		(*m).horizons = horizons
	}
	return ""
}

// coreOptions reads the lines of a config command; what is not named is as the goldens have it.
func coreOptions(input string) (aggregate.Options, error) {
	o := aggregate.Options{
		Currency: "USD", Zone: time.UTC, ReportingStart: event.NoTime, Coalesce: time.Hour, UsageGrace: 12 * time.Hour,
	}
	for _, line := range strings.Split(input, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := coreOption(&o, words[0], words[1:]); err != nil {
			return o, fmt.Errorf("%s: %w", line, err)
		}
	}
	return o, nil
}

func coreOption(o *aggregate.Options, name string, words []string) (err error) {
	switch name {
	case "zone":
		o.Zone, err = time.LoadLocation(words[0])
	case "currency":
		o.Currency = words[0]
	case "coalesce":
		o.Coalesce, err = time.ParseDuration(words[0])
	case "grace":
		o.UsageGrace, err = time.ParseDuration(words[0])
	case "fiscal":
		_, err = fmt.Sscan(words[0], &o.FiscalYearStart)
	case "start":
		o.ReportingStart, err = dateIn(o.Zone, words[0])
	case "usage":
		o.Usage = map[string]aggregate.UsageMode{
			"normalised": aggregate.UsageNormalised, "raw": aggregate.UsageRaw,
			"invoice_month": aggregate.UsageInvoiceMonth, "exclude": aggregate.UsageExclude,
		}[words[0]]
	case "past_due_for":
		o.PastDueFor, err = time.ParseDuration(words[0])
	case "reactivation_within":
		o.ReactivationWithin, err = time.ParseDuration(words[0])
	case "reactivation":
		o.ReactivationIsExpansion = words[0] == "expansion"
	case "day_factor":
		if words[0] == "30" {
			o.DaysPerMonth = big.NewRat(30, 1)
		} else {
			o.DaysPerMonth = big.NewRat(36525, 1200)
		}
	case "signals":
		err = signalOptions(&o.Signals, words)
	case "groupings":
		for _, w := range words {
			o.Groupings = append(o.Groupings, strings.Split(w, ","))
		}
	case "values":
		if o.Values == nil {
			o.Values = map[string][]string{}
		}
		o.Values[words[0]] = words[1:]
	case "windows":
		for _, w := range words {
			window, known := aggregate.WindowNamed(w)
			if !known {
				return fmt.Errorf("no window %q", w)
			}
			o.Windows = append(o.Windows, window)
		}
	case "rates":
		table := aggregate.RateTable{From: event.NoTime, Rates: map[string]*big.Rat{}}
		for _, w := range words {
			currency, rate, isRate := strings.Cut(w, "=")
			if !isRate {
				if table.From, err = dateIn(o.Zone, w); err != nil {
					return err
				}
				continue
			}
			table.Rates[currency], _ = new(big.Rat).SetString(rate)
		}
		o.Rates = append(o.Rates, table)
	default:
		err = fmt.Errorf("no such option")
	}
	return err
}

// dateIn is the first instant of a local date that starts at midnight.
func dateIn(zone *time.Location, s string) (event.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, s, zone)
	return event.At(t), err
}
