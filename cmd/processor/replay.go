package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/replay"
	"processor/internal/row"
	"processor/internal/sink"
)

// replayFlags are the flags of `replay`.
type replayFlags struct {
	config string
	asOf   string
	rows   []string
	shards int
	whatIf string
	format string
	floor  string
}

// replayCommand runs files of events through the core, without Kafka.
func replayCommand() *cobra.Command {
	var flags replayFlags
	cmd := &cobra.Command{
		Use:   "replay FILE...",
		Short: "Run files of native events (- is standard input) through the core and print the final rows",
		Long: `Run files of native events, one to a line, through the same core as the service, without
Kafka. Prints the final rows that are not deleted, sorted by topic and key, as NDJSON. Rejected
lines are rows of topic dead-letters.

With --what-if the same events run under a second configuration too, and what is printed is what it
would change: each figure of an account and its months that differs, and the totals.`,
		Args: atLeastOneFile,
		RunE: func(cmd *cobra.Command, files []string) error {
			options, err := flags.options()
			if err != nil {
				return err
			}
			if flags.whatIf != "" {
				return replayWhatIf(cmd, &flags, options, files)
			}
			if flags.format != "" && flags.format != "json" {
				return usagef("-o %s goes with --what-if: replay prints its rows as NDJSON", flags.format)
			}
			return replayFiles(options, files, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	addConfigFlag(cmd, &flags.config)
	cmd.Flags().StringVar(&flags.asOf, "as-of", "", "the watermark, an RFC 3339 `TIME`: later events are not read (default the largest time of the events)")
	cmd.Flags().StringSliceVar(&flags.rows, "rows", nil, "print only these `TOPICS`: "+strings.Join(replayTopics(), ", "))
	cmd.Flags().IntVar(&flags.shards, "shards", 1, "share the accounts among `N` shards, as the service does over N partitions")
	addWhatIfFlags(cmd, &flags)
	cmd.Flags().StringVar(&flags.floor, "floor", "", "`400d`: reject what comes too late, as the service does, with the largest time so far as watermark; rows begin with an opening balance")
	return cmd
}

func atLeastOneFile(_ *cobra.Command, files []string) error {
	if len(files) == 0 {
		return usagef("replay needs at least one FILE of events; - is standard input")
	}
	return nil
}

func replayTopics() []string {
	return []string{
		string(row.TopicMovements), string(row.TopicAccounts), string(row.TopicAccountMonths), string(row.TopicMetrics),
		string(row.TopicSignals), string(row.TopicSignalMetrics), string(row.TopicDeadLetters),
	}
}

// options checks the flags and the configuration.
func (f *replayFlags) options() (replay.Options, error) {
	loaded := config.Default()
	if f.config != "" {
		var err error
		if loaded, err = loadConfig(f.config, config.ForReplay); err != nil {
			return replay.Options{}, err
		}
	}
	core, err := coreOptions(loaded)
	if err != nil {
		return replay.Options{}, withCode(exitUsage, err)
	}
	plan, err := targets(loaded)
	if err != nil {
		return replay.Options{}, withCode(exitUsage, err)
	}
	o := replay.Options{
		Core: core, Targets: plan, Decoder: decoderOptions(loaded), Shards: f.shards, ShardOf: shardOf, AsOf: event.NoTime,
		OpenAccountBytes: openAccountBytes(loaded),
	}
	if f.shards < 1 || f.shards > 1024 {
		return o, usagef("--shards %d: it must be 1 to 1024", f.shards)
	}
	if o.Floor = f.floor != ""; o.Floor && f.floor != "400d" {
		return o, usagef("--floor %s: the floor lies 400d below the watermark", f.floor)
	}
	if f.asOf != "" {
		asOf, ok := event.ParseTime([]byte(f.asOf))
		if !ok {
			return o, usagef("--as-of %q is not an RFC 3339 time such as 2026-03-01T00:00:00Z", f.asOf)
		}
		o.AsOf = asOf
	}
	for _, name := range f.rows {
		if name == string(row.TopicVintage) {
			return o, usagef("--rows vintage: a replay reports nothing, so no row was first reported by it; " +
				"use --rows metrics, with --as-of for the rows as of an instant, or read the topic vintage that run writes")
		}
		if !slices.Contains(replayTopics(), name) {
			return o, usagef("--rows %s: there is no such topic; use %s", name, strings.Join(replayTopics(), ", "))
		}
		o.Rows = append(o.Rows, row.Topic(name))
	}
	return o, nil
}

// shardOf is the shard of an account: the partition that its key has in Kafka.
func shardOf(account string, n int) int { return sink.Partition([]byte(account), n) }

// decoderOptions are a configuration's bounds on one record.
func decoderOptions(c *config.Config) event.Options {
	return event.Options{MaxBytes: c.Limits.MaxRecordBytes, MaxDepth: c.Limits.MaxDepth, MaxItems: c.Limits.MaxItems}
}

func replayFiles(o replay.Options, files []string, stdin io.Reader, out, errOut io.Writer) error {
	run, err := replay.New(o)
	if err != nil {
		return err
	}
	bar := &replayProgress{line: statusLineOn(errOut, !isTerminal(out)), total: sizeOf(files)}
	for _, name := range files {
		if err := replayFile(run, name, stdin, bar); err != nil {
			bar.line.clear()
			return err
		}
	}
	bar.line.clear()
	result, err := run.Finish(out)
	if err != nil {
		return err
	}
	if result.Rejected > 0 {
		// A notice: the result is written already, whether or not anyone reads this.
		_, _ = fmt.Fprintf(errOut, "processor: %d of %d records were rejected: they are the rows of topic dead-letters\n", result.Rejected, result.Read)
	}
	return nil
}

// fileReader takes the events of files.
type fileReader interface {
	Read(name string, in io.Reader) error
}

func replayFile(run fileReader, name string, stdin io.Reader, bar *replayProgress) error {
	if name == "-" {
		return run.Read(name, bar.over(stdin))
	}
	f, err := os.Open(name)
	if err != nil {
		return usagef("%v", err)
	}
	defer func() { _ = f.Close() }()
	return run.Read(name, bar.over(f))
}
