package internal

import (
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"
)

// What CI leaves out of the run with the race detector has no goroutine that the detector could watch. Tests that run
// beside each other there share nothing but the core, which several shards share in the tests of pipeline too.
func TestTheRaceDetectorLeavesOutNothingThatStartsGoroutines(t *testing.T) {
	text, err := os.ReadFile("../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`(?m)^raceless='(.*)'$`).FindSubmatch(text)
	if name == nil {
		t.Fatal(".ci/run has no line raceless='...'")
	}
	left := 0
	for _, s := range sources(t) {
		if s.test || "internal/"+s.pkg != string(name[1]) {
			continue
		}
		left++
		ast.Inspect(s.tree, func(n ast.Node) bool {
			_, starts := n.(*ast.GoStmt)
			called, calls := n.(*ast.SelectorExpr) // of a wait group
			if starts || calls && called.Sel.Name == "Go" {
				t.Errorf("%s: a goroutine, in a package that .ci/run keeps from the race detector", s.set.Position(n.Pos()))
			}
			return true
		})
		for _, name := range s.imports {
			if name == "net/http" || strings.HasSuffix(name, "errgroup") {
				t.Errorf("%s imports %s, which starts goroutines", s.file, name)
			}
		}
	}
	if left < 3 {
		t.Errorf("%d files: the name is read wrongly", left)
	}
}
