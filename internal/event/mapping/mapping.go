package mapping

import (
	"slices"
	"strconv"

	"processor/internal/event"
)

// rulesMax bounds the rules of one source.
const rulesMax = 100

// Program are the rules of one source, checked.
type Program struct{ rules []*Rule }

// Compile checks rules: one, or a list of them.
func Compile(n *Node) (*Program, Problems) {
	var problems Problems
	p := new(Program)
	switch {
	case n.Shape == ShapeFields:
		p.rules = append(p.rules, CompileRule(n, "", &problems, nil))
	case n.Shape == ShapeList && len(n.List) > 0 && len(n.List) <= rulesMax:
		for i, one := range n.List {
			p.rules = append(p.rules, CompileRule(one, "["+strconv.Itoa(i)+"]", &problems, nil))
		}
	default:
		problems.Add(n, "", "must be a rule, or a list of 1 to %d rules, each with type, id, source, subject, time and data", rulesMax)
	}
	return p, problems
}

// reader reads records by a program.
type reader struct {
	program  *Program
	document *event.Document
	draft    *event.Draft
}

// Reader reads records by the program, within the bounds of the options.
func (p *Program) Reader(options event.Options) event.Reader {
	return &reader{p, event.NewDocument(options), event.NewDraft(options)}
}

// Read makes an event by each rule that applies. A tombstone, and a record that no rule applies to, are
// ignored.
func (r *reader) Read(record *event.Record) ([]*event.Event, *event.Rejection) {
	if record.Value == nil {
		return nil, nil
	}
	root, rejection := r.document.Read(record.Value)
	if rejection != nil {
		return nil, rejection
	}
	if !root.IsObject() {
		return nil, root.Reject(event.ReasonNotJSON)
	}
	var events []*event.Event
	for _, rule := range r.program.rules {
		e, rejection := rule.Read(Row{Record: record, Root: root}, r.draft, Extras{})
		if rejection != nil {
			return nil, rejection
		}
		if e != nil {
			events = append(events, e)
		}
	}
	return events, nil
}

// Row is what a rule reads: the record, where its paths begin, and how its columns are written.
type Row struct {
	Record  *event.Record
	Root    event.Value
	Columns map[string]Column
}

// Extras are what a format knows beside the rule.
type Extras struct {
	// Envelope adds fields that the rule does not give.
	Envelope func(f *event.Field, given func(name string) bool)
	// Data adds fields that the rule does not give; nil: none.
	Data func(f *event.Field, given func(name string) bool)
	// Type stands for the rule's own where it is not empty; Only are then the fields of data that are
	// made by the rule.
	Type string
	Only []string
}

// Type is the native type that the rule makes.
func (r *Rule) Type() string { return r.kind }

// Gives says whether the rule makes a field of the envelope.
func (r *Rule) Gives(name string) bool { return given(r.envelope)(name) }

// Read makes the event of the rule; nil where it does not apply.
func (r *Rule) Read(row Row, draft *event.Draft, extras Extras) (*event.Event, *event.Rejection) {
	s := scope{record: row.Record, root: row.Root, columns: row.Columns}
	if !r.applies(&s) {
		return nil, nil
	}
	inner, rejection := r.enter(s)
	if rejection != nil {
		return nil, rejection
	}
	kind, made := r.kind, r.data
	if extras.Type != "" {
		kind = extras.Type
		made = slices.DeleteFunc(slices.Clone(made), func(a assignment) bool { return !slices.Contains(extras.Only, a.name) })
	}
	field := draft.Begin(inner.root)
	field.Text("type", kind, inner.root)
	if rejection := fill(r.envelope, &inner, field); rejection != nil {
		return nil, rejection
	}
	if extras.Envelope != nil {
		extras.Envelope(field, given(r.envelope))
	}
	data := field.Object("data", inner.root)
	if rejection := fill(made, &inner, data); rejection != nil {
		return nil, rejection
	}
	if extras.Data != nil {
		extras.Data(data, given(made))
	}
	return draft.End()
}

func given(all []assignment) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(all, func(a assignment) bool { return a.name == name })
	}
}
