package event

import (
	"unicode/utf8"

	"processor/internal/money"
)

// The functions below write compact JSON with only the escapes that JSON requires. A comma goes
// before whatever does not follow an opening bracket, so that a field that is left out leaves no
// trace.

func appendComma(dst []byte) []byte {
	if last := dst[len(dst)-1]; last != '{' && last != '[' {
		dst = append(dst, ',')
	}
	return dst
}

func appendName(dst []byte, name string) []byte {
	dst = appendComma(dst)
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// appendText writes an optional text; empty is absent.
func appendText(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	return appendString(appendName(dst, name), text)
}

func appendOptional(dst []byte, name string, o Optional) []byte {
	if !o.Set {
		return dst
	}
	return appendString(appendName(dst, name), o.Value)
}

func appendFlag(dst []byte, name string, set bool) []byte {
	if !set {
		return dst
	}
	return append(appendName(dst, name), "true"...)
}

func appendDecimal(dst []byte, name string, n money.Decimal, sent bool) []byte {
	if !sent {
		return dst
	}
	dst = append(appendName(dst, name), '"')
	return append(n.AppendTo(dst), '"')
}

func appendTime(dst []byte, name string, t Time) []byte {
	if t == NoTime {
		return dst
	}
	dst = append(appendName(dst, name), '"')
	return append(t.AppendTo(dst), '"')
}

// appendString writes a JSON string. A text that is not UTF-8, which no decoder lets in, is
// written with replacement characters, because the result must be JSON.
func appendString(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	plain := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, text[plain:i]...)
				dst = utf8.AppendRune(dst, utf8.RuneError)
				plain = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, text[plain:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		plain = i
	}
	dst = append(dst, text[plain:]...)
	return append(dst, '"')
}
