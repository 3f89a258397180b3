package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/astutil"
	"golang.org/x/tools/go/packages"
)

// instrument writes the package's files with a switch at every operator, an overlay.json for `go test
// -overlay` and the list of the mutants: their place and new operator, by the number that switches them on.
func instrument(folder, out string) error {
	config := &packages.Config{Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles |
		packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps |
		packages.NeedExportFile}
	loaded, err := packages.Load(config, "./"+folder)
	if err != nil {
		return err
	}
	if len(loaded) != 1 || len(loaded[0].Errors) > 0 {
		return fmt.Errorf("load %s: %v", folder, loaded)
	}
	p := loaded[0]
	mutants := map[string]int{}
	overlay := map[string]string{}
	for _, file := range p.Syntax {
		name := p.Fset.Position(file.Pos()).Filename
		s := &switcher{set: p.Fset, info: p.TypesInfo, pkg: p.Types, file: file, mutants: mutants}
		file.Comments = nil // their places are wrong once nodes move
		s.rewrite()
		var b bytes.Buffer
		if err := format.Node(&b, token.NewFileSet(), file); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		overlay[name] = filepath.Join(out, filepath.Base(name))
		if err := os.WriteFile(overlay[name], b.Bytes(), 0o600); err != nil {
			return err
		}
	}
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	switches := filepath.Join(out, "zz_switches.go")
	overlay[filepath.Join(absolute, "zz_switches.go")] = switches
	if err := os.WriteFile(switches, []byte("package "+p.Name+"\n"+switchesSource), 0o600); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(out, "overlay.json"), map[string]any{"Replace": overlay}); err != nil {
		return err
	}
	return writeJSON(filepath.Join(out, "mutants.json"), mutants)
}

func writeJSON(name string, value any) error {
	b, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, b, 0o600)
}

// place names a mutant: the file, line and column of the operator, and what it becomes.
func place(at token.Position, becomes token.Token) string {
	return fmt.Sprintf("%s:%d:%d %s", filepath.Base(at.Filename), at.Line, at.Column, becomes)
}

// switcher rewrites one file.
type switcher struct {
	set     *token.FileSet
	info    *types.Info
	pkg     *types.Package
	file    *ast.File
	mutants map[string]int
	parents []ast.Node
}

func (s *switcher) rewrite() {
	astutil.Apply(s.file, func(c *astutil.Cursor) bool {
		s.parents = append(s.parents, c.Node())
		return true
	}, func(c *astutil.Cursor) bool {
		s.parents = s.parents[:len(s.parents)-1]
		switch n := c.Node().(type) {
		case *ast.BinaryExpr:
			if up, inChain := c.Parent().(*ast.BinaryExpr); inChain && up.Op == n.Op && (n.Op == token.LAND || n.Op == token.LOR) {
				break // the whole chain at its top
			}
			if changed := s.binary(n); changed != nil {
				c.Replace(changed)
			}
		case *ast.UnaryExpr:
			if n.Op == token.SUB && !s.constant(n) {
				c.Replace(s.call("Negative", s.typeOf(n), n.OpPos, []token.Token{token.ADD}, n.X))
			}
		case *ast.IncDecStmt:
			if changed := s.incDec(n); changed != nil {
				c.Replace(changed)
			}
		case *ast.AssignStmt:
			if changed := s.assign(n, c); changed != nil {
				c.Replace(changed)
			}
		case *ast.BranchStmt:
			if changed := s.branch(n); changed != nil {
				c.Replace(changed)
			}
		}
		return true
	})
}

// constant says whether the compiler needs the value, so that nothing can switch it.
func (s *switcher) constant(e ast.Expr) bool { return s.info.Types[e].Value != nil }

// typeOf is the type of an expression as it is written in this file, "" where it cannot be.
func (s *switcher) typeOf(e ast.Expr) string {
	t := s.info.TypeOf(e)
	if t == nil {
		return ""
	}
	imported := true
	text := types.TypeString(t, func(p *types.Package) string {
		if p == s.pkg {
			return ""
		}
		found := false
		for _, spec := range s.file.Imports {
			found = found || strings.Trim(spec.Path.Value, `"`) == p.Path()
		}
		imported = imported && found
		return p.Name()
	})
	if !imported || strings.HasPrefix(text, "untyped") {
		return ""
	}
	return text
}

