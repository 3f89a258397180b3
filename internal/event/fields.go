package event

import (
	"strconv"

	"processor/internal/money"
)

// idBytesMax bounds what names something: events, accounts, subscriptions, items, products.
const idBytesMax = 256

// The readers below take a field's place and name, note the first fault and return the zero value
// then. A field that is absent or null is missing where it is required, else its default. An
// empty string names nothing: it counts as absent.

// textOf is the content of a string field; ok is false where it is absent, empty or at fault.
func (d *Decoder) textOf(s slot, name string) (text []byte, ok bool) {
	switch d.tape.kind(s) {
	case kindAbsent:
		return nil, false
	case kindString:
		text = d.tape.text(s)
		return text, len(text) > 0
	default:
		d.fail(ReasonBadField, name)
		return nil, false
	}
}

// id reads an optional identifier.
func (d *Decoder) id(s slot, name string) string {
	text, ok := d.idText(s, name)
	if !ok {
		return ""
	}
	return string(text)
}

// sharedID reads an optional identifier of which there are few, such as a plan.
func (d *Decoder) sharedID(s slot, name string) string {
	text, _ := d.idText(s, name)
	return d.intern.text(text)
}

func (d *Decoder) idText(s slot, name string) (text []byte, ok bool) {
	text, ok = d.textOf(s, name)
	if len(text) > idBytesMax {
		d.fail(ReasonBadField, name)
		return nil, false
	}
	return text, ok
}

// requiredID reads an identifier that must be there.
func (d *Decoder) requiredID(s slot, name string) string {
	return required(d, d.id(s, name), name)
}

// requiredSharedID reads an identifier that must be there and of which there are few.
func (d *Decoder) requiredSharedID(s slot, name string) string {
	return required(d, d.sharedID(s, name), name)
}

func required(d *Decoder, text, name string) string {
	if text == "" {
		d.fail(ReasonMissingField, name)
	}
	return text
}

// word reads an optional text.
func (d *Decoder) word(s slot, name string) string {
	text, _ := d.textOf(s, name)
	return d.intern.text(text)
}

// optional reads a text that may be empty and knows whether it was sent.
func (d *Decoder) optional(s slot, name string) Optional {
	if s == 0 {
		return Optional{}
	}
	text, _ := d.textOf(s, name)
	return Optional{Value: d.intern.text(text), Set: true}
}

// flag reads a boolean, false when absent.
func (d *Decoder) flag(s slot, name string) bool {
	switch d.tape.kind(s) {
	case kindTrue:
		return true
	case kindAbsent, kindFalse:
	default:
		d.fail(ReasonBadField, name)
	}
	return false
}

// instant reads a time, absent when it is not there.
func (d *Decoder) instant(s slot, name string, absent Time) Time {
	switch d.tape.kind(s) {
	case kindAbsent:
		return absent
	case kindString:
		t, ok := ParseTime(d.tape.text(s))
		if !ok {
			d.fail(ReasonBadTime, name)
		}
		return t
	default:
		d.fail(ReasonBadField, name)
		return absent
	}
}

// requiredInstant reads a time that must be there.
func (d *Decoder) requiredInstant(s slot, name string) Time {
	if s == 0 {
		d.fail(ReasonMissingField, name)
	}
	return d.instant(s, name, 0)
}

// decimal reads a decimal sent as a string or as a JSON number, by its text (rules 1.1).
func (d *Decoder) decimal(s slot, name string) (n money.Decimal, sent bool) {
	switch d.tape.kind(s) {
	case kindAbsent:
		return n, false
	case kindString, kindNumber:
		parsed, ok := money.ParseDecimal(d.tape.text(s))
		if !ok {
			d.fail(ReasonBadAmount, name)
		}
		return parsed, true
	default:
		d.fail(ReasonBadField, name)
		return n, false
	}
}

// positive reads a decimal that must not be below 0.
func (d *Decoder) positive(s slot, name string) (n money.Decimal, sent bool) {
	n, sent = d.decimal(s, name)
	if n.Sign() < 0 {
		d.fail(ReasonBadAmount, name)
	}
	return n, sent
}

var hundred = money.Int(100)

// percent reads a decimal of 0 to 100.
func (d *Decoder) percent(s slot, name string) (n money.Decimal, sent bool) {
	n, sent = d.positive(s, name)
	if n.Cmp(hundred) > 0 {
		d.fail(ReasonBadAmount, name)
	}
	return n, sent
}

// currency reads an optional ISO 4217 code. An empty one is an unknown one.
func (d *Decoder) currency(s slot, name string) string {
	text, _ := d.textOf(s, name)
	if s == 0 || d.failed() {
		return ""
	}
	code := d.intern.text(text)
	if _, ok := money.Currency(code); !ok {
		d.fail(ReasonBadCurrency, name)
	}
	return code
}

// requiredCurrency reads a currency that must be there.
func (d *Decoder) requiredCurrency(s slot) string {
	const name = "currency"
	if s == 0 {
		d.fail(ReasonMissingField, name)
	}
	return d.currency(s, name)
}

// integer reads a 64-bit integer sent as a JSON number, 0 when absent; a string of digits counts
// too where orString allows it.
func (d *Decoder) integer(s slot, name string, orString bool) int64 {
	k := d.tape.kind(s)
	if k == kindAbsent {
		return 0
	}
	text := d.tape.text(s)
	if k != kindNumber && !(k == kindString && orString) || len(text) == 0 || text[0] == '+' {
		d.fail(ReasonBadField, name)
		return 0
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		d.fail(ReasonBadField, name)
		return 0
	}
	return n
}

// object reads an optional object's place; false where there is none or it is at fault.
func (d *Decoder) object(s slot, name string) bool { return d.bracket(s, name, kindObject) }

// array reads an optional array's place; false where there is none or it is at fault.
func (d *Decoder) array(s slot, name string) bool { return d.bracket(s, name, kindArray) }

func (d *Decoder) bracket(s slot, name string, want kind) bool {
	k := d.tape.kind(s)
	if k != kindAbsent && k != want {
		d.fail(ReasonBadField, name)
	}
	return k == want && !d.failed()
}

// each reads the elements of an array in turn, until one is at fault.
func (d *Decoder) each(array slot, name string, read func(i int, element slot)) {
	t := &d.tape
	i := 0
	for at, end := array+1, t.after(array); at < end; at = t.after(at) {
		if t.kind(at) != kindObject {
			d.fail(ReasonBadField, "")
		} else {
			read(i, at)
		}
		if d.failed() {
			d.within(name + "[" + strconv.Itoa(i) + "]")
			return
		}
		i++
	}
}
