package mapping

import (
	"slices"
	"strconv"

	"processor/internal/event"
)

// applies says whether the conditions of the rule hold.
func (r *Rule) applies(s *scope) bool {
	for i := range r.when {
		one := &r.when[i]
		var v value
		t := term{path: &one.path}
		if v = t.raw(s, formText); v.absent {
			return false
		}
		if one.words != nil && (v.reason != "" || !slices.Contains(one.words, v.text)) {
			return false
		}
	}
	return true
}

// enter brings the scope into the JSON that the rule's paths begin in.
func (r *Rule) enter(s scope) (scope, *event.Rejection) {
	if r.within == nil {
		return s, nil
	}
	at := s.find(r.within)
	if at.Absent() {
		return s, at.Reject(event.ReasonMissingField)
	}
	inner, rejection := at.Parse()
	if rejection == nil && !inner.IsObject() {
		rejection = at.Reject(event.ReasonBadField)
	}
	s.root, s.columns = inner, nil
	return s, rejection
}

// fill puts the fields into an object of the draft, or says which foreign value cannot be used.
func fill(all []assignment, s *scope, into *event.Field) *event.Rejection {
	for i := range all {
		if rejection := all[i].fill(s, into); rejection != nil {
			return rejection
		}
	}
	return nil
}

func (a *assignment) fill(s *scope, into *event.Field) *event.Rejection {
	switch a.form {
	case formObject:
		return a.object(s, into)
	case formNames:
		return fill(a.fields, s, into.Object(a.name, s.root))
	case formList:
		return a.list(s, into)
	case formText, formAmount, formInstant, formMonth, formInteger, formFlag, formWord:
	}
	v := a.term.evaluate(s, a.form)
	switch {
	case v.reason != "":
		return v.from.Reject(v.reason)
	case v.absent:
		into.Missing(a.name, v.from)
	case a.form == formFlag && (v.text == "true" || v.text == "false"),
		a.form == formInteger && isInteger(v.text):
		into.Literal(a.name, literal(a.form, v.text), v.from)
	default:
		into.Text(a.name, v.text, v.from)
	}
	return nil
}

// literal is an integer without leading zeros, or a boolean.
func literal(f form, text string) string {
	if f == formInteger {
		n, _ := strconv.ParseInt(text, 10, 64)
		return strconv.FormatInt(n, 10)
	}
	return text
}

// object adds an object, unless all that it would be made of is absent.
func (a *assignment) object(s *scope, into *event.Field) *event.Rejection {
	for i := range a.fields {
		v := a.fields[i].term.evaluate(s, a.fields[i].form)
		if !v.absent || a.fields[i].form == formObject || a.fields[i].form == formList {
			return fill(a.fields, s, into.Object(a.name, s.root))
		}
	}
	into.Missing(a.name, s.root)
	return nil
}

// list adds a list: an element for each of the foreign one, or those that the rule has.
func (a *assignment) list(s *scope, into *event.Field) *event.Rejection {
	if a.fixed != nil {
		array := into.Array(a.name, s.root)
		for _, fields := range a.fixed {
			if rejection := fill(fields, s, array.Element(s.root)); rejection != nil {
				return rejection
			}
		}
		return nil
	}
	from := s.find(a.term.path)
	if from.Absent() {
		into.Missing(a.name, from)
		return nil
	}
	elements, rejection := from.Parse()
	if rejection != nil {
		return rejection
	}
	if !elements.IsArray() {
		return from.Reject(event.ReasonBadField)
	}
	array := into.Array(a.name, from)
	for _, element := range elements.Elements() {
		inner := *s
		inner.element = element
		if rejection := fill(a.fields, &inner, array.Element(element)); rejection != nil {
			return rejection
		}
	}
	return nil
}