func (s *switcher) number(at token.Pos, becomes token.Token) ast.Expr {
	key := place(s.set.Position(at), becomes)
	if _, known := s.mutants[key]; !known {
		s.mutants[key] = len(s.mutants) + 1
	}
	return &ast.BasicLit{Kind: token.INT, Value: fmt.Sprint(s.mutants[key])}
}

// call is mutant<name>[<typeName>](number..., args...).
func (s *switcher) call(name, typeName string, at token.Pos, becomes []token.Token, args ...ast.Expr) ast.Expr {
	var fun ast.Expr = ast.NewIdent("mutant" + name)
	if typeName != "" {
		fun = &ast.IndexExpr{X: fun, Index: ast.NewIdent(typeName)}
	}
	var list []ast.Expr
	for _, b := range becomes {
		list = append(list, s.number(at, b))
	}
	return &ast.CallExpr{Fun: fun, Args: append(list, args...)}
}

// arithmetic is what gremlins makes of these operators.
var arithmetic = map[token.Token]struct {
	name    string
	becomes token.Token
}{
	token.ADD: {"Add", token.SUB}, token.SUB: {"Sub", token.ADD}, token.MUL: {"Mul", token.QUO}, token.QUO: {"Quo", token.MUL},
	token.REM: {"Rem", token.MUL}, token.AND: {"And", token.OR}, token.OR: {"Or", token.AND}, token.XOR: {"Xor", token.AND},
	token.AND_NOT: {"AndNot", token.AND},
}

// ordered are the comparisons: first the boundary, then the negation.
var ordered = map[token.Token]struct {
	name    string
	becomes []token.Token
}{
	token.LSS: {"Less", []token.Token{token.LEQ, token.GEQ}}, token.LEQ: {"LessEqual", []token.Token{token.LSS, token.GTR}},
	token.GTR: {"Greater", []token.Token{token.GEQ, token.LEQ}}, token.GEQ: {"GreaterEqual", []token.Token{token.GTR, token.LSS}},
}

var (
	becomesNotEqual = []token.Token{token.NEQ}
	becomesEqual    = []token.Token{token.EQL}
)

func (s *switcher) binary(n *ast.BinaryExpr) ast.Expr {
	if s.constant(n) {
		return nil
	}
	if a, found := arithmetic[n.Op]; found {
		basic, isBasic := s.info.TypeOf(n).Underlying().(*types.Basic)
		if !isBasic || basic.Info()&types.IsInteger == 0 {
			return nil
		}
		return s.call(a.name, s.typeOf(n), n.OpPos, []token.Token{a.becomes}, n.X, n.Y)
	}
	if o, found := ordered[n.Op]; found {
		operand := n.X
		if s.constant(n.X) {
			operand = n.Y
		}
		return s.call(o.name, s.typeOf(operand), n.OpPos, o.becomes, n.X, n.Y)
	}
	switch n.Op {
	case token.EQL:
		return s.call("Not", "", n.OpPos, becomesNotEqual, n)
	case token.NEQ:
		return s.call("Not", "", n.OpPos, becomesEqual, n)
	case token.LAND:
		return s.chain("All", n, token.LOR)
	case token.LOR:
		return s.chain("Any", n, token.LAND)
	}
	return nil
}

// chain is a && b && c as a whole, because gremlins changes the text: of a && b && c it makes a || b && c,
// which is a || (b && c). Each operand is a closure, so that it runs only when those before it do not decide.
func (s *switcher) chain(name string, top *ast.BinaryExpr, becomes token.Token) ast.Expr {
	var places []token.Pos
	var operands []ast.Expr
	n, more := top, true
	for more {
		places = append(places, n.OpPos)
		operands = append(operands, closure(n.Y))
		left, is := n.X.(*ast.BinaryExpr)
		if more = is && left.Op == top.Op; more {
			n = left
		}
	}
	operands = append(operands, closure(n.X))
	slices.Reverse(places)
	slices.Reverse(operands)
	first := s.number(places[0], becomes)
	for _, at := range places[1:] {
		s.number(at, becomes) // the next number
	}
	return &ast.CallExpr{Fun: ast.NewIdent("mutant" + name), Args: append([]ast.Expr{first}, operands...)}
}

