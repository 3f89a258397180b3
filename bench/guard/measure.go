package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
)

// measure builds the tests of the packages, with the go command's flags beside its own, and counts each benchmark.
func measure(ctx context.Context, scratch string, here tools, list []benchmark, flags ...string) (report, error) {
	now := report{tools: here, figures: make([]figure, len(list))}
	for _, b := range list {
		if err := b.build(ctx, scratch, flags); err != nil {
			return now, err
		}
	}
	problems, processors := make([]error, len(list)), make([]string, len(list))
	next := make(chan int)
	var workers sync.WaitGroup
	for range runtime.NumCPU() {
		workers.Go(func() {
			for i := range next {
				now.figures[i], processors[i], problems[i] = list[i].measure(ctx, scratch)
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	workers.Wait()
	now.tools.processor = processors[0]
	return now, errors.Join(problems...)
}

// program is where the tests of the benchmark's package are built.
func (b *benchmark) program(scratch string) string { return filepath.Join(scratch, b.pkg+".test") }

func (b *benchmark) build(ctx context.Context, scratch string, flags []string) error {
	program := b.program(scratch)
	if _, err := os.Stat(program); err == nil {
		return nil
	}
	args := append([]string{"test", "-c", "-trimpath", "-o", program}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./internal/"+b.pkg)...) //nolint:gosec // from the list
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the tests of %s: %w\n%s", b.pkg, err, out)
	}
	return nil
}

// measure runs the benchmark twice under valgrind, and once by itself for its allocations.
func (b *benchmark) measure(ctx context.Context, scratch string) (f figure, processor string, err error) {
	f = figure{pkg: b.pkg, name: b.name, operations: int64(b.many)}
	var counts [2]int64
	for i, n := range [2]int{b.few, b.many} {
		out, err := b.run(ctx, scratch, n, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
		if err != nil {
			return f, "", err
		}
		if counts[i], err = number(collected, out); err != nil {
			return f, "", fmt.Errorf("%s: %w", b.name, err)
		}
		processor = processorLine.FindString(out)
	}
	f.instructions = (counts[1] - counts[0]) / int64(b.many-b.few)
	out, err := b.run(ctx, scratch, b.many)
	if err != nil {
		return f, "", err
	}
	if f.allocations, err = number(allocations, out); err != nil {
		return f, "", fmt.Errorf("%s: %w", b.name, err)
	}
	return f, strings.TrimPrefix(processor, "cpu: "), nil
}

// environment makes a run repeatable: one thread, no collector. Without preemption by signals valgrind does not
// crash.
var environment = []string{"GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1", "GOGC=off"}

// run runs so many operations by a command before the program, if there is one.
func (b *benchmark) run(ctx context.Context, scratch string, operations int, under ...string) (string, error) {
	name := strings.ReplaceAll("Benchmark"+b.name, "/", "$/^")
	args := append(under, b.program(scratch), //nolint:gocritic // of this call alone
		"-test.run=^$", "-test.bench=^"+strings.ReplaceAll(name, ".", `\.`)+"$", "-test.benchtime="+strconv.Itoa(operations)+"x", "-test.benchmem")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // from the list
	cmd.Dir = filepath.Join("internal", b.pkg)
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w\n%s", b.name, strings.Join(args, " "), err, text)
	}
	if ran, err := number(ran, text); err != nil || ran != int64(operations) {
		return "", fmt.Errorf("%s: there is no such benchmark in internal/%s, or it ran %d operations instead of %d:\n%s", b.name, b.pkg, ran, operations, text)
	}
	return text, nil
}

// What is looked for in the output.
var (
	collected     = regexp.MustCompile(`Collected : (\d+)`)
	ran           = regexp.MustCompile(`(?m)^Benchmark\S+\s+(\d+)\s.* ns/op`)
	allocations   = regexp.MustCompile(`(\d+) allocs/op`)
	processorLine = regexp.MustCompile(`(?m)^cpu: .*$`)
)

func number(pattern *regexp.Regexp, output string) (int64, error) {
	found := pattern.FindStringSubmatch(output)
	if found == nil {
		return 0, fmt.Errorf("no %q in the output:\n%s", pattern, output)
	}
	return strconv.ParseInt(found[1], 10, 64)
}
