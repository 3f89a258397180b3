package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Rewriter gives keys of a configuration file other values and leaves every other byte of it as it is:
// comments, order, references to secrets.
type Rewriter struct {
	file  string
	text  []byte
	lines []int // offset of each line
	root  ast.Node
	edits []edit
	err   error // the first one
}

// edit puts text in the place of the bytes [from,to).
type edit struct {
	from, to int
	text     string
}

// NewRewriter reads the file at path, which Load has found to be valid.
func NewRewriter(path string) (*Rewriter, error) {
	text, err := readRegular(path, documentBytesMax)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %s", path, osReason(err))
	}
	r := &Rewriter{file: path, text: bytes.TrimPrefix(text, []byte("\ufeff")), lines: []int{0}}
	for i, b := range r.text {
		if b == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	if _, problems := document(r.text, func(int, int) Origin { return Origin{File: path} }); len(problems) > 0 {
		return nil, problems
	}
	file, err := parser.ParseBytes(r.text, 0)
	if err != nil || len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, fmt.Errorf("%s is not a YAML mapping", path)
	}
	r.root = file.Docs[0].Body
	return r, nil
}

// Set gives a key, such as group or output.prefix, another value; one that is not there is added.
func (r *Rewriter) Set(path string, value any) {
	text, err := flowYAML(value)
	if err != nil {
		r.fail("%s: %v", path, err)
		return
	}
	section, leaf := cutLeaf(path)
	if section == "" {
		r.put(r.root, leaf, text)
		return
	}
	pair := child(r.root, section)
	switch {
	case pair == nil:
		r.put(r.root, section, "{"+leaf+": "+text+"}")
	case isEmptyNode(pair.Value):
		at := r.offset(pair.Start.Position) + 1 // behind the colon
		r.edits = append(r.edits, edit{at, at, " {" + leaf + ": " + text + "}"})
	default:
		r.put(pair.Value, leaf, text)
	}
}

// SetSource gives a key of one source, by its place in the list, another value.
func (r *Rewriter) SetSource(i int, key string, value any) {
	text, err := flowYAML(value)
	pair := child(r.root, "sources")
	if err != nil || pair == nil {
		r.fail("sources[%d].%s: the file has no sources", i, key)
		return
	}
	list, ok := pair.Value.(*ast.SequenceNode)
	if !ok || i >= len(list.Values) {
		r.fail("sources[%d].%s: the file has no such source", i, key)
		return
	}
	r.put(list.Values[i], key, text)
}

// Bytes is the new file.
func (r *Rewriter) Bytes() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	edits := slices.Clone(r.edits)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(append(out, r.text[at:e.from]...), e.text...)
		at = e.to
	}
	return append(out, r.text[at:]...), nil
}

func (r *Rewriter) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %s", r.file, fmt.Sprintf(format, args...))
	}
}

// put gives a key of a mapping another value, or adds it in front of the first one.
func (r *Rewriter) put(n ast.Node, name, text string) {
	if pair := child(n, name); pair != nil {
		from, to, ok := r.span(pair.Value)
		if !ok {
			r.fail("line %d: write the value of %s as one word on its line", pair.Key.GetToken().Position.Line, name)
			return
		}
		r.edits = append(r.edits, edit{from, to, text})
		return
	}
	pairs := pairsOf(n)
	if m, ok := n.(*ast.MappingNode); ok && m.IsFlowStyle {
		at, rest := r.offset(m.Start.Position)+1, ""
		if len(pairs) > 0 {
			rest = ", "
		}
		r.edits = append(r.edits, edit{at, at, name + ": " + text + rest})
		return
	}
	if len(pairs) == 0 {
		r.fail("line %d: %s cannot be added here", n.GetToken().Position.Line, name)
		return
	}
	first := pairs[0].Key.GetToken().Position
	at := r.offset(first)
	r.edits = append(r.edits, edit{at, at, name + ": " + text + "\n" + strings.Repeat(" ", first.Column-1)})
}

// span are the bytes of a word, with its quotes.
func (r *Rewriter) span(n ast.Node) (from, to int, ok bool) {
	switch n.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
	default:
		return 0, 0, false
	}
	t := n.GetToken()
	from = r.offset(t.Position)
	rest := r.text[from:]
	switch t.Type {
	case token.DoubleQuoteType, token.SingleQuoteType:
		return from, from + quoted(rest), quoted(rest) > 0
	default:
		return from, from + len(t.Value), bytes.HasPrefix(rest, []byte(t.Value))
	}
}

// quoted is how many bytes a quoted word at the beginning of text has; 0 if there is none on its line.
func quoted(text []byte) int {
	if len(text) == 0 || text[0] != '"' && text[0] != '\'' {
		return 0
	}
	for i := 1; i < len(text) && text[i] != '\n'; i++ {
		switch {
		case text[i] == '\\' && text[0] == '"':
			i++
		case text[i] == text[0] && text[0] == '\'' && i+1 < len(text) && text[i+1] == '\'':
			i++
		case text[i] == text[0]:
			return i + 1
		}
	}
	return 0
}

// offset is where the character at a position begins.
func (r *Rewriter) offset(p *token.Position) int {
	at := r.lines[min(p.Line, len(r.lines))-1]
	for column := 1; column < p.Column && at < len(r.text); column++ {
		_, size := utf8.DecodeRune(r.text[at:])
		at += size
	}
	return at
}

func pairsOf(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		return nil
	}
}

// child is the entry of a mapping; nil where there is none.
func child(n ast.Node, name string) *ast.MappingValueNode {
	for _, pair := range pairsOf(n) {
		if pair.Key.GetToken().Value == name {
			return pair
		}
	}
	return nil
}

func isEmptyNode(n ast.Node) bool {
	_, null := n.(*ast.NullNode)
	return n == nil || null
}
