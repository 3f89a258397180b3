package event

import (
	"cmp"
	"slices"
	"strconv"
)

type subscriptionFields struct {
	subscription, status, items, discounts, effectiveAt, cancelAt, schedule, termStart, termEnd,
	trialEnd, renewal, scheduledStep, motion, reason, opening, firstPaidAt, movedFrom, movedTo slot
}

func (t *tape) subscriptionFields(data slot) (f subscriptionFields) {
	for at, end := data+1, t.after(data); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "subscription":
			f.subscription = v
		case "status":
			f.status = v
		case "items":
			f.items = v
		case "discounts":
			f.discounts = v
		case "effective_at":
			f.effectiveAt = v
		case "cancel_at":
			f.cancelAt = v
		case "schedule":
			f.schedule = v
		case "term_start":
			f.termStart = v
		case "term_end":
			f.termEnd = v
		case "trial_end":
			f.trialEnd = v
		case "renewal":
			f.renewal = v
		case "scheduled_step":
			f.scheduledStep = v
		case "motion":
			f.motion = v
		case "reason":
			f.reason = v
		case "opening":
			f.opening = v
		case "first_paid_at":
			f.firstPaidAt = v
		case "moved_from":
			f.movedFrom = v
		case "moved_to":
			f.movedTo = v
		}
	}
	return f
}

// subscription reads the data of subscription.changed.
func (d *Decoder) subscription(data slot, eventTime Time) *Subscription {
	f := d.tape.subscriptionFields(data)
	s := new(Subscription)
	s.Subscription = d.requiredID(f.subscription, "subscription")
	s.Status = d.status(f.status, 0)
	s.Items, s.Sent = d.items(f.items, s.Status)
	s.Discounts = d.discounts(f.discounts)
	d.wideDiscount(s.Discounts, s.Phase)
	s.EffectiveAt = d.instant(f.effectiveAt, "effective_at", eventTime)
	s.CancelAt = d.instant(f.cancelAt, "cancel_at", NoTime)
	s.Schedule = d.schedule(f.schedule, s)
	s.TermStart = d.instant(f.termStart, "term_start", NoTime)
	s.TermEnd = d.instant(f.termEnd, "term_end", NoTime)
	s.TrialEnd = d.instant(f.trialEnd, "trial_end", NoTime)
	s.Renewal = d.flag(f.renewal, "renewal")
	s.ScheduledStep = d.flag(f.scheduledStep, "scheduled_step")
	s.Motion = d.word(f.motion, "motion")
	s.Reason = d.word(f.reason, "reason")
	s.Opening = d.flag(f.opening, "opening")
	s.FirstPaidAt = d.instant(f.firstPaidAt, "first_paid_at", NoTime)
	s.MovedFrom = d.moved(f.movedFrom, "moved_from")
	s.MovedTo = d.moved(f.movedTo, "moved_to")
	return s
}

// status reads a status; absent is what an absent one means, 0 where it must be there.
func (d *Decoder) status(s slot, absent Status) Status {
	if s == 0 && absent != 0 {
		return absent
	}
	if s == 0 {
		d.fail(ReasonMissingField, "status")
	}
	text, _ := d.textOf(s, "status")
	status := Status(indexOf(statusNames[:], text))
	if status == 0 {
		d.fail(ReasonBadField, "status")
	}
	return status
}

// items reads a phase's items. A canceled phase has none: what is sent with it is not read. One
// whose status is unknown (0) is at fault for that. Items are kept sorted by item id; sent tells
// the order they came in (see Phase).
func (d *Decoder) items(s slot, status Status) (list []Item, sent []uint16) {
	if status == StatusCanceled {
		return nil, nil
	}
	if s == 0 && status != 0 {
		d.fail(ReasonMissingField, "items")
	}
	if !d.array(s, "items") {
		return nil, nil
	}
	n := d.tape.count(s)
	if n > d.options.MaxItems {
		d.fail(ReasonTooLarge, "items")
		return nil, nil
	}
	list = make([]Item, 0, n)
	d.each(s, "items", func(_ int, element slot) {
		list = append(list, Item{})
		d.item(element, list)
	})
	return sortItems(list)
}

