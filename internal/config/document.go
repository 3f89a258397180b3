package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// documentBytesMax and documentDepthMax bound the file before the YAML library sees it: its
// parser recurses once per bracket, and takes minutes for a megabyte of hyphens.
const (
	documentBytesMax = 128 << 10
	documentDepthMax = 32
)

// shape is what a node of the document is.
type shape uint8

const (
	shapeEmpty shape = iota
	shapeText
	shapeList
	shapeMapping
	shapeRefused // reported by the reader of the document: no second complaint
)

// node is one value of the document with the place it was written. Scalars keep their text, so
// that a rate never becomes a float.
type node struct {
	shape  shape
	at     Origin
	text   string
	hidden bool // the text came out of ${...}, so it may be a secret
	items  []*node
	fields []field
}

// field is one entry of a mapping.
type field struct {
	name  string
	at    Origin
	value *node
}

// document reads text as one YAML document. A text that is no YAML yields one problem, at the
// place where the parser gave up; whatever else is wrong is found later, all at once.
func document(text []byte, place func(line, column int) Origin) (root *node, problems Problems) {
	start := place(1, 1)
	refuse := func(at Origin, format string, args ...any) (*node, Problems) {
		return &node{at: start}, Problems{{At: at, Message: fmt.Sprintf(format, args...)}}
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if len(text) > documentBytesMax {
		return refuse(start, "is larger than 128 KiB")
	}
	if !utf8.Valid(text) {
		return refuse(start, "is not UTF-8 text")
	}
	if line := tooDeep(text); line > 0 {
		return refuse(place(line, 1), "more than %d brackets or lists are open", documentDepthMax)
	}
	// The parser indexes into its tokens and has panicked on malformed text before; a file that
	// does that is not YAML either way.
	defer func() {
		if recover() != nil {
			root, problems = refuse(start, "is not YAML")
		}
	}()
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		// Never err.Error(): it quotes the lines around the fault, and with them secrets.
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			position := syntax.GetToken().Position
			return refuse(place(position.Line, position.Column), "is not YAML: %s%s",
				syntaxReason(syntax), referenceHint(text, position.Line))
		}
		return refuse(start, "is not YAML")
	}
	return documentRoot(file, place)
}

// syntaxReason is the parser's own words, unless they quote something of the file.
func syntaxReason(err yaml.Error) string {
	if strings.ContainsRune(err.GetMessage(), '"') {
		return "unexpected text"
	}
	return err.GetMessage()
}

// referenceHint explains the most likely fault of a line that holds a reference.
func referenceHint(text []byte, line int) string {
	lines := bytes.Split(text, []byte("\n"))
	if line < 1 || line > len(lines) || !bytes.Contains(lines[line-1], []byte("${")) {
		return ""
	}
	return " (a ${...} between { and } or [ and ] needs quotes)"
}

// documentRoot converts the single document of file.
func documentRoot(file *ast.File, place func(line, column int) Origin) (*node, Problems) {
	r := documentReader{place: place}
	root := &node{at: place(1, 1)}
	for i, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			r.refuse(r.where(doc.Body), "a second document: one file is one configuration")
		default:
			root = r.node(doc.Body, 0)
		}
	}
	return root, r.problems
}

// tooDeep is the line at which more brackets are open, or more hyphens nest lists in each other,
// than any configuration needs; 0: none. It also counts brackets in text: that errs on the safe
// side. `- - - -` over 128 KiB would cost the parser gigabytes.
func tooDeep(text []byte) int {
	brackets, number := 0, 0
	for line := range bytes.Lines(text) {
		number++
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#")) {
			continue
		}
		for _, b := range line {
			switch b {
			case '[', '{':
				brackets++
			case ']', '}':
				brackets = max(brackets-1, 0)
			}
			if brackets > documentDepthMax {
				return number
			}
		}
		hyphens := 0
		for _, indicator := range []string{"- ", "-\t", "? ", "?\t"} {
			hyphens += bytes.Count(line, []byte(indicator))
		}
		if hyphens > documentDepthMax {
			return number
		}
	}
	return 0
}

// documentReader turns the library's tree into nodes and collects what the strict subset leaves
// out.
type documentReader struct {
	place    func(line, column int) Origin
	problems Problems
}

func (r *documentReader) refuse(at Origin, message string) {
	r.problems = append(r.problems, Problem{At: at, Message: message})
}

// where is the place of n; a mapping begins at its first key.
func (r *documentReader) where(n ast.Node) Origin {
	if mapping, ok := n.(*ast.MappingNode); ok && !mapping.IsFlowStyle && len(mapping.Values) > 0 {
		n = mapping.Values[0].Key
	}
	if pair, ok := n.(*ast.MappingValueNode); ok {
		n = pair.Key
	}
	position := n.GetToken().Position
	return r.place(position.Line, position.Column)
}

// node converts n and what is below it.
func (r *documentReader) node(n ast.Node, depth int) *node {
	if n == nil {
		return &node{at: r.place(1, 1)}
	}
	out := &node{at: r.where(n)}
	if depth > documentDepthMax {
		out.shape = shapeRefused
		r.refuse(out.at, "is nested too deeply")
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.StringNode:
		out.shape, out.text = shapeText, n.Value
	case *ast.LiteralNode:
		out.shape, out.text = shapeText, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.shape, out.text = shapeText, n.GetToken().Value
	case *ast.SequenceNode:
		out.shape = shapeList
		for _, item := range n.Values {
			out.items = append(out.items, r.node(item, depth+1))
		}
	case *ast.MappingNode:
		out.shape = shapeMapping
		r.fields(out, n.Values, depth)
	case *ast.MappingValueNode:
		out.shape = shapeMapping
		r.fields(out, []*ast.MappingValueNode{n}, depth)
	default:
		out.shape = shapeRefused
		r.refuse(out.at, "anchors, aliases, merges and tags are not supported")
	}
	return out
}

// fields converts the entries of a mapping and reports keys that stand twice.
func (r *documentReader) fields(out *node, pairs []*ast.MappingValueNode, depth int) {
	first := make(map[string]Origin, len(pairs))
	for _, pair := range pairs {
		name, at := pair.Key.GetToken().Value, r.where(pair)
		switch pair.Key.(type) {
		case *ast.MappingKeyNode, *ast.MergeKeyNode:
			r.refuse(at, "only plain words may be keys")
			continue
		}
		if seen, twice := first[name]; twice {
			r.refuse(at, fmt.Sprintf("key %q stands twice, first at line %d", name, seen.Line))
			continue
		}
		first[name] = at
		out.fields = append(out.fields, field{name: name, at: at, value: r.node(pair.Value, depth+1)})
	}
}
