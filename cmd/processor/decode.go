package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/event/format"
	"processor/internal/intake"
)

// decodeFlags are the flags of `decode`.
type decodeFlags struct {
	config string
	topic  string
	format string
	output string
}

// decodeCommand shows what records of any format are natively.
func decodeCommand() *cobra.Command {
	var flags decodeFlags
	cmd := &cobra.Command{
		Use:   "decode FILE",
		Short: "Show what records of a file (- is standard input) are as native events",
		Long: `Read records, one JSON text to a line or a file with one, name their format, and print the native
events that they are, as NDJSON that replay reads. The mapping is that of the source in the configuration
which has the format, or of --topic. A record in avro or json-schema is a file of its own, in the wire
format; its schema is asked for at the configured schema_registry.

Rejected records are told on standard error with their reason and the field.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("decode needs one FILE of records; - is standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return decode(cmd, &flags, args[0]) },
	}
	addConfigFlag(cmd, &flags.config)
	cmd.Flags().StringVar(&flags.topic, "topic", "", "decode as the source with this `TOPIC` of the configuration")
	cmd.Flags().StringVar(&flags.format, "format", format.Auto, "the `FORMAT` of the records: native, stripe, debezium, openmeter, mapping, avro, json-schema, or auto")
	cmd.Flags().StringVarP(&flags.output, "output", "o", "json", "json: the events; table: a line for each record")
	return cmd
}

// fileBytesMax bounds a file that is not NDJSON.
const fileBytesMax = 64 << 20

func decode(cmd *cobra.Command, flags *decodeFlags, name string) error {
	if flags.output != "json" && flags.output != "table" {
		return usagef("-o is json or table, not %q", flags.output)
	}
	loaded := config.Default()
	if flags.config != "" {
		var err error
		if loaded, err = loadConfig(flags.config, config.ForShow); err != nil {
			return err
		}
	}
	records, err := readRecords(name, cmd.InOrStdin())
	if err != nil {
		return err
	}
	f, err := openFormats(loaded)
	if err != nil {
		return withCode(exitUsage, err)
	}
	source, how, err := flags.source(f, loaded, records)
	if err != nil {
		return err
	}
	decoder, err := anyDecoder(f, source)
	if err != nil {
		return usagef("%v", err)
	}
	d := decoding{out: cmd.OutOrStdout(), errOut: cmd.ErrOrStderr(), name: name, table: flags.output == "table"}
	// A notice, as every line on standard error: what was decoded stands on standard output.
	_, _ = fmt.Fprintf(d.errOut, "processor: %s: %s (%s)\n", name, source.Format, how)
	return d.run(cmd.Context(), decoder, records)
}

// source is the source to decode as: the topic's, else the one that has the format, else the bare format.
func (flags *decodeFlags) source(f *formats, c *config.Config, records []event.Record) (s config.Source, how string, err error) {
	how = "as asked"
	if flags.topic != "" {
		for _, s := range c.Sources {
			if s.Topic == flags.topic {
				flags.format = s.Format
				if s.Format != format.Auto {
					return s, "as configured", nil
				}
			}
		}
		if flags.format != format.Auto {
			return s, "", usagef("--topic %s: no source of the configuration has this topic", flags.topic)
		}
	}
	if flags.format == format.Auto {
		if flags.format, err = detectedFormat(format.Detect(records, f.bounds)); err != nil {
			return s, "", usagef("the format cannot be detected: %v", err)
		}
		how = "detected"
	}
	for _, s := range c.Sources {
		if s.Format == flags.format {
			return s, how, nil
		}
	}
	for _, known := range format.Names() {
		if known == flags.format {
			return config.Source{Format: known}, how, nil
		}
	}
	near := config.Nearest(flags.format, format.Names())
	if near == "" {
		near = format.Auto
	}
	return s, "", usagef("--format %s: there is no such format; did you mean %s?", flags.format, near)
}

// anyDecoder is the decoder of a source, native ones too.
func anyDecoder(f *formats, s config.Source) (intake.Decoder, error) {
	newDecoder, err := f.decoder(s)
	if err != nil {
		return nil, err
	}
	if newDecoder == nil {
		return pureDecoder{format.NativeReader(f.bounds)}, nil
	}
	return newDecoder(), nil
}

// readRecords reads the records of a file: one to a line, or, where the first line is none, the whole file.
func readRecords(name string, stdin io.Reader) ([]event.Record, error) {
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, usagef("%v", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, fileBytesMax+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case len(text) > fileBytesMax:
		return nil, usagef("%s is larger than %d MiB; decode a part of it", name, fileBytesMax>>20)
	case len(text) > 0 && text[0] == 0 || json.Valid(text):
		return []event.Record{{Value: text, Position: event.Position{Topic: name}}}, nil
	}
	var records []event.Record
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, fileBytesMax)
	for line := int64(0); lines.Scan(); line++ {
		if value := bytes.TrimSpace(lines.Bytes()); len(value) > 0 {
			records = append(records, event.Record{Value: bytes.Clone(value), Position: event.Position{Topic: name, Offset: line}})
		}
	}
	return records, lines.Err()
}

// decoding prints what records are.
type decoding struct {
	out, errOut io.Writer
	name        string
	table       bool
	rejected    int
	ignored     int
}

func (d *decoding) run(ctx context.Context, decoder intake.Decoder, records []event.Record) error {
	var problems []error
	table := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	show := func(format string, args ...any) {
		if _, err := fmt.Fprintf(table, format, args...); err != nil {
			problems = append(problems, err)
		}
	}
	if d.table {
		show("line\tresult\ttype\taccount\tid\ttime\n")
	}
	for i := range records {
		r := &records[i]
		events, rejection, err := decoder.Decode(ctx, r)
		if err != nil {
			return err
		}
		line := r.Position.Offset + 1
		switch {
		case rejection != nil:
			d.rejected++
			if d.table {
				show("%d\t%s\t%s\t\t\t\n", line, rejection.Reason, rejection.Detail)
			} else {
				_, _ = fmt.Fprintf(d.errOut, "processor: %s:%d: %s %s\n", d.name, line, rejection.Reason, rejection.Detail)
			}
		case len(events) == 0:
			d.ignored++
			if d.table {
				show("%d\tignored\t\t\t\t\n", line)
			}
		}
		for _, e := range events {
			if d.table {
				show("%d\tevent\t%s\t%s\t%s\t%s\n", line, e.Type, e.Subject, e.ID, e.Time)
				continue
			}
			if _, err := d.out.Write(append(e.AppendNative(nil), '\n')); err != nil {
				return err
			}
		}
	}
	problems = append(problems, table.Flush())
	if d.rejected+d.ignored > 0 {
		_, _ = fmt.Fprintf(d.errOut, "processor: of %d records %d were rejected and %d ignored\n", len(records), d.rejected, d.ignored)
	}
	return errors.Join(problems...)
}
