package replay_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"processor/internal/company"
	"processor/internal/event"
)

// drawn is one small case: what is configured, what comes, and the watermark at the end. It is a
// function of its seed.
type drawn struct {
	seed    uint64
	config  string
	records [][]byte
	texts   []string // the records as a reader may paste them into a story
	until   event.Time
}

// pen draws; the same seed writes the same case.
type pen struct{ *rand.Rand }

func (p pen) of(choices ...string) string { return choices[p.IntN(len(choices))] }

// often is true in n of 100.
func (p pen) often(n int) bool { return p.IntN(100) < n }

// maybe is one of the choices in n of 100.
func (p pen) maybe(n int, choices ...string) string {
	if !p.often(n) {
		return ""
	}
	return p.of(choices...)
}

// draw makes the case of a seed: two in three in the notation of the stories, with instants that
// collide at one anchor, the others a messy company with everything that it may have.
func draw(seed uint64) (drawn, error) {
	p := pen{rand.New(rand.NewPCG(seed, 0x0ca5e))}
	anchor := anchors[p.IntN(len(anchors))]
	d := drawn{seed: seed, config: p.configuration(anchor)}
	d.until = p.near(anchor).Add(time.Duration(p.IntN(20)) * 24 * time.Hour)
	if p.often(4) { // far enough for cohorts of a year
		d.until = d.until.Add(400 * 24 * time.Hour)
	}
	if p.often(33) {
		return d, d.company(p, anchor)
	}
	ledger := p.accounts()
	for i := range 5 + p.IntN(36) {
		line := p.line(anchor, ledger, i)
		records, err := nativeEvents(line)
		if err != nil {
			return d, err
		}
		d.texts, d.records = append(d.texts, line), append(d.records, records...)
	}
	return d, nil
}

// company fills the case with the records of a messy company around the anchor.
func (d *drawn) company(p pen, anchor event.Time) error {
	o := company.Options{
		Seed: d.seed, Accounts: 1 + p.IntN(6), Events: 5 + p.IntN(36), Start: anchor.Add(-time.Duration(1+p.IntN(20)) * 24 * time.Hour),
		Openings: p.IntN(2) * 500, Usage: p.often(70), Future: p.often(70), Rare: p.often(80), Currencies: []string{"USD", "EUR"},
		Mess: company.Whole,
	}
	o.End = anchor.Add(time.Duration(1+p.IntN(20)) * 24 * time.Hour)
	o.Mess.Calendar, o.Mess.Ties = 500, 400
	records, err := company.Collect(o)
	if err != nil {
		return err
	}
	for i := range records {
		d.records, d.texts = append(d.records, records[i].Value), append(d.texts, string(records[i].Value))
	}
	return nil
}

// anchors are instants at which calendars are at their trickiest: a leap day, changes of clocks,
// and ends of months and years in the zones that are drawn.
var anchors = []event.Time{
	moment("2024-02-29T00:00:00Z"), moment("2024-03-01T00:00:00Z"),
	moment("2025-03-30T01:00:00Z"), moment("2025-10-26T01:00:00Z"), moment("2025-03-29T23:00:00Z"), // Berlin
	moment("2025-03-09T07:00:00Z"), moment("2025-11-02T06:00:00Z"), moment("2025-11-02T04:00:00Z"), // New York
	moment("2026-04-23T22:00:00Z"), moment("2026-10-29T21:00:00Z"), // Cairo: a day that starts at one
	moment("2025-12-31T23:00:00Z"), moment("2026-01-01T05:00:00Z"), moment("2026-01-01T00:00:00Z"),
	moment("2025-02-28T23:00:00Z"), moment("2025-02-01T05:00:00Z"), moment("2025-06-30T22:00:00Z"),
}

func moment(text string) event.Time {
	at, ok := event.ParseTime([]byte(text))
	if !ok {
		panic("no instant: " + text)
	}
	return at
}

