package main

import (
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// outcome is one line of what gremlins prints.
var outcome = regexp.MustCompile(`^ *(KILLED|LIVED|NOT VIABLE|TIMED OUT|NOT COVERED) ([A-Z_]+) at ([^:]+):(\d+):(\d+)$`)

// survivor is a line of the list of those that are known: file, source line with the operator in «», what it
// becomes, reason. The line number is not part of it, so that the list outlives changes elsewhere.
var survivor = regexp.MustCompile("^- (`[a-z_]+\\.go` `.+` to `[^`]+`): (.+)$")

// tally counts the mutants of one file.
type tally struct{ killed, lived, notViable int }

// report prints the score by file, and fails when a mutant survived that is not on the list, or when one of the
// list is dead.
func report(folder, accepted string, results []string) error {
	known, err := survivors(accepted)
	if err != nil {
		return err
	}
	counts := map[string]*tally{}
	lived := map[string]bool{}
	seen := map[string]bool{} // a mutant that two runs tried counts once
	for _, name := range results {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, line := range strings.Split(string(content), "\n") {
			m := outcome.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			id := strings.Join(m[2:], " ")
			if seen[id] {
				continue
			}
			seen[id] = true
			if counts[m[3]] == nil {
				counts[m[3]] = &tally{}
			}
			switch m[1] {
			case "NOT VIABLE":
				counts[m[3]].notViable++
			case "LIVED", "NOT COVERED":
				counts[m[3]].lived++
				text, err := describe(folder, m[2], m[3], m[4]+":"+m[5])
				if err != nil {
					return err
				}
				lived[text] = true
			default:
				counts[m[3]].killed++
			}
		}
	}
	printTable(counts)
	return compare(known, lived, counts)
}

func printTable(counts map[string]*tally) {
	fmt.Println("| file | mutants | killed | survived | |\n|---|---|---|---|---|")
	var all tally
	line := func(name string, t *tally) {
		n := t.killed + t.lived
		fmt.Printf("| %s | %d | %d | %d | %.1f %% |\n", name, n, t.killed, t.lived, 100*float64(t.killed)/float64(max(n, 1)))
	}
	for _, name := range sortedKeys(counts) {
		t := counts[name]
		line(name, t)
		all.killed, all.lived, all.notViable = all.killed+t.killed, all.lived+t.lived, all.notViable+t.notViable
	}
	line("all", &all)
	fmt.Printf("\n%d more do not compile.\n", all.notViable)
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// survivors reads the list; a file that is not there is an empty one.
func survivors(name string) (map[string]string, error) {
	known := map[string]string{}
	content, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, line := range strings.Split(string(content), "\n") {
		if m := survivor.FindStringSubmatch(line); m != nil {
			known[m[1]] = m[2]
		}
	}
	return known, nil
}

// compare tells what the list lacks, in its own form, and what it has too much of the files that were tried.
func compare(known map[string]string, lived map[string]bool, counts map[string]*tally) error {
	var fresh, gone []string
	for _, text := range sortedKeys(lived) {
		if known[text] == "" {
			fresh = append(fresh, "- "+text+": ")
		}
	}
	for _, text := range sortedKeys(known) {
		file, _, _ := strings.Cut(strings.TrimPrefix(text, "`"), "`")
		if counts[file] != nil && !lived[text] {
			gone = append(gone, "- "+text)
		}
	}
	if len(gone) > 0 {
		fmt.Printf("\nOn the list, and dead or gone:\n%s\n", strings.Join(gone, "\n"))
	}
	if len(fresh) > 0 {
		fmt.Printf("\nSurvived, and not on the list:\n%s\n", strings.Join(fresh, "\n"))
	}
	if len(fresh)+len(gone) > 0 {
		return fmt.Errorf("%d survivors are new, %d of the list are none", len(fresh), len(gone))
	}
	return nil
}

// describe names a mutant by what its line says.
func describe(folder, kind, file, at string) (string, error) {
	name := filepath.Join(folder, file)
	list, err := tokens(name)
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(content), "\n")
	for _, s := range list {
		if fmt.Sprintf("%d:%d", s.at.Line, s.at.Column) != at {
			continue
		}
		line, op := lines[s.at.Line-1], s.tok.String()
		marked := line[:s.at.Column-1] + "«" + op + "»" + line[s.at.Column-1+len(op):]
		return fmt.Sprintf("`%s` `%s` to `%s`", file, strings.ReplaceAll(strings.TrimSpace(marked), "`", "'"), becomes(kind, s.tok)), nil
	}
	return "", fmt.Errorf("%s:%s is no operator: the file has changed since the run", file, at)
}

// opposite are the operators that gremlins exchanges for each other.
var opposite = map[token.Token]token.Token{
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.INC: token.DEC, token.DEC: token.INC, token.LAND: token.LOR,
	token.LOR: token.LAND, token.BREAK: token.CONTINUE, token.CONTINUE: token.BREAK, token.SHL: token.SHR, token.SHR: token.SHL,
}

// becomes is what gremlins makes of an operator.
func becomes(kind string, op token.Token) token.Token {
	switch kind {
	case "CONDITIONALS_BOUNDARY":
		return ordered[op].becomes[0]
	case "CONDITIONALS_NEGATION":
		if other, paired := opposite[op]; paired {
			return other
		}
		return ordered[op].becomes[1]
	case "INVERT_ASSIGNMENTS", "INVERT_BWASSIGN":
		return inverted[op]
	case "REMOVE_SELF_ASSIGNMENTS":
		return token.ASSIGN
	}
	if other, paired := opposite[op]; paired {
		return other
	}
	return arithmetic[op].becomes
}
