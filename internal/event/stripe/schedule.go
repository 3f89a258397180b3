package stripe

import (
	"processor/internal/event"
)

// schedule adds what is known of the future: the end of a pause, and the phases of an expanded schedule
// whose prices are expanded or those of an item. From the first phase on that cannot be priced the
// future is not known, and comes as events when it happens. known says that the whole schedule is.
func (s *snapshot) schedule(data *event.Field) (known bool, rejection *event.Rejection) {
	phases := s.object.Find("schedule.phases")
	resumes := s.object.Find("pause_collection.resumes_at")
	resume := s.isWaived() && !resumes.Absent()
	if !resume && !phases.IsArray() {
		return false, nil
	}
	array := data.Array("schedule", s.object.Get("schedule"))
	if resume {
		step := array.Element(resumes)
		copyTime(step, "effective_at", resumes)
		step.Copy("status", s.object.Get("status"))
		if rejection := s.writeItems(step, s.object.Find("items.data"), s.items); rejection != nil {
			return false, rejection
		}
	}
	compared := 0
	for _, phase := range phases.Elements() {
		start := phase.Get("start_date")
		if seconds(start) <= s.created {
			continue
		}
		items, priced := s.phaseItems(phase, &compared)
		if !priced {
			return false, nil
		}
		step := array.Element(phase)
		copyTime(step, "effective_at", start)
		step.Text("status", event.StatusActive.String(), phase)
		if rejection := s.writeItems(step, phase.Get("items"), items); rejection != nil {
			return false, rejection
		}
	}
	return phases.IsArray(), nil
}

// comparedMax bounds how often items of phases are looked for among those of today.
const comparedMax = 100_000

// phaseItems are the items of a phase, and whether all that they cost is known.
func (s *snapshot) phaseItems(phase event.Value, compared *int) (items []item, priced bool) {
	for _, name := range []string{"discounts", "coupon", "trial_end"} {
		if v := phase.Get(name); !v.Absent() && (!v.IsArray() || !v.Element(0).Absent()) {
			return nil, false
		}
	}
	taken := map[string]bool{}
	for i, v := range phase.Get("items").Elements() {
		if i == listMax || *compared > comparedMax {
			return nil, false
		}
		*compared += len(s.items)
		one := item{value: v, id: idOf(v.Get("price")), quantity: v.Get("quantity"), price: priceOf(v, s.object.Get("currency").Text())}
		same := s.current(one.id.Text(), idOf(one.price.value.Get("product")).Text(), taken)
		switch {
		case one.price.value.IsObject():
		case same != nil && same.price.value.Get("id").Text() == one.id.Text():
			one.price = same.price
		default:
			return nil, false
		}
		if same != nil {
			one.id = same.id
			taken[one.id.Text()] = true
		}
		if !v.Get("discounts").Element(0).Absent() {
			return nil, false
		}
		items = append(items, one)
	}
	return items, true
}

// current is the item of today that one of a phase goes on with: of the same price, else of the same
// product.
func (s *snapshot) current(price, product string, taken map[string]bool) *item {
	var found *item
	for i := range s.items {
		it := &s.items[i]
		switch {
		case taken[it.id.Text()]:
		case it.price.value.Get("id").Text() == price:
			return it
		case found == nil && product != "" && idOf(it.price.value.Get("product")).Text() == product:
			found = it
		}
	}
	return found
}
