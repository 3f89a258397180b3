package internal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	faultRow  = regexp.MustCompile(`^\| ([FS][0-9]+[a-e]?) \|`)
	namedTest = regexp.MustCompile("`([a-z]+)\\.((?:Test|Fuzz|Benchmark)[A-Za-z0-9]+)`")
)

// withoutTest begins the reason of a row that has no test.
const withoutTest = "no test: "

// faults are the rows that the tables of docs/reliability.md must have, in order: faults, and areas of security.
func faults() []string {
	var all []string
	for n := 1; n <= 74; n++ {
		if n == 44 {
			all = append(all, "F44a", "F44b", "F44c", "F44d", "F44e")
			continue
		}
		all = append(all, fmt.Sprint("F", n))
	}
	for n := 1; n <= 13; n++ {
		all = append(all, fmt.Sprint("S", n))
	}
	return all
}

// testFunctions are the tests of the tree, as folder.Name.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, root := range []string{"../internal", "../cmd", "../deploy", "../bench", "../test"} {
		err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, "_test.go") {
				return err
			}
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, d := range tree.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil {
					found[path.Base(filepath.ToSlash(filepath.Dir(file)))+"."+f.Name.Name] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// Every fault has its row, every row has a test or says why not, and every test that is named exists.
func TestFaultTableNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	exists := testFunctions(t)
	want := faults()
	for line := range strings.Lines(string(text)) {
		tests := namedTest.FindAllStringSubmatch(line, -1)
		for _, m := range tests {
			if name := m[1] + "." + m[2]; !exists[name] {
				t.Errorf("docs/reliability.md names %s, which does not exist", name)
			}
		}
		m := faultRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if len(want) == 0 || m[1] != want[0] {
			t.Errorf("row %s is not where it belongs, the next one should be %v", m[1], want[:min(1, len(want))])
			continue
		}
		want = want[1:]
		if len(tests) == 0 && !strings.Contains(line, withoutTest) {
			t.Errorf("row %s names no test and does not say %q and why", m[1], withoutTest)
		}
	}
	if len(want) > 0 {
		t.Errorf("the table ends before %s", want[0])
	}
}
