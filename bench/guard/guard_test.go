package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"processor/test/overlay"
)

var testTools = tools{"go1.26.8", "amd64", "valgrind-3.19.0", "some processor"}

func testReport(figures ...figure) report { return report{testTools, figures} }

func TestCompare(t *testing.T) {
	decode := figure{"event", "Decode/usage", 100, 1000, 40}
	small := figure{"event", "Decode/usage", 100, 1000, 0}
	with := func(f figure, instructions, allocations int64) figure {
		f.instructions, f.allocations = instructions, allocations
		return f
	}
	cases := []struct {
		name     string
		was, now report
		want     []string // words of each problem
	}{
		{"the same", testReport(decode), testReport(decode), nil},
		{"ten per cent more instructions are noise", testReport(decode), testReport(with(decode, 1100, 40)), nil},
		{"more than ten are not", testReport(decode), testReport(with(decode, 1101, 40)), []string{"event Decode/usage: 1101 instructions an operation were 1000 before"}},
		{"five per cent more allocations are noise", testReport(decode), testReport(with(decode, 1000, 42)), nil},
		{"more than five are not", testReport(decode), testReport(with(decode, 1000, 43)), []string{"43 allocations an operation were 40 before"}},
		{"one allocation where there was none", testReport(small), testReport(with(small, 1000, 1)), []string{"1 allocations an operation were 0 before"}},
		{"both", testReport(decode), testReport(with(decode, 2000, 80)), []string{"instructions", "allocations"}},
		{"less", testReport(decode), testReport(with(decode, 500, 20)), nil},
		{"a new benchmark", testReport(), testReport(decode), []string{"is not in bench/guard/baseline.txt: run `go run ./bench/guard -update`"}},
		{"one that is gone", testReport(decode), testReport(), []string{"was not measured"}},
		{"another processor", testReport(decode), report{tools{"go1.26.8", "amd64", "valgrind-3.19.0", "another"}, []figure{decode}}, []string{"run `go run ./bench/guard -update`"}},
	}
	for _, c := range cases {
		problems := compare(c.was, c.now)
		if len(problems) != len(c.want) {
			t.Errorf("%s: %v, want %d problems", c.name, problems, len(c.want))
			continue
		}
		for i, words := range c.want {
			if !strings.Contains(problems[i].Error(), words) {
				t.Errorf("%s: %v does not say %q", c.name, problems[i], words)
			}
		}
	}
}

func TestImprovements(t *testing.T) {
	was := testReport(figure{"event", "Decode/usage", 100, 1000, 1}, figure{"event", "Stored", 100, 1000, 1})
	now := testReport(figure{"event", "Decode/usage", 100, 900, 1}, figure{"event", "Stored", 100, 950, 1})
	if notes := improvements(was, now); len(notes) != 1 || !strings.Contains(notes[0], "event Decode/usage: 900 instructions were 1000") {
		t.Error(notes)
	}
}

func TestAnotherVersionOfGoCannotBeCompared(t *testing.T) {
	here := testTools
	here.goVersion, here.processor = "go1.27.0", "" // the processor is not known before the first count
	err := testTools.same(here)
	if err == nil {
		t.Fatal("nobody saw it")
	}
	for _, words := range []string{"go1.26.8", "go1.27.0", "go run ./bench/guard -update"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
	here.goVersion = testTools.goVersion
	if err := testTools.same(here); err != nil {
		t.Error(err)
	}
}

func TestReportIsReadAsItWasWritten(t *testing.T) {
	was := testReport(figure{"event", "Decode/usage", 10_000, 12_847, 5}, figure{"row", "Encode/month", 5000, 21_428, 2})
	got, err := parse(string(was.text()))
	if err != nil {
		t.Fatal(err)
	}
	if got.tools != was.tools || len(compare(was, got)) > 0 || got.figures[1] != was.figures[1] {
		t.Errorf("got %+v, want %+v", got, was)
	}
	if _, err := parse("go: go1.26.8\nBenchmarkX 1 two insns/op 3 allocs/op\n"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a damaged line: %v", err)
	}
}

// The committed file has a figure of every benchmark, and every benchmark is one of its package.
func TestBaselineHasEveryBenchmark(t *testing.T) {
	text, err := os.ReadFile("baseline.txt")
	if err != nil {
		t.Fatal(err)
	}
	was, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	now := report{tools: was.tools}
	for _, b := range benchmarks {
		f := figure{pkg: b.pkg, name: b.name}
		if byKey(was)[key(&f)] == nil {
			t.Errorf("%s is not in the baseline", key(&f))
		}
		now.figures = append(now.figures, f)
	}
	if problems := compare(was, now); len(problems) > 0 {
		t.Error(errors.Join(problems...))
	}
}

func TestWhatIsPlantedHasItsPlace(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	if len(plantedBenchmarks()) == 0 {
		t.Error("no benchmark shows it")
	}
	if _, err := overlay.Write(t.TempDir(), plantedFile, plantedOld, plantedNew); err != nil {
		t.Error(err)
	}
}

func TestNumbersOfTheOutput(t *testing.T) {
	const out = "cpu: Some processor\nBenchmarkDecode/usage \t     200\t   2957080 ns/op\t 120.73 MB/s\t 19258 B/op\t     110 allocs/op\nPASS\n" +
		"==8951== Collected : 844751969\n"
	for _, c := range []struct {
		pattern *regexp.Regexp
		want    int64
	}{{ran, 200}, {collected, 844751969}, {allocations, 110}} {
		if got, err := number(c.pattern, out); err != nil || got != c.want {
			t.Errorf("%s: %d, %v, want %d", c.pattern, got, err, c.want)
		}
	}
	if _, err := number(ran, "PASS\n"); err == nil {
		t.Error("a benchmark that did not run")
	}
}
