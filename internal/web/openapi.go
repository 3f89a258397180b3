package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
	"processor/internal/web/access"
)

// rowKind is a kind of rows: what the document says of it comes from rows that the encoder made.
type rowKind struct {
	columns  []string
	examples [][]byte // with and without what may be null
}

// kindsOf encodes an empty row and a full one of each kind.
func kindsOf(o *Options) map[string]rowKind {
	s := &Server{options: *o}
	dims := &aggregate.Dims{Values: make([]string, len(o.Dimensions))}
	known := &aggregate.Dims{Values: slices.Repeat([]string{"eu"}, len(o.Dimensions))}
	parts := new(aggregate.Parts)
	undefined := rollup.Row{StartsAt: event.NoTime, EndsAt: event.NoTime}
	for _, ratio := range ratiosOf(&undefined) {
		ratio.Set(reflect.ValueOf(rollup.Ratio{Reason: rollup.NotDefined}))
	}
	defined := rollup.Row{PrimaryDriver: "seat", ExpansionBand: "healthy", ShareBand: "healthy", NRRBand: "healthy", HasTarget: true}
	unpaid := aggregate.AccountRow{FirstPaidAt: event.NoTime, LastMovementAt: event.NoTime, Dims: dims}
	paid := aggregate.AccountRow{Account: "acme", Name: "Acme", Dims: known}
	alone := aggregate.MovementRow{Movement: aggregate.Movement{Parts: parts, Dims: dims}}
	merged := aggregate.MovementRow{Movement: aggregate.Movement{Parts: parts, Dims: known, MergedInto: "event/billing/1"}}
	rate := "0.100000"
	bare, whole := segmentOf(&undefined, event.NoTime), segmentOf(&undefined, 0)
	whole.Rate = &rate
	kinds := map[string]rowKind{}
	for name, examples := range map[string][][]byte{
		"metrics":   {s.metricRow(&undefined, event.NoTime), s.metricRow(&defined, 0)},
		"accounts":  {s.accountRow(&unpaid, event.NoTime), s.accountRow(&paid, 0)},
		"movements": {s.movementRow(&alone, event.NoTime), s.movementRow(&merged, 0)},
		"segments":  {appendValue(nil, bare), appendValue(nil, whole)},
		"alerts":    {[]byte(`{"rule":"","grouping":"","segment":""}`)}, // and more, as its topic has it
	} {
		kinds[name] = rowKind{columns: columnsOf(examples[0]), examples: examples}
	}
	return kinds
}

// ratiosOf are the ratios of a row.
func ratiosOf(r *rollup.Row) (ratios []reflect.Value) {
	wanted := reflect.TypeFor[rollup.Ratio]()
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Type() == wanted && f.CanSet():
			ratios = append(ratios, f)
		case f.Kind() == reflect.Array && f.Type().Elem() == wanted:
			for j := range f.Len() {
				ratios = append(ratios, f.Index(j))
			}
		}
	}
	return ratios
}

// object is a JSON object of the document; encoding/json writes its names in order.
type object = map[string]any

// rowOf names a kind of rows as an answer of its own.
type rowOf string

// explanationJSON is the document of an explanation.
var explanationJSON = row.Explanation{}

// documentOf is the OpenAPI document of a table of routes.
func documentOf(s *Server, table []route) []byte {
	paths, schemas := object{}, object{"problem": schemaOfType(reflect.TypeFor[problemJSON]())}
	for name, kind := range s.kinds {
		schemas[name] = kind.schema(name == "alerts")
	}
	for _, rt := range table {
		if rt.pattern == "/" || rt.when != nil && !rt.when(&s.options) {
			continue
		}
		paths[rt.pattern] = object{"get": rt.operation(schemas)}
	}
	text, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "processor", "version": "v1",
			"description": "Expansion revenue in real time. Everything is read-only. Amounts are decimal strings in the reporting currency; " +
				"times are RFC 3339 in UTC. Rows are those of the output topics without their version.",
		},
		"paths": paths,
		"components": object{
			"schemas": schemas,
			"securitySchemes": object{
				"basic": object{"type": "http", "scheme": "basic"}, "bearer": object{"type": "http", "scheme": "bearer"}, "certificate": object{"type": "mutualTLS"},
			},
		},
	}, "", "  ")
	if err != nil {
		panic("web: " + err.Error()) // maps, lists and texts have no error
	}
	return text
}

func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) { answer(w, r, s.document) }

