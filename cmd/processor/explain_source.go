package main

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"processor/internal/aggregate"
	"processor/internal/checkpoint"
	"processor/internal/config"
	"processor/internal/pipeline"
	"processor/internal/replay"
	"processor/internal/row"
)

const nearestShown = 3

// explainFromFiles replays files.
func explainFromFiles(cmd *cobra.Command, flags *explainFlags, account string, within *aggregate.Interval) (*row.Explanation, error) {
	options, err := (&replayFlags{config: flags.config, asOf: flags.asOf, shards: 1}).options()
	if err != nil {
		return nil, err
	}
	run, err := replay.New(options)
	if err != nil {
		return nil, err
	}
	bar := &replayProgress{line: statusLineOn(cmd.ErrOrStderr(), !isTerminal(cmd.OutOrStdout())), total: sizeOf(flags.files)}
	for _, name := range flags.files {
		if err := replayFile(run, name, cmd.InOrStdin(), bar); err != nil {
			bar.line.clear()
			return nil, err
		}
	}
	bar.line.clear()
	if err := run.Settle(); err != nil {
		return nil, err
	}
	e, found := run.Explain(account, within)
	if !found {
		return nil, errUnknownAccount(account, run.Nearest(account, nearestShown))
	}
	return row.Explain(e, flags.interval), nil
}

// explainFromCheckpoint reads what a service saved last.
func explainFromCheckpoint(cmd *cobra.Command, flags *explainFlags, account string, within *aggregate.Interval) (*row.Explanation, error) {
	loaded := config.Default()
	if flags.config != "" {
		purpose := config.ForReplay
		if flags.checkpoint == "" {
			purpose = config.ForShow // the directory is in a section that a replay leaves alone
		}
		var err error
		if loaded, err = loadConfig(flags.config, purpose); err != nil {
			return nil, err
		}
	}
	core, err := coreOptions(loaded)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	dir := flags.checkpoint
	if dir == "" && loaded.Checkpoint.Store == pipeline.StoreKafka {
		return explainFromTopic(cmd, flags, account, within)
	}
	if dir == "" {
		dir = loaded.Checkpoint.Dir
	}
	e, err := pipeline.ExplainKept(cmd.Context(), dir, core, account, within, slog.New(slog.DiscardHandler))
	switch {
	case errors.Is(err, checkpoint.ErrLocked):
		return nil, usagef("a running service has the checkpoint directory %q: ask the service with --url, such as --url http://127.0.0.1:8080", dir)
	case errors.Is(err, checkpoint.ErrForeign):
		return nil, usagef("%q is no checkpoint directory: name the service's checkpoint.dir with --checkpoint (%w)", dir, err)
	default:
		return foundIn(e, err, flags, account)
	}
}

// foundIn is what a checkpoint says of an account, or why it says nothing.
func foundIn(e *aggregate.Explanation, err error, flags *explainFlags, account string) (*row.Explanation, error) {
	var unknown *pipeline.UnknownAccountError
	switch {
	case err == nil:
		return row.Explain(e, flags.interval), nil
	case errors.As(err, &unknown):
		return nil, errUnknownAccount(account, unknown.Nearest)
	case errors.Is(err, pipeline.ErrOtherMeaning):
		return nil, usagef("%w\nname the configuration of the service with --config", err)
	default:
		return nil, err
	}
}

// explainFromTopic reads what the instances of a service saved last in the state topic.
func explainFromTopic(cmd *cobra.Command, flags *explainFlags, account string, within *aggregate.Interval) (*row.Explanation, error) {
	loaded, err := loadConfig(flags.config, config.ForRun)
	if err != nil {
		return nil, err
	}
	options, err := pipelineOptions(loaded)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	defer options.Cluster.Close()
	e, err := pipeline.ExplainKeptInTopic(cmd.Context(), options, account, within)
	found, err := foundIn(e, err, flags, account)
	return found, exitOf(err)
}
