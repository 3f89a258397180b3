// Package mapping makes native events of any JSON by rules of the configuration: paths, constants, words
// for words, units of time and money. The rules are checked against the native format when they are
// compiled. It must never guess: what a rule does not say is not there.
//
// Read in this order: node, native, path, compile, term, evaluate, mapping.
package mapping

import (
	"fmt"
	"strings"
)

// Node is a piece of the configuration: a text, a list, or fields in their order.
type Node struct {
	Shape  Shape
	Text   string
	List   []*Node
	Fields []Entry
}

// Shape is what a node is.
type Shape uint8

// The shapes of nodes.
const (
	ShapeText Shape = iota + 1
	ShapeList
	ShapeFields
)

// Entry is one field of a node.
type Entry struct {
	Name  string
	Value *Node
}

// Get is the field of that name; nil where there is none.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Problem is something wrong with a piece of configuration. Path names the field below it, as in
// data.items.unit_price.
type Problem struct {
	At      *Node
	Path    string
	Message string
}

// Problems collects what is wrong.
type Problems []Problem

// Add notes a problem.
func (p *Problems) Add(at *Node, path, format string, args ...any) {
	*p = append(*p, Problem{At: at, Path: path, Message: fmt.Sprintf(format, args...)})
}

// Only reports every field of n that is none of the names, and says whether n has fields at all.
func (p *Problems) Only(n *Node, path string, names ...string) bool {
	if n.Shape != ShapeFields {
		p.Add(n, path, "must be a mapping with some of the keys %s", strings.Join(names, ", "))
		return false
	}
	for _, f := range n.Fields {
		known := false
		for _, name := range names {
			known = known || name == f.Name
		}
		if !known {
			p.Add(f.Value, path, "unknown key %q; known here: %s", f.Name, strings.Join(names, ", "))
		}
	}
	return true
}
