package mapping

import (
	"strconv"
	"strings"

	"processor/internal/event"
)

// path is the way to a value: $.a.b[0]['c d'] from the record, @.a from the element of the list at hand,
// and $key, $position, $headers.NAME beside the value.
type path struct {
	text  string
	root  root
	steps []step
}

type root uint8

const (
	rootRecord root = iota
	rootElement
	rootKey
	rootPosition
	rootHeader
)

// step is a name, or an index where name is empty.
type step struct {
	name  string
	index int
}

// isPath says whether a text is meant as a path.
func isPath(text string) bool {
	return strings.HasPrefix(text, "$") || text == "@" || strings.HasPrefix(text, "@.") || strings.HasPrefix(text, "@[")
}

// parsePath reads a path; the complaint is empty when it is one.
func parsePath(text string) (p path, complaint string) {
	p.text = text
	rest := text[1:]
	switch {
	case text[0] == '@':
		p.root = rootElement
	case text == "$key":
		p.root = rootKey
		return p, ""
	case text == "$position":
		p.root = rootPosition
		return p, ""
	case strings.HasPrefix(text, "$headers."):
		p.root = rootHeader
		p.steps = []step{{name: strings.TrimPrefix(text, "$headers.")}}
		return p, ""
	case rest != "" && rest[0] != '.' && rest[0] != '[':
		return p, "a path is $.name, $.name.name or $.list[0].name, or one of $key, $position and $headers.NAME"
	}
	for rest != "" {
		var one step
		switch {
		case strings.HasPrefix(rest, "['"):
			name, after, closed := strings.Cut(rest[2:], "']")
			if !closed || name == "" {
				return p, "a [' needs a name and its ']"
			}
			one.name, rest = name, after
		case rest[0] == '[':
			number, after, closed := strings.Cut(rest[1:], "]")
			index, err := strconv.Atoi(number)
			if !closed || err != nil || index < 0 {
				return p, "between [ and ] there must be a number from 0, or a name in single quotes"
			}
			one.index, rest = index, after
		case rest[0] == '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			one.name, rest = rest[1:end+1], rest[end+1:]
			if one.name == "" || strings.ContainsAny(one.name, "*?()]") {
				return p, "a name is missing after a dot, or has one of *?()] in it: filters and wildcards are not supported, lists are read with each"
			}
		default:
			return p, "after ] there must be a dot, a [ or the end"
		}
		p.steps = append(p.steps, one)
	}
	return p, ""
}

// scope is where paths begin.
type scope struct {
	record  *event.Record
	root    event.Value // $
	element event.Value // @; absent outside of lists
	columns map[string]Column
}

// find is the value at a path of the record, or of the element at hand.
func (s *scope) find(p *path) event.Value {
	v := s.root
	if p.root == rootElement {
		v = s.element
	}
	for _, one := range p.steps {
		if one.name != "" {
			v = v.Get(one.name)
		} else {
			v = v.Element(one.index)
		}
	}
	return v
}

// beside is what stands beside the record's value.
func (s *scope) beside(p *path) (text string, found bool) {
	switch p.root {
	case rootKey:
		return string(s.record.Key), s.record.Key != nil
	case rootPosition:
		at := s.record.Position
		return at.Topic + "/" + strconv.Itoa(int(at.Partition)) + "/" + strconv.FormatInt(at.Offset, 10), at.IsKnown()
	case rootHeader:
		for _, h := range s.record.Headers {
			if h.Key == p.steps[0].name {
				return string(h.Value), h.Value != nil
			}
		}
	case rootRecord, rootElement:
	}
	return "", false
}

// column is how a value of a row is written, where the path names one and the row tells it.
func (s *scope) column(p *path) (Column, bool) {
	if p.root != rootRecord || len(p.steps) != 1 {
		return Column{}, false
	}
	c, known := s.columns[p.steps[0].name]
	return c, known
}
