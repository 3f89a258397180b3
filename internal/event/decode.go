package event

import (
	"hash/maphash"
	"math"
)

// Options bound what a Decoder accepts. A zero field means its default.
type Options struct {
	MaxBytes           int  // of a record, its CloudEvents headers included; 1 MiB
	MaxDepth           int  // of brackets, the record's own being 1; 32
	MaxItems           int  // of one list of items; 1,000, at most 65,535
	IgnoreUnknownTypes bool // unknown event types are passed over instead of rejected
}

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 20
	}
	if o.MaxDepth <= 0 {
		o.MaxDepth = 32
	}
	if o.MaxItems <= 0 {
		o.MaxItems = 1000
	}
	o.MaxItems = min(o.MaxItems, math.MaxUint16)
	return o
}

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Decoder reads records in the native format (spec: events, section 1). It keeps its buffers
// from record to record and belongs to one goroutine.
type Decoder struct {
	options Options
	tape    tape
	intern  interner
	fault   fault
}

// fault is the first thing found wrong with a record. The detail grows leftwards on the way out:
// "unit_price", "items[0].unit_price", "data.items[0].unit_price".
type fault struct {
	reason Reason
	detail string
}

// NewDecoder is a decoder within the bounds of the options.
func NewDecoder(options Options) *Decoder {
	d := &Decoder{options: options.withDefaults()}
	d.tape.names.seed = maphash.MakeSeed()
	d.intern.seed = maphash.MakeSeed()
	return d
}

// Decode reads one record. Exactly one of the results is set, except that both are nil for an
// event of an unknown type where the options ignore those: the caller counts it. Nothing in the
// event refers to value or headers, so the caller may reuse them.
//
// The first fault in the order of the specification (events, section 3) is the reason.
func (d *Decoder) Decode(value []byte, headers []Header) (*Event, *Rejection) {
	d.fault = fault{}
	var fields envelopeFields
	if size := len(value) + envelopeBytes(headers); size > d.options.MaxBytes || size > math.MaxUint32/2 {
		d.fail(ReasonTooLarge, "")
	} else if isBinary(headers) {
		fields = d.openBinary(value, headers)
	} else {
		fields = d.openStructured(value)
	}
	if d.failed() {
		return nil, d.rejection(fields)
	}
	e := new(Event)
	d.envelope(fields, e)
	if !d.failed() && e.Type == 0 {
		if d.options.IgnoreUnknownTypes {
			return nil, nil
		}
		d.fail(ReasonUnknownType, "type")
	}
	if !d.failed() {
		d.payload(fields.data, e)
		d.within("data")
	}
	if d.failed() {
		return nil, d.rejection(fields)
	}
	return e, nil
}

// payload reads the data that belongs to the event's type.
func (d *Decoder) payload(data slot, e *Event) {
	switch d.tape.kind(data) {
	case kindAbsent:
		d.fail(ReasonMissingField, "")
		return
	case kindObject:
	default:
		d.fail(ReasonBadField, "")
		return
	}
	switch e.Type {
	case TypeAccountChanged:
		e.Account = d.account(data, e.Time)
	case TypeSubscriptionChanged:
		e.Subscription = d.subscription(data, e.Time)
	case TypeUsageRecorded:
		e.Usage = d.usage(data)
	case TypeUsageStatement:
		e.Statement = d.statement(data)
	case TypeChargeRecorded:
		e.Charge = d.charge(data)
	case TypeSignalObserved:
		e.Signal = d.signal(data)
	case TypeAccountErased:
	case TypeEventRevoked:
		e.Revocation = d.revocation(data)
	}
}

// fail notes a fault of the named field, unless an earlier one is noted already.
func (d *Decoder) fail(reason Reason, field string) {
	if d.fault.reason == "" {
		d.fault = fault{reason: reason, detail: field}
	}
}

func (d *Decoder) failed() bool { return d.fault.reason != "" }

// within puts the name of what encloses the fault before its detail. Each level calls it once,
// right after what it encloses.
func (d *Decoder) within(outer string) {
	if !d.failed() {
		return
	}
	if d.fault.detail == "" {
		d.fault.detail = outer
	} else {
		d.fault.detail = outer + "." + d.fault.detail
	}
}

// rejection is the fault as a value, with the record's own time where that can be read.
func (d *Decoder) rejection(fields envelopeFields) *Rejection {
	r := &Rejection{Reason: d.fault.reason, Detail: d.fault.detail}
	if fields.time != 0 && d.tape.kind(fields.time) == kindString {
		r.Time, r.HasTime = ParseTime(d.tape.text(fields.time))
	}
	return r
}
