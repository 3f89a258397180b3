package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"processor/internal/config"
	"processor/internal/pipeline"
)

// runCommand is the service.
func runCommand() *cobra.Command {
	var path string
	var gaps []string
	var insecure bool
	cmd := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Run the service against a Kafka cluster",
		Long: `Run the service: read the source topics, keep the ledger, and write rows of movements,
accounts, account_months, metrics, vintage and alerts. SIGTERM or Ctrl-C stops it in order; a second one at once.

Exit codes: 0 stopped in order, 1 failed (starting again may help), 2 the configuration does
not fit the cluster or the checkpoint (see processor help rebuild), 3 the data needs an operator's decision, such as a gap in a log,
4 a newer owner has taken over: something else runs under the same group and checkpoint.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := loadConfigWith(path, config.ForRun, insecureSetting(insecure)...)
			if err != nil {
				return err
			}
			accepted, err := parseGaps(gaps)
			if err != nil {
				return err
			}
			tuneCollector()
			return run(cmd.Context(), loaded, path, accepted, newLogger(loaded, cmd.ErrOrStderr()))
		},
	}
	addConfigFlag(cmd, &path)
	cmd.Flags().StringArrayVar(&gaps, "accept-gap", nil, "go on without these lost records: TOPIC/PARTITION:FROM-TO, exactly as the refusal names them; for each gap")
	cmd.Flags().BoolVar(&insecure, "insecure", false, "the same as http.insecure: let anyone who reaches http.address read everything")
	// The only failure is a flag that does not exist; it was added just above.
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// insecureSetting is --insecure as a variable, which stands above the file.
func insecureSetting(insecure bool) []string {
	if !insecure {
		return nil
	}
	return []string{"EXPANSION_HTTP_INSECURE=true"}
}

// httpPart is what the process shows over HTTP while the service runs: it is told what happens by
// the observer, and serves until its context ends.
type httpPart struct {
	observer  pipeline.Observer
	questions *pipeline.Questions
	watchdog  *pipeline.Watchdog
	serve     func(context.Context) error
}

// openHTTP makes the HTTP part; nil serves nothing.
var openHTTP func(c *config.Config, counted *pipeline.Metrics, log *slog.Logger) (*httpPart, error)

// run ties configuration, cluster, service and HTTP together. The failure of the HTTP part ends the
// service in order, and the end of the service ends the HTTP part. file is where the configuration is
// from.
func run(ctx context.Context, c *config.Config, file string, accepted []pipeline.Gap, log *slog.Logger) error {
	options, err := pipelineOptions(c)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer options.Cluster.Close()
	options.Logger, options.ConfigFile, options.AcceptGaps = log, file, accepted
	warnUnverified(ctx, c, log)
	warnOfRegistry(options.Format, log)
	if openHTTP == nil {
		return exitOf(pipeline.Run(ctx, options))
	}
	part, err := openHTTP(c, options.Metrics, log)
	if err != nil {
		return err
	}
	options.Observer, options.Questions, options.Watchdog = part.observer, part.questions, part.watchdog
	work, stop := context.WithCancel(ctx)
	defer stop()
	serving, endServing := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() {
		served <- part.serve(serving)
		stop()
	}()
	err = exitOf(pipeline.Run(work, options))
	endServing()
	return errors.Join(err, <-served)
}

// parseGaps reads every gap, or says all that is wrong.
func parseGaps(texts []string) ([]pipeline.Gap, error) {
	var gaps []pipeline.Gap
	var problems []error
	for _, text := range texts {
		g, err := pipeline.ParseGap(text)
		gaps, problems = append(gaps, g), append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("--accept-gap: %w", err))
	}
	return gaps, nil
}

// exitOf gives the service's errors their exit codes.
func exitOf(err error) error {
	switch {
	case errors.Is(err, pipeline.ErrOperator):
		return withCode(exitOperator, err)
	case errors.Is(err, pipeline.ErrRefused):
		return withCode(exitUsage, err)
	case errors.Is(err, pipeline.ErrFenced):
		return withCode(exitFenced, err)
	default:
		return remedied(err)
	}
}

// pipelineOptions is what a configuration means for the service.
func pipelineOptions(c *config.Config) (pipeline.Options, error) {
	core, coreErr := coreOptions(c)
	plan, planErr := targets(c)
	decoders, formatErr := openFormats(c)
	if err := errors.Join(coreErr, planErr, formatErr); err != nil {
		return pipeline.Options{}, err
	}
	rules, err := alertRules(c, &core)
	if err != nil {
		return pipeline.Options{}, err
	}
	cluster, err := openCluster(c)
	if err != nil {
		return pipeline.Options{}, err
	}
	o := pipeline.Options{
		Cluster: cluster, Group: c.Group, Delivery: delivery(c.Output.Delivery),
		Address: c.HTTP.Advertise, Prefix: c.Output.Prefix, CreateTopics: c.Output.CreateTopics, Replication: c.Output.Replication,
		FlushInterval: c.Output.FlushInterval, MetricsInterval: c.Output.MetricsInterval, Tombstones: c.Output.Tombstones,
		CheckpointStore: c.Checkpoint.Store, CheckpointDir: c.Checkpoint.Dir, CheckpointInterval: c.Checkpoint.Interval, OpenAccountBytes: openAccountBytes(c),
		Core: core, Targets: plan, Alerts: rules, Decoder: decoderOptions(c), Lateness: c.Rules.Lateness,
		Metrics: new(pipeline.Metrics),
	}
	if o.Format, err = outputFormat(c, core, decoders.client); err != nil {
		cluster.Close()
		return pipeline.Options{}, err
	}
	if err := instanceOf(c, &o); err != nil {
		cluster.Close()
		return pipeline.Options{}, err
	}
	for _, s := range c.Sources {
		source, err := decoders.source(s)
		if err != nil {
			cluster.Close()
			return pipeline.Options{}, err
		}
		o.Sources = append(o.Sources, source)
	}
	if decoders.client != nil {
		o.Metrics.Registry = func() pipeline.RegistryReading { return pipeline.RegistryReading(decoders.client.Read()) }
	}
	return o, nil
}

// delivery by its name in the configuration.
func delivery(name string) pipeline.Delivery {
	if name == pipeline.ExactlyOnce.String() {
		return pipeline.ExactlyOnce
	}
	return pipeline.AtLeastOnce
}

// newLogger logs as configured: text for a person at a terminal, JSON for everything else.
func newLogger(c *config.Config, out io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		level = slog.LevelInfo // the configuration's closed set of levels is slog's own
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "text" || c.Log.Format == "auto" && isTerminal(out) {
		return slog.New(slog.NewTextHandler(out, options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
}
