package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/spf13/cobra"

	"processor/internal/config"
	"processor/internal/pipeline"
)

// rebuildFlags are the flags of `rebuild`.
type rebuildFlags struct {
	config string
	from   string
	dryRun bool
}

// rebuildCommand gives the checkpoint of a stopped service the meaning of a changed configuration.
func rebuildCommand() *cobra.Command {
	var flags rebuildFlags
	cmd := &cobra.Command{
		Use:   "rebuild --from checkpoint|log --config FILE",
		Short: "Have the numbers made anew after a change of their meaning (zone, groupings, rules, rates)",
		Long: `Have the numbers made anew under a configuration that gives them another meaning: another zone,
groupings, windows, rules or rates. The service must be stopped; its next run sends every row again
and takes back what is no more.

--from checkpoint  counts the records that the checkpoint keeps anew; nothing is read from the sources
--from log         forgets them, so that the next run reads the sources from their start; what was
                   rejected before is judged again

The checkpoint is the old one until the new one is stored: the command can be killed at any time and
started once more.

Exit codes: 0 done, or nothing to do; 1 failed, or the service still runs; 2 the configuration and the
cluster do not fit together; 3 records or logs that need an operator's decision. Where it is not 0,
nothing was changed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from := pipeline.RebuildFrom(flags.from)
			if from != pipeline.FromCheckpoint && from != pipeline.FromLog {
				return usagef("--from %q: it must be checkpoint or log", flags.from)
			}
			loaded, err := loadConfig(flags.config, config.ForRun)
			if err != nil {
				return err
			}
			return rebuild(cmd.Context(), loaded, flags, newLogger(loaded, cmd.ErrOrStderr()), cmd.OutOrStdout())
		},
	}
	addConfigFlag(cmd, &flags.config)
	cmd.Flags().StringVar(&flags.from, "from", "", "what the numbers are made from: `checkpoint|log`")
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "say what would happen and change nothing")
	// The only failure is a flag that does not exist; they were added just above.
	_ = cmd.MarkFlagRequired("config")
	_ = cmd.MarkFlagRequired("from")
	return cmd
}

func rebuild(ctx context.Context, c *config.Config, flags rebuildFlags, log *slog.Logger, out io.Writer) error {
	options, err := pipelineOptions(c)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer options.Cluster.Close()
	options.Logger, options.ConfigFile = log, flags.config
	done, err := pipeline.Rebuild(ctx, options, pipeline.RebuildFrom(flags.from), flags.dryRun)
	if err != nil {
		return exitOf(err)
	}
	return reportRebuild(out, done, flags.config)
}

// reportRebuild says what was done, in what there is, and what to run next.
func reportRebuild(w io.Writer, done pipeline.Rebuilt, configFile string) error {
	p := &printer{w: w}
	p.printf("checkpoint %s: %s of %s in %s\n", done.Dir, plural(done.Records, "record"), plural(done.Accounts, "account"), plural(int64(done.Shards), "shard"))
	if done.Damage != nil {
		p.printf("damaged, so that there may be more: %v\n", done.Damage)
	}
	for _, d := range done.Differences {
		p.printf("  %s\n", d)
	}
	switch {
	case !done.Changed && done.From == pipeline.FromLog:
		p.printf("Nothing is kept: the next run reads the sources from their start. Nothing was changed.\n")
	case !done.Changed:
		p.printf("The configuration means the same as the checkpoint. Nothing was changed.\n")
	case done.DryRun && done.From == pipeline.FromLog:
		p.printf("A rebuild would forget the records and the positions. Nothing was changed.\n")
		p.printf("to do it: processor rebuild --from log --config %s\n", configFile)
		return p.err
	case done.DryRun:
		p.printf("A rebuild would count these records anew under the configuration; it can take all of them. Nothing was changed.\n")
		p.printf("to do it: processor rebuild --from checkpoint --config %s\n", configFile)
		return p.err
	case done.From == pipeline.FromLog:
		p.printf("The records and the positions are forgotten: the next run reads the sources from their start, sends every\n" +
			"row again and takes back those that are no more.\n")
	default:
		p.printf("The checkpoint now belongs to this configuration. No row was sent yet: the next run counts the kept records\n" +
			"anew, sends every row again and takes back those that are no more.\n")
	}
	p.printf("next: processor run --config %s\n", configFile)
	return p.err
}

// printer remembers the first error of many prints.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// plural is a number with its noun.
func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.FormatInt(n, 10) + " " + noun
}
