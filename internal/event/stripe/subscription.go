package stripe

import (
	"strconv"

	"processor/internal/event"
)

// subscription makes the snapshot that every customer.subscription event carries. One that waits for its
// first payment, or gave up waiting, never was in force: it is ignored, so that it is new when it begins.
func (r *reader) subscription(root event.Value, kind string) ([]*event.Event, *event.Rejection) {
	object := root.Find("data.object")
	status := object.Get("status")
	if status.Text() == "incomplete" || status.Text() == "incomplete_expired" {
		return nil, nil
	}
	data := r.begin(root, event.TypeSubscriptionChanged, object.Get("customer")).Object("data", object)
	data.Copy("subscription", object.Get("id"))
	if kind == "customer.subscription.deleted" || status.Text() == event.StatusCanceled.String() {
		data.Text("status", event.StatusCanceled.String(), status)
		return r.end()
	}
	s := snapshot{reader: r, object: object, created: seconds(root.Get("created"))}
	if rejection := s.fill(data); rejection != nil {
		return nil, rejection
	}
	return r.end()
}

// snapshot is a subscription that is in force.
type snapshot struct {
	reader  *reader
	object  event.Value
	created int64 // of the event, in seconds
	items   []item
	wide    []discount // of all items
}

func (s *snapshot) fill(data *event.Field) *event.Rejection {
	list := s.object.Get("items")
	if list.Get("has_more").IsTrue() {
		return list.Get("has_more").Reject(event.ReasonBadField) // a part of the items is no snapshot
	}
	for i, v := range list.Get("data").Elements() {
		if i == listMax {
			return list.Get("data").Reject(event.ReasonTooLarge)
		}
		s.items = append(s.items, s.itemOf(v))
	}
	if rejection := s.discounts(); rejection != nil {
		return rejection
	}
	if !list.Get("data").IsArray() {
		data.Missing("items", list.Get("data"))
	} else if rejection := s.writeItems(data, list.Get("data"), s.items); rejection != nil {
		return rejection
	}
	if len(s.wide) > 0 {
		writeDiscounts(data, s.object.Get("discounts"), s.wide)
	}
	s.status(data)
	known, rejection := s.schedule(data)
	if rejection != nil {
		return rejection
	}
	s.cancelAt(data, known)
	copyTime(data, "trial_end", s.object.Get("trial_end"))
	if start, end := s.period(); !start.Absent() {
		copyTime(data, "term_start", start)
		copyTime(data, "term_end", end)
	}
	return nil
}

// status is the native status. A subscription that is paused because its trial ended without a way to pay
// never paid: it is held as in its trial. A pause of the collection waives the revenue, unless the
// invoices are kept to be collected later.
func (s *snapshot) status(data *event.Field) {
	status := s.object.Get("status")
	switch pause := s.object.Get("pause_collection"); {
	case status.Text() == "paused" && s.endsInTrial():
		data.Text("status", event.StatusTrialing.String(), status)
	case s.isWaived():
		data.Text("status", event.StatusPaused.String(), pause)
	default:
		data.Copy("status", status)
	}
}

func (s *snapshot) isWaived() bool {
	pause := s.object.Get("pause_collection")
	billed := s.object.Get("status").Text() == event.StatusActive.String() || s.object.Get("status").Text() == event.StatusPastDue.String()
	return billed && pause.IsObject() && pause.Get("behavior").Text() != "keep_as_draft"
}

// endsInTrial says whether no period began after the trial.
func (s *snapshot) endsInTrial() bool {
	_, end := s.period()
	trial, sent := s.object.Get("trial_end").Int()
	return sent && !end.Absent() && seconds(end) <= trial
}

// period is the billing period: of the subscription or, since 2025-03-31, of its items, where they agree.
func (s *snapshot) period() (start, end event.Value) {
	start, end = s.object.Get("current_period_start"), s.object.Get("current_period_end")
	if !start.Absent() || len(s.items) == 0 {
		return start, end
	}
	first := s.items[0].value
	for _, one := range s.items[1:] {
		if one.value.Get("current_period_end").Text() != first.Get("current_period_end").Text() ||
			one.value.Get("current_period_start").Text() != first.Get("current_period_start").Text() {
			return event.Value{}, event.Value{}
		}
	}
	return first.Get("current_period_start"), first.Get("current_period_end")
}

// cancelAt is when the subscription is to end: at an instant, at the end of its period, or with its
// schedule. That a cancellation is withdrawn shows in the next snapshot, which has none of it.
func (s *snapshot) cancelAt(data *event.Field, known bool) {
	if at := s.object.Get("cancel_at"); !at.Absent() {
		copyTime(data, "cancel_at", at)
		return
	}
	if s.object.Get("cancel_at_period_end").IsTrue() {
		end := s.object.Get("current_period_end")
		for _, one := range s.items {
			if v := one.value.Get("current_period_end"); seconds(v) > seconds(end) {
				end = v
			}
		}
		if end.Absent() {
			end = s.object.Get("cancel_at_period_end")
		}
		copyTime(data, "cancel_at", end)
		return
	}
	schedule := s.object.Get("schedule")
	if known && schedule.Get("end_behavior").Text() == "cancel" {
		var last event.Value
		for _, phase := range schedule.Get("phases").Elements() {
			last = phase.Get("end_date")
		}
		copyTime(data, "cancel_at", last)
	}
}

// seconds is a time in seconds, 0 where it is none.
func seconds(v event.Value) int64 {
	n, err := strconv.ParseInt(v.Text(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
