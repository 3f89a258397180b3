package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"processor/internal/aggregate"
	"processor/internal/checkpoint"
	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/pipeline"
)

// checkpointFlags are the flags of the commands about checkpoints.
type checkpointFlags struct {
	config  string
	format  string
	out     string
	partial bool
}

// checkpointCommand holds what there is to ask of a checkpoint.
func checkpointCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "checkpoint",
		Short: "Look at a checkpoint, check it against its events, or export them",
	}, inspectCommand(), verifyCommand(), exportCommand())
}

func inspectCommand() *cobra.Command {
	var flags checkpointFlags
	cmd := &cobra.Command{
		Use:   "inspect --config FILE",
		Short: "Say what a checkpoint holds, shard by shard",
		Long: `Say what a checkpoint holds: accounts, records, bytes, positions, watermark, age and meaning of each shard.
Everything is read and every checksum compared. With the store dir the service must be stopped.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, ok := inspectFormats[flags.format]
			if !ok {
				return usagef("-o is table, json or csv, not %q", flags.format)
			}
			return flags.with(cmd, func(ctx context.Context, kept *pipeline.Kept) error {
				var shards []pipeline.KeptShard
				for _, number := range kept.Shards() {
					s, err := kept.Inspect(ctx, number)
					if err != nil {
						return err
					}
					shards = append(shards, s)
				}
				return write(cmd.OutOrStdout(), kept, shards, time.Now())
			})
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVarP(&flags.format, "output", "o", "table", "`FORMAT`: table, json or csv")
	return cmd
}

func verifyCommand() *cobra.Command {
	var flags checkpointFlags
	cmd := &cobra.Command{
		Use:   "verify --config FILE",
		Short: "Compare every checksum, and what is kept for a fast restart with what the events give",
		Long: `Check a checkpoint: every checksum, that no record is missing, that all accounts derived anew from their events
reconcile (opening + movements = closing), and that the registers which are kept for a fast restart are
those. Differences are listed. It takes the memory of a shard, up to twice.

Exit codes: 0 everything agrees; 1 it could not be read; 2 it belongs to another configuration; 3 something is
damaged or differs: start with processor rebuild --from checkpoint (differing registers), or from the log.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd, func(ctx context.Context, kept *pipeline.Kept) error {
				return verifyAll(ctx, kept, cmd.OutOrStdout())
			})
		},
	}
	flags.add(cmd)
	return cmd
}

