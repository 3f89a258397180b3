package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// fault is a kind of trouble.
type fault string

// The faults. The first five strike a processor, the next three the way between a processor and the
// brokers, then a disk, then a broker.
const (
	faultPlacedKill  fault = "placed-kill"  // SIGKILL at a named point of the loops
	faultKill        fault = "kill"         // SIGKILL at any instant
	faultCrashLoop   fault = "crash-loop"   // SIGKILL, and again while it recovers
	faultTerm        fault = "term"         // SIGTERM: an orderly stop
	faultPause       fault = "pause"        // SIGSTOP for longer than the session timeout
	faultCut         fault = "cut"          // every connection reset, none accepted
	faultSilence     fault = "silence"      // half-open: connected, and nothing comes through
	faultLatency     fault = "latency"      // every packet late
	faultDiskFull    fault = "disk-full"    // no room for the checkpoint
	faultBrokerKill  fault = "broker-kill"  // SIGKILL and a start some seconds later
	faultBrokerPause fault = "broker-pause" // SIGSTOP for some seconds
)

// sessionTimeout is the group's, of internal/consumer's members.
const sessionTimeout = 10 * time.Second

// weights say how often a fault strikes beside the others of its lane.
var weights = []struct {
	fault  fault
	weight int
	broker bool
}{
	{faultPlacedKill, 34, false},
	{faultKill, 20, false},
	{faultCrashLoop, 12, false},
	{faultTerm, 8, false},
	{faultPause, 11, false},
	{faultCut, 8, false},
	{faultSilence, 5, false},
	{faultLatency, 5, false},
	{faultDiskFull, 5, false},
	{faultBrokerKill, 6, true},
	{faultBrokerPause, 4, true},
}

func faultNames() []fault {
	var names []fault
	for _, w := range weights {
		names = append(names, w.fault)
	}
	return names
}

// strike is one fault of the schedule. It begins so long after the one before it in its lane is over and
// its target works again; what the machine makes of the time is not the seed's.
type strike struct {
	fault  fault
	target int           // processor or broker, from 0
	after  time.Duration // since the one before
	lasts  time.Duration // how long the trouble goes on
	point  string        // of a placed kill
	pass   int           // of a placed kill: at which pass of the point
	again  []time.Duration
}

func (s strike) String() string {
	text := fmt.Sprintf("+%5.1fs  %-12s %d", s.after.Seconds(), s.fault, s.target)
	if s.point != "" {
		text += fmt.Sprintf("  at %q, pass %d", s.point, s.pass)
	}
	if s.lasts > 0 {
		text += fmt.Sprintf("  for %s", s.lasts.Round(100*time.Millisecond))
	}
	if len(s.again) > 0 {
		text += fmt.Sprintf("  and again after %v", s.again)
	}
	return text
}

// schedule is what a seed decides: two lanes of strikes, one against the processors and one against the
// brokers, of which never more than one is down. It is longer than any run.
type schedule struct {
	processors, brokers []strike
}

func newSchedule(o *options, points []string) schedule {
	var s schedule
	draw := func(broker bool, stream uint64, target int, gap func(*rand.Rand) time.Duration) []strike {
		dice := rand.New(rand.NewPCG(o.seed, stream)) //nolint:gosec // a schedule must be the same for a seed
		var bag []fault
		for _, w := range weights {
			if w.broker == broker && o.wants(w.fault) && (w.fault != faultDiskFull || o.store == storeDir) {
				bag = append(bag, slices.Repeat([]fault{w.fault}, w.weight)...)
			}
		}
		var list []strike
		for at := time.Duration(0); len(bag) > 0 && at < o.duration(); {
			one := strike{fault: bag[dice.IntN(len(bag))], target: dice.IntN(target), after: gap(dice)}
			one.draw(dice, points)
			list = append(list, one)
			at += one.after
		}
		return list
	}
	between := func(least, most float64) func(*rand.Rand) time.Duration {
		return func(dice *rand.Rand) time.Duration { return seconds(dice, least, most) }
	}
	s.processors = draw(false, 1<<32, o.processors, between(0.5, 2))
	s.brokers = draw(true, 2<<32, replicas, between(10, 35))
	return s
}

func seconds(dice *rand.Rand, least, most float64) time.Duration {
	return time.Duration((least + dice.Float64()*(most-least)) * float64(time.Second)).Round(10 * time.Millisecond)
}

// draw decides what a fault needs beside its target.
func (s *strike) draw(dice *rand.Rand, points []string) {
	switch s.fault {
	case faultPlacedKill:
		s.point, s.pass = points[dice.IntN(len(points))], 1+dice.IntN(4)
	case faultCrashLoop:
		for range 2 + dice.IntN(3) {
			s.again = append(s.again, seconds(dice, 0.1, 2.5))
		}
	case faultPause:
		s.lasts = sessionTimeout + seconds(dice, 1, 12)
	case faultCut, faultDiskFull:
		s.lasts = seconds(dice, 1, 12)
	case faultSilence:
		s.lasts = seconds(dice, 3, 20)
	case faultLatency:
		s.lasts = seconds(dice, 4, 12)
	case faultBrokerKill:
		s.lasts = seconds(dice, 0.5, 12)
	case faultBrokerPause:
		s.lasts = seconds(dice, 2, 14)
	case faultKill, faultTerm:
	}
}

// print shows everything that the seed decides.
func (s schedule) print() {
	for _, lane := range []struct {
		name string
		list []strike
	}{{"processors", s.processors}, {"brokers", s.brokers}} {
		fmt.Printf("faults against %s, each so long after the one before is over:\n", lane.name)
		for i, one := range lane.list {
			fmt.Printf("  %3d %s\n", i+1, one)
		}
	}
}

// diskPoint comes by while a disk is full and at no other time: waiting for it would only take the time.
const diskPoint = "disk failed"

var stepPattern = regexp.MustCompile(`\.step\("([a-z ]+)"\)`)

// stepPoints are the names of the points at which the service can be killed, read from its source, so
// that a new one is struck without a change here. Those of `rebuild` are not points of the service.
func stepPoints(repo string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(repo, "internal/pipeline/*.go"))
	if err != nil {
		return nil, err
	}
	found := map[string]struct{}{}
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "rebuild") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("look for points to strike at: %w", err)
		}
		for _, match := range stepPattern.FindAllSubmatch(text, -1) {
			if point := string(match[1]); point != diskPoint {
				found[point] = struct{}{}
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no point to strike at in %s/internal/pipeline", repo)
	}
	return sorted(found), nil
}
