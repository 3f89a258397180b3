package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"processor/internal/config"
	"processor/internal/doctor"
	"processor/internal/pipeline"
)

// doctorWithin bounds the whole examination.
const doctorWithin = 5 * time.Minute

// doctorCommand looks at everything that a service depends on.
func doctorCommand() *cobra.Command {
	var path, format string
	cmd := &cobra.Command{
		Use:   "doctor --config FILE",
		Short: "Check brokers, topics, permissions, keys, disk, checkpoint and clock, each finding with its remedy",
		Long: `Check everything that the service depends on: brokers and their versions, encryption and login, topics and
their settings, what this login may do, how the sources are keyed, the group, the disk, the checkpoint, the
clock and the time zone. Nothing is changed; a small file is written to the checkpoint's disk and removed.

Exit codes: 0 nothing is wrong (notes are no faults); 1 warnings: it works, until something happens, or the
report could not be written; 2 errors: the service does not start or its figures would be wrong, or the
configuration is.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return usagef("-o is table or json, not %q", format)
			}
			loaded, err := loadConfig(path, config.ForRun)
			if err != nil {
				return err
			}
			findings, err := examine(cmd.Context(), loaded)
			if err != nil {
				return err
			}
			write := writeFindings
			if format == "json" {
				write = writeFindingsJSON
			}
			return errors.Join(write(cmd.OutOrStdout(), findings), doctorError(findings))
		},
	}
	addConfigFlag(cmd, &path)
	cmd.Flags().StringVarP(&format, "output", "o", "table", "`FORMAT`: table or json")
	// The only failure is a flag that does not exist; it was added just above.
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// examine looks at the surroundings of a configured service.
func examine(ctx context.Context, c *config.Config) ([]doctor.Finding, error) {
	options, err := pipelineOptions(c)
	if err != nil {
		return nil, withCode(exitUsage, err)
	}
	defer options.Cluster.Close()
	ctx, cancel := context.WithTimeout(ctx, doctorWithin)
	defer cancel()
	return doctor.Examine(ctx, doctorOptions(c, options)), nil
}

func doctorOptions(c *config.Config, options pipeline.Options) doctor.Options {
	return doctor.Options{Service: options, User: c.Kafka.SASL.Username, Zone: c.Reporting.TimeZone}
}

var (
	errWarnings = errors.New("doctor: there are warnings")
	errErrors   = errors.New("doctor: there are errors")
)

func doctorError(findings []doctor.Finding) error {
	switch doctor.Worst(findings) {
	case doctor.Error:
		return withCode(exitUsage, errErrors)
	case doctor.Warning:
		return withCode(exitFailed, errWarnings)
	case doctor.Fine, doctor.Note:
	}
	return nil
}

func writeFindings(w io.Writer, findings []doctor.Finding) error {
	p := &printer{w: w}
	for _, f := range findings {
		p.printf("%-8s %-24s %s: %s\n", f.Severity, f.Check, f.Subject, f.Text)
		if f.Remedy != "" {
			p.printf("%-33s -> %s\n", "", f.Remedy)
		}
	}
	return p.err
}

func writeFindingsJSON(w io.Writer, findings []doctor.Finding) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(findings)
}
