package config

import (
	"slices"
	"strings"

	"processor/internal/event/format"
	"processor/internal/event/mapping"
)

// mappingOf keeps a piece of the document for the format that reads it, and where each part of it stands.
// The order of fields means nothing.
func (l *loader) mappingOf(n *node) *mapping.Node {
	out := &mapping.Node{Shape: mapping.ShapeText, Text: n.text}
	l.places[out] = n
	switch n.shape {
	case shapeList:
		out.Shape = mapping.ShapeList
		for _, item := range n.items {
			out.List = append(out.List, l.mappingOf(item))
		}
	case shapeMapping:
		out.Shape = mapping.ShapeFields
		for _, f := range n.fields {
			out.Fields = append(out.Fields, mapping.Entry{Name: f.name, Value: l.mappingOf(f.value)})
		}
		slices.SortFunc(out.Fields, func(a, b mapping.Entry) int { return strings.Compare(a.Name, b.Name) })
	case shapeEmpty, shapeText, shapeRefused:
	}
	return out
}

// checkFormat lets the format read its mapping.
func (l *loader) checkFormat(s *Source, item *node) {
	if l.bad["sources[].format"] || !slices.Contains(format.Names(), s.Format) {
		return
	}
	_, problems := format.Compile(s.Format, s.Mapping)
	for _, p := range problems {
		at := l.places[p.At]
		if at == nil {
			at = item
		}
		path := "sources[].mapping"
		if p.Path != "" && p.Path[0] != '[' {
			path += "."
		}
		// A message may quote a value that came out of ${...}.
		if at.hidden {
			l.complain(at.at, path+p.Path, "cannot be used: it is none of what is allowed here")
			continue
		}
		l.complain(at.at, path+p.Path, "%s", p.Message)
	}
	if s.KeyedByAccount && s.Format != format.Native && s.Format != format.Auto {
		l.complain(item.at, "sources[].keyed_by_account", "has no effect with format: %s, whose records are decoded and copied by account; leave it out", s.Format)
	}
}

// checkRegistry wants a registry where a format needs one, and lets no password go unencrypted.
func (l *loader) checkRegistry() {
	r := &l.config.Registry
	needs := func(s Source) bool { return format.NeedsRegistry(s.Format) }
	if i := slices.IndexFunc(l.config.Sources, needs); i >= 0 && r.URL == "" && !l.bad["schema_registry.url"] {
		l.complain(l.place("sources"), "schema_registry.url", "is missing; format: %s needs it", l.config.Sources[i].Format)
	} else if l.config.Output.Format == "avro" && r.URL == "" && !l.bad["schema_registry.url"] {
		l.complain(l.place("output.format"), "schema_registry.url", "is missing; output.format: avro registers the schemas of rows there")
	}
	for _, one := range []struct {
		path string
		set  bool
	}{{"schema_registry.username", r.Username != ""}, {"schema_registry.password", r.Password != ""}, {"schema_registry.ca_file", r.CAFile != ""}} {
		if one.set && r.URL == "" && !l.bad[one.path] && !l.bad["schema_registry.url"] {
			l.complain(l.place(one.path), one.path, "has no effect without schema_registry.url")
		}
	}
	switch {
	case l.bad["schema_registry.url"] || r.URL == "":
	case (r.Username != "") != (r.Password != ""):
		l.complain(l.place("schema_registry.url"), "schema_registry.username", "username and password belong together")
	case r.Password != "" && !isPrivateURL(r.URL):
		l.complain(l.place("schema_registry.url"), "schema_registry.url", "a password would go over the network unencrypted: use https")
	}
	l.checkAuthorities("schema_registry.ca_file", r.CAFile)
}

// plainMapping is a mapping as a file would have it.
func plainMapping(n *mapping.Node) any {
	switch {
	case n == nil:
		return nil
	case n.Shape == mapping.ShapeList:
		list := make([]any, len(n.List))
		for i, one := range n.List {
			list[i] = plainMapping(one)
		}
		return list
	case n.Shape == mapping.ShapeFields:
		fields := map[string]any{}
		for _, f := range n.Fields {
			fields[f.Name] = plainMapping(f.Value)
		}
		return fields
	}
	return n.Text
}
