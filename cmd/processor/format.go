package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"processor/internal/config"
	"processor/internal/event"
	"processor/internal/event/format"
	"processor/internal/intake"
	"processor/internal/pipeline"
	"processor/internal/registry"
)

// formats makes the decoders of sources.
type formats struct {
	bounds event.Options
	client *registry.Client // nil: there is no registry
}

// openFormats prepares the connection to the schema registry, if there is one. It does no I/O but reading
// the file of its authorities.
func openFormats(c *config.Config) (*formats, error) {
	f := &formats{bounds: decoderOptions(c)}
	if c.Registry.URL == "" {
		return f, nil
	}
	encryption := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.Registry.CAFile != "" {
		text, err := os.ReadFile(c.Registry.CAFile)
		if err != nil {
			return nil, fmt.Errorf("schema_registry.ca_file: %w", err)
		}
		encryption.RootCAs = x509.NewCertPool()
		if !encryption.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("schema_registry.ca_file: %s holds no certificate in PEM form", c.Registry.CAFile)
		}
	}
	var err error
	f.client, err = registry.New(registry.Options{
		URL: c.Registry.URL, Username: c.Registry.Username, Password: c.Registry.Password.Reveal(), TLS: encryption,
		Timeout: c.Registry.Timeout, SchemaMax: c.Registry.SchemaMax,
	})
	return f, err
}

// source is a source with the decoder of its format.
func (f *formats) source(s config.Source) (pipeline.Source, error) {
	out := pipeline.Source{Topic: s.Topic, KeyedByAccount: s.KeyedByAccount, Format: s.Format}
	if s.Format == format.Auto {
		out.Detect = f.detect
		return out, nil
	}
	var err error
	out.Decoder, err = f.decoder(s)
	return out, err
}

// decoder makes the decoders of a source; nil for a native one.
func (f *formats) decoder(s config.Source) (func() intake.Decoder, error) {
	if format.NeedsRegistry(s.Format) {
		if f.client == nil {
			return nil, fmt.Errorf("format: %s needs schema_registry.url", s.Format)
		}
		kind := registry.KindAvro
		if s.Format == format.JSONSchema {
			kind = registry.KindJSON
		}
		return func() intake.Decoder { return registry.NewDecoder(f.client, kind, f.bounds) }, nil
	}
	maker, problems := format.Compile(s.Format, s.Mapping)
	if len(problems) > 0 {
		return nil, errors.New(problems[0].Message)
	}
	if maker == nil {
		return nil, nil //nolint:nilnil // a native source has none
	}
	return func() intake.Decoder { return pureDecoder{maker(f.bounds)} }, nil
}

// pureDecoder is a decoder that needs nothing but the record.
type pureDecoder struct{ reader event.Reader }

// Decode reads one record.
func (d pureDecoder) Decode(_ context.Context, r *event.Record) ([]*event.Event, *event.Rejection, error) {
	events, rejection := d.reader.Read(r)
	return events, rejection, nil
}

// detect finds the format of a topic by its first records.
func (f *formats) detect(sample []event.Record) (string, func() intake.Decoder, error) {
	name, err := detectedFormat(format.Detect(sample, f.bounds))
	if err != nil {
		return "", nil, err
	}
	decoder, err := f.decoder(config.Source{Format: name})
	if err != nil {
		return "", nil, fmt.Errorf("its records look like %s: %w; name the format in sources[].format", name, err)
	}
	return name, decoder, nil
}

// detectedFormat is the one format that records are in, or what to do instead.
func detectedFormat(d format.Detected) (string, error) {
	const choose = "name the format in place of auto"
	switch {
	case d.Format != "" && d.Unknown*2 > d.Records:
		return "", fmt.Errorf("%d of its first %d records are in no known format, the others look like %s; %s", d.Unknown, d.Records, d.Format, choose)
	case d.Format != "":
		return d.Format, nil
	case d.Records == 0:
		return "", fmt.Errorf("it has no records to detect the format by; %s", choose)
	case len(d.Seen) > 1:
		return "", fmt.Errorf("its records look like %s; %s", strings.Join(d.Seen, " and "), choose)
	}
	return "", errors.New("its records are in no known format; use format: mapping with rules (docs/how-to/mapping.md)")
}
