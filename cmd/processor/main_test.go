package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the stories run the real main as the command `processor`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"processor": main})
}

// TestScripts runs the stories of the command line, testdata/script/*.txtar.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}
