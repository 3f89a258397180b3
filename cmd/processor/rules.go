package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"processor/internal/alert"
	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/replay"
)

// rulesCommand is about the rules that watch for a slowdown.
func rulesCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "rules",
		Short: "Try the rules that watch for a slowdown over past events, or print those of the program",
	}, rulesTestCommand(), rulesDefaultCommand())
}

// rulesFlags are the flags of `rules test`.
type rulesFlags struct {
	until  string
	format string
}

// rulesTestCommand runs rules over files of events.
func rulesTestCommand() *cobra.Command {
	var flags rulesFlags
	cmd := &cobra.Command{
		Use:   "test FILE EVENTS...",
		Short: "Say when the rules of a configuration would have fired and cleared over past events",
		Long: `Run the rules in the configuration FILE (its key alerts) over files of native events, one to a line
(- is standard input), as the service would have read them: the order of the lines is that of the log, and
every minute of the watermark is looked at with what was read by then. Prints every change of an alert's
state and, where it fires, what made the fall.`,
		Example: "  processor rules test processor.yaml events.ndjson\n  processor rules test rules.yaml 2025.ndjson 2026.ndjson -o csv",
		Args: func(_ *cobra.Command, words []string) error {
			if len(words) < 2 {
				return usagef("rules test needs the FILE with the rules and at least one file of events; - is standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, words []string) error { return rulesTest(cmd, &flags, words[0], words[1:]) },
	}
	cmd.Flags().StringVar(&flags.until, "until", "", "look on to this RFC 3339 `TIME` (default the largest time of the events)")
	cmd.Flags().StringVarP(&flags.format, "output", "o", "table", "`FORMAT`: table, json or csv")
	return cmd
}

// rulesPrinters are the forms of what is found.
var rulesPrinters = map[string]func(io.Writer, *replay.AlertResult, string) error{
	"table": printAlertTable, "json": printAlertJSON, "csv": printAlertCSV,
}

func rulesTest(cmd *cobra.Command, flags *rulesFlags, file string, events []string) error {
	printer, ok := rulesPrinters[flags.format]
	if !ok {
		return usagef("-o is table, json or csv, not %q", flags.format)
	}
	until := event.NoTime
	if flags.until != "" {
		if until, ok = event.ParseTime([]byte(flags.until)); !ok {
			return usagef("--until %q is not an RFC 3339 time such as 2026-03-01T00:00:00Z", flags.until)
		}
	}
	loaded, err := loadConfig(file, config.ForRules)
	if err != nil {
		return err
	}
	options, err := alertOptions(loaded, file)
	if err != nil {
		return withCode(exitUsage, err)
	}
	run, err := replay.NewAlerts(options)
	if err != nil {
		return err
	}
	out, errOut := cmd.OutOrStdout(), cmd.ErrOrStderr()
	bar := &replayProgress{line: statusLineOn(errOut, !isTerminal(out)), total: sizeOf(events)}
	for _, name := range events {
		if err := replayFile(run, name, cmd.InOrStdin(), bar); err != nil {
			bar.line.clear()
			return err
		}
	}
	bar.line.clear()
	result, err := run.Finish(until)
	if err != nil {
		return err
	}
	if result.Rejected > 0 {
		cmd.PrintErrf("processor: %d of %d records were rejected and are in no figure: processor replay %s names them\n",
			result.Rejected, result.Read, strings.Join(events, " "))
	}
	return printer(out, &result, loaded.Reporting.Currency)
}

// alertOptions are what a configuration means for past alerts.
func alertOptions(c *config.Config, file string) (replay.AlertOptions, error) {
	core, err := coreOptions(c)
	if err != nil {
		return replay.AlertOptions{}, err
	}
	plan, err := targets(c)
	if err != nil {
		return replay.AlertOptions{}, err
	}
	rules, err := alertRules(c, &core)
	if err == nil && len(rules) == 0 {
		err = fmt.Errorf("%s has no rules: write some under the key alerts, or alerts: [default] for those that processor rules default prints", file)
	}
	return replay.AlertOptions{Core: core, Targets: plan, Decoder: decoderOptions(c), Lateness: c.Rules.Lateness, Rules: rules}, err
}

// rulesDefaultCommand prints the rules that the word default stands for.
func rulesDefaultCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "default",
		Short: "Print the rules that the item default of the key alerts stands for, as a configuration has them",
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), defaultRules())
			return err
		},
	}
}

// defaultRules are these rules in YAML.
func defaultRules() string {
	var b strings.Builder
	b.WriteString("alerts:\n")
	rules := alert.Defaults()
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(&b, "  - name: %s\n    metric: %s\n", r.Name, r.Metric)
		if r.Type != "" {
			fmt.Fprintf(&b, "    type: %s\n", r.Type)
		}
		fmt.Fprintf(&b, "    grouping: %s\n    interval: %s\n    comparison: %s\n", r.Grouping, r.Interval, r.Comparison)
		fmt.Fprintf(&b, "    threshold: %s\n    clear: %s\n", bare(alert.Percent(r.Threshold)), bare(alert.Percent(r.Clear)))
		fmt.Fprintf(&b, "    for: %s\n    min_base: %q\n    severity: %s\n    silent_after: %s\n",
			hours(r.For), alert.Short(r.MinBase), r.Severity, hours(r.SilentAfter))
	}
	return b.String()
}

// bare is a percentage without its space, as YAML has it without quotes.
func bare(percent string) string { return strings.ReplaceAll(percent, " ", "") }