// operation describes one route; what it needs of schemas is added to them.
func (rt *route) operation(schemas object) object {
	parameters := []any{}
	for name := range pathNames(rt.pattern) {
		parameters = append(parameters, object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}, "description": "Percent-encoded, `/` and `.` alone included."})
	}
	for _, p := range rt.allowed {
		parameters = append(parameters, p.describe())
	}
	responses := object{"default": problemResponse("What is wrong, and what to do about it.")}
	content := object{"text/plain": object{"schema": object{"type": "string"}}}
	switch {
	case rt.rows != "":
		page := "page_of_" + rt.rows
		schemas[page] = pageSchema(rt.rows)
		content = object{
			"application/json": object{"schema": ref(page)},
			"text/csv":         object{"schema": object{"type": "string"}},
		}
	case rt.document != nil:
		kind, isRow := rt.document.(rowOf)
		schema := string(kind)
		if !isRow {
			t := reflect.TypeOf(rt.document)
			schema = strings.ToLower(strings.TrimSuffix(t.Name(), "JSON"))
			schemas[schema] = schemaOfType(t)
		}
		content = object{"application/json": object{"schema": ref(schema)}}
	case strings.HasSuffix(rt.pattern, ".json"):
		content = object{"application/json": object{"schema": object{"type": "object"}}}
	case strings.HasSuffix(rt.pattern, "/stream"):
		content = object{"text/event-stream": object{"schema": object{"type": "string"}}}
	}
	responses["200"] = object{"description": rt.summary, "content": content}
	if rt.asked != nil {
		responses["304"] = object{"description": "The answer is the one whose ETag was sent in If-None-Match."}
	}
	if rt.missing {
		responses["307"] = object{"description": "Another instance answers for this account, at the address in Location."}
		responses["404"] = problemResponse("There is no such account; `nearest` has ids that were probably meant.")
	}
	op := object{"summary": rt.summary, "parameters": parameters, "responses": responses, "x-role": rt.role.String()}
	if rt.role != access.Nobody {
		op["security"] = []any{object{"basic": []any{}}, object{"bearer": []any{}}, object{"certificate": []any{}}, object{}}
	}
	return op
}

func ref(schema string) object { return object{"$ref": "#/components/schemas/" + schema} }

func problemResponse(description string) object {
	return object{"description": description, "content": object{"application/problem+json": object{"schema": ref("problem")}}}
}

// pathNames are the names in a pattern's braces.
func pathNames(pattern string) map[string]bool {
	names := map[string]bool{}
	for part := range strings.SplitSeq(pattern, "/") {
		if strings.HasPrefix(part, "{") {
			names[strings.Trim(part, "{}")] = true
		}
	}
	return names
}

func (p *parameter) describe() object {
	schema := object{"type": "string"}
	switch {
	case p.words != nil:
		schema["enum"] = p.words
	case p.name == "limit":
		schema = object{"type": "integer", "minimum": 1, "maximum": limitMax, "default": limitDefault}
	}
	return object{"name": p.name, "in": "query", "description": p.doc, "schema": schema}
}

// pageSchema is that of a list.
func pageSchema(rows string) object {
	properties := object{
		"total": object{"type": "integer", "description": "Rows that were chosen, over all pages."},
		"rows":  object{"type": "array", "maxItems": limitMax, "items": ref(rows)},
		"next":  object{"type": []string{"string", "null"}, "description": "The cursor of the next page; null after the last."},
	}
	required := []string{"total", "rows", "next"}
	add := func(name, kind, description string) {
		properties[name] = object{"type": kind, "description": description}
		required = append(required, name)
	}
	if rows == "accounts" || rows == "movements" {
		add("shards", "integer", "Shards of this instance: the list has accounts of these only.")
		add("shards_of", "integer", "Shards of all instances.")
	}
	switch rows {
	case "accounts":
		add("omitted", "integer", "Accounts with small amounts that the list has no room for.")
	case "movements":
		add("complete", "boolean", "Whether no movement is missing: without `account` the latest 10,000 of an instance are kept; the topic has all.")
		required = slices.DeleteFunc(required, func(name string) bool { return strings.HasPrefix(name, "shards") }) // not with an account
	}
	return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

// schema of the rows of a kind: a field has every type that an example has there.
func (k rowKind) schema(open bool) object {
	types := map[string]map[string]bool{}
	for _, example := range k.examples {
		fields, err := fieldsOf(example)
		if err != nil {
			panic("web: " + err.Error()) // an encoder of ours made it
		}
		for _, f := range fields {
			if types[f.name] == nil {
				types[f.name] = map[string]bool{}
			}
			types[f.name][typeOf(f.value)] = true
		}
	}
	properties := object{}
	for name, all := range types {
		property := object{"type": slices.Sorted(maps.Keys(all))}
		if len(all) == 1 {
			property["type"] = slices.Collect(maps.Keys(all))[0]
		}
		if strings.HasSuffix(name, "_at") {
			property["format"] = "date-time"
		}
		properties[name] = property
	}
	return object{"type": "object", "properties": properties, "required": k.columns, "additionalProperties": open}
}

func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	default:
		return "integer"
	}
}

// schemaOfType is that of a Go type as encoding/json writes it.
func schemaOfType(t reflect.Type) object {
	switch t.Kind() {
	case reflect.Pointer:
		inner := schemaOfType(t.Elem())
		return object{"anyOf": []any{inner, object{"type": "null"}}}
	case reflect.Slice:
		return object{"anyOf": []any{object{"type": "array", "items": schemaOfType(t.Elem())}, object{"type": "null"}}}
	case reflect.Struct:
		properties, required := object{}, []string{}
		for i := range t.NumField() {
			name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			properties[name] = schemaOfType(t.Field(i).Type)
			if options == "" {
				required = append(required, name)
			}
		}
		return object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	default:
		if t == reflect.TypeFor[json.Number]() {
			return object{"type": "number"}
		}
		return object{"type": "string"}
	}
}
