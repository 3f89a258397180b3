package aggregate

import (
	"errors"
	"math/big"
	"testing"
	"time"

	"processor/internal/event"
)

func TestAccountOf(t *testing.T) {
	key := keptKey(&event.Event{Subject: "acme", Source: "billing", ID: "e1"})
	if account, ok := AccountOf(key); !ok || account != "acme" {
		t.Errorf("got %q, %v", account, ok)
	}
	if account, ok := AccountOf(accountKey("acme")); !ok || account != "acme" {
		t.Errorf("of an account's records: got %q, %v", account, ok)
	}
	for _, key := range [][]byte{nil, {5, 'a', 'c', 'm', 'e'}, {0xff}} {
		if account, ok := AccountOf(key); ok {
			t.Errorf("key %x has account %q", key, account)
		}
	}
}

// A record whose currency has no rate any more says which one it is.
func TestRestoreRefuses(t *testing.T) {
	const line = `{"specversion":"1.0","id":"e1","source":"billing","type":"subscription.changed","subject":"acme","time":"2026-01-05T10:00:00Z",` +
		`"data":{"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","unit_price":"10","currency":"EUR"}]}}`
	e, rejection := event.NewDecoder(event.Options{}).Decode([]byte(line), nil)
	if rejection != nil {
		t.Fatal(rejection)
	}
	options := Options{
		Currency: "USD", Zone: time.UTC, ReportingStart: event.NoTime,
		Rates: []RateTable{{From: event.NoTime, Rates: map[string]*big.Rat{"EUR": big.NewRat(11, 10)}}},
	}
	for _, known := range []bool{true, false} {
		if !known {
			options.Rates = nil
		}
		s, err := New(options)
		if err != nil {
			t.Fatal(err)
		}
		var refused *RefusedError
		switch err := s.Restore(e.AppendStored(nil)); {
		case known && err != nil:
			t.Error(err)
		case !known && (!errors.As(err, &refused) || refused.Account != "acme" || refused.ID != "e1" || refused.Rejection.Reason != event.ReasonMissingRate):
			t.Errorf("without a rate: %v", err)
		}
	}
}

// All rows, account by account, are those that come together.
func TestEachAccountIsEverything(t *testing.T) {
	s, err := New(Options{Currency: "USD", Zone: time.UTC, ReportingStart: event.NoTime})
	if err != nil {
		t.Fatal(err)
	}
	decoder := event.NewDecoder(event.Options{})
	for _, account := range []string{"globex", "acme"} {
		line := `{"specversion":"1.0","id":"e1","source":"billing","type":"subscription.changed","subject":"` + account + `","time":"2026-01-05T10:00:00Z",` +
			`"data":{"subscription":"s1","status":"active","items":[{"item":"i1","product":"p","plan":"pro","unit_price":"10","currency":"USD"}]}}`
		e, rejection := decoder.Decode([]byte(line), nil)
		if rejection != nil {
			t.Fatal(rejection)
		}
		s.Apply(e)
	}
	s.AdvanceTo(event.At(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)))
	all := s.Everything()
	var order []string
	movements, months := 0, 0
	if err := s.EachAccount(func(u *Updates) error {
		order = append(order, u.Accounts[0].Account)
		movements += len(u.Movements)
		months += len(u.Months)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(order) != 2 || order[0] != "acme" || movements != len(all.Movements) || months != len(all.Months) || movements == 0 {
		t.Errorf("accounts %v, %d of %d movements, %d of %d months", order, movements, len(all.Movements), months, len(all.Months))
	}
	keys := s.RegisterKeys()
	if len(keys) != len(all.Registers) || len(keys) == 0 {
		t.Fatalf("%d keys of %d registers", len(keys), len(all.Registers))
	}
	for i := range keys {
		if keys[i] != all.Registers[i].Key {
			t.Errorf("register %d is %v, want %v", i, keys[i], all.Registers[i].Key)
		}
	}
	enough := errors.New("enough")
	if err := s.EachAccount(func(*Updates) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}
