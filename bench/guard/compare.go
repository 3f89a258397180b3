package main

import "fmt"

// By how much a figure may rise, in per cent; allocations also by less than one. What is above is more than the
// noise of the count, which is below 3 per cent.
const (
	instructionsMay = 10
	allocationsMay  = 5
)

func key(f *figure) string { return f.pkg + " " + f.name }

func byKey(r report) map[string]*figure {
	all := make(map[string]*figure, len(r.figures))
	for i := range r.figures {
		all[key(&r.figures[i])] = &r.figures[i]
	}
	return all
}

// compare says what has risen, and what cannot be compared.
func compare(was, now report) (problems []error) {
	if err := was.tools.same(now.tools); err != nil {
		return []error{err}
	}
	before, after := byKey(was), byKey(now)
	for i := range now.figures {
		f := &now.figures[i]
		old := before[key(f)]
		if old == nil {
			problems = append(problems, fmt.Errorf("%s is not in %s: run `go run ./bench/guard -update` and commit it", key(f), baselineFile))
			continue
		}
		if rose(old.instructions, f.instructions, instructionsMay) {
			problems = append(problems, f.rise("instructions", old.instructions, f.instructions, instructionsMay))
		}
		if rose(old.allocations, f.allocations, allocationsMay) {
			problems = append(problems, f.rise("allocations", old.allocations, f.allocations, allocationsMay))
		}
	}
	for i := range was.figures {
		if f := &was.figures[i]; after[key(f)] == nil {
			problems = append(problems, fmt.Errorf("%s is in %s and was not measured: run `go run ./bench/guard -update` and commit it", key(f), baselineFile))
		}
	}
	return problems
}

// rose says whether a figure is higher by more than so many per cent.
func rose(was, now, percent int64) bool { return 100*now > (100+percent)*was }

func (f *figure) rise(what string, was, now, may int64) error {
	return fmt.Errorf("%s: %d %s an operation were %d before: a rise of more than %d %%; where it is meant, run `go run ./bench/guard -update`, "+
		"commit %s and say in the commit what it buys", key(f), now, what, was, may, baselineFile)
}

// improvements are the figures that fell so far that the baseline guards them no more.
func improvements(was, now report) (notes []string) {
	before := byKey(was)
	for i := range now.figures {
		f := &now.figures[i]
		if old := before[key(f)]; old != nil && rose(f.instructions, old.instructions, instructionsMay) {
			notes = append(notes, fmt.Sprintf("%s: %d instructions were %d before: `go run ./bench/guard -update` keeps it so", key(f), f.instructions, old.instructions))
		}
	}
	return notes
}
