package mapping

import "processor/internal/event"

// form is what a field of the native format holds.
type form uint8

const (
	formText form = iota
	formAmount
	formInstant
	formMonth
	formInteger
	formFlag
	formWord
	formObject
	formList
	formNames // names that the user chooses, each with a text
)

// native is a field of the native format (spec: events, section 1).
type native struct {
	name   string
	form   form
	words  []string // of formWord
	fields []native // of formObject and the elements of formList
}

func text(name string) native    { return native{name: name} }
func amount(name string) native  { return native{name: name, form: formAmount} }
func instant(name string) native { return native{name: name, form: formInstant} }
func flag(name string) native    { return native{name: name, form: formFlag} }
func integer(name string) native { return native{name: name, form: formInteger} }

func word(name string, words ...string) native {
	return native{name: name, form: formWord, words: words}
}

func object(name string, fields ...native) native {
	return native{name: name, form: formObject, fields: fields}
}

func list(name string, fields ...native) native {
	return native{name: name, form: formList, fields: fields}
}

// envelope are the fields beside type and data.
var envelope = []native{text("id"), text("source"), text("subject"), instant("time"), integer("sequence"), integer("revision")}

var statuses = []string{
	event.StatusTrialing.String(), event.StatusActive.String(), event.StatusPastDue.String(),
	event.StatusPaused.String(), event.StatusUnpaid.String(), event.StatusCanceled.String(),
}

var (
	status    = word("status", statuses...)
	discounts = list("discounts", amount("percent"), amount("amount"), instant("ends_at"))
	items     = list("items",
		text("item"), text("product"), text("family"), text("plan"), word("kind", "licensed", "metered"), amount("quantity"),
		amount("unit_price"), amount("amount"), text("currency"),
		object("interval",
			word("unit", event.UnitDay.String(), event.UnitWeek.String(), event.UnitMonth.String(), event.UnitYear.String()), integer("count")),
		discounts, flag("add_on"), text("region"), amount("included"), amount("limit"), list("tiers", amount("up_to"), amount("unit_price")),
		amount("commit"), object("replaces", text("subscription"), text("item")), flag("free_trial"), text("meter"))
)

// payloads are the fields of data, by type.
var payloads = map[string][]native{
	event.TypeAccountChanged.String(): {
		{name: "attributes", form: formNames}, text("name"), text("parent"), amount("health"), text("lifecycle"), instant("effective_at"),
	},
	event.TypeSubscriptionChanged.String(): {
		text("subscription"), status, items, discounts, instant("effective_at"), instant("cancel_at"),
		list("schedule", instant("effective_at"), items, status), instant("term_start"), instant("term_end"), instant("trial_end"),
		flag("renewal"), flag("scheduled_step"), text("motion"), text("reason"), flag("opening"), instant("first_paid_at"),
		object("moved_from", text("account")), object("moved_to", text("account")),
	},
	event.TypeUsageRecorded.String(): {
		text("subscription"), text("item"), text("meter"), amount("quantity"), amount("amount"), text("currency"),
	},
	event.TypeUsageStatement.String(): {
		text("subscription"), text("item"), {name: "month", form: formMonth}, amount("amount"), text("currency"),
	},
	event.TypeChargeRecorded.String(): {
		word("kind", event.ChargeOneOff.String(), event.ChargeService.String(), event.ChargeCredit.String(), event.ChargeRefund.String(), event.ChargeTax.String()),
		amount("amount"), text("currency"),
	},
	event.TypeSignalObserved.String(): {text("name"), text("value"), text("subscription"), text("item")},
	event.TypeAccountErased.String():  {},
	event.TypeEventRevoked.String():   {object("revokes", text("source"), text("id"))},
}

// types are the names of the native types, in their order.
func types() []string {
	var names []string
	for t := event.TypeAccountChanged; t <= event.TypeEventRevoked; t++ {
		names = append(names, t.String())
	}
	return names
}

// named is the field of that name.
func named(fields []native, name string) (native, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return native{}, false
}

// namesOf are the names of fields.
func namesOf(fields []native) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}
