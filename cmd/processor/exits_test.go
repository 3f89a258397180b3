package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// exits is a command of the stories: `exits 2 processor ...` runs a program and wants that exit
// code, which `! exec` cannot tell from another. Stdout and stderr are compared as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("%v exited with %d, want %d", args[1:], code, want)
	}
}

func TestExitCodes(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, exitFine},
		{withCode(exitFenced, nil), exitFine},
		{cause, exitFailed},
		{usagef("no such thing"), exitUsage},
		{withCode(exitOperator, cause), exitOperator},
		{fmt.Errorf("shard 3: %w", withCode(exitFenced, cause)), exitFenced},
	} {
		if got := exitCode(c.err); got != c.code {
			t.Errorf("exitCode(%v) = %d, want %d", c.err, got, c.code)
		}
	}
	if !errors.Is(withCode(exitOperator, cause), cause) {
		t.Error("the cause of a coded error is lost")
	}
}
