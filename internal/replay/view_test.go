package replay_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"processor/internal/row"
)

// columns are one output row, as a consumer reads it.
type columns map[string]any

// columnsOf reads a row. Rows are flat and compact, so that cutting them at their marks is enough;
// a text with an escape goes through the JSON library.
func columnsOf(value []byte) columns {
	c := make(columns, 96)
	rest := bytes.TrimPrefix(value, []byte("{"))
	for len(rest) > 1 {
		name, after := textOf(rest)
		if len(after) == 0 || after[0] != ':' {
			panic(fmt.Sprintf("a row is not flat JSON: %s", value))
		}
		after = after[1:]
		switch after[0] {
		case '"':
			c[name], rest = textOf(after)
		default:
			end := bytes.IndexAny(after, ",}")
			c[name], rest = wordOf(string(after[:end])), after[end:]
		}
		rest = rest[1:] // , or }
	}
	return c
}

// textOf cuts a JSON string off the front.
func textOf(b []byte) (text string, rest []byte) {
	end := 1
	for b[end] != '"' {
		if b[end] == '\\' {
			end++
		}
		end++
	}
	if bytes.IndexByte(b[:end], '\\') < 0 {
		return string(b[1:end]), b[end+1:]
	}
	if err := json.Unmarshal(b[:end+1], &text); err != nil {
		panic(fmt.Sprintf("a row is not JSON: %v: %s", err, b[:end+1]))
	}
	return text, b[end+1:]
}

// wordOf is a value that is no text.
func wordOf(word string) any {
	switch word {
	case "null":
		return nil
	case "true":
		return true
	case "false":
		return false
	default:
		return json.Number(word)
	}
}

