// Package stripe makes native events of Stripe's events as they are relayed to a topic: subscriptions,
// customers, invoices and meter events, of every API version since prices. An object that a relay left
// unexpanded although money depends on it is rejected by its name: no price, tier or discount is ever
// guessed.
//
// Read in this order: options, stripe, subscription, item, price, tier, discount, schedule, invoice, line,
// customer, meter.
package stripe

import (
	"slices"
	"strings"

	"processor/internal/event"
	"processor/internal/event/mapping"
)

// Options say what Stripe's objects leave open.
type Options struct {
	subscription string            // path of the subscription in a meter event
	meters       map[string]string // the name of a meter's events to the id that prices have
	plan         string            // what tells the plans of one product apart
}

// planSources are what the plan of an item may be: nothing, so that a product is a plan and another price
// of it a change of price; or a field of the price.
var planSources = []string{"product", "price", "lookup_key", "nickname"}

// Compile checks the mapping of a source; nil is that of every default.
func Compile(n *mapping.Node) (*Options, mapping.Problems) {
	var problems mapping.Problems
	o := &Options{subscription: "payload.subscription", plan: "product"}
	if n == nil || !problems.Only(n, "", "subscription", "meters", "plan") {
		return o, problems
	}
	if at := n.Get("subscription"); at != nil {
		path, found := strings.CutPrefix(at.Text, "$.")
		if !found || path == "" || strings.ContainsAny(path, "[]") || strings.Contains("."+path+".", "..") {
			problems.Add(at, "subscription", "must be a path such as $.payload.subscription, not %q", at.Text)
		}
		o.subscription = path
	}
	if at := n.Get("plan"); at != nil {
		if o.plan = at.Text; !slices.Contains(planSources, o.plan) {
			problems.Add(at, "plan", "must be one of %s, not %q", strings.Join(planSources, ", "), at.Text)
		}
	}
	if at := n.Get("meters"); at != nil {
		if at.Shape != mapping.ShapeFields {
			problems.Add(at, "meters", "must be a mapping of event names to the ids of meters, such as {api_requests: mtr_123}")
		}
		o.meters = map[string]string{}
		for _, f := range at.Fields {
			if o.meters[f.Name] = f.Value.Text; f.Value.Text == "" {
				problems.Add(f.Value, "meters."+f.Name, "must be the id of a meter, such as mtr_123")
			}
		}
	}
	return o, problems
}

// Reader reads Stripe's events, within the bounds of the options.
func (o *Options) Reader(bounds event.Options) event.Reader {
	return &reader{options: o, document: event.NewDocument(bounds), draft: event.NewDraft(bounds)}
}
