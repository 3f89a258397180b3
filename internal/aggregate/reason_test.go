package aggregate

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every rule that the core can put into a row has its sentence: those of typed parts, and every text
// that the sources give to a row as its rule.
func TestEveryRuleHasAReason(t *testing.T) {
	emitted := map[string]bool{}
	for r := range rule(rules) {
		emitted[r.String()] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			for _, text := range rulesGiven(n) {
				emitted[text] = true
			}
			return true
		})
	}
	for _, known := range []string{"2.5", "3.3", "4", "5.5", "6", "7", "8", "10.4", "superseded"} {
		if !emitted[known] {
			t.Errorf("rule %s is not found in the sources: the search is broken", known)
		}
	}
	for text := range emitted {
		sentence := Reason(text)
		if sentence == "" || !strings.HasSuffix(sentence, ".") || strings.Contains(sentence, "\n") {
			t.Errorf("rule %q has no sentence: %q", text, sentence)
		}
	}
	for text := range reasons {
		if !emitted[text] {
			t.Errorf("rule %q has a sentence and no row", text)
		}
	}
}

// rulesGiven are the literal rules of a node: `Rule: "7"`, `x.Rule = "7"`, and the arguments of
// unmoved.
func rulesGiven(n ast.Node) (texts []string) {
	literal := func(e ast.Expr) {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if text, err := strconv.Unquote(l.Value); err == nil {
				texts = append(texts, text)
			}
		}
	}
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if name, ok := n.Key.(*ast.Ident); ok && name.Name == "Rule" {
			literal(n.Value)
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if field, ok := left.(*ast.SelectorExpr); ok && field.Sel.Name == "Rule" && i < len(n.Rhs) {
				literal(n.Rhs[i])
			}
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "unmoved" {
			for _, argument := range n.Args {
				literal(argument)
			}
		}
	}
	return texts
}
