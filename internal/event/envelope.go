package event

import (
	"strings"
	"unicode/utf8"
)

// envelopeFields are the places of a CloudEvent's attributes on the tape.
type envelopeFields struct {
	id, source, kind, time, subject, sequence, revision, specversion, data slot
}

// openStructured scans a record whose value is the whole envelope.
func (d *Decoder) openStructured(value []byte) (fields envelopeFields) {
	t := &d.tape
	if !t.scan(value) || t.kind(rootSlot) != kindObject {
		d.fail(ReasonNotJSON, "")
		return fields
	}
	fields = t.envelopeFields()
	d.bounds()
	return fields
}

// bounds rejects what is only found after the whole record has been scanned.
func (d *Decoder) bounds() {
	if d.tape.refused {
		d.fail(ReasonNotJSON, "")
	}
	if d.tape.deepest > d.options.MaxDepth {
		d.fail(ReasonTooDeep, "")
	}
}

func (t *tape) envelopeFields() (f envelopeFields) {
	times := 0
	for at, end := rootSlot+1, t.after(rootSlot); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "id":
			f.id = v
		case "source":
			f.source = v
		case "type":
			f.kind = v
		case "time":
			f.time = v
			times++
		case "subject":
			f.subject = v
		case "sequence":
			f.sequence = v
		case "revision":
			f.revision = v
		case "specversion":
			f.specversion = v
		case "data":
			f.data = v
		}
	}
	if times > 1 {
		f.time = 0 // two times are none that can be read
	}
	return f
}

const (
	headerPrefix      = "ce_"
	headerContentType = "content-type"
	structuredContent = "application/cloudevents"
)

// isBinary says whether the envelope is in the headers: a CloudEvents header is there, and the
// content type does not say that the value is an envelope (CloudEvents Kafka binding 1.0, 3).
func isBinary(headers []Header) bool {
	binary := false
	for _, h := range headers {
		if strings.EqualFold(h.Key, headerContentType) &&
			len(h.Value) >= len(structuredContent) && strings.EqualFold(string(h.Value[:len(structuredContent)]), structuredContent) {
			return false
		}
		binary = binary || strings.HasPrefix(h.Key, headerPrefix)
	}
	return binary
}

// envelopeBytes is the size of the CloudEvents headers.
func envelopeBytes(headers []Header) int {
	n := 0
	for _, h := range headers {
		if strings.HasPrefix(h.Key, headerPrefix) {
			n += len(h.Key) + len(h.Value)
		}
	}
	return n
}

// openBinary scans a record whose envelope is in the headers and whose value is the data. The
// headers become strings of the tape, so that from here on both modes are one. An empty value is
// absent data; a header that is there twice counts as a duplicate name, and a null header as absent.
func (d *Decoder) openBinary(value []byte, headers []Header) (fields envelopeFields) {
	t := &d.tape
	if len(value) == 0 {
		t.reset(nil)
	} else if t.scan(value) {
		fields.data = t.sent(rootSlot)
	} else {
		d.fail(ReasonNotJSON, "")
		t.reset(nil) // the time in the headers can still be read
	}
	for _, h := range headers {
		if place := fields.header(h.Key); place != nil && h.Value != nil {
			if *place != 0 {
				t.refused = true
			}
			*place = d.header(h)
		}
	}
	d.bounds()
	return fields
}

// header is the place of the CloudEvents header; nil for any other.
func (f *envelopeFields) header(key string) *slot {
	switch key {
	case "ce_id":
		return &f.id
	case "ce_source":
		return &f.source
	case "ce_type":
		return &f.kind
	case "ce_time":
		return &f.time
	case "ce_subject":
		return &f.subject
	case "ce_sequence":
		return &f.sequence
	case "ce_revision":
		return &f.revision
	case "ce_specversion":
		return &f.specversion
	}
	return nil
}

// specversionKnown is the one version of CloudEvents that the native format is written in.
const specversionKnown = "1.0"

// envelope reads the envelope in the order of the specification. An unknown type leaves e.Type 0.
func (d *Decoder) envelope(f envelopeFields, e *Event) {
	e.ID = d.requiredID(f.id, "id")
	e.Source = d.requiredSharedID(f.source, "source")
	if text, ok := d.textOf(f.kind, "type"); ok {
		e.Type = typeNamed(text)
	} else {
		d.fail(ReasonMissingField, "type")
	}
	e.Time = d.requiredInstant(f.time, "time")
	e.Subject = d.requiredID(f.subject, "subject")
	e.Sequence = d.integer(f.sequence, "sequence", true)
	if e.Revision = d.integer(f.revision, "revision", false); e.Revision < 0 {
		d.fail(ReasonBadField, "revision")
	}
	if f.specversion != 0 {
		if text, _ := d.textOf(f.specversion, "specversion"); string(text) != specversionKnown {
			d.fail(ReasonBadField, "specversion")
		}
	}
}

// header puts a header on the tape. A revision is a number there as it is in the envelope.
func (d *Decoder) header(h Header) slot {
	k := kindString
	if h.Key == "ce_revision" {
		k = kindNumber
	}
	if !utf8.Valid(h.Value) {
		d.tape.refused = true
	}
	return d.tape.push(k, h.Value)
}
