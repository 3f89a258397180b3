package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/letter"
	"processor/internal/row"
)

// letterFlags are the flags of `dead-letters list` and `redrive`.
type letterFlags struct {
	config  string
	reasons []string
	sources []string
	since   string
	until   string
	limit   int64
	format  string
	values  bool
	dryRun  bool
	yes     bool
}

// deadLettersCommand holds what there is to do about rejected records.
func deadLettersCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "dead-letters",
		Short: "List rejected records, or send them back to their source after a fix",
	}, listLettersCommand(), redriveCommand())
}

func listLettersCommand() *cobra.Command {
	var flags letterFlags
	cmd := &cobra.Command{
		Use:   "list --config FILE",
		Short: "List rejected records with the reason, their position and whether they were sent back",
		Long: `List the records of the dead-letter topic, in the order of its partitions and offsets. One letter is in
memory at a time, however many there are. What they hold is printed with --values only.`,
		Example: `  processor dead-letters list --config processor.yaml --reason bad_currency --since 24h
  processor dead-letters list --config processor.yaml -o json --values | jq .value`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write, ok := letterFormats[flags.format]
			if !ok {
				return usagef("-o is table, json or csv, not %q", flags.format)
			}
			loaded, filter, err := flags.read(time.Now())
			if err != nil {
				return err
			}
			return listLetters(cmd.Context(), loaded, &flags, filter, write(cmd.OutOrStdout(), flags.values))
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVarP(&flags.format, "output", "o", "table", "`FORMAT`: table, json (one to a line) or csv")
	cmd.Flags().BoolVar(&flags.values, "values", false, "print keys and values of the records too: they may hold what is confidential")
	return cmd
}

func redriveCommand() *cobra.Command {
	var flags letterFlags
	cmd := &cobra.Command{
		Use:   "redrive --config FILE [--dry-run]",
		Short: "Send rejected records back to their source topics, each once",
		Long: `Send rejected records back to the topics and partitions that they were written to, with key, value and
headers as they were, after what was wrong is mended: a rate was added, a limit raised, a decoder fixed.

Each record goes once. It and a mark in the dead-letter topic are one transaction, so the command can be
killed at any time and run again: it goes on where it was. A record that is rejected again is a new letter.
On a terminal it asks before it sends; elsewhere it never asks.

Exit codes: 0 done, or nothing to do; 1 failed, run it again; 2 a source is not ours to write, with the
command that allows it; 3 some letters hold only a part of their record and were left out.`,
		Example: `  processor dead-letters redrive --config processor.yaml --reason missing_rate --dry-run
  processor dead-letters redrive --config processor.yaml --reason missing_rate --limit 100`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, filter, err := flags.read(time.Now())
			if err != nil {
				return err
			}
			return redriveLetters(cmd, loaded, &flags, filter)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "say what would be sent, and send nothing")
	cmd.Flags().BoolVar(&flags.yes, "yes", false, "do not ask on a terminal")
	return cmd
}

// add adds what both commands have.
func (f *letterFlags) add(cmd *cobra.Command) {
	addConfigFlag(cmd, &f.config)
	cmd.Flags().StringSliceVar(&f.reasons, "reason", nil, "only these `REASONS`")
	cmd.Flags().StringSliceVar(&f.sources, "source", nil, "only records of these `TOPICS`")
	cmd.Flags().StringVar(&f.since, "since", "", "only what was rejected from this `TIME` on: 24h, 7d or RFC 3339")
	cmd.Flags().StringVar(&f.until, "until", "", "only what was rejected before this `TIME`")
	cmd.Flags().Int64Var(&f.limit, "limit", 0, "at most `N` letters (default all)")
	// The only failure is a flag that does not exist; it was added just above.
	_ = cmd.MarkFlagRequired("config")
}

// read checks the flags and reads the configuration.
func (f *letterFlags) read(now time.Time) (*config.Config, letter.Filter, error) {
	filter := letter.Filter{Reasons: f.reasons, Sources: f.sources}
	var problems []error
	known := make([]string, 0, len(event.Reasons))
	for _, r := range event.Reasons {
		known = append(known, string(r))
	}
	for _, r := range f.reasons {
		if !slices.Contains(known, r) {
			problems = append(problems, fmt.Errorf("--reason %q is none%s", r, nearestHint(r, known)))
		}
	}
	var err error
	if filter.Since, err = moment(f.since, now); err != nil {
		problems = append(problems, fmt.Errorf("--since: %w", err))
	}
	if filter.Until, err = moment(f.until, now); err != nil {
		problems = append(problems, fmt.Errorf("--until: %w", err))
	}
	if f.limit < 0 {
		problems = append(problems, fmt.Errorf("--limit %d: it must be 1 or more", f.limit))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, filter, withCode(exitUsage, err)
	}
	loaded, err := loadConfig(f.config, config.ForRun)
	if err != nil {
		return nil, filter, err
	}
	topics := make([]string, 0, len(loaded.Sources))
	for _, s := range loaded.Sources {
		topics = append(topics, s.Topic)
	}
	for _, s := range f.sources {
		if !slices.Contains(topics, s) {
			return nil, filter, usagef("--source %q is none of the configuration%s", s, nearestHint(s, topics))
		}
	}
	return loaded, filter, nil
}

// nearestHint names the nearest of some words, or all of them.
func nearestHint(word string, words []string) string {
	if near := config.Nearest(word, words); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return "; there are " + strings.Join(words, ", ")
}

// moment reads an instant, or a length of time before now; "" is the zero time.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	if back, ok := config.ParseDuration(text); ok {
		return now.Add(-back), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a length such as 24h or 7d nor an RFC 3339 time such as 2026-03-01T00:00:00Z", text)
}

