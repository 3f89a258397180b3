package mapping

import (
	"encoding/base64"
	"math/big"
	"strconv"
	"strings"
	"time"

	"processor/internal/event"
	"processor/internal/money"
)

// term is what one native value is made of.
type term struct {
	constant    string
	isConstant  bool
	path        *path
	join        []term
	words       map[string]string
	fallback    string
	hasFallback bool
	time        string // one of timeUnits; empty: RFC 3339
	minor       int    // digits behind the point of amounts sent in minor units
	minorOf     *path  // or the path of the currency that tells
	hasMinor    bool
	upper       bool
	column      Column // of a decimal whose scale the mapping tells
}

// timeUnits are the ways in which producers write instants, beside RFC 3339.
var timeUnits = []string{"rfc3339", "unix", "unix_ms", "unix_us", "unix_ns", "days", "datetime"}

// value is what a term comes to in a record: a text with the foreign value that it is from.
type value struct {
	text   string
	from   event.Value
	absent bool
	reason event.Reason // why it cannot be made
}

// evaluate makes the value of a field.
func (t *term) evaluate(s *scope, f form) value {
	v := t.raw(s, f)
	switch {
	case v.reason != "":
		return v
	case v.absent && t.hasFallback:
		v.text, v.absent = t.fallback, false
		return v
	case v.absent:
		return v
	}
	if t.words != nil {
		mapped, known := t.words[v.text]
		if !known {
			v.reason = event.ReasonBadField
			return v
		}
		v.text = mapped
	}
	if t.upper {
		v.text = strings.ToUpper(v.text)
	}
	return t.inUnits(s, f, v)
}

// raw is the value before words and units.
func (t *term) raw(s *scope, f form) value {
	switch {
	case t.isConstant:
		return value{text: t.constant, from: s.root}
	case t.join != nil:
		return t.joined(s)
	case t.path == nil:
		return value{absent: true}
	case t.path.root == rootKey || t.path.root == rootPosition || t.path.root == rootHeader:
		text, found := s.beside(t.path)
		return value{text: text, absent: !found, from: s.root.Get(t.path.text)}
	}
	from := s.find(t.path)
	v := value{from: from, absent: from.Absent(), text: from.Text()}
	if c, known := s.column(t.path); known && !v.absent {
		return c.value(from, f)
	}
	if t.column.HasScale && !v.absent {
		return t.column.value(from, f)
	}
	if !v.absent && !from.IsScalar() {
		v.reason = event.ReasonBadField
	}
	return v
}

// joined puts parts behind each other; one that is absent makes the whole absent.
func (t *term) joined(s *scope) value {
	var all value
	for i := range t.join {
		part := t.join[i].evaluate(s, formText)
		if part.absent || part.reason != "" {
			return part
		}
		if !t.join[i].isConstant || i == 0 {
			all.from = part.from
		}
		all.text += part.text
	}
	return all
}

// inUnits brings times to RFC 3339 and amounts to whole units.
func (t *term) inUnits(s *scope, f form, v value) value {
	switch {
	case f == formInstant && t.time != "" && t.time != "rfc3339":
		text, ok := instantText(t.time, v.text)
		if !ok {
			v.reason = event.ReasonBadTime
		}
		v.text = text
	case f == formMonth && t.time != "":
		if t.time != "rfc3339" {
			v.text, _ = instantText(t.time, v.text)
		}
		if len(v.text) < len("2006-01-02") {
			v.reason = event.ReasonBadTime
		} else {
			v.text = v.text[:len("2006-01")]
		}
	case f == formAmount && t.hasMinor:
		places := t.minor
		if t.minorOf != nil {
			var ok bool
			currency := s.find(t.minorOf)
			if places, ok = money.Currency(strings.ToUpper(currency.Text())); !ok {
				v.from, v.reason = currency, event.ReasonBadCurrency
				return v
			}
		}
		text, ok := money.Shift(v.text, places)
		if !ok {
			v.reason = event.ReasonBadAmount
		}
		v.text = text
	}
	return v
}

// nanosPer are the nanoseconds of a unit of time.
var nanosPer = map[string]int64{
	"unix": 1e9, "unix_ms": 1e6, "unix_us": 1e3, "unix_ns": 1, "days": 86400 * 1e9,
}

// instantText is a time in RFC 3339.
func instantText(unit, text string) (string, bool) {
	if unit == "datetime" {
		t, err := time.Parse("2006-01-02 15:04:05.999999999", text)
		if err != nil {
			t, err = time.Parse("2006-01-02", text)
		}
		return t.Format(time.RFC3339Nano), err == nil
	}
	plain, ok := money.Shift(text, 0)
	if !ok {
		return "", false
	}
	n, ok := new(big.Rat).SetString(plain)
	if !ok {
		return "", false
	}
	if n.Mul(n, big.NewRat(nanosPer[unit], 1)); !n.IsInt() || !n.Num().IsInt64() {
		return "", false
	}
	return time.Unix(0, n.Num().Int64()).UTC().Format(time.RFC3339Nano), true
}

// Column says how a database's row writes the values of one column.
type Column struct {
	Time     string // one of the units of time; empty: none
	Scale    int    // of a decimal as base64 of its unscaled bytes
	HasScale bool
	Variable bool // of a decimal that has its scale beside it: {scale, value}
	Double   bool // of a binary float
}

// value reads a value of the column.
func (c Column) value(from event.Value, f form) value {
	v := value{from: from, text: from.Text()}
	ok := true
	switch {
	case c.Time != "" && from.IsNumber():
		v.text, ok = instantText(c.Time, v.text)
		v.reason = event.ReasonBadTime
	case c.HasScale && from.IsString():
		v.text, ok = unscaled(v.text, c.Scale)
		v.reason = event.ReasonBadAmount
	case c.Variable && from.IsObject():
		scale, fits := from.Get("scale").Int()
		v.text, ok = unscaled(from.Get("value").Text(), int(scale))
		ok = ok && fits
		v.reason = event.ReasonBadAmount
	case (c.Double || f == formAmount) && from.IsNumber():
		v.text, ok = exactDouble(v.text)
		v.reason = event.ReasonBadAmount
	case !from.IsScalar():
		ok = false
		v.reason = event.ReasonBadField
	}
	if ok {
		v.reason = ""
	}
	return v
}

// unscaled reads the base64 of a big-endian two's complement number with so many digits behind the
// point, as Kafka Connect writes decimals.
func unscaled(text string, scale int) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) == 0 || len(b) > 32 || scale < -64 || scale > 64 {
		return "", false
	}
	n := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return money.Shift(n.String(), scale)
}

// doubleDigits are the digits that a decimal keeps on the way through a binary float: one with more may
// have been another one before.
const doubleDigits = 15

// exactDouble is a number that was a binary float on its way, as the decimal that it was before: exact,
// or refused.
func exactDouble(text string) (string, bool) {
	plain, ok := money.Shift(text, 0)
	digits := strings.TrimLeft(strings.Replace(strings.TrimPrefix(plain, "-"), ".", "", 1), "0")
	if !strings.Contains(plain, ".") {
		digits = strings.TrimRight(digits, "0")
	}
	return plain, ok && len(digits) <= doubleDigits
}

// isInteger says whether a text is a JSON integer.
func isInteger(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil && !strings.HasPrefix(text, "+")
}
