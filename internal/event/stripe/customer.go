package stripe

import "processor/internal/event"

// customer makes what is known of an account: its name, its metadata as attributes, and the country of its
// address. Stripe keeps a deleted customer, so nothing is erased: its lifecycle says it.
func (r *reader) customer(root event.Value, kind string) ([]*event.Event, *event.Rejection) {
	object := root.Find("data.object")
	data := r.begin(root, event.TypeAccountChanged, object.Get("id")).Object("data", object)
	if kind == "customer.deleted" {
		data.Text("lifecycle", "deleted", root.Get("type"))
		return r.end()
	}
	data.Copy("name", object.Get("name"))
	attributes := data.Object("attributes", object.Get("metadata"))
	has := map[string]bool{}
	for name, v := range object.Get("metadata").Members() {
		has[name] = true
		if v.Null() {
			attributes.Literal(name, "null", v)
		} else {
			attributes.Copy(name, v)
		}
	}
	before := root.Find("data.previous_attributes")
	for name, v := range before.Get("metadata").Members() {
		if !has[name] {
			has[name] = true
			attributes.Literal(name, "null", v)
		}
	}
	if country := object.Find("address.country"); !has["country"] {
		switch {
		case !country.Absent():
			attributes.Copy("country", country)
		case !before.Find("address.country").Absent():
			attributes.Literal("country", "null", country)
		}
	}
	return r.end()
}
