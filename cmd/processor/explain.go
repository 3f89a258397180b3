package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"processor/internal/aggregate"
	"processor/internal/row"
	"processor/internal/web"
)

// explainFlags are the flags of `explain`, as typed.
type explainFlags struct {
	files      []string
	checkpoint string
	url        string
	tokenFile  string
	config     string
	asOf       string
	interval   string
	format     string
}

// explainCommand tells why an account's number is what it is.
func explainCommand() *cobra.Command {
	var flags explainFlags
	cmd := &cobra.Command{
		Use:   "explain ACCOUNT [--interval 2026-03]",
		Short: "Explain an account's MRR: every movement with its rule, the events behind it and where they were read",
		Long: `Explain an account's MRR: every movement with its rule, the events behind it with their topic,
partition and offset, and the sum that gives the number.

It is told from one of: files of events (--file), the checkpoint of a service that does not run
(--checkpoint, or checkpoint.dir of --config), or a running service (--url).`,
		Example: `  processor explain acme --file events.ndjson
  processor explain acme --interval 2026-03 --url http://127.0.0.1:8080
  processor explain acme --interval 2026-Q1 --config processor.yaml -o csv`,
		Args: oneAccount,
		RunE: func(cmd *cobra.Command, arguments []string) error {
			return explainAccount(cmd, &flags, arguments[0])
		},
	}
	addConfigFlag(cmd, &flags.config)
	cmd.Flags().StringArrayVar(&flags.files, "file", nil, "native events, one to a line, of a `FILE` (- is standard input); may be repeated")
	cmd.Flags().StringVar(&flags.checkpoint, "checkpoint", "", "the checkpoint `DIR` of a service that does not run")
	cmd.Flags().StringVar(&flags.url, "url", "", "the `ADDRESS` of a running service, such as http://127.0.0.1:8080")
	cmd.Flags().StringVar(&flags.tokenFile, "token-file", "", "with --url: a `FILE` with the bearer token to send, also where the service leads to another instance")
	cmd.Flags().StringVar(&flags.asOf, "as-of", "", "with --file: the watermark, an RFC 3339 `TIME` (default the largest time of the events)")
	cmd.Flags().StringVar(&flags.interval, "interval", "", "only a day, week, month, quarter or year: 2026-03-05, 2026-W10, 2026-03, 2026-Q1 or 2026 (default the whole life)")
	cmd.Flags().StringVarP(&flags.format, "output", "o", "table", "`FORMAT`: table, json or csv")
	return cmd
}

func oneAccount(_ *cobra.Command, arguments []string) error {
	if len(arguments) != 1 || arguments[0] == "" {
		return usagef("explain needs one ACCOUNT: processor explain acme --file events.ndjson")
	}
	return nil
}

// explainAccount checks the flags, asks the one source and prints what it says.
func explainAccount(cmd *cobra.Command, flags *explainFlags, account string) error {
	write, ok := explainFormats[flags.format]
	if !ok {
		return usagef("-o is table, json or csv, not %q", flags.format)
	}
	var within *aggregate.Interval
	if flags.interval != "" {
		named, ok := aggregate.IntervalNamed(flags.interval)
		if !ok {
			return usagef("--interval %q: %s", flags.interval, web.IntervalWanted)
		}
		within = &named
	}
	source, err := flags.source()
	if err != nil {
		return err
	}
	explanation, err := source(cmd, flags, account, within)
	if err != nil {
		return err
	}
	return write(cmd.OutOrStdout(), explanation)
}

// explainSource is where an explanation comes from.
type explainSource func(cmd *cobra.Command, flags *explainFlags, account string, within *aggregate.Interval) (*row.Explanation, error)

// source is the one that the flags name.
func (f *explainFlags) source() (explainSource, error) {
	var named []string
	if len(f.files) > 0 {
		named = append(named, "--file")
	}
	if f.checkpoint != "" {
		named = append(named, "--checkpoint")
	}
	if f.url != "" {
		named = append(named, "--url")
	}
	switch {
	case len(named) > 1:
		return nil, usagef("explain: %s are %d sources: choose one", joined(named), len(named))
	case len(named) == 0 && f.config == "":
		return nil, usagef("explain: where from? --file EVENTS, --checkpoint DIR (or --config FILE, for its checkpoint.dir), or --url ADDRESS of a running service")
	case f.asOf != "" && !slices.Contains(named, "--file"):
		return nil, usagef("explain: --as-of goes with --file only: a service and its checkpoint stand where they stand")
	case f.tokenFile != "" && f.url == "":
		return nil, usagef("explain: --token-file goes with --url")
	case f.url != "" && f.config != "":
		return nil, usagef("explain: --url asks a service that has its configuration already: leave out --config")
	case f.url != "":
		return explainFromService, nil
	case len(f.files) > 0:
		return explainFromFiles, nil
	default:
		return explainFromCheckpoint, nil
	}
}

func joined(words []string) string {
	text := words[0]
	for i, word := range words[1:] {
		if i == len(words)-2 {
			text += " and " + word
		} else {
			text += ", " + word
		}
	}
	return text
}

// errUnknownAccount is about an account that a source does not know.
func errUnknownAccount(account string, nearest []string) error {
	if len(nearest) == 0 {
		return fmt.Errorf("there is no account %q, and none with a similar id", account)
	}
	quoted := make([]string, len(nearest))
	for i, id := range nearest {
		quoted[i] = fmt.Sprintf("%q", id)
	}
	return fmt.Errorf("there is no account %q; did you mean %s?", account, either(quoted))
}

func either(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	text := words[0]
	for i, word := range words[1:] {
		if i == len(words)-2 {
			text += " or " + word
		} else {
			text += ", " + word
		}
	}
	return text
}