// text is a column as text, "" where it is null.
func (c columns) text(name string) string {
	switch v := c[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}

// amount is a column without trailing zeros, "" where it is 0.
func (c columns) amount(name string) string {
	if _, found := c[name]; !found {
		panic("no column " + name)
	}
	return short(c.text(name))
}

func short(amount string) string {
	if strings.Contains(amount, ".") {
		amount = strings.TrimRight(strings.TrimRight(amount, "0"), ".")
	}
	if amount == "0" {
		return ""
	}
	return amount
}

func orZero(amount string) string { return cmp.Or(amount, "0") }

// byTopic is every row, read once.
func (t table) byTopic() map[row.Topic][]columns {
	rows := map[row.Topic][]columns{}
	for name, value := range t {
		topic, _, _ := strings.Cut(name, " ")
		rows[row.Topic(topic)] = append(rows[row.Topic(topic)], columnsOf(value))
	}
	return rows
}

func (t table) of(topic row.Topic) []columns {
	var rows []columns
	for name, value := range t {
		if strings.HasPrefix(name, string(topic)+" ") {
			rows = append(rows, columnsOf(value))
		}
	}
	return rows
}

// shortTime leaves out what is zero: 2026-01-05, 2026-01-05 10:30.
func shortTime(s string) string {
	s = strings.TrimSuffix(s, "Z")
	s = strings.Replace(s, "T", " ", 1)
	s = strings.TrimSuffix(s, ":00")
	return strings.TrimSuffix(s, " 00:00")
}

// shortKey leaves out the source that all events of a story have.
func shortKey(key string) string {
	return strings.Replace(strings.TrimPrefix(key, "event/story/"), "/story/", "/", 1)
}

// ledger prints movements rows, of one account or of all, in booked order.
func ledger(rows []columns, account string) string {
	slices.SortFunc(rows, func(a, b columns) int {
		return cmp.Or(cmp.Compare(a.text("account"), b.text("account")),
			cmp.Compare(strings.TrimSuffix(a.text("effective_at"), "Z"), strings.TrimSuffix(b.text("effective_at"), "Z")),
			cmp.Compare(rankOf(a), rankOf(b)), cmp.Compare(outFirst(a), outFirst(b)))
	})
	var b strings.Builder
	last := ""
	for _, c := range rows {
		if account != "" && c.text("account") != account {
			continue
		}
		if c.text("account") != last {
			last = c.text("account")
			fmt.Fprintln(&b, last)
		}
		fmt.Fprintln(&b, "  "+movementLine(c))
	}
	return b.String()
}

// rankOf is the booked order within an instant: both halves of each transfer, fx, groups with
// their owner first, usage.
func rankOf(c columns) int {
	key := c.text("movement")
	switch {
	case strings.HasPrefix(key, "transfer/"):
		return 0
	case strings.HasPrefix(key, "fx/"):
		return 1
	case strings.HasPrefix(key, "usage/"):
		return 4
	case c["merged_into"] != nil:
		return 3
	default:
		return 2
	}
}

// outFirst is the key, changed so that the half that leaves sorts before the one that arrives.
func outFirst(c columns) string { return strings.TrimSuffix(c.text("movement"), "out") }

// movementLine is one row: when, which, class, change, MRR before and after, parts, rule, marks.
func movementLine(c columns) string {
	var b strings.Builder
	change := c.amount("change")
	if change == "" {
		change = "0"
	} else if change[0] != '-' {
		change = "+" + change
	}
	fmt.Fprintf(&b, "%s %s: %s %s (%s -> %s)", shortTime(c.text("effective_at")), shortKey(c.text("movement")), c.text("class"),
		change, orZero(c.amount("mrr_before")), orZero(c.amount("mrr_after")))
	for _, name := range [2]string{"paused", "resumed"} {
		if a := c.amount(name); a != "" {
			fmt.Fprintf(&b, " %s %s", name, a)
		}
	}
	var dims []string
	for name := range c {
		if dim, isDim := strings.CutPrefix(name, "dim_"); isDim {
			dims = append(dims, dim)
		}
	}
	slices.Sort(dims)
	for _, dim := range dims {
		fmt.Fprintf(&b, " [%s]", cmp.Or(c.text("dim_"+dim), "-"))
	}
	b.WriteString(partsText(c))
	fmt.Fprintf(&b, ", rule %s", c.text("rule"))
	if into := c.text("merged_into"); into != "" {
		fmt.Fprintf(&b, ", merged into %s", shortKey(into))
	}
	if c["inferred"] == false {
		b.WriteString(", named")
	}
	for _, mark := range [2]string{"provisional", "unconfirmed"} {
		if c[mark] == true {
			b.WriteString(", " + mark)
		}
	}
	if c["final"] == false {
		b.WriteString(", open")
	}
	return b.String()
}

// partsText lists the typed parts of a row, ups before downs.
func partsText(c columns) string {
	var names []string
	for name := range c {
		if strings.HasPrefix(name, "up_") || strings.HasPrefix(name, "down_") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(b[:2]+a, a[:2]+b) })
	var b strings.Builder
	for _, name := range names {
		if a := c.amount(name); a != "" {
			fmt.Fprintf(&b, ", %s %s", name, a)
		}
	}
	return b.String()
}

// flowColumns are what an interval adds to its opening, with their signs.
var flowColumns = []struct{ name, sign string }{
	{"new_mrr", "+"},
	{"expansion_mrr", "+"},
	{"contraction_mrr", "-"},
	{"churned_mrr", "-"},
	{"reactivation_mrr", "+"},
	{"paused_mrr", "-"},
	{"resumed_mrr", "+"},
	{"transfer_in_mrr", "+"},
	{"transfer_out_mrr", "-"},
	{"fx_mrr", "+"},
	{"usage_change", "+"},
}

// flows prints opening + what happened = closing.
func flows(c columns) string {
	var b strings.Builder
	b.WriteString(orZero(c.amount("opening_mrr")))
	for _, f := range flowColumns {
		if _, found := c[f.name]; !found {
			continue
		}
		if a := c.amount(f.name); a != "" {
			fmt.Fprintf(&b, " %s %s %s", f.sign, strings.TrimSuffix(f.name, "_mrr"), a)
		}
	}
	fmt.Fprintf(&b, " = %s", orZero(c.amount("closing_mrr")))
	for _, name := range [2]string{"opening_balance", "non_recurring"} {
		if a := c.amount(name); a != "" {
			fmt.Fprintf(&b, ", %s %s", name, a)
		}
	}
	return b.String() + partsText(c)
}

