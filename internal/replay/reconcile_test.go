package replay_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/row"
)

// reconcile holds the identities that must hold whatever the events were (invariant I2), from the
// rows alone, as an auditor would: it shares no arithmetic with the program.
func reconcile(t table, core aggregate.Options) []string { return reconcileRows(t.byTopic(), core) }

func reconcileRows(by map[row.Topic][]columns, core aggregate.Options) []string {
	b := &books{
		calendar: aggregate.NewCalendar(core.Zone, max(core.FiscalYearStart, 1)), fiscal: core.FiscalYearStart > 1,
		changes: map[string]int64{}, booked: map[string]sums{}, owners: map[string]columns{},
	}
	rows := by[row.TopicMovements]
	for _, c := range rows {
		b.owners[c.text("account")+" "+c.text("movement")] = c
	}
	for _, c := range rows {
		b.movement(c)
	}
	b.accounts(by[row.TopicAccounts])
	months := b.accountMonths(by[row.TopicAccountMonths])
	b.metrics(by[row.TopicMetrics], months)
	return b.problems
}

// books are what the auditor has added up.
type books struct {
	calendar *aggregate.Calendar
	fiscal   bool
	problems []string
	changes  map[string]int64   // by account
	booked   map[string]sums    // by month, from movements
	owners   map[string]columns // movements by account and key
}

// sums are amounts in millionths by column.
type sums map[string]int64

func (b *books) complain(format string, args ...any) {
	if len(b.problems) < 5 {
		b.problems = append(b.problems, fmt.Sprintf(format, args...))
	}
}

// micro is an amount in millionths. Every amount must have six fractional digits.
func (c columns) micro(name string) int64 {
	text := c.text(name)
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil || len(fraction) != 6 {
		panic(fmt.Sprintf("%s is %q, which is no amount with six digits", name, text))
	}
	return n
}

func (c columns) count(name string) int64 {
	n, err := strconv.ParseInt(c.text(name), 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s is %q, which is no number", name, c.text(name)))
	}
	return n
}

// signs of the sums in opening + ... = closing.
var signs = sums{
	"new_mrr": 1, "expansion_mrr": 1, "contraction_mrr": -1, "churned_mrr": -1, "reactivation_mrr": 1, "paused_mrr": -1,
	"resumed_mrr": 1, "fx_mrr": 1,
}

// columnOf is the column that collects a class's amounts.
var columnOf = map[string]string{
	"new": "new_mrr", "expansion": "expansion_mrr", "contraction": "contraction_mrr", "churn": "churned_mrr",
	"reactivation": "reactivation_mrr", "fx": "fx_mrr",
}

func (c columns) movedIn() int64 { return c.micro("transfer_in_mrr") - c.micro("transfer_out_mrr") }

func partColumns() (ups, downs []string) {
	for _, name := range aggregate.UpNames {
		ups = append(ups, "up_"+name)
	}
	for _, name := range aggregate.DownNames {
		downs = append(downs, "down_"+name)
	}
	return ups, downs
}

func (b *books) movement(c columns) {
	ups, downs := partColumns()
	at := c.text("account") + " " + c.text("movement")
	class := c.text("class")
	change := c.micro("change")
	amount := change - c.micro("resumed") + c.micro("paused")
	b.changes[c.text("account")] += change
	var up, down int64
	for _, name := range ups {
		up += b.notNegative(c, at, name)
	}
	for _, name := range downs {
		down += b.notNegative(c, at, name)
	}
	switch class {
	case "expansion", "contraction", "none", "pause", "resume":
		if amount != up-down {
			b.complain("%s: class amount %d, ups less downs %d", at, amount, up-down)
		}
	default:
		if up != 0 || down != 0 {
			b.complain("%s: class %s has typed parts", at, class)
		}
	}
	b.signOf(c, at, class, change, amount)
	b.merged(c, at, class, change, up+down)
	if class == "scheduled" {
		return
	}
	month := b.month(b.instant(c, "effective_at"))
	if b.booked[month] == nil {
		b.booked[month] = sums{}
	}
	m := b.booked[month]
	if column, counts := columnOf[class]; counts {
		m[column] += amount * signs[column]
	}
	for _, name := range append([]string{"paused", "resumed"}, append(ups, downs...)...) {
		column := name
		if name == "paused" || name == "resumed" {
			column += "_mrr"
		}
		m[column] += c.micro(name)
	}
}

