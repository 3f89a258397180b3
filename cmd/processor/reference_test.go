package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write docs/reference/commands.md")

const commandsFile = "../../docs/reference/commands.md"

// The reference of the commands is what they say themselves.
// To write it: go test ./cmd/processor -run CommandReference -update.
func TestCommandReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Commands\n\nMade from the program by `go test ./cmd/processor -run CommandReference -update`. Exit codes of all commands: 0 fine, " +
		"1 failed,\n2 usage or configuration, 3 data that needs an operator's decision, 4 fenced by a newer owner.\n")
	describeCommands(&b, rootCommand())
	if *update {
		if err := os.WriteFile(commandsFile, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(commandsFile)
	if err != nil || string(text) != b.String() {
		t.Errorf("%s is not what the commands say (%v); run this test with -update", commandsFile, err)
	}
}

func describeCommands(b *strings.Builder, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "completion" {
			continue
		}
		if c.HasAvailableSubCommands() {
			describeCommands(b, c)
			continue
		}
		about := c.Long
		if about == "" {
			about = c.Short + "."
		}
		fmt.Fprintf(b, "\n## %s\n\n```\n%s\n```\n\n%s\n", c.CommandPath(), c.UseLine(), strings.TrimSpace(about))
		if c.Example != "" {
			fmt.Fprintf(b, "\n```\n%s\n```\n", c.Example)
		}
		rows := 0
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				return
			}
			if rows++; rows == 1 {
				b.WriteString("\n| flag | |\n|---|---|\n")
			}
			placeholder, usage := pflag.UnquoteUsage(f)
			name := "--" + f.Name
			if f.Shorthand != "" {
				name = "-" + f.Shorthand + ", " + name
			}
			fmt.Fprintf(b, "| `%s` | %s |\n", strings.TrimSpace(name+" "+placeholder), strings.ReplaceAll(usage, "|", "\\|"))
		})
	}
}
