package event

import (
	"hash/maphash"
	"iter"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Record is a record as a topic holds it, for formats that need more of it than the value.
type Record struct {
	Key      []byte // nil: none
	Value    []byte // nil: a tombstone
	Headers  []Header
	Position Position
}

// Reader makes native events of records in one format. A record gives all of its events, or a
// rejection, or, when both are nil, it is one that the format has nothing to say by: the caller counts
// it as ignored. Nothing in the events refers to the record. A Reader belongs to one goroutine.
type Reader interface {
	Read(r *Record) ([]*Event, *Rejection)
}

// Document is one JSON text in another format than the native one, read in the same single pass and
// within the same bounds. It keeps its buffers from record to record.
type Document struct {
	options Options
	prefix  string // of paths: where the text stood in another document
	tape    tape
}

// NewDocument is a document within the bounds of the options.
func NewDocument(options Options) *Document {
	d := &Document{options: options.withDefaults()}
	d.tape.names.seed = maphash.MakeSeed()
	return d
}

// Read reads the text; the rejection is too_large, not_json or too_deep.
func (d *Document) Read(text []byte) (Value, *Rejection) {
	switch {
	case len(text) > d.options.MaxBytes || len(text) > math.MaxUint32/2:
		return Value{}, &Rejection{Reason: ReasonTooLarge, Detail: d.prefix}
	case !d.tape.scan(text) || d.tape.refused:
		return Value{}, &Rejection{Reason: ReasonNotJSON, Detail: d.prefix}
	case d.tape.deepest > d.options.MaxDepth:
		return Value{}, &Rejection{Reason: ReasonTooDeep, Detail: d.prefix}
	}
	return Value{document: d, at: rootSlot}, nil
}

// Value is a place in a document, or the place where something would be that is not there: either way
// it knows its path. The zero Value is absent and has none.
type Value struct {
	document *Document
	at       slot   // 0: absent
	within   slot   // of an absent one: what it is missing in
	name     string // of an absent one: its path from there
}

func (v Value) kind() kind {
	if v.document == nil {
		return kindAbsent
	}
	return v.document.tape.kind(v.at)
}

// Absent says whether the value is not there, or null.
func (v Value) Absent() bool { k := v.kind(); return k == kindAbsent || k == kindNull }

// Null says whether the value is there and null.
func (v Value) Null() bool { return v.kind() == kindNull }

// IsObject says whether the value is an object.
func (v Value) IsObject() bool { return v.kind() == kindObject }

// IsArray says whether the value is an array.
func (v Value) IsArray() bool { return v.kind() == kindArray }

// IsString says whether the value is a string.
func (v Value) IsString() bool { return v.kind() == kindString }

// IsNumber says whether the value is a number.
func (v Value) IsNumber() bool { return v.kind() == kindNumber }

// IsTrue says whether the value is true.
func (v Value) IsTrue() bool { return v.kind() == kindTrue }

// IsScalar says whether the value is a string, a number, true or false.
func (v Value) IsScalar() bool {
	switch v.kind() {
	case kindString, kindNumber, kindTrue, kindFalse:
		return true
	case kindAbsent, kindNull, kindObject, kindArray:
	}
	return false
}

// Text is the content of a string, the digits of a number, true or false; "" of everything else.
func (v Value) Text() string {
	if !v.IsScalar() {
		return ""
	}
	return string(v.document.tape.text(v.at))
}

// Int is a number, or a text of digits, as an integer.
func (v Value) Int() (n int64, ok bool) {
	if !v.IsNumber() && !v.IsString() {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Text(), 10, 64)
	return n, err == nil
}

// Raw is the JSON text of the value, as it was sent; nil of an absent one.
func (v Value) Raw() []byte {
	if v.kind() == kindAbsent {
		return nil
	}
	n := v.document.tape.nodes[v.at]
	if n.kind == kindString {
		return appendString(nil, v.Text())
	}
	return v.document.tape.in[n.start:n.end]
}

// Get is the member of that name, absent where the value is no object or has none.
func (v Value) Get(name string) Value {
	if v.document == nil {
		return Value{}
	}
	t := &v.document.tape
	if v.at == 0 {
		return Value{document: v.document, within: v.within, name: v.name + "." + name}
	}
	if t.kind(v.at) == kindObject {
		for at, end := v.at+1, t.after(v.at); at < end; at = t.after(at + 1) {
			if string(t.text(at)) == name {
				return Value{document: v.document, at: at + 1}
			}
		}
	}
	return Value{document: v.document, within: v.at, name: name}
}

// Find is the member by a path of names with dots between.
func (v Value) Find(path string) Value {
	for name := range strings.SplitSeq(path, ".") {
		v = v.Get(name)
	}
	return v
}

// Element is the i-th element of an array, from 0.
func (v Value) Element(i int) Value {
	for n, element := range v.Elements() {
		if n == i {
			return element
		}
	}
	name := "[" + strconv.Itoa(i) + "]"
	if v.document == nil || v.at == 0 {
		return Value{document: v.document, within: v.within, name: v.name + name}
	}
	return Value{document: v.document, within: v.at, name: name}
}

// Elements are the elements of an array; none of anything else.
func (v Value) Elements() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if !v.IsArray() {
			return
		}
		t, n := &v.document.tape, 0
		for at, end := v.at+1, t.after(v.at); at < end; at = t.after(at) {
			if !yield(n, Value{document: v.document, at: at}) {
				return
			}
			n++
		}
	}
}