func exportCommand() *cobra.Command {
	var flags checkpointFlags
	cmd := &cobra.Command{
		Use:   "export --config FILE [--out FILE]",
		Short: "Write the kept events as NDJSON, which processor replay reads to the same rows",
		Long: `Write every event that a checkpoint keeps in the native form, one to a line. processor replay gives the same
rows from it under the same configuration. Duplicates and rejected records are not among them.

It refuses where older history is kept as sums, because its events are gone; --partial writes the rest.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return flags.with(cmd, func(ctx context.Context, kept *pipeline.Kept) error {
				return export(ctx, kept, &flags, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&flags.out, "out", "", "write to `FILE`, which must not exist (default standard output)")
	cmd.Flags().BoolVar(&flags.partial, "partial", false, "write what there is although the events of older history are gone")
	return cmd
}

func (f *checkpointFlags) add(cmd *cobra.Command) {
	addConfigFlag(cmd, &f.config)
	// The only failure is a flag that does not exist; it was added just above.
	_ = cmd.MarkFlagRequired("config")
}

// with opens the checkpoint of the configuration for a while.
func (f *checkpointFlags) with(cmd *cobra.Command, use func(ctx context.Context, kept *pipeline.Kept) error) (err error) {
	loaded, err := loadConfig(f.config, config.ForRun)
	if err != nil {
		return err
	}
	options, err := pipelineOptions(loaded)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer options.Cluster.Close()
	kept, err := pipeline.OpenKept(cmd.Context(), options)
	if err != nil {
		return checkpointError(err, options.CheckpointDir)
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	return checkpointError(use(cmd.Context(), kept), kept.Place)
}

// checkpointError gives an error its exit code and what to do.
func checkpointError(err error, place string) error {
	switch {
	case errors.Is(err, checkpoint.ErrLocked):
		return fmt.Errorf("a running service has the checkpoint directory %q: stop it first: %w", place, err)
	case errors.Is(err, checkpoint.ErrNothing), errors.Is(err, checkpoint.ErrForeign):
		return withCode(exitUsage, fmt.Errorf("%w\nare checkpoint.store, checkpoint.dir and output.prefix those of the service?", err))
	case errors.Is(err, checkpoint.ErrCorrupt), errors.Is(err, pipeline.ErrIdentity):
		return withCode(exitOperator, err)
	default:
		return exitOf(err)
	}
}

// errDiffers means that a checkpoint was read and is not what it should be.
var errDiffers = errors.New("stored registers are not what the events give: processor rebuild --from checkpoint derives them anew")

func verifyAll(ctx context.Context, kept *pipeline.Kept, out io.Writer) error {
	p := &printer{w: out}
	var differing int64
	for _, number := range kept.Shards() {
		v, err := kept.Verify(ctx, number)
		if err != nil {
			return err
		}
		p.printf("shard %d: %s whole, %s derived anew", number, plural(v.Records, "record"), plural(int64(v.Accounts), "account"))
		switch {
		case !v.Compared:
			p.printf("; nothing that was derived is kept as of this save, so the next start derives everything\n")
		case v.Differing == 0:
			p.printf("; %s agree with what is stored\n", plural(int64(v.Registers), "register"))
		default:
			p.printf("; %s differ from what is stored\n", plural(v.Differing, "figure"))
		}
		for _, d := range v.Differences {
			p.printf("  %s %s %s: %s is %s by the events, stored %s\n", segmentText(d.Segment), d.Kind, d.Interval, d.Figure, d.A, d.B)
		}
		if more := v.Differing - int64(len(v.Differences)); more > 0 {
			p.printf("  and %d more\n", more)
		}
		differing += v.Differing
	}
	switch {
	case p.err != nil:
		return p.err
	case differing > 0:
		return withCode(exitOperator, errDiffers)
	}
	p.printf("verified: every checksum, and the figures of %s\n", plural(int64(len(kept.Shards())), "shard"))
	return p.err
}

func segmentText(s aggregate.Segment) string {
	if s.Grouping == s.Name {
		return s.Name
	}
	return s.Grouping + "=" + s.Name
}

func export(ctx context.Context, kept *pipeline.Kept, flags *checkpointFlags, out, notices io.Writer) (err error) {
	if flags.out != "" {
		file, openErr := os.OpenFile(flags.out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if openErr != nil {
			return usagef("--out: %w", openErr)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	buffered := bufio.NewWriterSize(out, 1<<20)
	done, err := kept.Export(ctx, buffered, flags.partial)
	if err = errors.Join(err, buffered.Flush()); err != nil {
		return err
	}
	p := &printer{w: notices}
	p.printf("processor: %s exported; the figures were as of %s\n", plural(done.Events, "event"), instantText(done.Watermark))
	if done.Stand > 0 {
		p.printf("processor: %s of older history were left out: their events are gone\n", plural(done.Stand, "record"))
	}
	return p.err
}

func instantText(t event.Time) string {
	if t == event.NoTime {
		return "-"
	}
	return t.String()
}

// inspectFormats print what a checkpoint holds.
var inspectFormats = map[string]func(w io.Writer, kept *pipeline.Kept, shards []pipeline.KeptShard, now time.Time) error{
	"table": inspectTable, "json": inspectJSON, "csv": inspectCSV,
}

// inspectedShard is a shard as JSON has it.
type inspectedShard struct {
	Shard        int               `json:"shard"`
	Saved        *time.Time        `json:"saved"`
	AgeSeconds   *int64            `json:"age_seconds"`
	Watermark    string            `json:"watermark"`
	Accounts     int64             `json:"accounts"`
	Events       int64             `json:"events"`
	Stand        int64             `json:"records_for_gone_events"`
	Bytes        int64             `json:"bytes"`
	Derived      int64             `json:"derived_records"`
	DerivedBytes int64             `json:"derived_bytes"`
	Program      string            `json:"derived_by_program"`
	Epoch        uint64            `json:"epoch"`
	Flush        uint64            `json:"flush"`
	Owes         bool              `json:"sends_every_row_at_next_start"`
	Positions    []inspectedSource `json:"positions"`
	Gaps         []string          `json:"accepted_gaps,omitempty"`
}

type inspectedSource struct {
	Topic string `json:"topic"`
	Next  int64  `json:"next_offset"`
}

func inspected(s *pipeline.KeptShard, now time.Time) inspectedShard {
	one := inspectedShard{
		Shard: s.Shard, Watermark: instantText(s.Watermark), Accounts: s.Accounts, Events: s.Events, Stand: s.Stand, Bytes: s.Bytes,
		Derived: s.Derived, DerivedBytes: s.DerivedBytes, Program: s.Program, Epoch: s.Epoch, Flush: s.Flush, Owes: s.Owes, Positions: []inspectedSource{},
	}
	if !s.Saved.IsZero() {
		at, age := s.Saved.UTC(), int64(now.Sub(s.Saved)/time.Second)
		one.Saved, one.AgeSeconds = &at, &age
	}
	for _, at := range s.Sources {
		one.Positions = append(one.Positions, inspectedSource{at.Topic, at.Next})
	}
	for _, g := range s.Gaps {
		one.Gaps = append(one.Gaps, fmt.Sprint(g))
	}
	return one
}

func inspectJSON(w io.Writer, kept *pipeline.Kept, shards []pipeline.KeptShard, now time.Time) error {
	document := struct {
		Place   string           `json:"place"`
		Group   string           `json:"group,omitempty"`
		Meaning string           `json:"meaning"`
		Shards  []inspectedShard `json:"shards"`
	}{kept.Place, kept.Group, kept.Meaning, []inspectedShard{}}
	for i := range shards {
		document.Shards = append(document.Shards, inspected(&shards[i], now))
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

func inspectTable(w io.Writer, kept *pipeline.Kept, shards []pipeline.KeptShard, now time.Time) error {
	p := &printer{w: w}
	p.printf("checkpoint %s\nmeaning    %s\n\n", kept.Place, kept.Meaning)
	const line = "%5s  %9s  %-30s  %10s  %10s  %8s  %12s  %10s  %s\n"
	p.printf(line, "shard", "age", "watermark", "accounts", "events", "sums", "bytes", "derived", "positions")
	for i := range shards {
		s := inspected(&shards[i], now)
		age := "never"
		if s.AgeSeconds != nil {
			age = (time.Duration(*s.AgeSeconds) * time.Second).String()
		}
		positions := ""
		for _, at := range s.Positions {
			positions += fmt.Sprintf("%s=%d ", at.Topic, at.Next)
		}
		p.printf(line, strconv.Itoa(s.Shard), age, s.Watermark, strconv.FormatInt(s.Accounts, 10), strconv.FormatInt(s.Events, 10),
			strconv.FormatInt(s.Stand, 10), strconv.FormatInt(s.Bytes, 10), strconv.FormatInt(s.Derived, 10), positions)
	}
	return p.err
}

func inspectCSV(w io.Writer, _ *pipeline.Kept, shards []pipeline.KeptShard, now time.Time) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"shard", "age_seconds", "watermark", "accounts", "events", "records_for_gone_events", "bytes", "derived_records", "derived_bytes", "topic", "next_offset"})
	for i := range shards {
		s := inspected(&shards[i], now)
		age := ""
		if s.AgeSeconds != nil {
			age = strconv.FormatInt(*s.AgeSeconds, 10)
		}
		for _, at := range s.Positions {
			_ = out.Write([]string{
				strconv.Itoa(s.Shard), age, s.Watermark, strconv.FormatInt(s.Accounts, 10), strconv.FormatInt(s.Events, 10), strconv.FormatInt(s.Stand, 10),
				strconv.FormatInt(s.Bytes, 10), strconv.FormatInt(s.Derived, 10), strconv.FormatInt(s.DerivedBytes, 10), at.Topic, strconv.FormatInt(at.Next, 10),
			})
		}
	}
	out.Flush()
	return out.Error()
}
