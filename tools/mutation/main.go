// Command mutation makes mutation testing with gremlins quick, and reports its result.
//
//	mutation instrument -package DIR -out DIR    all mutants of a package as one, behind a switch
//	mutation identify -package DIR -copy DIR -mutants FILE    which of them a copy of the package is
//	mutation report -package DIR -accepted FILE RESULT...    score by file; unknown survivors fail
//
// gremlins changes one operator in a copy of the module and runs the tests, which would mean to compile
// and link the tests for each of 1,500 mutants. Instead they are compiled once, with every operator
// behind a switch, and a mutant is a number in the environment of a run. What cannot be switched,
// because it is a constant or not part of an expression that can be wrapped, is compiled as it is.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("want instrument, identify or report")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	folder := flags.String("package", "internal/aggregate", "folder of the mutated package")
	out := flags.String("out", "", "folder for the instrumented files")
	copied := flags.String("copy", "", "folder of the package with one operator changed")
	list := flags.String("mutants", "", "the list that instrument wrote")
	accepted := flags.String("accepted", "", "the survivors that are known, with their reasons")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "instrument":
		return instrument(*folder, *out)
	case "identify":
		return identify(*folder, *copied, *list)
	case "report":
		return report(*folder, *accepted, flags.Args())
	}
	return fmt.Errorf("unknown command %s", args[0])
}
