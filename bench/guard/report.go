package main

import (
	"fmt"
	"strconv"
	"strings"
)

// tools are what the counts depend on beside the code.
type tools struct {
	goVersion, goarch, valgrind string
	processor                   string // the one that valgrind stands for: by its features the program chooses its code
}

// same says in what the tools of the baseline differ from those here.
func (t tools) same(here tools) error {
	for _, of := range []struct{ what, was, now string }{
		{"Go", t.goVersion, here.goVersion},
		{"architecture", t.goarch, here.goarch},
		{"valgrind", t.valgrind, here.valgrind},
		{"the processor that valgrind stands for", t.processor, here.processor},
	} {
		if of.was != of.now && of.now != "" {
			return fmt.Errorf("the baseline was counted with another tool, %s: %q, and here it is %q: counts of the two cannot be compared; "+
				"run `go run ./bench/guard -update` on a tree of which the counts are right, and commit %s", of.what, of.was, of.now, baselineFile)
		}
	}
	return nil
}

// report is what was counted.
type report struct {
	tools   tools
	figures []figure
}

// figure is what one operation of a benchmark takes.
type figure struct {
	pkg, name    string
	operations   int64 // that were counted
	instructions int64
	allocations  int64
}

const head = `# Instructions and allocations of one operation of the core's benchmarks, in the format of Go's own. Written by
# "go run ./bench/guard -update"; the guard fails when instructions rise by more than 10 %, or allocations by more
# than 5 % and at least 1. Instructions depend on the version of Go, on that of valgrind and on the processor that
# valgrind stands for (the best that both it and the machine know), all below.
`

// text is the report in the format of Go's benchmarks, which benchstat reads: every figure is exact.
func (r *report) text() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%sgo: %s\ngoarch: %s\nvalgrind: %s\ncpu: %s\n", head, r.tools.goVersion, r.tools.goarch, r.tools.valgrind, r.tools.processor)
	b.WriteString("Unit insns/op better=lower assume=exact\nUnit allocs/op better=lower assume=exact\n")
	pkg := ""
	for _, f := range r.figures {
		if f.pkg != pkg {
			pkg = f.pkg
			fmt.Fprintf(&b, "pkg: processor/internal/%s\n", pkg)
		}
		fmt.Fprintf(&b, "Benchmark%s %d %d insns/op %d allocs/op\n", f.name, f.operations, f.instructions, f.allocations)
	}
	return []byte(b.String())
}

// parse reads what text wrote.
func parse(text string) (report, error) {
	var r report
	pkg, number := "", 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if name, isFigure := strings.CutPrefix(line, "Benchmark"); isFigure {
			f, err := parseFigure(pkg, strings.Fields(name))
			if err != nil {
				return r, fmt.Errorf("line %d: %q: %w", number, line, err)
			}
			r.figures = append(r.figures, f)
			continue
		}
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "go":
			r.tools.goVersion = value
		case "goarch":
			r.tools.goarch = value
		case "valgrind":
			r.tools.valgrind = value
		case "cpu":
			r.tools.processor = value
		case "pkg":
			pkg = strings.TrimPrefix(value, "processor/internal/")
		}
	}
	return r, nil
}

func parseFigure(pkg string, fields []string) (figure, error) {
	if len(fields) != 6 || fields[3] != "insns/op" || fields[5] != "allocs/op" {
		return figure{}, fmt.Errorf("want a name, a number, insns/op and allocs/op")
	}
	f := figure{pkg: pkg, name: fields[0]}
	for to, text := range map[*int64]string{&f.operations: fields[1], &f.instructions: fields[2], &f.allocations: fields[4]} {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return figure{}, err
		}
		*to = n
	}
	return f, nil
}
