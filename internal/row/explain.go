package row

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
	"processor/internal/money"
)

// Explanation is the document that explains an account's number: what `explain -o json` prints and
// what the API answers with. Amounts are in Currency with six digits, times RFC 3339.
type Explanation struct {
	Account  string  `json:"account"`
	Name     *string `json:"name"`
	Status   string  `json:"status"`
	Currency string  `json:"currency"`
	AsOf     string  `json:"as_of"`
	MRR      string  `json:"mrr"`

	Interval *string `json:"interval"` // null: the whole life
	StartsAt *string `json:"starts_at"`
	EndsAt   *string `json:"ends_at"`

	BookedBefore   string `json:"booked_before"`
	OpeningBalance string `json:"opening_balance"`
	Opening        string `json:"opening_mrr"` // both of them
	MovementsSum   string `json:"movements_mrr"`
	Closing        string `json:"closing_mrr"`

	LeftOut       int                 `json:"movements_left_out"` // earlier than those listed
	LeftOutChange string              `json:"movements_left_out_change"`
	Movements     []ExplainedMovement `json:"movements"`
}

// ExplainedMovement is a row of movements with its reason and the events behind it.
type ExplainedMovement struct {
	Movement    string  `json:"movement"`
	EffectiveAt string  `json:"effective_at"`
	Class       string  `json:"class"`
	Change      string  `json:"change"`
	MRRAfter    string  `json:"mrr_after"` // booked up to and with it
	Paused      string  `json:"paused"`
	Resumed     string  `json:"resumed"`
	Parts       []Part  `json:"parts"`
	Rule        string  `json:"rule"`
	Reason      string  `json:"reason"`
	MergedInto  *string `json:"merged_into"`
	Provisional bool    `json:"provisional"`
	Unconfirmed bool    `json:"unconfirmed"`
	Final       bool    `json:"final"`

	Usage *ExplainedUsage `json:"usage"`
	Rates []ExplainedRate `json:"rates"`

	Events          []ExplainedEvent `json:"events"`
	EventsLeftOut   int              `json:"events_left_out"`
	EventsForgotten bool             `json:"events_forgotten"` // some are no longer kept
}

// Part is one typed amount of a movement.
type Part struct {
	Type   string `json:"type"` // up_seat, down_removed, ...
	Amount string `json:"amount"`
}

// ExplainedEvent is an event behind a movement, and where it was read.
type ExplainedEvent struct {
	Role        string  `json:"role"`
	Source      string  `json:"source"`
	ID          string  `json:"id"`
	Type        string  `json:"type"`
	Time        string  `json:"time"`
	EffectiveAt string  `json:"effective_at"`
	Revision    int64   `json:"revision"`
	Step        *string `json:"step"`  // the instant of the announced step
	Topic       *string `json:"topic"` // null: not known
	Partition   *int32  `json:"partition"`
	Offset      *int64  `json:"offset"`
}

// ExplainedUsage are the figures of a month of usage.
type ExplainedUsage struct {
	Subscription string  `json:"subscription"`
	Item         string  `json:"item"`
	Month        string  `json:"month"`
	FirstDay     string  `json:"first_day"`
	LastDay      string  `json:"last_day"` // before FirstDay where no day counts
	Days         int32   `json:"days"`
	Factor       *string `json:"factor"` // 30.4375 / days, or 1; null where no day counts
	Quantity     string  `json:"quantity"`
	Included     *string `json:"included"`
	Rated        string  `json:"rated"`
	Commit       *string `json:"commit"`
	Excess       string  `json:"excess"`
	LevelBefore  string  `json:"level_before"`
	LevelNow     string  `json:"level_now"`
	Stated       bool    `json:"stated"`
	Closed       bool    `json:"closed"`
	Ended        bool    `json:"ended"`
	Unrated      bool    `json:"unrated"`
}

// ExplainedRate is what one unit of a currency was worth before and after a rate table.
type ExplainedRate struct {
	Currency string  `json:"currency"`
	Before   *string `json:"before"`
	After    string  `json:"after"`
}

