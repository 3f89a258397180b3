package event

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escape appends the character of the escape whose letter is at pos, and returns the position
// after it. Half a surrogate pair is no character: the text is refused, not patched up.
func (t *tape) escape(pos int) (int, bool) {
	if pos == len(t.in) {
		return pos, false
	}
	c := t.in[pos]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return t.unicode(pos + 1)
	default:
		return pos, false
	}
	t.unescaped = append(t.unescaped, c)
	return pos + 1, true
}

// unicode reads the four hex digits at pos, and the other half where they are half a pair.
func (t *tape) unicode(pos int) (int, bool) {
	r, ok := t.hex(pos)
	if !ok {
		return pos, false
	}
	pos += 4
	if utf16.IsSurrogate(r) {
		pair := rune(utf8.RuneError)
		if pos+2 <= len(t.in) && t.in[pos] == '\\' && t.in[pos+1] == 'u' {
			low, _ := t.hex(pos + 2)
			pair = utf16.DecodeRune(r, low)
		}
		if pair == utf8.RuneError {
			t.refused = true
		} else {
			pos += 6
		}
		r = pair
	}
	t.unescaped = utf8.AppendRune(t.unescaped, r)
	return pos, true
}

// hex reads four hex digits.
func (t *tape) hex(pos int) (rune, bool) {
	if pos+4 > len(t.in) {
		return 0, false
	}
	var r rune
	for _, c := range t.in[pos : pos+4] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
