package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"processor/internal/company"
	"processor/internal/event"
)

// generateFlags are the flags of generate, as typed.
type generateFlags struct {
	seed       uint64
	accounts   int
	months     int
	start      string
	events     int
	openings   int
	usage      bool
	future     bool
	rare       bool
	currencies []string
	mess       string

	output     string
	topic      string
	brokers    []string
	partitions int
	rate       int
}

// generateCommand writes the events of a synthetic company to a file or into a topic.
func generateCommand() *cobra.Command {
	var f generateFlags
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Generate the events of a synthetic company as NDJSON or into a topic",
		Long: `Generate the events of a synthetic company as NDJSON or into a topic.

The same flags always give the same events. With the default ones, the seats of enterprise
accounts in the eu stop growing in the last two months, while all other segments go on.

--mess disturbs the stream: none, light, heavy, whole, or permille by name, such as
late=50,late_max=2h,duplicates=20,amendments=5,conflicts=2,revocations=2,bad=3,
backdated=10,ties=20,calendar=20,hostile=100. The records it adds are not counted in --events.`,
		Example: `  processor generate --events 100000 -o events.ndjson
  processor generate --accounts 500 | processor replay -
  processor generate --topic billing.events --brokers localhost:9092 --rate 2000`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options, err := f.options()
			if err != nil {
				return withCode(exitUsage, err)
			}
			return generate(cmd, options, f)
		},
	}
	f.add(cmd)
	return cmd
}

func (f *generateFlags) add(cmd *cobra.Command) {
	defaults := company.Defaults()
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", defaults.Seed, "chooses the company; the same `SEED` gives the same events")
	flags.IntVar(&f.accounts, "accounts", 0, "number of accounts (default one for every ten --events, otherwise 1000)")
	flags.IntVar(&f.months, "months", 12, "length of the company's life in months")
	flags.StringVar(&f.start, "start", defaults.Start.UTC().Format(time.DateOnly), "first `DATE`, in UTC")
	flags.IntVar(&f.events, "events", 0, "exact number of events (default: as many as the accounts would have)")
	flags.IntVar(&f.openings, "openings", defaults.Openings, "accounts imported at the start, in `PERMILLE`")
	flags.BoolVar(&f.usage, "usage", true, "metered products and their usage")
	flags.BoolVar(&f.future, "future", true, "events that announce steps: discounts that end, cancel_at, schedules")
	flags.BoolVar(&f.rare, "rare", false, "what few companies have: affiliates that take over subscriptions, erased accounts, motions, rebates")
	flags.StringSliceVar(&f.currencies, "currencies", []string{"USD"}, "currencies of the accounts; others than the reporting one need rates")
	flags.StringVar(&f.mess, "mess", "none", "what goes wrong on the way: none, light, heavy, whole or `NAME=PERMILLE,...`")

	flags.StringVarP(&f.output, "output", "o", "-", "`FILE` to write, - for standard output")
	flags.StringVar(&f.topic, "topic", "", "write into this Kafka `TOPIC` instead, keyed by account; made when missing")
	flags.StringSliceVar(&f.brokers, "brokers", nil, "Kafka brokers, `HOST:PORT,...` (with --topic)")
	flags.IntVar(&f.partitions, "partitions", 0, "partitions of the topic when it is made (default the broker's)")
	flags.IntVar(&f.rate, "rate", 0, "records a second (default as fast as possible)")
}

// options are the company that the flags ask for; the error names every flag that is wrong.
func (f *generateFlags) options() (company.Options, error) {
	var problems []error
	complain := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }

	o := company.Defaults()
	o.Seed, o.Events, o.Openings = f.seed, f.events, f.openings
	o.Usage, o.Future, o.Rare, o.Currencies = f.usage, f.future, f.rare, f.currencies
	switch {
	case f.accounts != 0:
		o.Accounts = f.accounts
	case f.events > 0:
		o.Accounts = max(10, f.events/10)
	}
	start, err := time.Parse(time.DateOnly, f.start)
	if err != nil {
		complain("--start is a date such as 2026-01-31, not %q", f.start)
	} else {
		o.Start = event.At(start)
	}
	if f.months < 1 || f.months > monthsMax {
		complain("--months is a number from 1 to %d, not %d", monthsMax, f.months)
	} else {
		o.End = event.At(o.Start.UTC().AddDate(0, f.months, 0))
	}
	if o.Mess, err = company.ParseMess(f.mess); err != nil {
		complain("--mess: %w", err)
	}
	if f.rate < 0 {
		complain("--rate must not be negative, not %d", f.rate)
	}
	problems = append(problems, f.checkTarget()...)
	if len(problems) > 0 {
		return o, errors.Join(problems...)
	}
	_, err = company.New(o)
	return o, err
}

// monthsMax keeps a life within what the native format can date.
const monthsMax = 600

// checkTarget says which of the flags that name a target do not go together.
func (f *generateFlags) checkTarget() []error {
	var problems []error
	switch {
	case f.topic == "" && len(f.brokers) > 0:
		problems = append(problems, errors.New("--brokers needs --topic, the topic to write into"))
	case f.topic == "" && f.partitions != 0:
		problems = append(problems, errors.New("--partitions needs --topic, the topic to make"))
	case f.topic != "" && len(f.brokers) == 0:
		problems = append(problems, errors.New("--topic needs --brokers, such as localhost:9092"))
	case f.topic != "" && f.output != "-":
		problems = append(problems, errors.New("--output and --topic are two targets: choose one"))
	}
	if f.partitions < 0 {
		problems = append(problems, fmt.Errorf("--partitions must not be negative, not %d", f.partitions))
	}
	return problems
}
