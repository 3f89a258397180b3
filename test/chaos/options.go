package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// options say what one run does. The same seed, minutes, rate, accounts, anchor and program give the
// same events and the same schedule of faults.
type options struct {
	seed       uint64
	minutes    float64
	rate       int // events a second
	accounts   int
	grow       float64   // share of the time in which the company grows
	anchor     time.Time // the day on which the company's time ends
	processors int
	partitions int
	store      string
	delivery   string
	without    []string // faults that are left out
	only       []string // the only faults, when there are any
	drain      time.Duration
	stall      time.Duration // longest standstill that passes
	libs       string
	repo       string
	binary     string // built when empty
	keep       bool
}

// The words of the configuration that flags take.
const (
	storeDir    = "dir"
	storeKafka  = "kafka"
	atLeastOnce = "at_least_once"
	exactlyOnce = "exactly_once"
)

// parseOptions reads the flags; every problem is reported.
func parseOptions(arguments []string) (options, error) {
	o := options{}
	var anchor, without, only string
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.Uint64Var(&o.seed, "seed", 1, "chooses the events and the faults")
	flags.Float64Var(&o.minutes, "minutes", 5, "how long events come and faults strike")
	flags.IntVar(&o.rate, "rate", 100, "events a second")
	flags.IntVar(&o.accounts, "accounts", 400, "accounts of the company")
	flags.Float64Var(&o.grow, "grow", 1, "share of the minutes in which the company grows; in the rest it corrects what it said last, so that what is kept stays")
	flags.StringVar(&anchor, "anchor", time.Now().UTC().Format(time.DateOnly), "the date on which the company's time ends, UTC; not in the future")
	flags.IntVar(&o.processors, "processors", 0, "processors; 3, or 1 with -store dir, which one process owns")
	flags.IntVar(&o.partitions, "partitions", 6, "partitions of the source topic")
	flags.StringVar(&o.store, "store", storeDir, "checkpoint.store of the processors: dir or kafka")
	flags.StringVar(&o.delivery, "delivery", atLeastOnce, "output.delivery of the processors: at_least_once or exactly_once")
	flags.StringVar(&without, "without", "", "faults to leave out, comma separated")
	flags.StringVar(&only, "only", "", "the only faults to inject, comma separated; none: no faults at all")
	flags.DurationVar(&o.drain, "drain", 2*time.Minute, "within what everything must be drained once the faults are off")
	flags.DurationVar(&o.stall, "stall", 90*time.Second, "the longest standstill that passes, SIGSTOP and outages included")
	flags.StringVar(&o.libs, "libs", "", "folder of Kafka's jars; .ci/kafka fetch prints it")
	flags.StringVar(&o.repo, "repo", ".", "the repository's root")
	flags.StringVar(&o.binary, "processor", "", "the program, built with the tag failpoints; built from -repo when empty")
	flags.BoolVar(&o.keep, "keep", false, "keep the folder of the run also when it passes")
	if err := flags.Parse(arguments); err != nil {
		return o, err
	}
	o.without, o.only = words(without), words(only)
	if o.processors == 0 {
		o.processors = 3
		if o.store == storeDir {
			o.processors = 1
		}
	}
	var err error
	if o.anchor, err = time.Parse(time.DateOnly, anchor); err != nil {
		err = fmt.Errorf("-anchor is a date such as 2026-03-01: %w", err)
	}
	return o, errors.Join(err, o.check())
}

func words(list string) []string {
	var out []string
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			out = append(out, word)
		}
	}
	return out
}

func (o *options) check() error {
	var problems []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	need(o.minutes > 0, "-minutes must be above 0")
	need(o.grow > 0 && o.grow <= 1, "-grow is above 0 and at most 1, not %v", o.grow)
	need(o.rate > 0 && o.accounts > 0 && o.partitions > 0, "-rate, -accounts and -partitions must be above 0")
	need(o.processors >= 1 && o.processors <= 8, "-processors is 1 to 8, not %d", o.processors)
	need(o.store == storeDir || o.store == storeKafka, "-store is dir or kafka, not %q", o.store)
	need(o.delivery == atLeastOnce || o.delivery == exactlyOnce, "-delivery is at_least_once or exactly_once, not %q", o.delivery)
	need(o.store != storeDir || o.processors == 1, "one process owns a checkpoint directory: -store dir needs -processors 1")
	for _, word := range slices.Concat(o.without, o.only) {
		need(word == "none" || slices.Contains(faultNames(), fault(word)), "there is no fault %q, only %v", word, faultNames())
	}
	if _, err := os.Stat(o.libs); err != nil {
		problems = append(problems, fmt.Errorf("-libs must name the folder of Kafka's jars (.ci/kafka fetch prints it): %w", err))
	}
	return errors.Join(problems...)
}

// duration is how long events come.
func (o *options) duration() time.Duration { return time.Duration(o.minutes * float64(time.Minute)) }

// wants says whether a fault may be injected.
func (o *options) wants(f fault) bool {
	if len(o.only) > 0 {
		return slices.Contains(o.only, string(f))
	}
	return !slices.Contains(o.without, string(f))
}
