package replay_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/replay"
	"processor/internal/row"
)

// TestManyCases draws small messy companies under every configuration and holds the invariants:
// the same bytes by every way (I1), every sum closes (I2), no record is lost (I3).
//
//	PROCESSOR_CASES=10000 go test ./internal/replay -run TestManyCases -v -timeout 0
//	PROCESSOR_CASES_FOR=5m    as many as fit; the run before that stops at PROCESSOR_CASES
//	PROCESSOR_CASES_FROM=77   the first seed: a failure names its own
//
// A case that fails is made smaller and printed as a story.
func TestManyCases(t *testing.T) {
	t.Parallel()
	cases, first, until := casesAsked(t)
	began := time.Now()
	var ran, records atomic.Int64
	workers := runtime.GOMAXPROCS(0)
	t.Run("workers", func(t *testing.T) {
		for worker := range workers {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				for i := worker; i < cases && (until == 0 || time.Since(began) < until); i += workers {
					d, err := draw(first + uint64(i))
					if err != nil {
						t.Fatalf("draw case %d: %v", d.seed, err)
					}
					if problem := d.check(0); problem != "" {
						d, problem = d.smaller(problem)
						t.Fatalf("PROCESSOR_CASES_FROM=%d PROCESSOR_CASES=1\n%s", d.seed, d.story(problem))
					}
					ran.Add(1)
					records.Add(int64(len(d.records)))
				}
			})
		}
	})
	t.Logf("%d cases of %d records, seeds from %d: each by %d ways", ran.Load(), records.Load(), first, waysOfACase+2)
	if ran.Load() == 0 {
		t.Error("no case ran")
	}
}

// casesAsked are the number of cases, the first seed, and for how long to go on (0: as long as it
// takes).
func casesAsked(t *testing.T) (cases int, first uint64, until time.Duration) {
	t.Helper()
	cases, first = 100, 1
	if testing.Short() {
		cases = 25
	}
	if text := os.Getenv("PROCESSOR_CASES_FOR"); text != "" {
		var err error
		if until, err = time.ParseDuration(text); err != nil || until <= 0 {
			t.Fatalf("PROCESSOR_CASES_FOR=%s is no duration", text)
		}
		cases = 1 << 30
	}
	for name, set := range map[string]func(uint64){
		"PROCESSOR_CASES": func(n uint64) { cases = int(n) }, "PROCESSOR_CASES_FROM": func(n uint64) { first = n },
	} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 62)
			if err != nil {
				t.Fatalf("%s=%s is no number", name, text)
			}
			set(n)
		}
	}
	return cases, first, until
}

// waysOfACase is how many random ways a case is taken by, beside all at once and through replay.
const waysOfACase = 3

// check says what is wrong with the case, "" when nothing is. The salt chooses the ways.
func (d *drawn) check(salt uint64) string {
	core, err := coreOptions(d.config)
	if err != nil {
		return err.Error()
	}
	dice := rand.New(rand.NewPCG(d.seed, salt))
	events := decoded(d.records)
	want, err := run(core, events, d.until, way{shards: 1}, dice)
	if err != nil {
		return "at once: " + err.Error()
	}
	held := want.table()
	rows := held.byTopic()
	if problems := reconcileRows(rows, core); len(problems) > 0 {
		return "reconcile: " + strings.Join(problems, "\n")
	}
	if problem := segmentsAddUp(rows[row.TopicMetrics]); problem != "" {
		return problem
	}
	if problem := d.conserved(core, dice); problem != "" {
		return problem
	}
	for i := range waysOfACase {
		w := way{
			shards: 1 + dice.IntN(6), batch: []int{0, 1, 3, 5, 9, 14}[dice.IntN(6)], steps: dice.IntN(6), doubled: dice.IntN(2) == 0, restarts: i > 0,
			parks: i != 1,
		}
		order := slices.Clone(events)
		dice.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		got, err := run(core, order, d.until, w, dice)
		if err != nil {
			return fmt.Sprintf("%+v of %v: %v", w, ids(order), err)
		}
		if problem := diff(got, want); problem != "" {
			return fmt.Sprintf("%+v of %v: %s", w, ids(order), problem)
		}
	}
	return d.byReplay(core, dice, events, held)
}

