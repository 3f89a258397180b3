package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"processor/internal/config"
)

// validateCommand checks everything that can be checked without a network.
func validateCommand() *cobra.Command {
	var path, purpose string
	cmd := &cobra.Command{
		Use:   "validate --config FILE",
		Short: "Check a configuration without a network and report every problem at once",
		RunE: func(cmd *cobra.Command, _ []string) error {
			reader, err := purposeOf(purpose)
			if err != nil {
				return err
			}
			loaded, err := loadConfig(path, reader)
			if err != nil {
				return err
			}
			if err := checkAlerts(loaded); err != nil {
				return err
			}
			if reader == config.ForRun {
				if _, err := serverOptions(loaded, nil); err != nil {
					return withCode(exitUsage, err)
				}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is valid for %s: %s\n", path, purpose, checked(loaded))
			return err
		},
	}
	addConfigFlag(cmd, &path)
	addPurposeFlag(cmd, &purpose)
	// The only failure is a flag that does not exist; it was added just above.
	_ = cmd.MarkFlagRequired("config")
	return cmd
}

// checkAlerts checks what the words of rules mean together.
func checkAlerts(c *config.Config) error {
	core, err := coreOptions(c)
	if err == nil {
		_, err = alertRules(c, &core)
	}
	return withCode(exitUsage, err)
}

// checked says in one line what a valid configuration holds. It gives counts, never values.
func checked(c *config.Config) string {
	set := 0
	settings := c.Settings()
	for _, s := range settings {
		if s.Origin != "default" && s.Origin != "not set" {
			set++
		}
	}
	return fmt.Sprintf("%d of %d keys set; sources: %d, rate tables: %d, groupings: all and %d more, windows: %d",
		set, len(settings), len(c.Sources), len(c.Reporting.Rates), len(c.Groupings), len(c.Windows))
}

// addConfigFlag adds --config to a command.
func addConfigFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "config", "", "configuration `FILE` (YAML)")
}

// addPurposeFlag adds --for to a command.
func addPurposeFlag(cmd *cobra.Command, purpose *string) {
	cmd.Flags().StringVar(purpose, "for", "run", "the `COMMAND` that will read it: run, replay or rules")
}

// purposeOf is the purpose that --for names.
func purposeOf(name string) (config.Purpose, error) {
	switch name {
	case "run":
		return config.ForRun, nil
	case "replay":
		return config.ForReplay, nil
	case "rules":
		return config.ForRules, nil
	default:
		return config.ForRun, usagef("--for is run, replay or rules, not %q", name)
	}
}
