package aggregate

import (
	"slices"

	"processor/internal/event"
	"processor/internal/money"
)

// What an explanation lists at most: it may be asked for over a network, of accounts of any size.
// Sums always cover everything, and what is left out is counted.
const (
	ExplainedEvents    = 50   // of one movement
	ExplainedMovements = 1000 // of one explanation, the latest
)

// Explanation is why an account's MRR is what it is: every movements row of its life or of one
// interval, with its rule and the events behind it, and the sum that gives the number. It shares
// nothing with the state that changes later.
type Explanation struct {
	Account  string
	Name     string // "" when there is none
	Status   string // paying, paused, churned, never_paid
	Currency string
	AsOf     event.Time // the watermark
	MRR      money.Amount

	Start event.Time // of the interval; NoTime where it is the whole life
	End   event.Time

	Booked         money.Amount // before the interval, and what lies below the floor
	OpeningBalance money.Amount // of the interval's rows of class opening
	Opening        money.Amount // Booked + OpeningBalance (spec: rules 9.1)
	Movements      money.Amount // all other changes of the interval
	Closing        money.Amount // Opening + Movements

	Rows          []ExplainedRow // in booked order
	LeftOut       int            // rows before these
	LeftOutChange money.Amount
}

// ExplainedRow is a movements row with what made it.
type ExplainedRow struct {
	Movement
	Balance       money.Amount // booked up to and with it
	Events        []EventRef   // what the row is of first
	EventsLeftOut int
	Forgotten     bool // events behind it are no longer kept
	Usage         *UsageFigures
	Rates         []RateChange // of a row of class fx, by currency
}

// Explain tells of an account as of the last flush, which must be the last thing that was done to
// the state; found is false for an account that the state does not know or has not flushed yet.
func (s *State) Explain(account string, within *Interval) (e *Explanation, found bool) {
	a := s.find(account)
	if a == nil || a.derived == nil {
		return nil, false
	}
	f := fold{options: &s.options, calendar: s.calendar, dims: s.dims, account: a, now: s.now}
	f.run()
	d := f.derived()
	e = &Explanation{
		Account: a.id, Name: a.name(s.now), Status: d.status(), Currency: s.options.Currency, AsOf: s.now, MRR: d.mrr,
		Start: event.NoTime, End: event.NoTime, Booked: f.openingBook.mrr(),
	}
	end := never
	if within != nil {
		e.Start, e.End = s.calendar.Bounds(*within)
		end = e.End
	}
	first, after := e.sum(d.rows, end)
	if most := ExplainedMovements; after-first > most {
		e.leaveOut(d.rows[first : after-most])
		first = after - most
	}
	e.list(&f, d.rows[first:after])
	return e, true
}

// sum adds up the rows and finds those of the interval: rows[first:after].
func (e *Explanation) sum(rows []Movement, end event.Time) (first, after int) {
	for after < len(rows) && rows[after].At < end {
		row := &rows[after]
		after++
		switch {
		case row.At < e.Start:
			first = after
			e.Booked = e.Booked.Add(row.Change)
		case row.Class == ClassOpening:
			e.OpeningBalance = e.OpeningBalance.Add(row.Amount())
			e.Movements = e.Movements.Add(row.Change.Sub(row.Amount()))
		default:
			e.Movements = e.Movements.Add(row.Change)
		}
	}
	e.Opening = e.Booked.Add(e.OpeningBalance)
	e.Closing = e.Opening.Add(e.Movements)
	return first, after
}

func (e *Explanation) leaveOut(rows []Movement) {
	e.LeftOut = len(rows)
	for i := range rows {
		e.LeftOutChange = e.LeftOutChange.Add(rows[i].Change)
	}
}

// list explains rows one by one.
func (e *Explanation) list(f *fold, rows []Movement) {
	w := newWitness(f)
	balance := e.Booked.Add(e.LeftOutChange)
	e.Rows = make([]ExplainedRow, len(rows))
	for i := range rows {
		balance = balance.Add(rows[i].Change)
		row := &e.Rows[i]
		row.Movement, row.Balance = rows[i], balance
		parts := *rows[i].Parts
		row.Parts = &parts
		w.explain(row)
		if over := len(row.Events) - ExplainedEvents; over > 0 {
			row.Events, row.EventsLeftOut = slices.Clip(row.Events[:ExplainedEvents]), over
		}
	}
}
