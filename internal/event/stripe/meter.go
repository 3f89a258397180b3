package stripe

import "processor/internal/event"

// meterEvent makes the usage of one meter event. Which subscription used it is not in Stripe's object: the
// relay adds it to the payload.
func (r *reader) meterEvent(root event.Value) ([]*event.Event, *event.Rejection) {
	name := root.Get("event_name")
	f := r.draft.Begin(root)
	f.Text("type", event.TypeUsageRecorded.String(), root.Get("object"))
	f.Copy("id", root.Get("identifier"))
	f.Text("source", source, root)
	copyTime(f, "time", root.Get("timestamp"))
	f.Copy("subject", root.Find("payload.stripe_customer_id"))
	data := f.Object("data", root.Get("payload"))
	data.Copy("subscription", root.Find(r.options.subscription))
	if id, known := r.options.meters[name.Text()]; known {
		data.Text("meter", id, name)
	} else {
		data.Copy("meter", name)
	}
	if name.Text() == "" {
		return nil, name.Reject(event.ReasonMissingField)
	}
	data.Copy("quantity", root.Find("payload.value"))
	return r.end()
}
