package replay_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// TestAnyOrderAtTheEdges draws small stories in the notation whose instants, ids and amounts
// collide: ties, ends of days, months and windows, revisions, revocations. Every way to them must
// end at the same bytes (I1), and they must reconcile (I2). What fails prints as a story.
func TestAnyOrderAtTheEdges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		config := drawConfig(t)
		core, err := coreOptions(config)
		if err != nil {
			t.Fatalf("%v", err)
		}
		lines := strings.Join(rapid.SliceOfN(rapid.Custom(drawLine), 1, 14).Draw(t, "events"), "\n")
		records, err := nativeEvents(lines)
		if err != nil {
			t.Fatalf("%v", err)
		}
		until, _ := event.ParseTime([]byte(instantOf(rapid.SampledFrom(watermarkChoices).Draw(t, "advance"))))
		seed := rapid.Uint64().Draw(t, "seed")
		if problem := everyWay(core, records, until, rand.New(rand.NewPCG(seed, 1)), edgeWays); problem != "" {
			t.Fatalf("config\n%s\n----\n\napply\n%s\n----\n\nadvance %s\n----\n\n%s", config, lines, until, problem)
		}
	})
}

// edgeWays are the ways of small made-up stories.
var edgeWays = []way{
	{shards: 1, doubled: true, batch: 1},
	{shards: 1, batch: 1, steps: 3, parks: true},
	{shards: 1, batch: 1, steps: 25},
	{shards: 1, steps: 60},
	{shards: 4, batch: 2, steps: 5, doubled: true},
	{shards: 2, batch: 2, steps: 9, restarts: true, parks: true},
}

// everyWay takes records to a watermark by one flush and by each way, and says what differs.
func everyWay(core aggregate.Options, records [][]byte, until event.Time, dice *rand.Rand, ways []way) string {
	events := decoded(records)
	want, err := run(core, events, until, way{shards: 1}, dice)
	if err != nil {
		return "at once: " + err.Error()
	}
	if problems := reconcile(want.table(), core); len(problems) > 0 {
		return "reconcile: " + strings.Join(problems, "\n")
	}
	for _, w := range ways {
		order := append([]*event.Event(nil), events...)
		dice.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		got, err := run(core, order, until, w, dice)
		if err != nil {
			return fmt.Sprintf("%+v of %v: %v", w, ids(order), err)
		}
		if problem := diff(got, want); problem != "" {
			return fmt.Sprintf("%+v of %v: %s", w, ids(order), problem)
		}
	}
	return ""
}

// decoded are the events among records.
func decoded(records [][]byte) []*event.Event {
	var events []*event.Event
	decoder := event.NewDecoder(event.Options{})
	for _, record := range records {
		if e, rejection := decoder.Decode(record, nil); rejection == nil && e != nil {
			events = append(events, e)
		}
	}
	return events
}

func drawConfig(t *rapid.T) string {
	pick := func(name string, choices ...string) string { return rapid.SampledFrom(choices).Draw(t, name) }
	return strings.Join([]string{
		"zone " + pick("zone", "UTC", "America/New_York", "Africa/Cairo"),
		"coalesce " + pick("coalesce", "1h", "0s", "30m"),
		"groupings " + pick("groupings", "", "region", "region tier cohort", "tier,region", "region product_family motion", "region,product_family tier"),
		pick("values", "", "", "values region eu", "values region us zz"),
		"windows " + pick("windows", "", "1h 24h", "7d 30d", "24h 30d 90d 365d"),
		"rates EUR=1.1",
		"rates 2026-02-01 EUR=1.25",
		pick("fiscal", "", "fiscal 4"),
		pick("start", "", "", "start 2026-01-31"),
		pick("usage", "", "", "usage raw", "usage invoice_month", "usage exclude"),
		pick("past due", "", "", "past_due_for 24h", "past_due_for 720h"),
		pick("within", "", "", "reactivation_within 24h", "reactivation_within 720h"),
		pick("reactivation", "", "", "reactivation expansion"),
		pick("grace", "", "grace 0s"),
	}, "\n")
}

// edgeInstants lie on, just before and just after what divides time: an hour, a coalescing window,
// a day, a month, a rate table, a clock change, a year.
var edgeInstants = []string{
	"2026-01-05", "2026-01-05T00:30", "2026-01-05T00:59:59.999", "2026-01-05T01:00", "2026-01-05T10:00",
	"2026-01-05T10:00:00.000000001", "2026-01-05T10:20", "2026-01-05T11:00", "2026-01-31T23:59:58.999", "2026-01-31T23:59:59",
	"2026-02-01", "2026-02-01T04:59:59", "2026-02-01T05:00", "2026-02-04T10:00", "2026-02-28T23:59:59.5", "2026-03-01",
	"2026-03-08T06:30", "2026-03-31T12:00", "2026-04-23T21:59:59", "2026-04-23T22:00", "2025-01-31T12:00", "2025-02-28T12:00",
}

