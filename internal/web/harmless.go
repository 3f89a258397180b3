package web

import (
	"unicode/utf8"
)

// harmless appends JSON with everything escaped that a browser, a terminal or a reader's eye could take for
// something else than text: <, >, & and DEL, control characters beyond ASCII, line separators, and the
// characters that turn the direction of writing. They stand inside of strings only, so the value stays.
func harmless(dst, src []byte) []byte {
	const hex = "0123456789abcdef"
	escape := func(r rune) {
		dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
	}
	for i := 0; i < len(src); {
		c := src[i]
		if c < utf8.RuneSelf {
			if c == '<' || c == '>' || c == '&' || c == 0x7f {
				escape(rune(c))
			} else {
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(src[i:])
		if isTricky(r) {
			escape(r)
		} else {
			dst = append(dst, src[i:i+size]...)
		}
		i += size
	}
	return dst
}

// isTricky says whether a character beyond ASCII changes how the text around it looks.
func isTricky(r rune) bool {
	switch {
	case r >= 0x80 && r < 0xa0: // C1 controls
	case r == 0x061c || r == 0x200e || r == 0x200f: // marks of direction
	case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069: // embeddings, overrides, isolates
	case r == 0x2028 || r == 0x2029: // ends of lines to JavaScript
	case r == 0xfeff:
	default:
		return false
	}
	return true
}
