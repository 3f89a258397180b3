package stripe

import (
	"strconv"
	"strings"

	"processor/internal/event"
)

// invoice makes what an invoice says beside the subscriptions that it bills: the rated usage of metered
// items, and one-off lines. Every event about a finalised invoice gives the same native events, so that it
// does not matter which of them is relayed; one about a void invoice takes them back.
func (r *reader) invoice(root event.Value) ([]*event.Event, *event.Rejection) {
	object := root.Find("data.object")
	v := invoice{reader: r, object: object, byKey: map[string]*usage{}}
	switch object.Get("status").Text() {
	case "open", "paid", "uncollectible":
		v.at = firstOf(object.Find("status_transitions.finalized_at"), object.Get("effective_at"), object.Get("created"))
	case "void":
		v.void = true
		v.at = firstOf(object.Find("status_transitions.voided_at"), root.Get("created"))
	default: // a draft may still change
		return nil, nil
	}
	if more := object.Find("lines.has_more"); more.IsTrue() {
		return nil, more.Reject(event.ReasonBadField) // lines that are not here would be lost
	}
	var rejection *event.Rejection
	for _, one := range object.Find("lines.data").Elements() {
		if rejection = v.add(lineOf(one, object)); rejection != nil {
			return nil, rejection
		}
	}
	for _, u := range v.usage {
		if rejection = v.statement(u); rejection != nil {
			return nil, rejection
		}
	}
	return v.events, nil
}

// invoice is one under way.
type invoice struct {
	reader *reader
	object event.Value
	at     event.Value
	void   bool
	usage  []*usage
	byKey  map[string]*usage // by item and month
	events []*event.Event
}

// usage is what an item used in a month: a line for each tier adds up to it.
type usage struct {
	line  line
	month string
	minor int64
}

func firstOf(values ...event.Value) event.Value {
	for _, v := range values {
		if !v.Absent() {
			return v
		}
	}
	return values[0]
}

// add takes one line.
func (v *invoice) add(l line) *event.Rejection {
	switch {
	case l.proration: // part of what a snapshot has said
		return nil
	case l.item.Text() != "" && l.monthly:
		amount, rejection := l.usageAmount()
		if rejection != nil {
			return rejection
		}
		month, rejection := l.month()
		if rejection != nil {
			return rejection
		}
		key := l.item.Text() + "/" + month
		if u := v.byKey[key]; u != nil {
			u.minor += amount
			return nil
		}
		u := &usage{l, month, amount}
		v.usage, v.byKey[key] = append(v.usage, u), u
		return nil
	case l.item.Text() != "" || l.recurring:
		return nil
	}
	return v.charge(l)
}

// begin begins an event of the invoice under the identity that it always has.
func (v *invoice) begin(kind event.Type, id string, from event.Value) *event.Field {
	f := v.reader.draft.Begin(v.object)
	if v.void {
		f.Text("type", event.TypeEventRevoked.String(), v.object.Get("status"))
		f.Text("id", id+"/void", from)
	} else {
		f.Text("type", kind.String(), from)
		f.Text("id", id, from)
	}
	f.Text("source", source, v.object)
	copyTime(f, "time", v.at)
	f.Copy("subject", idOf(v.object.Get("customer")))
	data := f.Object("data", from)
	if v.void {
		revokes := data.Object("revokes", from)
		revokes.Text("source", source, from)
		revokes.Text("id", id, from)
	}
	return data
}

func (v *invoice) end() *event.Rejection {
	e, rejection := v.reader.draft.End()
	if rejection == nil {
		v.events = append(v.events, e)
	}
	return rejection
}

// statement is the rated amount of an item's month.
func (v *invoice) statement(u *usage) *event.Rejection {
	l := &u.line
	data := v.begin(event.TypeUsageStatement, v.object.Get("id").Text()+"/"+l.item.Text()+"/"+u.month, l.value)
	if !v.void {
		data.Copy("subscription", l.subscription)
		data.Copy("item", l.item)
		data.Text("month", u.month, l.value.Find("period.start"))
		if rejection := l.writeAmount(data, u.minor); rejection != nil {
			return rejection
		}
	}
	return v.end()
}

// charge is a line that is billed once; one below 0 is a credit.
func (v *invoice) charge(l line) *event.Rejection {
	minor, rejection := l.chargeAmount()
	if rejection != nil || minor == 0 {
		return rejection
	}
	if l.value.Get("id").Text() == "" {
		return l.value.Get("id").Reject(event.ReasonMissingField)
	}
	data := v.begin(event.TypeChargeRecorded, v.object.Get("id").Text()+"/"+l.value.Get("id").Text(), l.value)
	if !v.void {
		kind := event.ChargeOneOff
		if minor < 0 {
			kind, minor = event.ChargeCredit, -minor
		}
		data.Text("kind", kind.String(), l.value)
		if rejection := l.writeAmount(data, minor); rejection != nil {
			return rejection
		}
	}
	return v.end()
}

// writeAmount adds an amount in the line's currency.
func (l *line) writeAmount(data *event.Field, minor int64) *event.Rejection {
	currency := strings.ToUpper(l.currency.Text())
	text, rejection := minorText(minor, currency, l.value.Get("amount"))
	if rejection != nil {
		return rejection
	}
	data.Text("amount", text, l.value.Get("amount"))
	if currency == "" {
		data.Missing("currency", l.currency)
	} else {
		data.Text("currency", currency, l.currency)
	}
	return nil
}

func formatMinor(minor int64) string { return strconv.FormatInt(minor, 10) }