var watermarkChoices = append([]string{"2026-06-01", "2026-05-10T12:00", "2026-02-10"}, edgeInstants...)

func drawLine(t *rapid.T) string {
	pick := func(name string, choices ...string) string { return rapid.SampledFrom(choices).Draw(t, name) }
	id := pick("id", "a", "b", "c", "d", "e", "f", "g", "h") + pick("revision", "", "", "", "#1", "#2")
	line := id + " " + pick("at", edgeInstants...) + " " + pick("account", "acme", "acme", "brown") + " "
	switch pick("what", "snapshot", "snapshot", "snapshot", "snapshot", "snapshot", "set", "revoke", "charge", "usage", "erase") {
	case "set":
		return line + "set " + pick("region", "region=eu", "region=us", "region=") + pick("tier", "", " tier=smb", " tier=ent") +
			drawEffective(t)
	case "revoke":
		return line + "revoke " + pick("target", "a", "b", "c", "d", "e", "f", "g", "h")
	case "charge":
		return line + "charge " + pick("kind", "one_off", "refund", "tax") + " 7 " + pick("currency", "USD", "EUR")
	case "usage":
		return line + drawUsage(t)
	case "erase":
		if rapid.IntRange(0, 3).Draw(t, "rarely") == 0 {
			return line + "erase"
		}
	}
	return line + drawSnapshot(t)
}

func drawUsage(t *rapid.T) string {
	pick := func(name string, choices ...string) string { return rapid.SampledFrom(choices).Draw(t, name) }
	if pick("form", "quantity", "quantity", "statement") == "statement" {
		return "statement " + pick("sub", "s1", "s2") + "/m " + pick("month", "2026-01", "2026-02", "2026-03") + " " + pick("amount", "0", "50", "-5")
	}
	return "usage " + pick("sub", "s1", "s2") + "/m " + pick("quantity", "1", "30", "-3") + pick("rated", "", " amount=12")
}

func drawEffective(t *rapid.T) string {
	if rapid.IntRange(0, 2).Draw(t, "dated") > 0 {
		return ""
	}
	return " effective=" + rapid.SampledFrom(edgeInstants).Draw(t, "effective")
}

func drawSnapshot(t *rapid.T) string {
	pick := func(name string, choices ...string) string { return rapid.SampledFrom(choices).Draw(t, name) }
	var b strings.Builder
	b.WriteString(pick("sub", "s1", "s1", "s2", "s3"))
	b.WriteString(drawEffective(t))
	b.WriteString(pick("seq", "", "", " seq=1"))
	b.WriteString(pick("flag", "", "", "", "", " renewal", " scheduled_step", " motion=upsell", " opening", " opening first_paid=2024-05-20",
		" moved_to=heir", " moved_from=heir"))
	b.WriteString(pick("discount", "", "", "", " discount=20%", " discount=50%<2026-02-01", " discount=100%<2026-03-01"))
	b.WriteString(pick("end", "", "", "", "", " cancel_at=2026-02-28T23:59:59", " cancel_at=2026-04-01", " term_end=2026-02-01"))
	status := pick("status", "active", "active", "active", "active", "paused", "canceled", "unpaid", "trialing", "past_due", "past_due")
	b.WriteString(" " + status)
	if status != "canceled" {
		b.WriteString(drawItems(t))
	}
	for range rapid.IntRange(0, 2).Draw(t, "steps") {
		at := pick("step", "2026-01-05T10:20", "2026-02-01", "2026-02-01", "2026-03-01", "2026-05-01")
		b.WriteString(" => " + at + pick("step status", "", "", " paused", " active", " trialing", " past_due") + drawItems(t))
	}
	return b.String()
}

func drawItems(t *rapid.T) string {
	pick := func(name string, choices ...string) string { return rapid.SampledFrom(choices).Draw(t, name) }
	var b strings.Builder
	for _, name := range []string{"x", "y", "m"}[:rapid.IntRange(1, 3).Draw(t, "items")] {
		if name == "m" {
			b.WriteString(" | m metered price=" + pick("rate", "1", "0.333333") + pick("commit", "", " commit=20"))
			continue
		}
		b.WriteString(" | " + name + " " + pick("quantity", "1", "3", "10") + " x " + pick("price", "10", "10", "7.77", "0") +
			pick("currency", "", "", " EUR") + pick("plan", "", " plan=p") + pick("product", "", " product=zeta", " product=zeta family=core") +
			pick("more", "", "", "", " region=eu", " add_on", " free_trial", " replaces=s1/x", " /3month", " discount=3<2026-03-01"))
	}
	return b.String()
}
