package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The company sells one product in three plans by the seat, a second product, and add-ons, in four
// currencies. Its events are made here and not by `processor generate`, so that the oracle needs to
// know no more of the rules than what these events use, and so that a fault of that generator hides
// nothing.

// span is how much of the company's time one run tells.
const span = 120 * 24 * time.Hour

// rates are what one unit of a currency is worth in USD, for the configuration and the oracle.
var rates = map[string]string{"EUR": "1.0837", "GBP": "1.27", "JPY": "0.0067"}

var currencies = []string{"USD", "USD", "USD", "EUR", "EUR", "GBP", "JPY"}

var regions = []string{"eu", "us", "apac"}

var planTiers = []string{"smb", "mid", "enterprise"}

// plans of the product core, in their order.
var plans = []string{"basic", "team", "business"}

// planPrices are by plan and currency; a unit of JPY is worth less than a cent.
var planPrices = map[string][]string{
	"USD": {"10.00", "21.50", "47.25"}, "EUR": {"9.50", "19.90", "44.00"}, "GBP": {"8.30", "17.45", "39.99"}, "JPY": {"1500", "3200", "7100"},
}

// addOns are products of their own, sold beside a subscription.
var addOns = []string{"sso", "support", "audit"}

// intervals are how a subscription is billed: a month, a quarter, a year.
var intervals = []*interval{nil, {Unit: "month", Count: 3}, {Unit: "year", Count: 1}}

// interval, item, snapshot and envelope are the native format, as far as the company uses it.
type interval struct {
	Unit  string `json:"unit"`
	Count int    `json:"count"`
}

type item struct {
	Item      string    `json:"item"`
	Product   string    `json:"product"`
	Plan      string    `json:"plan,omitempty"`
	Quantity  string    `json:"quantity"`
	UnitPrice string    `json:"unit_price"`
	Currency  string    `json:"currency"`
	Interval  *interval `json:"interval,omitempty"`
	AddOn     bool      `json:"add_on,omitempty"`
}

type snapshot struct {
	Subscription string `json:"subscription"`
	Status       string `json:"status"`
	Items        []item `json:"items,omitempty"`
	EffectiveAt  string `json:"effective_at,omitempty"`
	Renewal      bool   `json:"renewal,omitempty"`
}

type envelope struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Subject     string `json:"subject"`
	Time        string `json:"time"`
	Revision    int    `json:"revision,omitempty"`
	Data        any    `json:"data"`
}

// customer is one account and what it has bought.
type customer struct {
	id            string
	dice          *rand.Rand
	currency      string
	events        int
	subscriptions []*subscription
}

// subscription is what the company believes that it has sold, before anything is amended or revoked.
type subscription struct {
	id       string
	status   string
	plan     int
	seats    int
	prices   []string // by plan; they rise
	interval *interval
	second   int // seats of the second product
	addOns   []string
}

func newCustomer(seed uint64, number int) *customer {
	c := &customer{id: fmt.Sprintf("acct-%04d", number), dice: rand.New(rand.NewPCG(seed, uint64(number)))} //nolint:gosec // counted from 0
	c.currency = currencies[c.dice.IntN(len(currencies))]
	return c
}

func written(at time.Time) string { return at.UTC().Format(time.RFC3339) }

func (c *customer) envelope(kind string, at time.Time, data any) envelope {
	c.events++
	return envelope{
		SpecVersion: "1.0", ID: fmt.Sprintf("%s-%d", c.id, c.events), Source: "billing", Type: kind, Subject: c.id,
		Time: written(at), Data: data,
	}
}

// signUp is how an account begins: its attributes and its first subscription.
func (c *customer) signUp(at time.Time) []envelope {
	attributes := map[string]string{"region": regions[c.dice.IntN(len(regions))], "plan_tier": planTiers[c.dice.IntN(len(planTiers))]}
	changed := c.envelope("account.changed", at, map[string]any{"attributes": attributes, "name": "Company " + c.id})
	return []envelope{changed, c.subscribe(at)}
}

// subscribe adds a subscription.
func (c *customer) subscribe(at time.Time) envelope {
	s := &subscription{
		id: fmt.Sprintf("%s-s%d", c.id, len(c.subscriptions)+1), status: "active", plan: c.dice.IntN(2), seats: 1 + c.dice.IntN(30),
		prices: slices.Clone(planPrices[c.currency]), interval: intervals[c.dice.IntN(len(intervals))],
	}
	c.subscriptions = append(c.subscriptions, s)
	return c.snapshot(s, at, false)
}

