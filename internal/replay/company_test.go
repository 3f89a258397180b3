package replay_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"processor/internal/aggregate"
	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/replay"
)

// TestCompanyInAnyOrder takes the events of a believable company, with everything that goes wrong
// on the way, to the same bytes by every way (I1), and reconciles them (I2).
func TestCompanyInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := company.Options{
			Seed:     rapid.Uint64().Draw(t, "company"),
			Accounts: rapid.IntRange(1, 6).Draw(t, "accounts"),
			Events:   rapid.IntRange(10, 120).Draw(t, "events"),
			Start:    instant(2025, 11, 1), End: instant(2026, 3, 10),
			Openings: rapid.SampledFrom([]int{0, 500}).Draw(t, "openings"),
			Usage:    rapid.Bool().Draw(t, "usage"), Future: rapid.Bool().Draw(t, "future"),
			Currencies: []string{"USD", "EUR"},
			Mess: company.Mess{
				Late: 100, Duplicates: 60, Amendments: 60, Conflicts: 30, Revocations: 60, Bad: 30,
				Backdated: rapid.SampledFrom([]int{0, 300}).Draw(t, "backdated"), Ties: rapid.SampledFrom([]int{0, 400}).Draw(t, "ties"),
				Calendar: rapid.SampledFrom([]int{0, 400}).Draw(t, "calendar"), Hostile: rapid.SampledFrom([]int{0, 300}).Draw(t, "hostile"),
			},
		}
		core, err := coreOptions(drawConfig(t))
		if err != nil {
			t.Fatalf("%v", err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		until := rapid.SampledFrom([]event.Time{instant(2026, 3, 10), instant(2026, 3, 20), instant(2026, 2, 1), instant(2026, 1, 15)}).Draw(t, "until")
		if problem := everyWay(core, collect(t, o), until, rand.New(rand.NewPCG(seed, 2)), companyWays); problem != "" {
			t.Fatalf("%+v\n%s", o, problem)
		}
	})
}

// companyWays are fewer than a story has, because a company has more events.
var companyWays = []way{
	{shards: 1, batch: 5, steps: 30, parks: true},
	{shards: 1, batch: 20, steps: 4, doubled: true},
	{shards: 4, batch: 30, steps: 8, doubled: true, restarts: true},
	{shards: 16, steps: 90},
}

func instant(year, month, day int) event.Time {
	return event.At(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC))
}

type fataler interface{ Fatalf(string, ...any) }

func collect(t fataler, o company.Options) [][]byte {
	records, err := company.Collect(o)
	if err != nil {
		t.Fatalf("%v", err)
	}
	values := make([][]byte, len(records))
	for i := range records {
		values[i] = records[i].Value
	}
	return values
}

// TestManyEventsInAnyOrder replays 20,000 events of a messy company: as they come, shuffled and
// doubled late, in files of other lengths and over other numbers of shards. The bytes must be the
// same.
func TestManyEventsInAnyOrder(t *testing.T) {
	t.Parallel()
	o := company.Options{
		Seed: 11, Accounts: 400, Events: 20_000, Start: instant(2025, 10, 1), End: instant(2026, 1, 20), Openings: 300, Usage: true, Future: true,
		Mess: company.Mess{Late: 50, Duplicates: 20, Amendments: 20, Revocations: 20, Bad: 5, Backdated: 50, Ties: 100, Calendar: 100, Hostile: 20},
	}
	core, err := coreOptions("groupings region plan_tier,region cohort\nwindows 24h 30d 365d\nzone America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	records := collect(t, o)
	until := instant(2026, 1, 20)
	want := replayRows(t, core, records, until, 1)
	if n := bytes.Count(want, []byte("\n")); n < 15_000 {
		t.Fatalf("only %d rows: the company is too small to prove anything", n)
	}
	if problems := reconcile(printed(want), core); len(problems) > 0 {
		t.Fatalf("reconcile: %s", strings.Join(problems, "\n"))
	}
	dice := rand.New(rand.NewPCG(3, 3))
	for _, shards := range []int{1, 7} {
		order := append([][]byte(nil), records...)
		dice.Shuffle(len(order), func(a, b int) { order[a], order[b] = order[b], order[a] })
		order = append(order, order[:len(order)/2]...) // doubled late
		if got := replayRows(t, core, order, until, shards); !bytes.Equal(got, want) {
			t.Fatalf("shuffled and doubled over %d shards: %s", shards, diffTables(printed(got), printed(want)))
		}
	}
}

// replayRows is what replay prints, without dead letters, whose number may depend on arrival, and
// without the columns that count shards.
func replayRows(t *testing.T, core aggregate.Options, records [][]byte, until event.Time, shards int) []byte {
	t.Helper()
	r, err := replay.New(replay.Options{
		Core: core, AsOf: until, Shards: shards, ShardOf: shardOf,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, record := range records {
		r.Apply("events", int64(i), record)
	}
	var out bytes.Buffer
	if _, err := r.Finish(&out); err != nil {
		t.Fatal(err)
	}
	var rows [][]byte
	for _, line := range bytes.SplitAfter(out.Bytes(), []byte("\n")) {
		if !bytes.HasPrefix(line, []byte(`{"topic":"dead-letters"`)) {
			rows = append(rows, line)
		}
	}
	return shardColumns.ReplaceAll(bytes.Join(rows, nil), []byte(`"complete_shards":0,"shards":0`))
}

// TestIncrementalBySteps moves the watermark over a company's events in steps from a day down to a
// minute around each event; the rows sent on the way must add up to what one jump gives.
func TestIncrementalBySteps(t *testing.T) {
	t.Parallel()
	core, err := coreOptions("groupings region\nwindows 1h 24h 7d 30d 90d 365d")
	if err != nil {
		t.Fatal(err)
	}
	records := collect(t, company.Options{
		Seed: 5, Accounts: 8, Events: 150, Start: instant(2025, 11, 20), End: instant(2026, 2, 5), Openings: 300, Usage: true, Future: true,
		Mess: company.Mess{Amendments: 30, Revocations: 30, Ties: 200, Calendar: 200},
	})
	until := instant(2026, 2, 20)
	for _, steps := range []int{1, 2, 10, 100, 1000} {
		t.Run(fmt.Sprint(steps), func(t *testing.T) {
			ways := []way{{shards: 1, batch: 25, steps: steps, parks: steps == 100}}
			if problem := everyWay(core, records, until, rand.New(rand.NewPCG(uint64(steps), 9)), ways); problem != "" {
				t.Fatal(problem)
			}
		})
	}
}