// byReplay compares replay over some shards, which reads the records themselves; it reads none that
// is later than the watermark, so its rows are compared only where there is none.
func (d *drawn) byReplay(core aggregate.Options, dice *rand.Rand, events []*event.Event, want table) string {
	shards := 1 + dice.IntN(9)
	r, err := replay.New(replay.Options{Core: core, AsOf: d.until, Shards: shards, ShardOf: shardOf})
	if err != nil {
		return err.Error()
	}
	for line, record := range d.records {
		r.Apply("case", int64(line), record)
	}
	var out bytes.Buffer
	result, err := r.Finish(&out)
	if err != nil {
		return fmt.Sprintf("replay over %d shards: %v", shards, err)
	}
	n := result.Rejected + result.Ignored
	for _, outcome := range result.Outcomes {
		n += outcome
	}
	letters := bytes.Count(out.Bytes(), []byte(`{"topic":"dead-letters"`))
	if n != result.Read || int64(letters) != result.Rejected {
		return fmt.Sprintf("replay over %d shards: %d records read, %d accounted for, %d dead letters: %+v", shards, result.Read, n, letters, result)
	}
	for _, e := range events {
		if e.Time > d.until {
			return ""
		}
	}
	if result.Read != int64(len(d.records)) {
		return fmt.Sprintf("replay read %d of %d records", result.Read, len(d.records))
	}
	if problem := diffTables(printed(out.Bytes()), want); problem != "" {
		return fmt.Sprintf("replay over %d shards: %s", shards, problem)
	}
	return ""
}

// smaller takes away records, halves first and then one by one, as long as the case still fails by
// any of some ways.
func (d *drawn) smaller(problem string) (drawn, string) {
	least := *d
	for size := len(least.records) / 2; size > 0; {
		before := len(least.records)
		for from := 0; from+size <= len(least.records); {
			if try, still := least.without(from, size); still != "" {
				least, problem = try, still
			} else {
				from += size
			}
		}
		if size > 1 || len(least.records) == before {
			size /= 2
		}
	}
	return least, problem
}

// without is the case without some records, and what is wrong with it by the first way that fails.
func (d *drawn) without(from, size int) (drawn, string) {
	try := *d
	try.records = slices.Delete(slices.Clone(d.records), from, from+size)
	try.texts = slices.Delete(slices.Clone(d.texts), from, from+size)
	for salt := range uint64(12) {
		if problem := try.check(salt); problem != "" {
			return try, problem
		}
	}
	return try, ""
}

// story prints the case in the form of the scripts, and what is wrong with it.
func (d *drawn) story(problem string) string {
	return fmt.Sprintf("config\n%s\n----\n\napply\n%s\n----\n\nadvance %s\n----\n\n%s", d.config, strings.Join(d.texts, "\n"), d.until, problem)
}

// outcomesOf is what must become of events in this order, by rules 10.4 alone: a model that keeps
// whole contents and looks at all of them every time.
type outcomesOf struct {
	contents map[event.Key]map[int64]*event.Event
}

// of files an event; conflict says that another content claims its revision.
func (o *outcomesOf) of(e *event.Event) (outcome aggregate.Outcome, conflict bool) {
	known := o.contents[e.Key()]
	if known == nil {
		known = map[int64]*event.Event{}
		o.contents[e.Key()] = known
	}
	text := string(e.AppendCanonical(nil))
	if other := known[e.Revision]; other != nil {
		before := string(other.AppendCanonical(nil))
		if text < before {
			known[e.Revision] = e
		}
		return aggregate.Duplicate, text != before
	}
	highest := true
	for revision := range known {
		highest = highest && revision < e.Revision
	}
	amends := len(known) > 0
	known[e.Revision] = e
	isRevocation := e.Type == event.TypeEventRevoked
	switch {
	case !highest && !isRevocation:
		return aggregate.Duplicate, false
	case o.withdrawn(e.Key()) && !isRevocation:
		return aggregate.Revoked, false
	case amends:
		return aggregate.Amended, false
	}
	return aggregate.Applied, false
}

