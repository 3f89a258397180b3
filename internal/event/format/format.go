// Package format knows the formats that a source may have by their names: it checks a source's mapping,
// makes the reader, and tells formats apart by looking at records. It must never choose a format for a
// record: a source has one.
package format

import (
	"slices"

	"processor/internal/event"
	"processor/internal/event/debezium"
	"processor/internal/event/mapping"
	"processor/internal/event/openmeter"
	"processor/internal/event/stripe"
)

// The names of the formats, as the configuration has them.
const (
	Native     = "native"
	Stripe     = "stripe"
	Debezium   = "debezium"
	OpenMeter  = "openmeter"
	Mapping    = "mapping"
	Avro       = "avro"
	JSONSchema = "json-schema"
	Auto       = "auto" // the one that the records of the topic are in
)

// Names are all formats, in the order of the documentation.
func Names() []string {
	return []string{Native, Stripe, Debezium, OpenMeter, Mapping, Avro, JSONSchema, Auto}
}

// NeedsRegistry says whether records of the format name a schema that a registry has.
func NeedsRegistry(name string) bool { return name == Avro || name == JSONSchema }

// Maker makes readers: each belongs to one goroutine.
type Maker func(bounds event.Options) event.Reader

// Compile checks the mapping of a source, nil where it has none. The maker is nil for the formats that are
// read otherwise: native, auto, and those with a registry.
func Compile(name string, n *mapping.Node) (Maker, mapping.Problems) {
	switch name {
	case Stripe:
		o, problems := stripe.Compile(n)
		return o.Reader, problems
	case OpenMeter:
		o, problems := openmeter.Compile(n)
		return o.Reader, problems
	case Debezium:
		if n == nil {
			return nil, needed("format: debezium needs a mapping of tables to rules (docs/how-to/debezium.md)")
		}
		o, problems := debezium.Compile(n)
		return o.Reader, problems
	case Mapping:
		if n == nil {
			return nil, needed("format: mapping needs a mapping: a rule or a list of rules (docs/how-to/mapping.md)")
		}
		p, problems := mapping.Compile(n)
		return p.Reader, problems
	}
	if n != nil {
		var problems mapping.Problems
		problems.Add(n, "", "has no effect with format: %s", name)
		return nil, problems
	}
	return nil, nil
}

func needed(message string) mapping.Problems {
	return mapping.Problems{{Message: message}}
}

// Detected is what records look like.
type Detected struct {
	Format  string   // the one that all recognised records are in; empty: none or several
	Seen    []string // every format that was recognised, sorted
	Unknown int      // records that look like none
	Records int
}

// Detect looks at records and tells the format that they are in.
func Detect(records []event.Record, bounds event.Options) Detected {
	d := Detected{Records: len(records)}
	document := event.NewDocument(bounds)
	for i := range records {
		switch name := classify(document, &records[i]); {
		case name == "":
			d.Unknown++
		case !slices.Contains(d.Seen, name):
			d.Seen = append(d.Seen, name)
		}
	}
	slices.Sort(d.Seen)
	seen := d.Seen
	if slices.Contains(seen, Native) {
		// Where native types are, another type of CloudEvent is a mistake in one and no meter.
		seen = slices.DeleteFunc(slices.Clone(seen), func(name string) bool { return name == OpenMeter })
	}
	if len(seen) == 1 {
		d.Format = seen[0]
	}
	return d
}

// classify is the format that a record looks like; empty for none. Tombstones look like none.
func classify(document *event.Document, r *event.Record) string {
	if len(r.Value) > 5 && r.Value[0] == 0 {
		if r.Value[5] == '{' {
			return JSONSchema
		}
		return Avro
	}
	root, rejection := document.ReadCloudEvent(r)
	if rejection != nil || !root.IsObject() {
		return ""
	}
	payload := root
	if root.Get("payload").IsObject() && root.Get("schema").IsObject() {
		payload = root.Get("payload")
	}
	switch object := root.Get("object").Text(); {
	case object == "event" && root.Find("data.object").IsObject(), object == "billing.meter_event", object == "v2.billing.meter_event", object == "v2.core.event":
		return Stripe
	case payload.Get("op").IsString() && payload.Get("source").IsObject():
		return Debezium
	case !root.Get("specversion").IsString():
		return ""
	case slices.Contains(nativeTypes(), root.Get("type").Text()):
		return Native
	}
	return OpenMeter
}

func nativeTypes() []string {
	var names []string
	for t := event.TypeAccountChanged; t <= event.TypeEventRevoked; t++ {
		names = append(names, t.String())
	}
	return names
}
