// Command guard counts what the core's benchmarks take: instructions under valgrind, which a busy machine does not
// change, and allocations. It compares them with baseline.txt and fails when one rises. It must run in the root
// of the module.
//
//	go run ./bench/guard            compares; two minutes on two cores
//	go run ./bench/guard -update    writes the baseline anew
//	go run ./bench/guard -planted   plants a slow path, and fails unless it is found
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

const baselineFile = "bench/guard/baseline.txt"

func main() {
	update := flag.Bool("update", false, "write "+baselineFile+" anew")
	plant := flag.Bool("planted", false, "plant a slow path, and fail unless it is found")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *update, *plant); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, update, plant bool) (err error) {
	here, err := toolsOf(ctx)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "guard")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if update {
		now, err := measure(ctx, scratch, here, benchmarks)
		if err != nil {
			return err
		}
		return os.WriteFile(baselineFile, now.text(), 0o644) //nolint:gosec // a file of the repository
	}
	was, err := readBaseline(here)
	if err != nil {
		return err
	}
	if plant {
		return findPlanted(ctx, scratch, here, was)
	}
	now, err := measure(ctx, scratch, here, benchmarks)
	if err != nil {
		return err
	}
	if err := show(ctx, scratch, now); err != nil {
		return err
	}
	for _, note := range improvements(was, now) {
		fmt.Println(note)
	}
	return errors.Join(compare(was, now)...)
}

// readBaseline reads the baseline, which must be of these tools: other ones count otherwise.
func readBaseline(here tools) (report, error) {
	text, err := os.ReadFile(baselineFile)
	if err != nil {
		return report{}, fmt.Errorf("%w: run it in the root of the module; `go run ./bench/guard -update` writes the file", err)
	}
	was, err := parse(string(text))
	if err != nil {
		return report{}, fmt.Errorf("%s: %w", baselineFile, err)
	}
	return was, was.tools.same(here)
}

// toolsOf asks the tools for their versions.
func toolsOf(ctx context.Context) (tools, error) {
	var here tools
	for _, t := range []struct {
		version *string
		command []string
		missing string
	}{
		{&here.goVersion, []string{"go", "env", "GOVERSION"}, "install Go"},
		{&here.goarch, []string{"go", "env", "GOARCH"}, "install Go"},
		{&here.valgrind, []string{"valgrind", "--version"}, "instructions are counted by it: install the package valgrind (apt-get install valgrind)"},
	} {
		out, err := exec.CommandContext(ctx, t.command[0], t.command[1:]...).Output() //nolint:gosec // from the table above
		if err != nil {
			return here, fmt.Errorf("%s: %w: %s", strings.Join(t.command, " "), err, t.missing)
		}
		*t.version = strings.TrimSpace(string(out))
	}
	return here, nil
}

// show prints both reports side by side.
func show(ctx context.Context, scratch string, now report) error {
	file := filepath.Join(scratch, "now.txt")
	if err := os.WriteFile(file, now.text(), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/go.mod", "benchstat", "baseline="+baselineFile, "now="+file)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("benchstat: %w", err)
	}
	return nil
}
