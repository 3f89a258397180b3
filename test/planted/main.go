// Command planted shows that the harnesses can fail: it builds the program with one deliberate mistake
// at a time and prints which harness found it and after how many seeds. The program itself is free of
// them, see docs/decisions/0016-planted-bugs.md.
//
//	go run ./test/planted                  all of them
//	go run ./test/planted -only "epoch"    those whose name has the word
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"processor/test/overlay"
)

func main() {
	only := flag.String("only", "", "mistakes whose name has these words")
	seeds := flag.Int("seeds", 5000, "seeds of the simulation before a mistake counts as not found")
	skip := flag.Int("skip", 0, "leave out so many, which an earlier run has done")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, mistakes[min(*skip, len(mistakes)):], *only, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "planted:", err)
		os.Exit(1) //nolint:forbidigo // a command's exit code
	}
}

// run plants mistakes one after the other and prints the table; the error is for those that nobody
// found.
func run(ctx context.Context, out io.Writer, mistakes []mistake, only string, seeds int) (err error) {
	scratch, err := os.MkdirTemp("", "planted")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	write := func(format string, args ...any) {
		_, printErr := fmt.Fprintf(out, format, args...)
		err = errors.Join(err, printErr)
	}
	write("| mistake | in | found by | after | seconds |\n|---|---|---|---|---|\n")
	var missed []error
	planted := 0
	for _, m := range mistakes {
		if !strings.Contains(m.name, only) {
			continue
		}
		planted++
		after, took, err := m.try(ctx, scratch, seeds)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if after == "" {
			missed = append(missed, errors.New(m.name))
			after = "**not found**"
		}
		write("| %s | `%s` | %s | %s | %.1f |\n", m.name, strings.TrimPrefix(m.file, "internal/"), m.by, after, took.Seconds())
	}
	write("\n%d of %d found\n", planted-len(missed), planted)
	return errors.Join(append(missed, err)...)
}

// String is how the table names a harness.
func (h harness) String() string {
	switch h {
	case simulation:
		return "simulation"
	case traces:
		return "simulation, run twice"
	default:
		return "tests of " + strings.TrimPrefix(h.pkg, "./internal/")
	}
}

// try builds the harness with the mistake and runs it.
func (m *mistake) try(ctx context.Context, scratch string, seeds int) (after string, took time.Duration, err error) {
	exchanged, err := overlay.Write(scratch, m.file, m.old, m.new)
	if err != nil {
		return "", 0, err
	}
	binary := filepath.Join(scratch, "harness.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay="+exchanged, "-o", binary, m.by.pkg)
	if text, err := build.CombinedOutput(); err != nil {
		return "", 0, fmt.Errorf("it does not compile: %w\n%s", err, text)
	}
	test := exec.CommandContext(ctx, binary, "-test.run="+m.by.run, "-test.v", "-test.failfast", "-test.timeout=20m", "-test.shuffle=off")
	test.Dir = m.by.pkg
	// One worker, so that the seeds come in their order; rapid's properties from a fixed seed.
	test.Env = append(os.Environ(), "GOMAXPROCS=1", "SIM_SEEDS="+strconv.Itoa(seeds))
	if m.by.run == "" {
		test.Env = append(os.Environ(), "GOMAXPROCS=2")
	}
	var output bytes.Buffer
	test.Stdout, test.Stderr = &output, &output
	began := time.Now()
	err = test.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", 0, err
	}
	return found(output.String(), err != nil), time.Since(began), nil
}

var (
	seedFailed = regexp.MustCompile(`SIM_SEED=(\d+)|: seed (\d+)[,:]`)
	testFailed = regexp.MustCompile(`--- FAIL: (\w+)`)
)

// found says after what a harness failed; nothing when it did not.
func found(output string, failed bool) string {
	if !failed {
		return ""
	}
	if m := seedFailed.FindStringSubmatch(output); m != nil {
		n, _ := strconv.Atoi(m[1] + m[2]) // digits
		if n == 0 {
			return "1 seed"
		}
		return fmt.Sprintf("%d seeds", n+1)
	}
	if m := testFailed.FindStringSubmatch(output); m != nil {
		return m[1]
	}
	return "it does not run: " + strings.TrimSpace(output[:min(len(output), 200)])
}
