package main

import (
	"fmt"
	"log/slog"

	"processor/internal/aggregate"
	"processor/internal/config"
	"processor/internal/pipeline"
	"processor/internal/registry"
	"processor/internal/row"
	"processor/internal/row/wire"
)

// rowTables are the tables of rows as a configuration makes them.
func rowTables(core aggregate.Options) ([]row.Table, error) {
	state, err := aggregate.New(core) // the dimensions are the core's to find among the groupings
	if err != nil {
		return nil, err
	}
	return row.Tables(state.Dimensions(), core.Windows), nil
}

// outputFormat is the form in which rows leave. It does no I/O: what a registry must know is registered at the start.
func outputFormat(c *config.Config, core aggregate.Options, client *registry.Client) (pipeline.Format, error) {
	tables, err := rowTables(core)
	if err != nil {
		return nil, err
	}
	switch c.Output.Format {
	case wire.ConnectJSON:
		return pipeline.FormatConnect{Connect: wire.NewConnect(tables)}, nil
	case wire.Avro:
		rows, err := registry.NewRows(client, c.Output.Prefix, tables)
		if err != nil {
			return nil, fmt.Errorf("output.format: avro: %w", err)
		}
		return rows, nil
	}
	return nil, nil //nolint:nilnil // rows as they are made
}

// warnOfRegistry logs what a form of rows waits for.
func warnOfRegistry(f pipeline.Format, log *slog.Logger) {
	if rows, ok := f.(*registry.Rows); ok {
		rows.Waiting = func(err error) {
			log.Warn("the schema registry does not answer: rows wait, and none is lost", "error", err)
		}
	}
}
