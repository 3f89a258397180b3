package mapping

import (
	"slices"
	"strconv"
	"strings"

	"processor/internal/money"
)

// Rule makes one native event of a record that it applies to.
type Rule struct {
	when     []condition
	within   *path // JSON in a text that all paths begin in
	kind     string
	envelope []assignment
	data     []assignment
}

// condition holds when the value at a path is one of the words; without words, when it is there.
type condition struct {
	path  path
	words []string
}

// assignment is a native field with what it is made of.
type assignment struct {
	native
	term   term         // of a scalar, and of the list that elements are made of
	fields []assignment // of an object, of names, and of each element
	fixed  [][]assignment
}

// ruleKeys are the keys of a rule.
var ruleKeys = []string{"when", "within", "type", "id", "source", "subject", "time", "sequence", "revision", "data"}

// needed are the fields of the envelope that a mapping must make.
var needed = []string{"id", "source", "subject", "time"}

// CompileRule checks one rule. made are fields of the envelope that a format makes where the rule does
// not, more are keys of the format beside those of the rule.
func CompileRule(n *Node, path string, problems *Problems, made []string, more ...string) *Rule {
	r := new(Rule)
	if !problems.Only(n, path, append(slices.Clone(ruleKeys), more...)...) {
		return r
	}
	c := compiler{problems: problems}
	if when := n.Get("when"); when != nil {
		r.when = c.conditions(when, join(path, "when"))
	}
	if within := n.Get("within"); within != nil {
		r.within = c.path(within, join(path, "within"))
	}
	kind := n.Get("type")
	if kind == nil || !slices.Contains(types(), kind.Text) {
		at := n
		if kind != nil {
			at = kind
		}
		problems.Add(at, join(path, "type"), "must be one of the native types %s", strings.Join(types(), ", "))
		return r
	}
	r.kind = kind.Text
	for _, field := range envelope {
		switch value := n.Get(field.name); {
		case value != nil:
			r.envelope = append(r.envelope, c.assignment(field, value, join(path, field.name)))
		case slices.Contains(needed, field.name) && !slices.Contains(made, field.name):
			problems.Add(n, path, "%s is missing; every event needs it", field.name)
		}
	}
	if data := n.Get("data"); data != nil {
		r.data = c.fields(payloads[r.kind], data, join(path, "data"))
	} else if len(payloads[r.kind]) > 0 {
		problems.Add(n, path, "data is missing; %s has the fields %s", r.kind, strings.Join(namesOf(payloads[r.kind]), ", "))
	}
	return r
}

type compiler struct {
	problems *Problems
	nested   bool // within the elements of a list, where @ means something
}

// conditions are {path: word or list of words}; * stands for anything.
func (c *compiler) conditions(n *Node, at string) []condition {
	if n.Shape != ShapeFields || len(n.Fields) == 0 {
		c.problems.Add(n, at, "must be a mapping of paths to a word or a list of words, such as {$.type: [created, updated]}; * stands for any value")
		return nil
	}
	var all []condition
	for _, f := range n.Fields {
		var one condition
		if !isPath(f.Name) {
			c.problems.Add(f.Value, at, "%q must be a path such as $.type", f.Name)
			continue
		}
		var complaint string
		if one.path, complaint = parsePath(f.Name); complaint != "" {
			c.problems.Add(f.Value, at, "%q: %s", f.Name, complaint)
		}
		words := f.Value.List
		if f.Value.Shape == ShapeText {
			words = []*Node{f.Value}
		}
		if len(words) == 0 {
			c.problems.Add(f.Value, at, "%s needs a word or a list of words", f.Name)
		}
		for _, word := range words {
			if word.Shape != ShapeText {
				c.problems.Add(word, at, "%s needs a word or a list of words", f.Name)
			}
			one.words = append(one.words, word.Text)
		}
		if slices.Equal(one.words, []string{"*"}) {
			one.words = nil
		}
		all = append(all, one)
	}
	return all
}

// path is a path and nothing else.
func (c *compiler) path(n *Node, at string) *path {
	if n.Shape != ShapeText || !isPath(n.Text) {
		c.problems.Add(n, at, "must be a path such as $.name")
		return nil
	}
	p, complaint := parsePath(n.Text)
	if complaint == "" && p.root == rootElement && !c.nested {
		complaint = "@ stands for the element of a list: there is none here"
	}
	if complaint != "" {
		c.problems.Add(n, at, "%q: %s", n.Text, complaint)
		return nil
	}
	return &p
}

// fields are the fields of an object.
func (c *compiler) fields(of []native, n *Node, at string) []assignment {
	if !c.problems.Only(n, at, namesOf(of)...) {
		return nil
	}
	var all []assignment
	for _, f := range n.Fields {
		if field, known := named(of, f.Name); known {
			all = append(all, c.assignment(field, f.Value, join(at, f.Name)))
		}
	}
	return all
}

// assignment is one field, in the form that it has natively.
func (c *compiler) assignment(field native, n *Node, at string) assignment {
	a := assignment{native: field}
	switch field.form {
	case formObject:
		a.fields = c.fields(field.fields, n, at)
	case formNames:
		if n.Shape != ShapeFields {
			c.problems.Add(n, at, "must be a mapping of names to what they are made of, such as {region: $.country}")
		}
		for _, f := range n.Fields {
			one := c.assignment(text(f.Name), f.Value, join(at, f.Name))
			a.fields = append(a.fields, one)
		}
	case formList:
		c.list(&a, n, at)
	case formText, formAmount, formInstant, formMonth, formInteger, formFlag, formWord:
		a.term = c.term(field, n, at)
	}
	return a
}