// offsets from an anchor: what divides days, groups and windows, and what is next to it.
var offsets = []time.Duration{
	0, 0, 0, -1, 1, -time.Second, -time.Second / 2, -time.Second - 1, time.Second,
	-30 * time.Minute, 30 * time.Minute, time.Hour - 1, time.Hour, time.Hour + 1, -time.Hour, 2 * time.Hour,
	-24 * time.Hour, 24 * time.Hour, 24*time.Hour - time.Second, 5 * 24 * time.Hour, 7 * 24 * time.Hour,
	28 * 24 * time.Hour, 30 * 24 * time.Hour, 31 * 24 * time.Hour, -31 * 24 * time.Hour, 61 * 24 * time.Hour,
}

func (p pen) near(anchor event.Time) event.Time { return anchor.Add(offsets[p.IntN(len(offsets))]) }

// at is an instant near the anchor as the notation has it.
func (p pen) at(anchor event.Time) string { return p.near(anchor).String() }

// configuration draws every option that changes a number.
func (p pen) configuration(anchor event.Time) string {
	date := func(days int) string {
		return anchor.Add(time.Duration(days) * 24 * time.Hour).UTC().Format(time.DateOnly)
	}
	lines := []string{
		"zone " + p.of("UTC", "Europe/Berlin", "America/New_York", "Africa/Cairo", "Asia/Kolkata"),
		"coalesce " + p.of("1h", "1h", "0s", "30m", "24h"),
		"grace " + p.of("12h", "12h", "0s", "72h"),
		"groupings " + p.of("", "region", "cohort", "region tier cohort", "tier,region region,cohort,tier", "region product_family motion", "region,product_family,motion tier"),
		p.maybe(25, "values region eu", "values region us zz"),
		"windows " + p.of("", "1h 24h", "7d 30d", "24h 365d", "1h 24h 7d 30d 90d 365d"),
		"usage " + p.of("normalised", "normalised", "normalised", "raw", "invoice_month", "exclude"),
		p.maybe(25, "past_due_for 24h", "past_due_for 720h"),
		p.maybe(25, "reactivation_within 720h", "reactivation_within 24h", "reactivation_within 2160h"),
		p.maybe(20, "reactivation expansion"),
		p.maybe(30, "day_factor 30", "day_factor 365.25/12"),
		p.maybe(30, "fiscal 4", "fiscal 2", "fiscal 12"),
		p.maybe(50, "signals within="+p.of("1d", "7d", "30d", "180d")+" thresholds="+p.of("80,100", "1", "50,90,1000")+" block="+p.of("1", "5")+
			" onboarding="+p.of("0d", "1d", "30d")+" usage_fall="+p.of("0", "1", "50")),
		p.maybe(30, "start "+date(-1), "start "+date(0), "start "+date(30)),
	}
	if p.often(85) {
		lines = append(lines, "rates EUR=1.1")
		for _, days := range []int{-20, 0, 1, 31}[p.IntN(4):] {
			lines = append(lines, fmt.Sprintf("rates %s EUR=%s", date(days), p.of("1.25", "0.9", "1.123456789012345678", "1.1")))
		}
	}
	return strings.Join(lines, "\n")
}

// accounts are one to six; some ids would break a careless program.
func (p pen) accounts() []string {
	all := []string{"acme", "brown", "heir", "ä,b%c", "zoë/1", "=1+1"}
	return all[:1+p.IntN(len(all))]
}