// sortItems sorts by item id and returns, unless they came sorted, where each one went.
func sortItems(list []Item) (sorted []Item, sent []uint16) {
	byID := func(a, b Item) int { return cmp.Compare(a.Item, b.Item) }
	if slices.IsSortedFunc(list, byID) {
		return list, nil
	}
	order := make([]uint16, len(list))
	for i := range order {
		order[i] = uint16(i)
	}
	slices.SortFunc(order, func(a, b uint16) int { return cmp.Compare(list[a].Item, list[b].Item) })
	sorted, sent = make([]Item, len(list)), make([]uint16, len(list))
	for i, from := range order {
		sorted[i] = list[from]
		sent[from] = uint16(i)
	}
	return sorted, sent
}

type scheduledFields struct{ effectiveAt, items, status slot }

func (t *tape) scheduledFields(object slot) (f scheduledFields) {
	for at, end := object+1, t.after(object); at < end; at = t.after(at + 1) {
		switch v := t.sent(at + 1); string(t.text(at)) {
		case "effective_at":
			f.effectiveAt = v
		case "items":
			f.items = v
		case "status":
			f.status = v
		}
	}
	return f
}

// schedule reads the announced phases, in the order sent.
func (d *Decoder) schedule(s slot, snapshot *Subscription) []Scheduled {
	if !d.array(s, "schedule") {
		return nil
	}
	list := []Scheduled{}
	d.each(s, "schedule", func(_ int, element slot) {
		f := d.tape.scheduledFields(element)
		at := d.requiredInstant(f.effectiveAt, "effective_at")
		phase := Phase{Status: d.statusAhead(f.status, snapshot.Status)}
		phase.Items, phase.Sent = d.items(f.items, phase.Status)
		d.status(f.status, snapshot.Status)
		list = append(list, Scheduled{EffectiveAt: at, Phase: phase})
	})
	for i := range list {
		d.wideDiscount(snapshot.Discounts, list[i].Phase)
	}
	return list
}

// statusAhead is the status of a scheduled phase without judging it, 0 when it is none: the items
// come first in the order of checks, but whether they must be there depends on it.
func (d *Decoder) statusAhead(s slot, absent Status) Status {
	if s == 0 {
		return absent
	}
	if d.tape.kind(s) != kindString {
		return 0
	}
	return Status(indexOf(statusNames[:], d.tape.text(s)))
}

// moved reads {account} of a transfer between accounts.
func (d *Decoder) moved(s slot, name string) string {
	if !d.object(s, name) {
		return ""
	}
	t := &d.tape
	var account slot
	for at, end := s+1, t.after(s); at < end; at = t.after(at + 1) {
		if string(t.text(at)) == "account" {
			account = t.sent(at + 1)
		}
	}
	id := d.requiredID(account, "account")
	d.within(name)
	return id
}

// wideDiscount checks that a subscription-wide amount can be split: the licensed and committed
// items are of one currency and interval (rules 2.2).
func (d *Decoder) wideDiscount(discounts []Discount, phase Phase) {
	for i := range discounts {
		if discounts[i].HasAmount && !ofOneKind(phase.Items) {
			d.fail(ReasonBadField, "discounts["+strconv.Itoa(i)+"].amount")
		}
	}
}

// ofOneKind says whether the licensed and committed items share currency and interval; twelve
// months and a year are one interval.
func ofOneKind(items []Item) bool {
	var first *Item
	for i := range items {
		switch it := &items[i]; {
		case it.Metered && !it.HasCommit:
		case first == nil:
			first = it
		case it.Currency != first.Currency || !sameInterval(it, first):
			return false
		}
	}
	return true
}

func sameInterval(a, b *Item) bool {
	unitA, countA := a.interval()
	unitB, countB := b.interval()
	return unitA == unitB && countA == countB
}

// interval is the item's interval with years as months.
func (it *Item) interval() (Unit, int64) {
	if it.Unit == UnitYear {
		return UnitMonth, 12 * it.Count
	}
	return it.Unit, it.Count
}