func listLetters(ctx context.Context, c *config.Config, flags *letterFlags, filter letter.Filter, out letterWriter) error {
	cluster, err := openCluster(c)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer cluster.Close()
	box, err := letter.OpenBox(ctx, cluster, c.Output.Prefix+string(row.TopicDeadLetters))
	if err != nil {
		return remedied(err)
	}
	printed := int64(0)
	err = box.Each(ctx, filter, func(l *letter.Letter, redriven bool) error {
		if err := out.write(l, redriven); err != nil {
			return err
		}
		if printed++; printed == flags.limit {
			return letter.ErrEnough
		}
		return nil
	})
	return errors.Join(remedied(err), out.end())
}

func redriveLetters(cmd *cobra.Command, c *config.Config, flags *letterFlags, filter letter.Filter) error {
	cluster, err := openCluster(c)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer cluster.Close()
	o := letter.RedriveOptions{
		Cluster: cluster, Topic: c.Output.Prefix + string(row.TopicDeadLetters), User: c.Kafka.SASL.Username, ID: c.Group + "-redrive",
		Filter: filter, Limit: flags.limit, DryRun: flags.dryRun,
	}
	for _, s := range c.Sources {
		o.Sources = append(o.Sources, s.Topic)
	}
	if !flags.dryRun && !flags.yes && asks(cmd.InOrStdin(), cmd.ErrOrStderr()) {
		dry := o
		dry.DryRun = true
		would, err := letter.Redrive(cmd.Context(), dry)
		if err != nil {
			return redriveError(err)
		}
		if yes, err := confirmed(cmd.InOrStdin(), cmd.ErrOrStderr(), would.Sent); err != nil || !yes {
			return err
		}
	}
	done, err := letter.Redrive(cmd.Context(), o)
	if err != nil {
		return redriveError(err)
	}
	return reportRedrive(cmd.OutOrStdout(), done, flags)
}

// asks says whether a person sits at both ends.
func asks(in io.Reader, out io.Writer) bool {
	file, ok := in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && isTerminal(out)
}

func confirmed(in io.Reader, out io.Writer, n int64) (bool, error) {
	if _, err := fmt.Fprintf(out, "Send %s back to their sources? [y/N] ", plural(n, "record")); err != nil {
		return false, err
	}
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

func redriveError(err error) error {
	var refused *letter.RefusedError
	if errors.As(err, &refused) {
		return withCode(exitUsage, err)
	}
	return remedied(err)
}

// reportRedrive says what was done and what was left out, with the reason.
func reportRedrive(w io.Writer, done letter.Redriven, flags *letterFlags) error {
	p := &printer{w: w}
	verb := "sent back"
	if flags.dryRun {
		verb = "would be sent back"
	}
	p.printf("%s %s\n", plural(done.Sent, "record"), verb)
	for _, topic := range slices.Sorted(maps.Keys(done.BySource)) {
		p.printf("  %d to %s\n", done.BySource[topic], topic)
	}
	for _, left := range []struct {
		n   int64
		why string
	}{
		{done.Already, "were sent back before"},
		{done.Cut, "hold only a part of the record, which was too large for a letter: send it again from where it came"},
		{done.Foreign, "are no letters of this program"},
	} {
		if left.n > 0 {
			p.printf("left out: %d %s\n", left.n, left.why)
		}
	}
	for _, topic := range slices.Sorted(maps.Keys(done.Elsewhere)) {
		p.printf("left out: %d of topic %s, which is no source of %s or was not chosen\n", done.Elsewhere[topic], topic, flags.config)
	}
	if p.err == nil && done.Cut > 0 {
		return withCode(exitOperator, fmt.Errorf("%s could not be sent back whole", plural(done.Cut, "record")))
	}
	return p.err
}
