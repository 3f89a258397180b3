package pipeline

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSimulation runs the real loops against simulated logs, outlets and disks, each seed another
// company, schedule and set of crashes, and holds that in the end readers have the rows of a replay.
//
//	SIM_SEED=77 go test ./internal/pipeline -run TestSimulation -v     one seed, with its steps
//	SIM_SEEDS=100000 SIM_FROM=1 go test ./internal/pipeline -run TestSimulation -timeout 0
//	SIM_FOR=5m      as many as fit
func TestSimulation(t *testing.T) {
	if text := os.Getenv("SIM_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		o := simulateSeed(t, seed, true)
		t.Logf("%+v\n%d steps, %d starts, %d crashes, trace %016x", o.plan, o.steps, o.starts, o.crashes, o.hash)
		if testing.Verbose() {
			t.Log("\n" + strings.Join(o.trace, "\n"))
		}
		if o.failure != "" {
			t.Fatal(o.failure)
		}
		return
	}
	seeds, first, until := seedsAsked(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // schedules are short and make much garbage
	begun := time.Now()
	var next, ran, crashes, steps atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				// The seeds of a company are one worker's.
				from := uint64(next.Add(schedulesEach) - schedulesEach)
				if from >= seeds || until > 0 && time.Since(begun) > until || t.Failed() {
					return
				}
				var c *simCompany
				for seed := first + from; seed < first+min(from+schedulesEach, seeds); seed++ {
					plan := planOf(seed)
					if c == nil || c.number != plan.Company {
						var err error
						if c, err = newSimCompany(plan.Company); err != nil {
							t.Errorf("company %d: %v", plan.Company, err)
							return
						}
					}
					o := simulate(c, plan, false)
					ran.Add(1)
					crashes.Add(int64(o.crashes))
					steps.Add(int64(o.steps))
					if o.failure != "" {
						t.Errorf("%s", explained(t, seed))
						return
					}
				}
			}
		})
	}
	wait.Wait()
	took := time.Since(begun)
	t.Logf("%d schedules from seed %d, %d crashes, %d steps, %.0f a second and core", ran.Load(), first, crashes.Load(), steps.Load(),
		float64(ran.Load())/took.Seconds()/float64(runtime.GOMAXPROCS(0)))
	if ran.Load() == 0 {
		t.Error("no schedule ran")
	}
}

// seedsAsked are how many seeds, the first of them, and for how long (0: as long as it takes).
func seedsAsked(t *testing.T) (seeds, first uint64, until time.Duration) {
	t.Helper()
	seeds = 400
	if testing.Short() {
		seeds = 64
	}
	if text := os.Getenv("SIM_FOR"); text != "" {
		var err error
		if until, err = time.ParseDuration(text); err != nil || until <= 0 {
			t.Fatalf("SIM_FOR=%s is no duration", text)
		}
		seeds = 1 << 40
	}
	for name, to := range map[string]*uint64{"SIM_SEEDS": &seeds, "SIM_FROM": &first} {
		if text := os.Getenv(name); text != "" {
			n, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				t.Fatalf("%s=%s is no number", name, text)
			}
			*to = n
		}
	}
	return seeds, first, until
}

func simulateSeed(t *testing.T, seed uint64, tracing bool) simOutcome {
	t.Helper()
	plan := planOf(seed)
	c, err := newSimCompany(plan.Company)
	if err != nil {
		t.Fatal(err)
	}
	return simulate(c, plan, tracing)
}

// lastSteps is how much of a trace is printed.
const lastSteps = 40

// explained is a seed that failed, run once more: what it expands to, its last steps, what it found.
func explained(t *testing.T, seed uint64) string {
	t.Helper()
	o := simulateSeed(t, seed, true)
	return fmt.Sprintf("SIM_SEED=%d\n%+v\n%s\n%s", seed, o.plan, strings.Join(o.trace[max(len(o.trace)-lastSteps, 0):], "\n"), o.failure)
}

// One seed is one trace.
func TestSimulationIsDeterministic(t *testing.T) {
	for seed := range uint64(48) {
		first, second := simulateSeed(t, seed, true), simulateSeed(t, seed, true)
		if first.hash == second.hash {
			continue
		}
		for i := range min(len(first.trace), len(second.trace)) {
			if first.trace[i] != second.trace[i] {
				t.Fatalf("seed %d, step %d:\n%s\nand then\n%s", seed, i, first.trace[i], second.trace[i])
			}
		}
		t.Fatalf("seed %d: %d steps and then %d, or rows that differ", seed, first.steps, second.steps)
	}
}
