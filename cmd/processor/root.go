package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"processor/internal/config"
)

// commands are all commands, in the order of the help text. A new command is one line here.
func commands() []*cobra.Command {
	return []*cobra.Command{
		runCommand(),
		rebuildCommand(),
		rescaleCommand(),
		replayCommand(),
		decodeCommand(),
		explainCommand(),
		rulesCommand(),
		doctorCommand(),
		supportCommand(),
		checkpointCommand(),
		deadLettersCommand(),
		schemaCommand(),
		validateCommand(),
		demoCommand(),
		generateCommand(),
		configCommand(),
		versionCommand(),
	}
}

// execute runs the program with the given arguments and returns its exit code. Commands find in
// their context the operator's wish to stop.
func execute(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err != nil {
		printError(errOut, err)
	}
	return exitCode(err)
}

// printError writes err to w. The problems of a configuration stand one to a line and begin with
// their place, so that editors and terminals can jump to them. Where w fails, the exit code is what
// remains.
func printError(w io.Writer, err error) {
	var problems config.Problems
	if errors.As(err, &problems) {
		_, _ = fmt.Fprintln(w, err)
		return
	}
	_, _ = fmt.Fprintln(w, "processor:", err)
}

// rootCommand is the whole tree of commands.
func rootCommand() *cobra.Command {
	root := group(&cobra.Command{
		Use:           "processor",
		Short:         "Expansion revenue in real time from Kafka",
		SilenceErrors: true, // execute prints them
		SilenceUsage:  true,
	}, commands()...)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			group(c)
		}
	}
	return root
}

// group makes parent a command that only has subcommands: alone it prints its help, and a word
// that is none of them is an error with the nearest one.
func group(parent *cobra.Command, children ...*cobra.Command) *cobra.Command {
	for _, child := range children {
		codeErrors(child)
	}
	parent.AddCommand(children...)
	parent.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return unknownCommand(cmd, args[0])
	}
	parent.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return parent
}

// codeErrors separates the two sources of errors of cmd: what its arguments are refused for is
// exitUsage, what its work returns keeps its own code.
func codeErrors(cmd *cobra.Command) {
	check := cmd.Args
	if check == nil {
		check = noArguments
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if err == nil {
			err = cmd.ValidateRequiredFlags()
		}
		var coded *exitError
		if err == nil || errors.As(err, &coded) {
			return err
		}
		return usagef("%s: %w (see processor help)", cmd.CommandPath(), err)
	}
}

// noArguments refuses words after a command that takes only flags.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no arguments, not %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// unknownCommand is the error about a word that is no subcommand of parent.
func unknownCommand(parent *cobra.Command, word string) error {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := config.Nearest(word, names); near != "" {
		return usagef("unknown command %q; did you mean %q?", word, near)
	}
	return usagef("unknown command %q; there are %s", word, strings.Join(names, ", "))
}

// flagError is the error about flags that could not be parsed.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usagef("%s: %w", cmd.CommandPath(), err)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	word := unknown.GetSpecifiedName()
	if near := config.Nearest(word, names); near != "" {
		return usagef("%s: unknown flag --%s; did you mean --%s?", cmd.CommandPath(), word, near)
	}
	return usagef("%s: %w; there are --%s", cmd.CommandPath(), err, strings.Join(names, ", --"))
}

// helpCommand is cobra's help, except that an unknown command is an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about a command",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd, rest[0])
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// loadConfig reads a configuration for a command; what is wrong with it is exitUsage.
func loadConfig(path string, purpose config.Purpose) (*config.Config, error) {
	return loadConfigWith(path, purpose)
}

// loadConfigWith is loadConfig with settings, as NAME=value, that stand above the environment.
func loadConfigWith(path string, purpose config.Purpose, settings ...string) (*config.Config, error) {
	loaded, err := config.Load(path, append(os.Environ(), settings...), purpose)
	return loaded, withCode(exitUsage, err)
}
