package event

// kind is what a node of the tape is.
type kind uint8

const (
	kindAbsent kind = iota // of slot 0: a field that was not sent
	kindObject
	kindArray
	kindString
	kindNumber
	kindTrue
	kindFalse
	kindNull
)

// node is one JSON value, or one member name right before its value.
type node struct {
	start, end uint32 // the text: of the input, or of tape.unescaped
	next       uint32 // the node after this one and all it contains
	kind       kind
	unescaped  bool
}

// slot is the index of a node. Slot 0 is the absent value, so a zero slot is a field not sent.
type slot uint32

// rootSlot is where the record's own value stands.
const rootSlot slot = 1

// tape is a JSON text as a flat list of nodes in reading order. It is filled by one pass over the
// input, holds no pointers and keeps its buffers from record to record. Numbers stay text, so an
// amount never passes through a binary float (rules 1.1).
type tape struct {
	in        []byte
	nodes     []node
	unescaped []byte // the text of strings that had escapes
	open      []uint32
	names     nameSet
	deepest   int
	refused   bool // the grammar holds, but a name is there twice or a text is not UTF-8
}

// Buffers that one hostile record blew up are given back.
const (
	nodesKeptMax     = 1 << 16
	unescapedKeptMax = 1 << 18
	openKeptMax      = 1 << 10
)

// reset empties the tape for the next input.
func (t *tape) reset(in []byte) {
	if cap(t.nodes) > nodesKeptMax {
		t.nodes = nil
	}
	if cap(t.unescaped) > unescapedKeptMax {
		t.unescaped = nil
	}
	if cap(t.open) > openKeptMax {
		t.open = nil
	}
	t.in = in
	t.nodes = append(t.nodes[:0], node{next: 1})
	t.unescaped = t.unescaped[:0]
	t.open = t.open[:0]
	t.deepest = 0
	t.refused = false
}

// text is the node's text: a string's content, a number's digits, a whole object.
func (t *tape) text(s slot) []byte {
	n := &t.nodes[s]
	if n.unescaped {
		return t.unescaped[n.start:n.end]
	}
	return t.in[n.start:n.end]
}

// kind is what the node is; kindAbsent for slot 0.
func (t *tape) kind(s slot) kind { return t.nodes[s].kind }

// after is the node that follows a value and all it contains. A walk over the members of an
// object goes name = obj+1, value = name+1, name = after(value), while name < after(obj); a walk
// over an array the same way without names.
func (t *tape) after(s slot) slot { return slot(t.nodes[s].next) }

// sent is s, or slot 0 where the value is null: a null field is an absent one (events, section 3).
func (t *tape) sent(s slot) slot {
	if t.nodes[s].kind == kindNull {
		return 0
	}
	return s
}

// count is how many elements an array has.
func (t *tape) count(array slot) int {
	n := 0
	for at, end := array+1, t.after(array); at < end; at = t.after(at) {
		n++
	}
	return n
}

// push appends a string that is no part of the input, such as a header, as a value of its own.
func (t *tape) push(k kind, text []byte) slot {
	start := uint32(len(t.unescaped))
	t.unescaped = append(t.unescaped, text...)
	t.nodes = append(t.nodes, node{
		start: start, end: uint32(len(t.unescaped)), next: uint32(len(t.nodes)) + 1, kind: k, unescaped: true,
	})
	return slot(len(t.nodes) - 1)
}