// months prints account_months rows, or the columns named behind the account.
func months(t table, account string, words []string) string {
	rows := t.of(row.TopicAccountMonths)
	slices.SortFunc(rows, func(a, b columns) int {
		return cmp.Or(cmp.Compare(a.text("account"), b.text("account")), cmp.Compare(a.text("month"), b.text("month")))
	})
	var b strings.Builder
	for _, c := range rows {
		if account != "" && c.text("account") != account {
			continue
		}
		if len(words) > 1 {
			fmt.Fprintf(&b, "%s %s: %s\n", c.text("account"), c.text("month"), asking(c, words[1:]))
			continue
		}
		fmt.Fprintf(&b, "%s %s: %s", c.text("account"), c.text("month"), flows(c))
		if c["final"] == false {
			b.WriteString(", open")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// accounts prints accounts rows, or of each the columns asked for.
func accounts(t table, asked []string) string {
	rows := t.of(row.TopicAccounts)
	slices.SortFunc(rows, func(a, b columns) int { return cmp.Compare(a.text("account"), b.text("account")) })
	var b strings.Builder
	for _, c := range rows {
		fmt.Fprintf(&b, "%s: ", c.text("account"))
		if len(asked) > 0 {
			fmt.Fprintln(&b, asking(c, asked))
			continue
		}
		fmt.Fprintf(&b, "%s, mrr %s, committed %s", c.text("status"), orZero(c.amount("mrr")), orZero(c.amount("committed_mrr")))
		if at := c.text("last_movement_at"); at != "" {
			fmt.Fprintf(&b, ", last %s %s", c.text("last_class"), shortTime(at))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// asking prints the columns asked for; a ratio that is null says why.
func asking(c columns, names []string) string {
	var list []string
	for _, name := range names {
		value, found := c[name]
		if !found {
			list = append(list, "there is no column "+name)
			continue
		}
		text := c.text(name)
		switch {
		case value == nil && c.text(name+"_reason") != "":
			text = "null (" + c.text(name+"_reason") + ")"
		case value == nil:
			text = "null"
		case strings.HasSuffix(name, "_at"):
			text = shortTime(text)
		case isNumber(text):
			text = orZero(short(text))
		}
		list = append(list, name+" "+text)
	}
	return strings.Join(list, ", ")
}

// metrics answers queries, one to a line: SEGMENT INTERVAL[: column...]. SEGMENT is all or
// region=eu; INTERVAL is a name (2026-03, 30d) or a kind for all of its intervals (month).
func metrics(t table, input string) string {
	rows := t.of(row.TopicMetrics)
	slices.SortFunc(rows, func(a, b columns) int {
		return cmp.Or(cmp.Compare(a.text("grouping"), b.text("grouping")), cmp.Compare(a.text("segment"), b.text("segment")),
			cmp.Compare(a.text("starts_at"), b.text("starts_at")), cmp.Compare(a.text("interval"), b.text("interval")))
	})
	var b strings.Builder
	for _, query := range strings.Split(strings.TrimSpace(input), "\n") {
		where, what, _ := strings.Cut(query, ": ")
		segment, interval, _ := strings.Cut(where, " ")
		found := false
		for _, c := range rows {
			name := c.text("grouping") + "=" + c.text("segment")
			if segment == "all" && name != "all=all" || segment != "all" && segment != "*" && segment != name && segment != c.text("grouping") {
				continue
			}
			if interval != c.text("interval") && interval != c.text("interval_kind") {
				continue
			}
			found = true
			fmt.Fprintf(&b, "%s %s: ", strings.TrimPrefix(name, "all="), c.text("interval"))
			if what == "" {
				fmt.Fprintln(&b, flows(c))
			} else {
				fmt.Fprintln(&b, asking(c, strings.Fields(what)))
			}
		}
		if !found {
			fmt.Fprintf(&b, "%s: none\n", where)
		}
	}
	return b.String()
}
