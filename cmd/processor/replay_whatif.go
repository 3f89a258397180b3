package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"processor/internal/money"
	"processor/internal/replay"
)

func addWhatIfFlags(cmd *cobra.Command, flags *replayFlags) {
	cmd.Flags().StringVar(&flags.whatIf, "what-if", "", "print what the configuration `FILE` would change, account by account")
	cmd.Flags().StringVarP(&flags.format, "output", "o", "", "with --what-if: `FORMAT` table, json or csv (default table on a terminal, else json)")
}

// replayWhatIf runs files under two configurations, reading them once, and prints what differs.
func replayWhatIf(cmd *cobra.Command, flags *replayFlags, now replay.Options, files []string) error {
	out := cmd.OutOrStdout()
	format := flags.format
	if format == "" {
		format = "json"
		if isTerminal(out) {
			format = "table"
		}
	}
	printerOn, ok := whatIfFormats[format]
	if !ok {
		return usagef("-o is table, json or csv, not %q", format)
	}
	if len(flags.rows) > 0 {
		return usagef("--rows does not go with --what-if, which compares accounts and account_months")
	}
	other := *flags
	other.config = flags.whatIf
	then, err := other.options()
	if err != nil {
		return err
	}
	run, err := replay.NewWhatIf(now, then)
	if errors.Is(err, replay.ErrCurrencies) {
		return usagef("--what-if %s: %w: figures in two currencies cannot be compared; give both configurations one reporting.currency", flags.whatIf, err)
	}
	if err != nil {
		return err
	}
	bar := &replayProgress{line: statusLineOn(cmd.ErrOrStderr(), !isTerminal(out)), total: sizeOf(files)}
	for _, name := range files {
		if err := replayFile(run, name, cmd.InOrStdin(), bar); err != nil {
			bar.line.clear()
			return err
		}
	}
	bar.line.clear()
	w := bufio.NewWriterSize(out, 1<<20)
	printer := printerOn(w)
	changes, err := run.Compare(printer.difference)
	if err == nil {
		err = printer.summary(changes)
	}
	return errors.Join(err, w.Flush())
}

// whatIfPrinter writes differences one after the other, and the summary last.
type whatIfPrinter interface {
	difference(d replay.Difference) error
	summary(c replay.Changes) error
}

var whatIfFormats = map[string]func(io.Writer) whatIfPrinter{
	"table": func(w io.Writer) whatIfPrinter { return &whatIfTable{out: w} },
	"json":  func(w io.Writer) whatIfPrinter { return whatIfJSON{newEncoder(w)} },
	"csv":   func(w io.Writer) whatIfPrinter { return newWhatIfCSV(w) },
}

// whatIfTable is for people.
type whatIfTable struct {
	out   io.Writer
	lines grid
}

func (t *whatIfTable) difference(d replay.Difference) error {
	if len(t.lines) == 0 {
		t.lines.row("ACCOUNT", "MONTH", "FIGURE", "NOW", "WHAT IF", "DIFFERENCE")
	}
	t.lines.row(shownText(d.Account), d.Month, d.Figure, shownFigure(d.Now), shownFigure(d.WhatIf), shownDifference(d.Difference))
	return nil
}

func (t *whatIfTable) summary(c replay.Changes) error {
	var text strings.Builder
	lines := t.lines
	leftColumns(lines, 3)
	lines.print(&text)
	if c.Differing == 0 {
		fmt.Fprintf(&text, "nothing changes: the figures of all %d accounts are the same under both configurations, as of %s\n", c.Accounts, c.AsOf)
	} else {
		fmt.Fprintf(&text, "\n%d of %d accounts differ, as of %s; totals over all accounts and months:\n\n", c.Differing, c.Accounts, c.AsOf)
		var totals grid
		totals.row("FIGURE", "NOW", "WHAT IF", "DIFFERENCE")
		for _, total := range c.Totals {
			totals.row(total.Figure, shownAmount(total.Now.String()), shownAmount(total.WhatIf.String()), signedAmount(differenceOf(total).String()))
		}
		leftColumns(totals, 1)
		totals.print(&text)
	}
	if c.RejectedNow != c.RejectedWhatIf {
		fmt.Fprintf(&text, "\n%d records are rejected now, %d what if\n", c.RejectedNow, c.RejectedWhatIf)
	}
	_, err := io.WriteString(t.out, text.String())
	return err
}

