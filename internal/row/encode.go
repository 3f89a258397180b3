// Package row writes output rows as bytes: flat JSON objects under stable keys (spec: outputs). It
// is pure, so that `replay`, the service and the page show the same bytes for the same row.
package row

import (
	"strconv"
	"unicode/utf8"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// Topic is the name of an output topic without its prefix.
type Topic string

// The output topics (spec: outputs).
const (
	TopicMovements     Topic = "movements"
	TopicAccounts      Topic = "accounts"
	TopicAccountMonths Topic = "account_months"
	TopicMetrics       Topic = "metrics"
	TopicVintage       Topic = "vintage"
	TopicSignals       Topic = "signals"
	TopicSignalMetrics Topic = "signal_metrics"
	TopicAlerts        Topic = "alerts"
	TopicDeadLetters   Topic = "dead-letters"
	TopicProgress      Topic = "progress"
	TopicPartials      Topic = "partials"
	TopicState         Topic = "state"  // of the checkpoint store kafka; no rows
	TopicEvents        Topic = "events" // copies of sources that are not keyed by account
	TopicIntake        Topic = "intake" // how far those sources are copied
)

// Topics are all of them.
var Topics = []Topic{
	TopicMovements, TopicAccounts, TopicAccountMonths, TopicMetrics, TopicVintage, TopicSignals, TopicSignalMetrics, TopicAlerts, TopicDeadLetters,
	TopicProgress, TopicPartials, TopicState, TopicEvents, TopicIntake,
}

// IsOfRows says whether the records of a topic are rows for readers. The others are the program's own, or, as a dead letter,
// the record itself, of which only `replay` makes a row.
func (t Topic) IsOfRows() bool {
	switch t {
	case TopicMovements, TopicAccounts, TopicAccountMonths, TopicMetrics, TopicVintage, TopicSignals, TopicSignalMetrics, TopicAlerts, TopicProgress:
		return true
	case TopicDeadLetters, TopicPartials, TopicState, TopicEvents, TopicIntake:
		return false
	}
	return false
}

// Stamp is what every row ends with: its version, the watermark when it was made, and whether it
// corrects a final row, is final, or is gone.
type Stamp struct {
	Version  uint64
	KnownAt  event.Time
	Restated bool
	Final    bool
	Deleted  bool
}

// Encoder writes output rows as JSON: compact, fields in a fixed order, only the escapes that JSON
// requires, so that the same row is the same bytes. It keeps no state but its buffers.
type Encoder struct {
	Dimensions []string           // names, in the order of aggregate.Dims.Values
	Windows    []aggregate.Window // of the accounts rows
}

// object appends one flat JSON object.
type object struct {
	buf   []byte
	empty bool
}

func open(dst []byte) object { return object{buf: append(dst, '{'), empty: true} }

func (o *object) close() []byte { return append(o.buf, '}') }

func (o *object) name(name string) {
	if !o.empty {
		o.buf = append(o.buf, ',')
	}
	o.empty = false
	o.buf = append(o.buf, '"')
	o.buf = append(o.buf, name...)
	o.buf = append(o.buf, '"', ':')
}

func (o *object) text(name, value string) {
	o.name(name)
	o.buf = AppendQuoted(o.buf, value)
}

// orNull writes null for the empty string, which stands for "missing".
func (o *object) orNull(name, value string) {
	if value == "" {
		o.null(name)
		return
	}
	o.text(name, value)
}

func (o *object) null(name string) {
	o.name(name)
	o.buf = append(o.buf, "null"...)
}

func (o *object) amount(name string, a money.Amount) {
	o.name(name)
	o.buf = append(o.buf, '"')
	o.buf = a.AppendTo(o.buf)
	o.buf = append(o.buf, '"')
}

func (o *object) integer(name string, n int64) {
	o.name(name)
	o.buf = strconv.AppendInt(o.buf, n, 10)
}

func (o *object) boolean(name string, b bool) {
	o.name(name)
	o.buf = strconv.AppendBool(o.buf, b)
}

// instant writes a time, or null for NoTime.
func (o *object) instant(name string, t event.Time) {
	if t == event.NoTime {
		o.null(name)
		return
	}
	o.name(name)
	o.buf = append(o.buf, '"')
	o.buf = t.AppendTo(o.buf)
	o.buf = append(o.buf, '"')
}

func (o *object) stamp(s Stamp) {
	o.name("version")
	o.buf = strconv.AppendUint(o.buf, s.Version, 10)
	o.instant("known_at", s.KnownAt)
	o.boolean("restated", s.Restated)
	o.boolean("final", s.Final)
	o.boolean("deleted", s.Deleted)
}

func (o *object) dims(names []string, d *aggregate.Dims) {
	for i, name := range names {
		o.orNull("dim_"+name, d.Values[i])
	}
}

func (o *object) ups(sums *[aggregate.UpTypes]money.Amount) {
	for i, name := range aggregate.UpNames {
		o.amount("up_"+name, sums[i])
	}
}

func (o *object) downs(sums *[aggregate.DownTypes]money.Amount) {
	for i, name := range aggregate.DownNames {
		o.amount("down_"+name, sums[i])
	}
}

// AppendQuoted appends a JSON string with only the escapes that JSON requires.
func AppendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}