func closure(e ast.Expr) ast.Expr {
	return &ast.FuncLit{
		Type: &ast.FuncType{Params: &ast.FieldList{}, Results: &ast.FieldList{List: []*ast.Field{{Type: ast.NewIdent("bool")}}}},
		Body: &ast.BlockStmt{List: []ast.Stmt{&ast.ReturnStmt{Results: []ast.Expr{e}}}},
	}
}

// incDec turns x++ into x += mutantStep[T](number), which also fits behind a for.
func (s *switcher) incDec(n *ast.IncDecStmt) ast.Stmt {
	t := s.typeOf(n.X)
	if t == "" {
		return nil
	}
	sign, becomes := token.ADD_ASSIGN, token.DEC
	if n.Tok == token.DEC {
		sign, becomes = token.SUB_ASSIGN, token.INC
	}
	return &ast.AssignStmt{Lhs: []ast.Expr{n.X}, Tok: sign, Rhs: []ast.Expr{s.call("Step", t, n.TokPos, []token.Token{becomes})}}
}

var inverted = map[token.Token]token.Token{
	token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN, token.MUL_ASSIGN: token.QUO_ASSIGN,
	token.QUO_ASSIGN: token.MUL_ASSIGN, token.AND_ASSIGN: token.OR_ASSIGN, token.OR_ASSIGN: token.AND_ASSIGN,
}

// assign turns x += y into if ... { x -= y } else if ... { x = y } else { x += y }.
func (s *switcher) assign(n *ast.AssignStmt, c *astutil.Cursor) ast.Stmt {
	other, found := inverted[n.Tok]
	if _, isList := c.Parent().(*ast.BlockStmt); !found || !isList && !inCase(c.Parent()) || s.info.TypeOf(n.Lhs[0]) == nil {
		return nil
	}
	basic, isBasic := s.info.TypeOf(n.Lhs[0]).Underlying().(*types.Basic)
	if !isBasic || basic.Info()&types.IsInteger == 0 {
		return nil
	}
	with := func(t token.Token) *ast.BlockStmt {
		return &ast.BlockStmt{List: []ast.Stmt{&ast.AssignStmt{Lhs: n.Lhs, Tok: t, Rhs: n.Rhs}}}
	}
	on := func(t token.Token) ast.Expr { return s.call("On", "", n.TokPos, []token.Token{t}) }
	return &ast.IfStmt{Cond: on(other), Body: with(other), Else: &ast.IfStmt{
		Cond: on(token.ASSIGN), Body: with(token.ASSIGN), Else: with(n.Tok),
	}}
}

func inCase(n ast.Node) bool { _, is := n.(*ast.CaseClause); return is }

// branch turns break into if ... { continue } else { break } where both are allowed.
func (s *switcher) branch(n *ast.BranchStmt) ast.Stmt {
	becomes := token.CONTINUE
	switch n.Tok {
	case token.BREAK:
	case token.CONTINUE:
		becomes = token.BREAK
	default:
		return nil
	}
	if n.Label != nil || !s.inLoop() {
		return nil
	}
	with := func(t token.Token) *ast.BlockStmt {
		return &ast.BlockStmt{List: []ast.Stmt{&ast.BranchStmt{Tok: t}}}
	}
	return &ast.IfStmt{Cond: s.call("On", "", n.TokPos, []token.Token{becomes}), Body: with(becomes), Else: with(n.Tok)}
}

func (s *switcher) inLoop() bool {
	for i := len(s.parents) - 1; i >= 0; i-- {
		switch s.parents[i].(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return true
		case *ast.FuncLit, *ast.FuncDecl:
			return false
		}
	}
	return false
}