// leftColumns sets the first columns of a grid, which are texts, to the left.
func leftColumns(g grid, columns int) {
	for i := range columns {
		width := 0
		for _, cells := range g {
			width = max(width, utf8.RuneCountInString(cells[i]))
		}
		for _, cells := range g {
			cells[i] += strings.Repeat(" ", width-utf8.RuneCountInString(cells[i]))
		}
	}
}

func differenceOf(t replay.Total) money.Amount { return t.WhatIf.Sub(t.Now) }

// shownFigure is an amount with two to six digits, or a text.
func shownFigure(text string) string {
	if whole, fraction, found := strings.Cut(text, "."); found && len(fraction) == 6 && !strings.ContainsAny(whole, ":T") {
		return shownAmount(text)
	}
	if text == "" {
		return "-"
	}
	return shownText(text)
}

func shownDifference(text string) string {
	if text == "" {
		return ""
	}
	return signedAmount(text)
}

// whatIfJSON is NDJSON: a line for each difference, then {"summary":{...}}.
type whatIfJSON struct{ *json.Encoder }

func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

type differenceJSON struct {
	Account    string  `json:"account"`
	Month      *string `json:"month"`
	Figure     string  `json:"figure"`
	Now        string  `json:"now"`
	WhatIf     string  `json:"what_if"`
	Difference *string `json:"difference"`
}

type summaryJSON struct {
	Summary changesJSON `json:"summary"`
}

type changesJSON struct {
	AsOf              string      `json:"as_of"`
	Accounts          int         `json:"accounts"`
	AccountsDiffering int         `json:"accounts_differing"`
	RejectedNow       int         `json:"rejected_now"`
	RejectedWhatIf    int         `json:"rejected_what_if"`
	Totals            []totalJSON `json:"totals"`
}

type totalJSON struct {
	Figure     string `json:"figure"`
	Now        string `json:"now"`
	WhatIf     string `json:"what_if"`
	Difference string `json:"difference"`
}

func (j whatIfJSON) difference(d replay.Difference) error {
	return j.Encode(differenceJSON{d.Account, textOrNil(d.Month), d.Figure, d.Now, d.WhatIf, textOrNil(d.Difference)})
}

func (j whatIfJSON) summary(c replay.Changes) error {
	out := changesJSON{
		AsOf: c.AsOf.String(), Accounts: c.Accounts, AccountsDiffering: c.Differing, RejectedNow: c.RejectedNow, RejectedWhatIf: c.RejectedWhatIf,
		Totals: []totalJSON{},
	}
	for _, t := range c.Totals {
		out.Totals = append(out.Totals, totalJSON{t.Figure, t.Now.String(), t.WhatIf.String(), differenceOf(t).String()})
	}
	return j.Encode(summaryJSON{out})
}

func textOrNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// whatIfCSV has one line for each difference. The totals, which are of no account, come last.
type whatIfCSV struct{ *csv.Writer }

func newWhatIfCSV(w io.Writer) whatIfCSV {
	c := whatIfCSV{csv.NewWriter(w)}
	_ = c.Write([]string{"account", "month", "figure", "now", "what_if", "difference"}) // the writer keeps its first error
	return c
}

func (c whatIfCSV) difference(d replay.Difference) error {
	return c.Write([]string{d.Account, d.Month, d.Figure, d.Now, d.WhatIf, d.Difference})
}

func (c whatIfCSV) summary(s replay.Changes) error {
	for _, t := range s.Totals {
		_ = c.Write([]string{"", "", t.Figure, t.Now.String(), t.WhatIf.String(), differenceOf(t).String()})
	}
	_ = c.Write([]string{"", "", "accounts_differing", "", strconv.Itoa(s.Differing), ""})
	c.Flush()
	return c.Error()
}
