package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"processor/internal/config"
)

// configCommand holds what there is to ask about configurations.
func configCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "config",
		Short: "Show a configuration with the origin of each value, or its JSON Schema",
	}, configShowCommand(), configSchemaCommand())
}

// configShowCommand prints the result of the defaults, the file and the environment.
func configShowCommand() *cobra.Command {
	var path, purpose, format string
	cmd := &cobra.Command{
		Use:   "show [--config FILE]",
		Short: "Print every key with its value and where that comes from",
		RunE: func(cmd *cobra.Command, _ []string) error {
			reader, err := purposeOf(purpose)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("for") {
				reader = config.ForShow
			}
			if format != "yaml" && format != "json" {
				return usagef("-o is yaml or json, not %q", format)
			}
			loaded, err := loadConfig(path, reader)
			if err != nil {
				return err
			}
			if format == "yaml" {
				return loaded.WriteYAML(cmd.OutOrStdout())
			}
			return writeSettings(cmd, loaded.Settings())
		},
	}
	addConfigFlag(cmd, &path)
	addPurposeFlag(cmd, &purpose)
	cmd.Flags().StringVarP(&format, "output", "o", "yaml", "`FORMAT`: yaml or json")
	return cmd
}

// writeSettings prints settings as one JSON array.
func writeSettings(cmd *cobra.Command, settings []config.Setting) error {
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(settings); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// configSchemaCommand prints the JSON Schema of the file.
func configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration file",
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(schema)
			return err
		},
	}
}
