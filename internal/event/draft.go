package event

import (
	"strconv"
	"strings"
)

// Draft is a native event that is made of a record in another format. Each of its fields knows which
// foreign field it is from, so that the native decoder can judge the result and the rejection still
// names what the producer sent.
type Draft struct {
	root    Field
	decoder *Decoder
	text    []byte
}

// NewDraft makes drafts that are judged within the bounds of the options.
func NewDraft(options Options) *Draft {
	options.IgnoreUnknownTypes = false // a type that a mapping names wrongly is a mistake
	return &Draft{decoder: NewDecoder(options)}
}

// Begin begins the next event; from is the foreign value that stands for all of it.
func (d *Draft) Begin(from Value) *Field {
	d.root = Field{shape: fieldObject, from: from}
	d.root.Text("specversion", specversionKnown, Value{})
	return &d.root
}

// End is the event, judged.
func (d *Draft) End() (*Event, *Rejection) {
	d.text = d.root.append(d.text[:0])
	e, rejection := d.decoder.Decode(d.text, nil)
	if rejection != nil {
		rejection.Detail = shortPath(d.root.origin(rejection.Detail))
		return nil, rejection
	}
	// What the ledger will read is the event with its defaults filled in.
	if d.text = e.AppendNative(d.text[:0]); len(d.text) > d.decoder.options.MaxBytes {
		return nil, d.root.from.Reject(ReasonTooLarge)
	}
	return e, nil
}

type fieldShape uint8

const (
	fieldAbsent fieldShape = iota
	fieldObject
	fieldArray
	fieldString
	fieldRaw // JSON as it is
)

// Field is a field of a draft, an object with more of them, or a list.
type Field struct {
	name   string
	shape  fieldShape
	text   string
	from   Value
	fields []*Field
}

func (f *Field) add(one Field) *Field {
	f.fields = append(f.fields, &one)
	return &one
}

// Object adds an object.
func (f *Field) Object(name string, from Value) *Field {
	return f.add(Field{name: name, shape: fieldObject, from: from})
}

// Array adds a list; its elements are added without names.
func (f *Field) Array(name string, from Value) *Field {
	return f.add(Field{name: name, shape: fieldArray, from: from})
}

// Element adds an object to a list.
func (f *Field) Element(from Value) *Field { return f.Object("", from) }

// Text adds a text that was made of a foreign value.
func (f *Field) Text(name, text string, from Value) {
	f.add(Field{name: name, shape: fieldString, text: text, from: from})
}

// Literal adds a number, true, false or null, as JSON.
func (f *Field) Literal(name, text string, from Value) {
	f.add(Field{name: name, shape: fieldRaw, text: text, from: from})
}

// Missing says where a field would come from that is not there, should it turn out to be needed.
func (f *Field) Missing(name string, from Value) { f.add(Field{name: name, from: from}) }

// Copy adds a foreign value as it is; an absent one is Missing.
func (f *Field) Copy(name string, from Value) {
	if from.Absent() {
		f.Missing(name, from)
		return
	}
	f.add(Field{name: name, shape: fieldRaw, text: string(from.Raw()), from: from})
}

func (f *Field) append(dst []byte) []byte {
	switch f.shape {
	case fieldAbsent:
	case fieldString:
		dst = appendString(dst, f.text)
	case fieldRaw:
		dst = append(dst, f.text...)
	case fieldArray:
		dst = append(dst, '[')
		for _, one := range f.fields {
			dst = one.append(appendComma(dst))
		}
		dst = append(dst, ']')
	case fieldObject:
		dst = append(dst, '{')
		for _, one := range f.fields {
			if one.shape != fieldAbsent {
				dst = one.append(append(appendString(appendComma(dst), one.name), ':'))
			}
		}
		dst = append(dst, '}')
	}
	return dst
}

// origin is the foreign path of a native one. Where only what encloses it is known, both are told.
func (f *Field) origin(native string) string {
	at, rest := f, native
	for rest != "" {
		next, after := at.step(rest)
		if next == nil {
			break
		}
		at, rest = next, after
	}
	foreign := at.from.Path()
	switch {
	case foreign == "":
		return native
	case rest == "" || at.shape == fieldRaw || at.shape == fieldString:
		return foreign
	default:
		return foreign + " (" + native + ")"
	}
}

// step is the field that a native path goes on with.
func (f *Field) step(path string) (next *Field, rest string) {
	if f.shape == fieldArray {
		number, after, _ := strings.Cut(strings.TrimPrefix(path, "["), "]")
		if i, err := strconv.Atoi(number); err == nil && i < len(f.fields) {
			return f.fields[i], strings.TrimPrefix(after, ".")
		}
		return nil, path
	}
	for _, one := range f.fields {
		after, found := strings.CutPrefix(path, one.name)
		if found && (after == "" || after[0] == '.' || after[0] == '[') {
			return one, strings.TrimPrefix(after, ".")
		}
	}
	return nil, path
}
