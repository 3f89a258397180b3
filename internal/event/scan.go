package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// scan reads one JSON text (RFC 8259, nothing more) onto the tape and says whether the grammar
// holds to the last byte. It keeps its own stack, so that a megabyte of brackets costs no
// goroutine stack, and it goes on past a duplicate name or bad UTF-8 (refused), because the
// record's time may still be told (interface.md, replay).
func (t *tape) scan(in []byte) bool {
	t.reset(in)
	pos, ok := t.value(t.space(0))
	for ok && len(t.open) > 0 {
		pos, ok = t.step(pos)
	}
	return ok && t.space(pos) == len(in)
}

// step reads one element or member of the innermost open bracket, or closes it.
func (t *tape) step(pos int) (int, bool) {
	if pos = t.space(pos); pos == len(t.in) {
		return pos, false
	}
	top := t.open[len(t.open)-1]
	object, closing := t.nodes[top].kind == kindObject, byte(']')
	if object {
		closing = '}'
	}
	if t.in[pos] == closing {
		t.close(top, pos+1)
		return pos + 1, true
	}
	if first := len(t.nodes)-1 == int(top); !first {
		if t.in[pos] != ',' {
			return pos, false
		}
		pos = t.space(pos + 1)
	}
	if object {
		var ok bool
		if pos, ok = t.name(pos); !ok {
			return pos, false
		}
	}
	return t.value(pos)
}

// close ends the innermost bracket; all its names are known now.
func (t *tape) close(top uint32, end int) {
	t.open = t.open[:len(t.open)-1]
	t.nodes[top].end = uint32(end)
	t.nodes[top].next = uint32(len(t.nodes))
	if t.nodes[top].kind == kindObject && !t.uniqueNames(slot(top)) {
		t.refused = true
	}
}

// name reads a member's name, the colon and the space after it.
func (t *tape) name(pos int) (int, bool) {
	if pos == len(t.in) || t.in[pos] != '"' {
		return pos, false
	}
	pos, ok := t.str(pos)
	if !ok {
		return pos, false
	}
	if pos = t.space(pos); pos == len(t.in) || t.in[pos] != ':' {
		return pos, false
	}
	return t.space(pos + 1), true
}

// value reads a scalar, or opens a bracket that step goes on with.
func (t *tape) value(pos int) (int, bool) {
	if pos == len(t.in) {
		return pos, false
	}
	switch c := t.in[pos]; {
	case c == '"':
		return t.str(pos)
	case c == '{':
		return t.bracket(pos, kindObject), true
	case c == '[':
		return t.bracket(pos, kindArray), true
	case c == '-' || isDigit(c):
		return t.number(pos)
	case c == 't':
		return t.literal(pos, "true", kindTrue)
	case c == 'f':
		return t.literal(pos, "false", kindFalse)
	case c == 'n':
		return t.literal(pos, "null", kindNull)
	}
	return pos, false
}

func (t *tape) bracket(pos int, k kind) int {
	t.open = append(t.open, uint32(len(t.nodes)))
	t.deepest = max(t.deepest, len(t.open))
	t.add(pos, pos+1, k)
	return pos + 1
}

func (t *tape) add(start, end int, k kind) {
	t.nodes = append(t.nodes, node{start: uint32(start), end: uint32(end), next: uint32(len(t.nodes)) + 1, kind: k})
}

func (t *tape) literal(pos int, word string, k kind) (int, bool) {
	end := pos + len(word)
	if end > len(t.in) || string(t.in[pos:end]) != word {
		return pos, false
	}
	t.add(pos, end, k)
	return end, true
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?.
func (t *tape) number(start int) (int, bool) {
	pos := start
	if t.in[pos] == '-' {
		pos++
	}
	digits := t.digits(pos)
	if digits == pos || t.in[pos] == '0' && digits > pos+1 {
		return pos, false
	}
	pos = digits
	if pos < len(t.in) && t.in[pos] == '.' {
		if digits = t.digits(pos + 1); digits == pos+1 {
			return pos, false
		}
		pos = digits
	}
	if pos < len(t.in) && t.in[pos]|0x20 == 'e' {
		pos++
		if pos < len(t.in) && (t.in[pos] == '+' || t.in[pos] == '-') {
			pos++
		}
		if digits = t.digits(pos); digits == pos {
			return pos, false
		}
		pos = digits
	}
	t.add(start, pos, kindNumber)
	return pos, true
}

// digits is the position after a run of digits.
func (t *tape) digits(pos int) int {
	for pos < len(t.in) && isDigit(t.in[pos]) {
		pos++
	}
	return pos
}

// space is the position after white space.
func (t *tape) space(pos int) int {
	for pos < len(t.in) && (t.in[pos] == ' ' || t.in[pos] == '\n' || t.in[pos] == '\t' || t.in[pos] == '\r') {
		pos++
	}
	return pos
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// str reads a string; pos is at its opening quote. Most strings are plain ASCII without escapes,
// found eight bytes at a time.
func (t *tape) str(pos int) (int, bool) {
	start := pos + 1
	end := t.plain(start)
	if end < len(t.in) && t.in[end] == '"' {
		t.add(start, end, kindString)
		return end + 1, true
	}
	return t.strSlow(start, end)
}

// plain is the first position that is a quote, a backslash, a control character or not ASCII.
func (t *tape) plain(pos int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for pos+8 <= len(t.in) {
		word := binary.LittleEndian.Uint64(t.in[pos:])
		quote, slash := word^(ones*'"'), word^(ones*'\\')
		// A borrow can mark a byte too much, but only above a byte that is marked rightly.
		marks := (word | (quote-ones)&^quote | (slash-ones)&^slash | (word-ones*0x20)&^word) & tops
		if marks != 0 {
			return pos + bits.TrailingZeros64(marks)/8
		}
		pos += 8
	}
	for pos < len(t.in) {
		if c := t.in[pos]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			break
		}
		pos++
	}
	return pos
}

// strSlow reads the rest of a string that has an escape or a byte beyond ASCII at pos.
func (t *tape) strSlow(start, pos int) (int, bool) {
	copied, unescapedStart, escaped := start, len(t.unescaped), false
	for pos < len(t.in) {
		switch c := t.in[pos]; {
		case c == '"':
			t.refused = t.refused || !utf8.Valid(t.in[start:pos])
			if !escaped {
				t.add(start, pos, kindString)
				return pos + 1, true
			}
			t.unescaped = append(t.unescaped, t.in[copied:pos]...)
			t.add(unescapedStart, len(t.unescaped), kindString)
			t.nodes[len(t.nodes)-1].unescaped = true
			return pos + 1, true
		case c == '\\':
			t.unescaped = append(t.unescaped, t.in[copied:pos]...)
			var ok bool
			if pos, ok = t.escape(pos + 1); !ok {
				return pos, false
			}
			copied, escaped = pos, true
		case c < 0x20:
			return pos, false
		default:
			pos++
		}
		pos = t.plain(pos)
		for pos < len(t.in) && t.in[pos] >= utf8.RuneSelf {
			pos++
		}
	}
	return pos, false
}