func (c *customer) snapshot(s *subscription, at time.Time, renewal bool) envelope {
	data := snapshot{Subscription: s.id, Status: s.status, Renewal: renewal}
	if s.status != "canceled" {
		data.Items = s.items(c.currency)
	}
	switch c.dice.IntN(40) {
	case 0: // told after it happened
		data.EffectiveAt = written(at.Add(-time.Duration(c.dice.IntN(10*24*3600)) * time.Second))
	case 1: // the last second of a day is the next midnight
		data.EffectiveAt = written(at.Truncate(24 * time.Hour).Add(24*time.Hour - time.Second).Add(-24 * time.Hour))
	}
	return c.envelope("subscription.changed", at, data)
}

func (s *subscription) items(currency string) []item {
	list := []item{{
		Item: "seats", Product: "core", Plan: plans[s.plan], Quantity: fmt.Sprint(s.seats), UnitPrice: s.prices[s.plan],
		Currency: currency, Interval: s.interval,
	}}
	if s.second > 0 {
		list = append(list, item{
			Item: "analytics", Product: "analytics", Plan: "standard", Quantity: fmt.Sprint(s.second), UnitPrice: planPrices[currency][0],
			Currency: currency, Interval: s.interval,
		})
	}
	for _, name := range s.addOns {
		list = append(list, item{
			Item: name, Product: name, Quantity: "1", UnitPrice: planPrices[currency][2], Currency: currency, AddOn: true,
		})
	}
	return list
}

// act is what an account does next: one event.
func (c *customer) act(at time.Time) envelope {
	s := c.subscriptions[c.dice.IntN(len(c.subscriptions))]
	switch s.status {
	case "canceled":
		if c.dice.IntN(3) > 0 {
			return c.aside(at)
		}
		s.status = "active" // back, at another size
		s.seats = 1 + c.dice.IntN(30)
		return c.snapshot(s, at, false)
	case "paused":
		s.status = []string{"active", "active", "canceled"}[c.dice.IntN(3)]
		return c.snapshot(s, at, false)
	}
	renewal := false
	switch roll := c.dice.IntN(100); {
	case roll < 30:
		s.seats += 1 + c.dice.IntN(10)
	case roll < 44:
		s.seats = max(1, s.seats-1-c.dice.IntN(5))
	case roll < 52:
		s.plan = min(s.plan+1, len(plans)-1)
	case roll < 56:
		s.plan = max(s.plan-1, 0)
	case roll < 63:
		s.prices[s.plan] = raised(s.prices[s.plan], 1+c.dice.IntN(4))
		renewal = c.dice.IntN(2) == 0
	case roll < 71:
		s.toggle(addOns[c.dice.IntN(len(addOns))])
	case roll < 76:
		s.second = []int{0, 1 + c.dice.IntN(5), 1 + c.dice.IntN(9)}[c.dice.IntN(3)]
	case roll < 80:
		s.status = "paused"
	case roll < 84:
		s.status = "canceled"
	case roll < 87 && len(c.subscriptions) < 3:
		return c.subscribe(at)
	default:
		return c.aside(at)
	}
	return c.snapshot(s, at, renewal)
}

// raised is a price a few tenths higher, in whole cents or whole yen.
func raised(price string, by int) string {
	var whole, cents int
	if n, _ := fmt.Sscanf(price, "%d.%d", &whole, &cents); n == 2 {
		return fmt.Sprintf("%d.%02d", whole+by, cents)
	}
	return fmt.Sprint(whole + 100*by)
}

func (s *subscription) toggle(name string) {
	if at := slices.Index(s.addOns, name); at >= 0 {
		s.addOns = slices.Delete(s.addOns, at, at+1)
		return
	}
	s.addOns = append(s.addOns, name)
}

// aside is an event that moves no subscription.
func (c *customer) aside(at time.Time) envelope {
	switch c.dice.IntN(3) {
	case 0:
		return c.envelope("account.changed", at, map[string]any{"attributes": map[string]string{"region": regions[c.dice.IntN(len(regions))]}})
	case 1:
		kind := []string{"one_off", "service", "credit", "refund", "tax"}[c.dice.IntN(5)]
		return c.envelope("charge.recorded", at, map[string]any{"kind": kind, "amount": fmt.Sprintf("%d.%02d", c.dice.IntN(500), c.dice.IntN(100)), "currency": c.currency})
	default:
		return c.envelope("signal.observed", at, map[string]any{"name": "seats_used", "value": fmt.Sprint(c.dice.IntN(40))})
	}
}

func encode(e envelope) []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic("chaos: " + err.Error()) // texts and numbers have no error
	}
	return b
}
