package main

import (
	"errors"
	"fmt"
)

// The exit codes; scripts and supervisors depend on them.
const (
	exitFine     = 0
	exitFailed   = 1 // it was tried and did not work: trying again may help
	exitUsage    = 2 // the command line or the configuration is wrong: trying again cannot help
	exitOperator = 3 // the data needs an operator's decision: a gap, a recreated topic
	exitFenced   = 4 // a newer owner took over: stopping is right
)

// exitError is an error with the code that the process ends with. A command that returns any
// other error ends with exitFailed.
type exitError struct {
	code int
	err  error
}

// Error is the message of the cause.
func (e *exitError) Error() string { return e.err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *exitError) Unwrap() error { return e.err }

// withCode gives err an exit code; nil stays nil.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}

// usagef is an error of the command line.
func usagef(format string, args ...any) error {
	return withCode(exitUsage, fmt.Errorf(format, args...))
}

// exitCode is the code that err stands for.
func exitCode(err error) int {
	var coded *exitError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &coded):
		return coded.code
	default:
		return exitFailed
	}
}