// Members are the members of an object in the order sent; none of anything else.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if !v.IsObject() {
			return
		}
		t := &v.document.tape
		for at, end := v.at+1, t.after(v.at); at < end; at = t.after(at + 1) {
			if !yield(string(t.text(at)), Value{document: v.document, at: at + 1}) {
				return
			}
		}
	}
}

// Parse reads a string that holds JSON, as databases keep it in a column. Paths within it go on from
// that of the string.
func (v Value) Parse() (Value, *Rejection) {
	if !v.IsString() {
		return v, nil
	}
	inner := NewDocument(v.document.options)
	inner.prefix = v.Path()
	return inner.Read([]byte(v.Text()))
}

// Path names the value from the record's root on, as in data.items[0].price: what a rejection's detail
// names.
func (v Value) Path() string {
	if v.document == nil {
		return ""
	}
	path := v.document.prefix
	if v.at != 0 {
		return joinPath(path, v.document.tape.path(v.at))
	}
	return joinPath(joinPath(path, v.document.tape.path(v.within)), v.name)
}

// Reject is a rejection that names the value.
func (v Value) Reject(reason Reason) *Rejection {
	return &Rejection{Reason: reason, Detail: shortPath(v.Path())}
}

// pathMax bounds a detail: a hostile record chooses its names.
const pathMax = 256

func shortPath(path string) string {
	if len(path) > pathMax {
		return strings.ToValidUTF8(path[:pathMax], "") + "..."
	}
	return path
}

func joinPath(outer, inner string) string {
	if outer == "" || inner == "" || inner[0] == '[' {
		return outer + inner
	}
	return outer + "." + inner
}

// path finds the way from the root to a node.
func (t *tape) path(target slot) string {
	path, at := "", rootSlot
	for at != target && target != 0 {
		inner, end, n := at+1, t.after(at), 0
		object := t.kind(at) == kindObject
		for inner < end {
			value := inner
			if object {
				value++
			}
			if after := t.after(value); target < after {
				if object {
					path = joinPath(path, string(t.text(inner)))
				} else {
					path += "[" + strconv.Itoa(n) + "]"
				}
				inner = value
				break
			}
			inner = t.after(value)
			n++
		}
		if inner >= end {
			return path
		}
		at = inner
	}
	return path
}

// ReadCloudEvent reads a CloudEvent in structured or binary mode as if it were in structured mode.
func (d *Document) ReadCloudEvent(r *Record) (Value, *Rejection) {
	if !isBinary(r.Headers) {
		return d.Read(r.Value)
	}
	if len(r.Value)+envelopeBytes(r.Headers) > d.options.MaxBytes {
		return Value{}, &Rejection{Reason: ReasonTooLarge}
	}
	if len(r.Value) > 0 {
		if v, rejection := d.Read(r.Value); rejection != nil { // alone, so that it cannot reach into the envelope
			return v, rejection
		}
	}
	text := []byte{'{'}
	for _, h := range r.Headers {
		if name, ours := strings.CutPrefix(h.Key, headerPrefix); ours && h.Value != nil {
			if !utf8.Valid(h.Value) || name == "data" {
				return Value{}, &Rejection{Reason: ReasonNotJSON, Detail: shortPath(h.Key)}
			}
			text = appendString(append(appendString(appendComma(text), name), ':'), string(h.Value))
		}
	}
	if len(r.Value) > 0 {
		text = append(appendName(text, "data"), r.Value...)
	}
	whole := *d
	whole.options.MaxBytes = math.MaxUint32 / 2 // judged above
	whole.options.MaxDepth++
	defer func() { d.tape = whole.tape }()
	v, rejection := whole.Read(append(text, '}'))
	v.document = d
	return v, rejection
}
