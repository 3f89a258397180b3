package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Origin is the place a value was written: the default, a position in a file, or a variable of
// the environment. The zero Origin is the default.
type Origin struct {
	File         string
	Line, Column int
	Env          string
}

// String is `default`, `FILE:LINE:COLUMN` or `env NAME`.
func (o Origin) String() string {
	switch {
	case o.Env != "":
		return "env " + o.Env
	case o.File != "" && o.Line > 0:
		return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
	case o.File != "":
		return o.File
	default:
		return "default"
	}
}

// Problem is one thing that is wrong with a configuration. Message never holds a secret, nor any
// value that came out of `${...}`.
type Problem struct {
	At      Origin
	Key     string // path such as kafka.sasl.mechanism; empty when it is about the whole file
	Message string
}

// String is one line: place, key, what is wrong. What is missing has no place where there is no
// file.
func (p Problem) String() string {
	place := "configuration"
	if p.At != (Origin{}) {
		place = p.At.String()
	}
	if p.Key == "" {
		return place + ": " + p.Message
	}
	return place + ": " + p.Key + ": " + p.Message
}

// Problems is every problem of one configuration, in the order of the file, then the environment.
type Problems []Problem

// Error is one line per problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted orders problems as a reader meets them and drops exact repetitions.
func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.At.Env, b.At.Env),
			cmp.Compare(a.At.Line, b.At.Line),
			cmp.Compare(a.At.Column, b.At.Column),
			cmp.Compare(a.Key, b.Key),
		)
	})
	return slices.Compact(ps)
}
