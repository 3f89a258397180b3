// Package openmeter makes native usage of CloudEvents as OpenMeter takes them: the type is the meter, the
// subject the customer, and data holds how much. It must never count an event of which a mapping says
// where its quantity is and it is not there.
package openmeter

import (
	"strings"

	"processor/internal/event"
	"processor/internal/event/mapping"
)

// Options say where in data the fields are that CloudEvents do not have.
type Options struct {
	subscription string // path in the event; empty: data.subscription or, without it, the customer
	quantity     string // path in the event; empty: data.value or, without it, 1
	meters       map[string]meter
}

// meter is what is different for one type.
type meter struct {
	quantity string // path in the event
	count    bool   // each event is 1
	name     string // of the meter as items have it
}

// Compile checks the mapping of a source; nil is that of every default.
func Compile(n *mapping.Node) (*Options, mapping.Problems) {
	var problems mapping.Problems
	o := &Options{meters: map[string]meter{}}
	if n == nil || !problems.Only(n, "", "subscription", "quantity", "meters") {
		return o, problems
	}
	o.subscription = pathOf(n, "subscription", "", &problems)
	o.quantity = pathOf(n, "quantity", "", &problems)
	meters := n.Get("meters")
	if meters == nil {
		return o, problems
	}
	if meters.Shape != mapping.ShapeFields {
		problems.Add(meters, "meters", "must be a mapping of event types to {quantity: $.data.tokens}, {count: true} or {meter: name}")
		return o, problems
	}
	for _, f := range meters.Fields {
		at := "meters." + f.Name
		if !problems.Only(f.Value, at, "quantity", "count", "meter") {
			continue
		}
		one := meter{quantity: pathOf(f.Value, "quantity", at+".", &problems)}
		if count := f.Value.Get("count"); count != nil {
			if one.count = count.Text == "true"; !one.count && count.Text != "false" {
				problems.Add(count, at+".count", "must be true or false, not %q", count.Text)
			}
			if one.count && one.quantity != "" {
				problems.Add(count, at+".count", "an event is either counted or has a quantity")
			}
		}
		if name := f.Value.Get("meter"); name != nil {
			if one.name = name.Text; one.name == "" {
				problems.Add(name, at+".meter", "must be the name that items have as meter")
			}
		}
		o.meters[f.Name] = one
	}
	return o, problems
}

// pathOf is a path such as $.data.tokens, without its $.
func pathOf(n *mapping.Node, name, outer string, problems *mapping.Problems) string {
	at := n.Get(name)
	if at == nil {
		return ""
	}
	path, found := strings.CutPrefix(at.Text, "$.")
	if !found || path == "" || strings.ContainsAny(path, "[]") || strings.Contains("."+path+".", "..") {
		problems.Add(at, outer+name, "must be a path such as $.data.value, not %q", at.Text)
	}
	return path
}

type reader struct {
	options  *Options
	document *event.Document
	draft    *event.Draft
}

// Reader reads usage events, within the bounds of the options.
func (o *Options) Reader(bounds event.Options) event.Reader {
	return &reader{o, event.NewDocument(bounds), event.NewDraft(bounds)}
}

// Read makes the usage of one CloudEvent, in structured or binary mode.
func (r *reader) Read(record *event.Record) ([]*event.Event, *event.Rejection) {
	if record.Value == nil && len(record.Headers) == 0 {
		return nil, nil
	}
	root, rejection := r.document.ReadCloudEvent(record)
	if rejection != nil {
		return nil, rejection
	}
	if !root.IsObject() {
		return nil, root.Reject(event.ReasonNotJSON)
	}
	kind := root.Get("type")
	m := r.options.meters[kind.Text()]
	f := r.draft.Begin(root)
	f.Text("type", event.TypeUsageRecorded.String(), kind)
	if kind.Text() == "" {
		return nil, kind.Reject(event.ReasonMissingField)
	}
	for _, name := range []string{"id", "source", "time", "subject", "sequence"} {
		f.Copy(name, root.Get(name))
	}
	data := f.Object("data", root.Get("data"))
	r.subscription(root, data)
	if m.name != "" {
		data.Text("meter", m.name, kind)
	} else {
		data.Text("meter", kind.Text(), kind)
	}
	r.quantity(root, &m, data)
	e, rejection := r.draft.End()
	if rejection != nil {
		return nil, rejection
	}
	return []*event.Event{e}, nil
}

// subscription is the field that the mapping names; else data.subscription; else the customer, who then
// has one subscription under its own id.
func (r *reader) subscription(root event.Value, data *event.Field) {
	if r.options.subscription != "" {
		data.Copy("subscription", root.Find(r.options.subscription))
		return
	}
	if v := root.Find("data.subscription"); !v.Absent() {
		data.Copy("subscription", v)
		return
	}
	data.Copy("subscription", root.Get("subject"))
}

// quantity is the value of the event, as a number or a text; an event without one counts 1, unless the
// mapping says where it should be.
func (r *reader) quantity(root event.Value, m *meter, data *event.Field) {
	path := m.quantity
	if path == "" {
		path = r.options.quantity
	}
	switch v := root.Find("data.value"); {
	case m.count:
		data.Text("quantity", "1", root.Get("data"))
	case path != "":
		data.Copy("quantity", root.Find(path))
	case v.Absent():
		data.Text("quantity", "1", v)
	default:
		data.Copy("quantity", v)
	}
}
