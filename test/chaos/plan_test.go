package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// few are the options of a small run.
func few(seed uint64) *options {
	return &options{
		seed: seed, minutes: 2, rate: 50, accounts: 30, anchor: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		grow: 1, processors: 3, partitions: 6, store: storeKafka, delivery: exactlyOnce,
	}
}

// A seed that failed must fail again: it gives the same events and the same strikes, and another gives others.
func TestSeedDecides(t *testing.T) {
	points := []string{"published", "saved"}
	text := func(seed uint64) (events, strikes string) {
		var b strings.Builder
		for _, r := range workload(few(seed)) {
			b.WriteString(r.kind + " " + r.comes.String() + " " + string(r.value) + "\n")
		}
		plan := newSchedule(few(seed), points)
		for _, s := range slices.Concat(plan.processors, plan.brokers) {
			strikes += s.String() + "\n"
		}
		return b.String(), strikes
	}
	events, strikes := text(7)
	againEvents, againStrikes := text(7)
	otherEvents, otherStrikes := text(8)
	if events != againEvents || strikes != againStrikes {
		t.Error("the same seed gives something else")
	}
	if events == otherEvents || strikes == otherStrikes {
		t.Error("another seed gives the same")
	}
	if n := strings.Count(events, "\n"); n != 6000 {
		t.Errorf("%d events, want 50 a second for two minutes", n)
	}
}

// The workload has everything that it is there for, in the order in which it comes.
func TestWorkloadHasEverything(t *testing.T) {
	all := workload(few(7))
	kinds := map[string]bool{}
	var text strings.Builder
	for i, r := range all {
		kinds[r.kind] = true
		text.Write(r.value)
		if i > 0 && r.comes.Before(all[i-1].comes) {
			t.Fatalf("event %d comes before the one in front of it", i)
		}
		if strings.Contains(string(r.value), "\n") {
			t.Fatalf("event %d has a line end: replay reads one event a line", i)
		}
	}
	for _, kind := range []string{
		"account.changed", "subscription.changed", "charge.recorded", "signal.observed",
		"late", "duplicate", "amendment", "conflict", "revocation", "bad",
	} {
		if !kinds[kind] {
			t.Errorf("no event of the kind %s", kind)
		}
	}
	for _, part := range []string{
		`"status":"paused"`, `"status":"canceled"`, `"renewal":true`, `"add_on":true`, `"analytics"`, `"unit":"year"`, `"currency":"JPY"`,
		`-s2"`, `"effective_at"`, `T23:59:59Z"`, `"revision":1`, `dog.barked`, `"CHF"`, `usd!`, `yesterday`, `2190-01-01`, `sleeping`, `"ten"`,
	} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no event has %s", part)
		}
	}
}

// A company that has stopped growing says nothing new: every record of that time is about an event that it
// had said, and no revision comes twice with two contents.
func TestWorkloadStopsGrowing(t *testing.T) {
	o := few(7)
	o.grow = 0.5
	all := workload(o)
	if len(all) != 6000 {
		t.Fatalf("%d events, want 50 a second for two minutes", len(all))
	}
	identity := func(r record) (id string, revision int) {
		var e envelope
		if err := json.Unmarshal(r.value, &e); err != nil {
			t.Fatal(err)
		}
		return e.ID, e.Revision
	}
	known := map[string]bool{}
	for _, r := range all[:3000] {
		if r.kind != "bad" {
			id, _ := identity(r)
			known[id] = true
		}
	}
	contents, kinds := map[string]string{}, map[string]int{}
	for _, r := range all[3000:] {
		kinds[r.kind]++
		id, revision := identity(r)
		if !known[id] {
			t.Fatalf("%s was not said before", r.value)
		}
		name := fmt.Sprint(id, " ", revision)
		if before, again := contents[name]; again && before != string(r.value) {
			t.Errorf("%s has two contents", name)
		}
		contents[name] = string(r.value)
	}
	if kinds["amendment"] < 1000 || kinds["duplicate"] < 500 || len(kinds) != 2 {
		t.Errorf("%v", kinds)
	}
}

func TestOnlyAndWithoutChooseFaults(t *testing.T) {
	o := few(1)
	o.only = []string{"cut", "broker-kill"}
	plan := newSchedule(o, []string{"saved"})
	for _, s := range slices.Concat(plan.processors, plan.brokers) {
		if s.fault != faultCut && s.fault != faultBrokerKill {
			t.Errorf("struck by %s", s.fault)
		}
	}
	if len(plan.processors) == 0 || len(plan.brokers) == 0 {
		t.Error("no strikes")
	}
	if o.only = []string{"none"}; len(newSchedule(o, []string{"saved"}).processors) != 0 {
		t.Error("none strikes")
	}
}

func TestStepPointsAreThoseOfTheLoops(t *testing.T) {
	points, err := stepPoints("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"fetched", "applied", "derived", "published", "saving", "saved a shard", "saved", "sent again", "metrics published"} {
		if !slices.Contains(points, want) {
			t.Errorf("%q is not among %v", want, points)
		}
	}
	if slices.Contains(points, "staged") {
		t.Error("a point of rebuild is none of the service")
	}
}

func TestOptionsReportEveryProblem(t *testing.T) {
	_, err := parseOptions([]string{"-store", "paper", "-delivery", "perhaps", "-only", "flood", "-libs", "/nowhere", "-processors", "9"})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"-store", "-delivery", "flood", "-libs", "-processors"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