// list is {each: path, fields: {...}}, or a list of elements that are always there.
func (c *compiler) list(a *assignment, n *Node, at string) {
	inner := compiler{problems: c.problems, nested: true}
	switch {
	case n.Shape == ShapeList:
		inner.nested = c.nested
		for i, one := range n.List {
			a.fixed = append(a.fixed, inner.fields(a.native.fields, one, at+"["+strconv.Itoa(i)+"]"))
		}
	case n.Shape == ShapeFields && n.Get("each") != nil && n.Get("fields") != nil:
		c.problems.Only(n, at, "each", "fields")
		if each := c.path(n.Get("each"), join(at, "each")); each != nil {
			a.term.path = each
		}
		a.fields = inner.fields(a.native.fields, n.Get("fields"), join(at, "fields"))
	default:
		c.problems.Add(n, at, "must be a list of mappings, or {each: $.list, fields: {...}} with paths that begin with @ for the element")
	}
}

// term is what one value is made of: a constant, a path, or {path | join, ...}.
func (c *compiler) term(field native, n *Node, at string) term {
	var t term
	switch {
	case n.Shape == ShapeText && isPath(n.Text):
		t.path = c.path(n, at)
		return t
	case n.Shape == ShapeText:
		t.constant, t.isConstant = n.Text, true
		c.constant(field, n, at)
		return t
	case n.Shape == ShapeList:
		c.problems.Add(n, at, "must be a path, a constant or a mapping with path")
		return t
	}
	if !c.problems.Only(n, at, "path", "join", "map", "default", "time", "minor_units", "scale", "upper") {
		return t
	}
	switch from, parts := n.Get("path"), n.Get("join"); {
	case (from == nil) == (parts == nil):
		c.problems.Add(n, at, "needs either path or join")
	case from != nil:
		t.path = c.path(from, join(at, "path"))
	case parts.Shape != ShapeList || len(parts.List) == 0 || field.form != formText:
		c.problems.Add(parts, join(at, "join"), "must be a list of paths and constants, and makes only texts")
	default:
		for _, part := range parts.List {
			t.join = append(t.join, c.term(text(""), part, join(at, "join")))
		}
	}
	c.words(&t, field, n.Get("map"), join(at, "map"))
	if other := n.Get("default"); other != nil {
		t.fallback, t.hasFallback = other.Text, true
		c.constant(field, other, join(at, "default"))
	}
	c.units(&t, field, n, at)
	return t
}

// words are {foreign: native}.
func (c *compiler) words(t *term, field native, n *Node, at string) {
	if n == nil {
		return
	}
	if n.Shape != ShapeFields || len(n.Fields) == 0 {
		c.problems.Add(n, at, "must be a mapping of the producer's words to native ones")
		return
	}
	t.words = map[string]string{}
	for _, f := range n.Fields {
		t.words[f.Name] = f.Value.Text
		c.constant(field, f.Value, join(at, f.Name))
	}
}

// units are those of times and amounts.
func (c *compiler) units(t *term, field native, n *Node, at string) {
	if unit := n.Get("time"); unit != nil {
		if field.form != formInstant && field.form != formMonth {
			c.problems.Add(unit, join(at, "time"), "%s is no time", field.name)
		} else if !slices.Contains(timeUnits, unit.Text) {
			c.problems.Add(unit, join(at, "time"), "unknown unit %q; use one of %s", unit.Text, strings.Join(timeUnits, ", "))
		}
		t.time = unit.Text
	}
	if minor := n.Get("minor_units"); minor != nil {
		switch places, err := strconv.Atoi(minor.Text); {
		case field.form != formAmount:
			c.problems.Add(minor, join(at, "minor_units"), "%s is no amount", field.name)
		case minor.Shape == ShapeText && isPath(minor.Text):
			t.minorOf = c.path(minor, join(at, "minor_units"))
		case err != nil || places < 0 || places > 12:
			c.problems.Add(minor, join(at, "minor_units"), "must be the number of digits behind the point, 0 to 12, or the path of the currency")
		}
		t.minor, _ = strconv.Atoi(minor.Text)
		t.hasMinor = true
	}
	if scale := n.Get("scale"); scale != nil {
		places, err := strconv.Atoi(scale.Text)
		if err != nil || places < -64 || places > 64 || field.form != formAmount {
			c.problems.Add(scale, join(at, "scale"), "must be the scale of a decimal that is sent as base64 of its unscaled bytes, and is for amounts")
		}
		t.column = Column{Scale: places, HasScale: true}
	}
	if upper := n.Get("upper"); upper != nil {
		if t.upper = upper.Text == "true"; !t.upper && upper.Text != "false" || field.form != formText {
			c.problems.Add(upper, join(at, "upper"), "must be true or false, and is for texts")
		}
	}
}

// constant checks what would be wrong in every event.
func (c *compiler) constant(field native, n *Node, at string) {
	complaint := ""
	switch {
	case n.Shape != ShapeText:
		complaint = "must be one word"
	case field.form == formWord && !slices.Contains(field.words, n.Text):
		complaint = "must be one of " + strings.Join(field.words, ", ")
	case field.form == formFlag && n.Text != "true" && n.Text != "false":
		complaint = "must be true or false"
	case field.form == formAmount:
		if _, ok := money.ParseDecimal([]byte(n.Text)); !ok {
			complaint = "must be a decimal such as 25.00"
		}
	case field.form == formInteger:
		if _, err := strconv.ParseInt(n.Text, 10, 64); err != nil {
			complaint = "must be a whole number"
		}
	case field.name == "currency":
		if _, ok := money.Currency(n.Text); !ok {
			complaint = "must be an ISO 4217 code such as USD"
		}
	}
	if complaint != "" {
		c.problems.Add(n, at, "%q: %s", n.Text, complaint)
	}
}

func join(outer, inner string) string {
	if outer == "" {
		return inner
	}
	return outer + "." + inner
}