func (o *outcomesOf) withdrawn(key event.Key) bool {
	for _, revisions := range o.contents {
		for _, e := range revisions {
			if e.Type == event.TypeEventRevoked && e.Revocation.Key() == key {
				return true
			}
		}
	}
	return false
}

// conserved files the records in a random order and holds that each is applied, a duplicate, an
// amendment, revoked or rejected, as the model says.
func (d *drawn) conserved(core aggregate.Options, dice *rand.Rand) string {
	state, err := aggregate.New(core)
	if err != nil {
		return err.Error()
	}
	model := map[string]*outcomesOf{} // by account
	decoder := event.NewDecoder(event.Options{})
	for _, i := range dice.Perm(len(d.records)) {
		e, rejection := decoder.Decode(d.records[i], nil)
		if rejection != nil {
			continue
		}
		got, rejection := state.Apply(e)
		if rejection != nil && rejection.Reason == event.ReasonMissingRate {
			continue
		}
		if model[e.Subject] == nil {
			model[e.Subject] = &outcomesOf{map[event.Key]map[int64]*event.Event{}}
		}
		want, conflict := model[e.Subject].of(e)
		switch {
		case conflict != (rejection != nil):
			return fmt.Sprintf("%s#%d: rejected as %v, a conflict is %v", e.ID, e.Revision, rejection, conflict)
		case !conflict && got != want:
			return fmt.Sprintf("%s#%d of %s is %s, must be %s", e.ID, e.Revision, e.Subject, got, want)
		}
	}
	return ""
}

// segmentsAddUp holds that in every interval of every kind, windows too, the segments of a
// grouping sum to all in every amount, and in every number of accounts that may be summed.
func segmentsAddUp(rows []columns) string {
	whole, parts := map[string]columns{}, map[string]map[string]sums{}
	for _, c := range rows {
		at := c.text("interval_kind") + " " + c.text("interval")
		if c.text("grouping") == "all" {
			whole[at] = c
			continue
		}
		if parts[c.text("grouping")] == nil {
			parts[c.text("grouping")] = map[string]sums{}
		}
		if parts[c.text("grouping")][at] == nil {
			parts[c.text("grouping")][at] = sums{}
		}
		for _, name := range summed {
			parts[c.text("grouping")][at][name] += c.micro(name)
		}
		parts[c.text("grouping")][at]["accounts_closing"] += c.count("accounts_closing")
	}
	for grouping, intervals := range parts {
		for at, total := range whole {
			sum := intervals[at]
			for _, name := range summedBy(grouping) {
				if total.micro(name) != sum[name] {
					return fmt.Sprintf("%s by %s: the segments' %s sum to %d, all have %s", at, grouping, name, sum[name], total.text(name))
				}
			}
			if !splitsParts(grouping) && total.count("accounts_closing") != sum["accounts_closing"] {
				return fmt.Sprintf("%s by %s: %d accounts in segments, %d in all", at, grouping, sum["accounts_closing"], total.count("accounts_closing"))
			}
		}
	}
	return ""
}

// summedBy are the amounts that the segments of a grouping share out.
func summedBy(grouping string) []string {
	if !splitsParts(grouping) {
		return summed
	}
	ups, downs := partColumns()
	return append(ups, downs...)
}

// summed are the amounts of a metrics row that segments share out; moves between segments cancel
// out in none of them but the transfers.
var summed = append([]string{
	"opening_mrr", "closing_mrr", "committed_mrr", "usage_run_rate", "non_recurring", "opening_balance", "usage_change", "arr",
	"new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr", "reactivation_mrr", "paused_mrr", "resumed_mrr", "fx_mrr",
	"confirmed_expansion_mrr",
}, partNames()...)

func partNames() []string {
	ups, downs := partColumns()
	return append(ups, downs...)
}
