package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"processor/internal/row"
)

// explainFormats are the ways to print an explanation.
var explainFormats = map[string]func(io.Writer, *row.Explanation) error{
	"table": printExplanation,
	"json":  printExplanationJSON,
	"csv":   printExplanationCSV,
}

func printExplanationJSON(out io.Writer, x *row.Explanation) error {
	body, err := x.JSON()
	if err != nil {
		return err
	}
	_, err = out.Write(append(body, '\n'))
	return err
}

// explainTable writes an explanation for people.
type explainTable struct {
	bytes.Buffer
	widths [4]int // of the instant, the class, the change and the MRR
}

// say writes a text; memory takes everything.
func (t *explainTable) say(format string, values ...any) {
	_, _ = fmt.Fprintf(&t.Buffer, format, values...)
}

// printExplanation writes the movements below each other, each with what stands behind it, and the sum
// last.
func printExplanation(out io.Writer, x *row.Explanation) error {
	t := &explainTable{}
	name := ""
	if x.Name != nil {
		name = " (" + shownText(*x.Name) + ")"
	}
	t.say("%s%s: MRR %s %s, %s, as of %s\n", shownText(x.Account), name, shownAmount(x.MRR), x.Currency, x.Status, x.AsOf)
	before := "before the first movement"
	if x.Interval != nil {
		t.say("%s: from %s to before %s\n", *x.Interval, *x.StartsAt, *x.EndsAt)
		before = "before " + *x.Interval
	}
	t.WriteByte('\n')
	lines := [][4]string{{"BOOKED AT", "CLASS", "CHANGE", "MRR"}, {"", before, "", shownAmount(x.BookedBefore)}}
	if x.LeftOut > 0 {
		lines = append(lines, [4]string{"", fmt.Sprintf("%d earlier movements", x.LeftOut), signedAmount(x.LeftOutChange), ""})
	}
	top := len(lines)
	for i := range x.Movements {
		m := &x.Movements[i]
		lines = append(lines, [4]string{m.EffectiveAt, m.Class, signedAmount(m.Change), shownAmount(m.MRRAfter)})
	}
	for _, line := range lines {
		for i, cell := range line {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	for i, line := range lines {
		last := ""
		switch {
		case i == 0:
			last = "MOVEMENT"
		case i >= top:
			last = shownText(x.Movements[i-top].Movement)
		}
		t.line(line, last)
		if i >= top {
			t.details(&x.Movements[i-top])
		}
	}
	t.WriteByte('\n')
	if strings.Trim(x.OpeningBalance, "0.-") != "" {
		t.say("opening %s = %s before + %s opening balance\n", shownAmount(x.Opening), shownAmount(x.BookedBefore), shownAmount(x.OpeningBalance))
	}
	t.say("opening %s + movements %s = closing %s\n", shownAmount(x.Opening), shownAmount(x.MovementsSum), shownAmount(x.Closing))
	_, err := out.Write(t.Bytes())
	return err
}

// line writes one line: texts to the left, amounts to the right.
func (t *explainTable) line(cells [4]string, last string) {
	text := fmt.Sprintf("%-*s  %-*s  %*s  %*s  %s", t.widths[0], cells[0], t.widths[1], cells[1], t.widths[2], cells[2], t.widths[3], cells[3], last)
	t.WriteString(strings.TrimRight(text, " ") + "\n")
}

// details are what stands behind one movement.
func (t *explainTable) details(m *row.ExplainedMovement) {
	t.say("    rule %s: %s\n", m.Rule, m.Reason)
	var amounts []string
	for _, p := range m.Parts {
		amounts = append(amounts, p.Type+" "+shownAmount(p.Amount))
	}
	for _, p := range []row.Part{{Type: "paused", Amount: m.Paused}, {Type: "resumed", Amount: m.Resumed}} {
		if strings.Trim(p.Amount, "0.") != "" {
			amounts = append(amounts, p.Type+" "+shownAmount(p.Amount))
		}
	}
	if len(amounts) > 0 {
		t.say("    %s\n", strings.Join(amounts, ", "))
	}
	if m.MergedInto != nil {
		t.say("    counted in %s\n", shownText(*m.MergedInto))
	}
	if m.Usage != nil {
		t.usage(m.Usage)
	}
	if state := stateOf(m); state != "" {
		t.say("    %s\n", state)
	}
	for _, r := range m.Rates {
		was := "no rate"
		if r.Before != nil {
			was = *r.Before
		}
		t.say("    1 %s was %s and is %s\n", shownText(r.Currency), was, r.After)
	}
	t.events(m)
}

// stateOf says what may still change of a movement.
func stateOf(m *row.ExplainedMovement) string {
	var words []string
	if m.Provisional {
		words = append(words, "provisional: the month is open")
	}
	if m.Unconfirmed {
		words = append(words, "unconfirmed: the next month has not held the rise yet")
	}
	return strings.Join(words, "; ")
}

// usage writes how a month of usage became its level.
func (t *explainTable) usage(u *row.ExplainedUsage) {
	t.say("    usage of %s of %s in %s: ", shownText(u.Item), shownText(u.Subscription), u.Month)
	switch {
	case u.Ended:
		t.say("the line ended within the month, which counts 0; level %s\n", shownAmount(u.LevelNow))
		return
	case u.Stated:
		t.say("stated %s", shownAmount(u.Rated))
	case u.Factor == nil:
		t.WriteString("no complete day yet")
	default:
		t.say("%s from %s to %s", u.Quantity, u.FirstDay, u.LastDay)
		if u.Included != nil {
			t.say(", %s included", *u.Included)
		}
		if u.Unrated {
			t.WriteString(", no price in force")
		}
		t.say(", rated %s", shownAmount(u.Rated))
	}
	if u.Commit != nil {
		t.say(", commit %s", shownAmount(*u.Commit))
	}
	t.say(", excess %s", shownAmount(u.Excess))
	if u.Factor != nil && *u.Factor != "1" {
		t.say(" x 30.4375 / %d days", u.Days)
	}
	t.say(" = level %s, before %s\n", shownAmount(u.LevelNow), shownAmount(u.LevelBefore))
}

// events lists what stands behind a movement, in columns.
func (t *explainTable) events(m *row.ExplainedMovement) {
	lines := make([][4]string, len(m.Events))
	var widths [4]int
	for i := range m.Events {
		e := &m.Events[i]
		name := shownText(e.Source) + " " + shownText(e.ID)
		if e.Revision != 0 {
			name += " revision " + strconv.FormatInt(e.Revision, 10)
		}
		at := "effective " + e.EffectiveAt
		if e.Step != nil {
			at = "step of " + *e.Step
		}
		lines[i] = [4]string{strings.ReplaceAll(e.Role, "_", " "), e.Type, name, at}
		for j, cell := range lines[i] {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell))
		}
	}
	for i, line := range lines {
		t.say("    %-*s  %-*s  %-*s  %-*s  %s\n", widths[0], line[0], widths[1], line[1], widths[2], line[2], widths[3], line[3], positionOf(&m.Events[i]))
	}
	if m.EventsLeftOut > 0 {
		t.say("    and %d more events\n", m.EventsLeftOut)
	}
	if m.EventsForgotten {
		t.WriteString("    events behind it are no longer kept\n")
	}
}

func positionOf(e *row.ExplainedEvent) string {
	if e.Topic == nil {
		return "read before positions were kept"
	}
	return fmt.Sprintf("%s partition %d offset %d", shownText(*e.Topic), *e.Partition, *e.Offset)
}

// shownAmount is an amount with two to six digits.
func shownAmount(amount string) string {
	whole, fraction, _ := strings.Cut(amount, ".")
	for len(fraction) > 2 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	return whole + "." + fraction
}

// signedAmount is a change: its sign is always there, but for 0.
func signedAmount(amount string) string {
	if strings.HasPrefix(amount, "-") || strings.Trim(amount, "0.") == "" {
		return shownAmount(amount)
	}
	return "+" + shownAmount(amount)
}

// shownText is a text from outside in a form that cannot command a terminal.
func shownText(text string) string {
	for _, r := range text {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}