// line is one event in the notation. Ids are few, so that revisions, conflicts and revocations of
// one another come up.
func (p pen) line(anchor event.Time, accounts []string, i int) string {
	id := fmt.Sprintf("e%d", i)
	if p.often(25) {
		id = fmt.Sprintf("e%d", p.IntN(i+1))
	}
	head := strings.Join([]string{id + p.maybe(25, "#1", "#2"), p.at(anchor), p.of(accounts...)}, " ") + " "
	switch n := p.IntN(100); {
	case n < 10:
		return head + "set " + p.of("region=eu", "region=us", "region=", "tier=smb", "tier=a,b", "region=us tier=ent") +
			p.maybe(40, " effective="+p.at(anchor)) + p.maybe(20, " seq=1")
	case n < 18:
		return head + fmt.Sprintf("revoke e%d", p.IntN(i+6))
	case n < 22:
		return head + "charge " + p.of("one_off", "service", "credit", "refund", "tax") + " 7.77 " + p.of("USD", "EUR")
	case n < 36:
		return head + "usage " + p.of("s1", "s2") + "/" + p.of("m", "meter:calls") + " " + p.of("1", "30", "-3", "0.5") + p.maybe(30, " amount=12", " amount=3 EUR")
	case n < 40:
		month := p.near(anchor).UTC().Format("2006-01")
		return head + "statement " + p.of("s1", "s2") + "/m " + month + " " + p.of("0", "50", "-5", "0.000001") + p.maybe(30, " EUR")
	case n < 42:
		return head + "erase"
	case n < 52:
		return head + "signal " + p.of("seats_used 8", "seats_used 10 s1", "seats_used 2.5 s1/x", "seats_used 0", "feature_request sso", "feature_request",
			"team_growth 3", "team_growth 0", "milestone 1000", "milestone 2000 s2", "nps 9", "nps 8.5", "feature_adopted api s1/m", "usage 1", "strange", "seats_used many")
	case n < 57:
		return head + "set @health=" + p.of("10", "49.5", "80", "95") + p.maybe(30, " @lifecycle=onboarding", " @lifecycle=adopted") + p.maybe(30, " effective="+p.at(anchor))
	}
	return head + p.snapshot(anchor, accounts)
}

func (p pen) snapshot(anchor event.Time, accounts []string) string {
	words := []string{
		p.of("s1", "s1", "s2", "s3"), p.of("active", "active", "active", "active", "paused", "canceled", "unpaid", "trialing", "past_due"),
		p.maybe(30, "effective="+p.at(anchor)), p.maybe(15, "seq=1", "seq=-1"),
		p.maybe(12, "renewal", "scheduled_step"), p.maybe(10, "motion=upsell", "motion=rescue", "motion=seat"),
		p.maybe(12, "opening", "opening first_paid=2023-05-20"),
		p.maybe(12, "moved_to="+p.of(accounts...), "moved_from="+p.of(accounts...)),
		p.maybe(25, "discount=20%", "discount=50%<"+p.at(anchor), "discount=100%<"+p.at(anchor), "discount=30%<"+p.at(anchor)+",5%"),
		p.maybe(20, "cancel_at="+p.at(anchor)), p.maybe(10, "term_end="+p.at(anchor)),
	}
	var b strings.Builder
	b.WriteString(strings.Join(words, " "))
	if words[1] != "canceled" {
		b.WriteString(p.items(anchor))
	}
	for range []int{0, 0, 0, 1, 2}[p.IntN(5)] {
		status := p.maybe(40, "paused", "active", "trialing", "canceled")
		b.WriteString(" => " + p.at(anchor) + " " + status)
		if status != "canceled" {
			b.WriteString(p.items(anchor))
		}
	}
	return b.String()
}

func (p pen) items(anchor event.Time) string {
	var b strings.Builder
	for _, name := range []string{"x", "y", "m"} {
		switch {
		case name == "m" && p.often(45):
			b.WriteString(" | m metered" + p.of(" price=1", " price=0.333333", " tiers=10:1.00;:0.5", " tiers=5:2;40:1") + p.maybe(40, " commit=20", " commit=0.01") +
				p.maybe(40, " included=5", " included=29.5") + p.maybe(40, " meter=calls") + p.maybe(15, " EUR"))
		case name == "x" || name == "y" && p.often(50):
			b.WriteString(" | " + name + " " + p.of("1", "3", "10", "0") + " x " + p.of("10", "10", "7.77", "0", "0.000001") + p.maybe(25, " EUR") +
				p.maybe(30, " plan=p", " plan=q") + p.maybe(30, " product=zeta", " product=zeta family=core") +
				p.maybe(30, " region=eu", " add_on", " free_trial", " replaces=s1/x", " replaces=s2/y") +
				p.maybe(20, " limit=5", " limit=0") + p.maybe(25, " /3month", " /year", " /week", " /10day", " /2year") + p.maybe(20, " discount=3<"+p.at(anchor), " discount=10%"))
		}
	}
	return b.String()
}