// Explain writes an explanation of an interval ("" for the whole life) down.
func Explain(e *aggregate.Explanation, interval string) *Explanation {
	x := &Explanation{
		Account: e.Account, Name: orAbsent(e.Name), Status: e.Status, Currency: e.Currency, AsOf: e.AsOf.String(), MRR: e.MRR.String(),
		Interval: orAbsent(interval), StartsAt: instantOrAbsent(e.Start), EndsAt: instantOrAbsent(e.End),
		BookedBefore: e.Booked.String(), OpeningBalance: e.OpeningBalance.String(), Opening: e.Opening.String(),
		MovementsSum: e.Movements.String(), Closing: e.Closing.String(),
		LeftOut: e.LeftOut, LeftOutChange: e.LeftOutChange.String(), Movements: make([]ExplainedMovement, len(e.Rows)),
	}
	for i := range e.Rows {
		x.Movements[i] = explainMovement(&e.Rows[i])
	}
	return x
}

// JSON is the document as bytes, <, > and & escaped.
func (x *Explanation) JSON() ([]byte, error) {
	b, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("write the explanation of account %q: %w", x.Account, err)
	}
	return b, nil
}

func explainMovement(r *aggregate.ExplainedRow) ExplainedMovement {
	m := ExplainedMovement{
		Movement: r.Key, EffectiveAt: r.At.String(), Class: r.Class.String(), Change: r.Change.String(), MRRAfter: r.Balance.String(),
		Paused: r.Paused.String(), Resumed: r.Resumed.String(), Parts: partsOf(r.Parts), Rule: r.Rule, Reason: aggregate.Reason(r.Rule),
		MergedInto: orAbsent(r.MergedInto), Provisional: r.Provisional, Unconfirmed: r.Unconfirmed, Final: r.Final,
		Rates: ratesOf(r.Rates), Events: make([]ExplainedEvent, len(r.Events)), EventsLeftOut: r.EventsLeftOut, EventsForgotten: r.Forgotten,
	}
	for i := range r.Events {
		m.Events[i] = explainEvent(&r.Events[i])
	}
	if r.Usage != nil {
		m.Usage = explainUsage(r.Usage)
	}
	return m
}

func partsOf(p *aggregate.Parts) []Part {
	parts := []Part{}
	for i, amount := range p.Up {
		if !amount.IsZero() {
			parts = append(parts, Part{"up_" + aggregate.UpNames[i], amount.String()})
		}
	}
	for i, amount := range p.Down {
		if !amount.IsZero() {
			parts = append(parts, Part{"down_" + aggregate.DownNames[i], amount.String()})
		}
	}
	return parts
}

func explainEvent(r *aggregate.EventRef) ExplainedEvent {
	e := ExplainedEvent{
		Role: string(r.Role), Source: r.Source, ID: r.ID, Type: r.Type.String(), Time: r.Time.String(),
		EffectiveAt: r.EffectiveAt.String(), Revision: r.Revision, Step: instantOrAbsent(r.Step),
	}
	if p := r.Position; p.IsKnown() {
		e.Topic, e.Partition, e.Offset = &p.Topic, &p.Partition, &p.Offset
	}
	return e
}

func explainUsage(u *aggregate.UsageFigures) *ExplainedUsage {
	last := u.To - 1
	if u.Partly {
		last = u.To
	}
	x := &ExplainedUsage{
		Subscription: u.Subscription, Item: u.Item, Month: u.Month.String(), FirstDay: dateText(u.From), LastDay: dateText(last), Days: u.Days,
		Factor: ratText(u.Factor, 12), Quantity: *ratText(u.Quantity, 12), Included: ratText(u.Included, 12), Rated: u.Rated.String(),
		Excess: u.Excess.String(), LevelBefore: u.LevelBefore.String(), LevelNow: u.LevelNow.String(),
		Stated: u.Stated, Closed: u.Closed, Ended: u.Ended, Unrated: u.Unrated,
	}
	if u.Commit != nil {
		x.Commit = absentOr(*u.Commit)
	}
	return x
}

func ratesOf(changes []aggregate.RateChange) []ExplainedRate {
	rates := []ExplainedRate{}
	for _, c := range changes {
		rates = append(rates, ExplainedRate{c.Currency, ratText(c.Before, 18), *ratText(c.After, 18)})
	}
	return rates
}

// ratText is a number with so many digits at most, nil for none.
func ratText(x *big.Rat, digits int) *string {
	if x == nil {
		return nil
	}
	text := x.FloatString(digits)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return &text
}

func dateText(day int32) string { return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) }

func absentOr(a money.Amount) *string {
	text := a.String()
	return &text
}

func orAbsent(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func instantOrAbsent(t event.Time) *string {
	if t == event.NoTime {
		return nil
	}
	text := t.String()
	return &text
}