func (b *books) notNegative(c columns, at, name string) int64 {
	n := c.micro(name)
	if n < 0 {
		b.complain("%s: %s is negative", at, name)
	}
	return n
}

// signOf holds what a class may do, and before + change = after.
func (b *books) signOf(c columns, at, class string, change, amount int64) {
	switch class {
	case "scheduled", "revoked":
		if change != 0 {
			b.complain("%s: class %s has a change", at, class)
		}
		return
	case "expansion", "new", "reactivation":
		if amount <= 0 {
			b.complain("%s: class %s of %d", at, class, amount)
		}
	case "contraction", "churn":
		if amount >= 0 {
			b.complain("%s: class %s of %d", at, class, amount)
		}
	case "none", "pause", "resume":
		if amount != 0 {
			b.complain("%s: class %s of %d", at, class, amount)
		}
	case "transfer":
		if strings.HasPrefix(c.text("movement"), "transfer/") {
			return
		}
	}
	if c["merged_into"] == nil && c.text("rule") != "superseded" && c.micro("mrr_before")+change != c.micro("mrr_after") {
		b.complain("%s: before, change and after do not add up", at)
	}
}

func (b *books) merged(c columns, at, class string, change, parts int64) {
	if c["merged_into"] == nil {
		return
	}
	owner := b.owners[c.text("account")+" "+c.text("merged_into")]
	switch {
	case owner == nil:
		b.complain("%s is merged into %s, which is not there", at, c.text("merged_into"))
	case class != "none" || change != 0 || parts != 0 || c.text("mrr_before") != owner.text("mrr_after") ||
		c.text("mrr_after") != owner.text("mrr_after") || c.text("effective_at") != owner.text("effective_at") || owner["merged_into"] != nil:
		b.complain("%s: merged row does not follow its owner %s", at, c.text("merged_into"))
	}
}

func (b *books) instant(c columns, name string) event.Time {
	at, ok := event.ParseTime([]byte(c.text(name)))
	if !ok {
		b.complain("%s is %q, which is no instant", name, c.text(name))
	}
	return at
}

func (b *books) month(at event.Time) string {
	return b.calendar.Name(aggregate.KindMonth, b.calendar.Index(aggregate.KindMonth, b.calendar.Day(at)))
}

func (b *books) accounts(rows []columns) {
	for _, c := range rows {
		account := c.text("account")
		if c.micro("mrr") != b.changes[account] {
			b.complain("account %s has mrr %s, which is not the sum %d of its movements", account, c.text("mrr"), b.changes[account])
		}
		if c.micro("arr") != 12*c.micro("mrr") {
			b.complain("account %s: arr is not 12 x mrr", account)
		}
		delete(b.changes, account)
	}
	for account := range b.changes {
		b.complain("account %s has movements and no row of its own", account)
	}
}

// accountMonths holds each month and the chain of them, and adds the months up.
func (b *books) accountMonths(rows []columns) map[string]sums {
	slices.SortFunc(rows, func(x, y columns) int {
		return cmp.Or(cmp.Compare(x.text("account"), y.text("account")), cmp.Compare(x.text("month"), y.text("month")))
	})
	ups, downs := partColumns()
	total := map[string]sums{}
	var last columns
	for _, c := range rows {
		at := c.text("account") + " " + c.text("month")
		sum := c.micro("opening_mrr") + c.movedIn()
		for name, sign := range signs {
			sum += sign * c.micro(name)
		}
		if sum != c.micro("closing_mrr") {
			b.complain("account_months %s does not close", at)
		}
		closed := int64(0)
		if last != nil && last.text("account") == c.text("account") {
			closed = last.micro("closing_mrr")
		}
		if closed+c.micro("opening_balance") != c.micro("opening_mrr") {
			b.complain("account_months %s does not open where the month before closed", at)
		}
		last = c
		m := total[c.text("month")]
		if m == nil {
			m = sums{}
			total[c.text("month")] = m
		}
		for name := range signs {
			m[name] += c.micro(name)
		}
		for _, name := range append(append([]string{"non_recurring", "opening_balance"}, ups...), downs...) {
			m[name] += c.micro(name)
		}
	}
	return total
}
