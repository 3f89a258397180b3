package stripe

import (
	"strings"
	"time"

	"processor/internal/event"
)

// source is the source of all events made here: Stripe's ids are unique in an account.
const source = "stripe"

type reader struct {
	options  *Options
	document *event.Document
	draft    *event.Draft
}

// Read makes the events of one record. Types that say nothing about revenue are ignored: Stripe relays
// what it is told to, and there are hundreds.
func (r *reader) Read(record *event.Record) ([]*event.Event, *event.Rejection) {
	if record.Value == nil {
		return nil, nil
	}
	root, rejection := r.document.Read(record.Value)
	if rejection != nil {
		return nil, rejection
	}
	kind := root.Get("type")
	switch object := root.Get("object"); {
	case !root.IsObject():
		return nil, root.Reject(event.ReasonNotJSON)
	case object.Text() == "billing.meter_event" || object.Text() == "v2.billing.meter_event":
		return r.meterEvent(root)
	case object.Text() == "v2.core.event":
		return nil, thin(root)
	case object.Absent():
		return nil, object.Reject(event.ReasonMissingField)
	case object.Text() != "event":
		return nil, object.Reject(event.ReasonUnknownType)
	case kind.Text() == "":
		return nil, kind.Reject(event.ReasonMissingField)
	}
	if root.Find("data.object").Absent() {
		return nil, root.Find("data.object").Reject(event.ReasonMissingField)
	}
	switch name := kind.Text(); {
	case strings.HasPrefix(name, "customer.subscription."):
		return r.subscription(root, name)
	case name == "customer.created" || name == "customer.updated" || name == "customer.deleted":
		return r.customer(root, name)
	case strings.HasPrefix(name, "invoice.") && root.Find("data.object.object").Text() == "invoice":
		return r.invoice(root)
	}
	return nil, nil
}

// thin rejects a notification that only names the object that it is about; other ones say nothing here.
func thin(root event.Value) *event.Rejection {
	kind := root.Get("type").Text()
	if strings.HasPrefix(kind, "v1.customer.") || strings.HasPrefix(kind, "v1.invoice.") {
		return root.Find("data.object").Reject(event.ReasonMissingField)
	}
	return nil
}

// ranks put events of one second in the order in which Stripe makes them; their times have no fraction.
var ranks = map[string]string{
	"customer.created": "1", "customer.subscription.created": "1",
	"customer.updated": "2", "customer.subscription.updated": "2",
	"customer.deleted": "9", "customer.subscription.deleted": "9",
}

// begin begins a native event of a Stripe event.
func (r *reader) begin(root event.Value, kind event.Type, customer event.Value) *event.Field {
	f := r.draft.Begin(root)
	f.Text("type", kind.String(), root.Get("type"))
	f.Copy("id", root.Get("id"))
	f.Text("source", source, root)
	copyTime(f, "time", root.Get("created"))
	f.Copy("subject", idOf(customer))
	rank, known := ranks[root.Get("type").Text()]
	if !known {
		rank = "3"
	}
	f.Literal("sequence", rank, root.Get("type"))
	return f
}

// end is the one event of a record.
func (r *reader) end() ([]*event.Event, *event.Rejection) {
	e, rejection := r.draft.End()
	if rejection != nil {
		return nil, rejection
	}
	return []*event.Event{e}, nil
}

// idOf is the id of an object that may be expanded.
func idOf(v event.Value) event.Value {
	if v.IsObject() {
		return v.Get("id")
	}
	return v
}

// secondsMax is beyond every time that is accepted.
const secondsMax = 1 << 40

// copyTime adds a time that was sent in seconds, or, as in the second version of the API, in RFC 3339.
func copyTime(f *event.Field, name string, v event.Value) {
	if n, ok := v.Int(); ok && v.IsNumber() && n >= 0 && n < secondsMax {
		f.Text(name, instantText(n), v)
		return
	}
	f.Copy(name, v)
}

func instantText(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.RFC3339) }
