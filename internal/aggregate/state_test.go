package aggregate_test

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
)

func options(change func(*aggregate.Options)) aggregate.Options {
	o := aggregate.Options{Currency: "USD", Zone: time.UTC, ReportingStart: event.NoTime, Coalesce: time.Hour}
	if change != nil {
		change(&o)
	}
	return o
}

func tables(from ...event.Time) (list []aggregate.RateTable) {
	for _, at := range from {
		list = append(list, aggregate.RateTable{From: at, Rates: map[string]*big.Rat{"EUR": big.NewRat(1, 1)}})
	}
	return list
}

// Options that cannot mean anything are refused by what is wrong with them; those at the bound are taken.
func TestOptionsAreChecked(t *testing.T) {
	groupings := make([][]string, 201)
	for i := range groupings {
		groupings[i] = []string{"g" + strconv.Itoa(i)}
	}
	for name, c := range map[string]struct {
		change func(*aggregate.Options)
		want   string // part of the error, "" for none
	}{
		"as they are":         {nil, ""},
		"no currency":         {func(o *aggregate.Options) { o.Currency = "" }, "no reporting currency"},
		"month 12":            {func(o *aggregate.Options) { o.FiscalYearStart = 12 }, ""},
		"month 1":             {func(o *aggregate.Options) { o.FiscalYearStart = 1 }, ""},
		"month 13":            {func(o *aggregate.Options) { o.FiscalYearStart = 13 }, "13 is no month number"},
		"month -1":            {func(o *aggregate.Options) { o.FiscalYearStart = -1 }, "-1 is no month number"},
		"200 groupings":       {func(o *aggregate.Options) { o.Groupings = groupings[:200] }, ""},
		"201 groupings":       {func(o *aggregate.Options) { o.Groupings = groupings }, "201 groupings, at most 200"},
		"tables in order":     {func(o *aggregate.Options) { o.Rates = tables(event.NoTime, 5, 6) }, ""},
		"tables of one start": {func(o *aggregate.Options) { o.Rates = tables(5, 6, 6) }, "table 2 does not start after"},
		"tables out of order": {func(o *aggregate.Options) { o.Rates = tables(6, 5) }, "table 1 does not start after"},
		"a dropped currency": {func(o *aggregate.Options) {
			o.Rates = tables(5, 6)
			delete(o.Rates[1].Rates, "EUR")
		}, "table 1 drops EUR"},
	} {
		_, err := aggregate.New(options(c.change))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

// A dimension that several groupings name is one dimension.
func TestDimensionsAreNamedOnce(t *testing.T) {
	s, err := aggregate.New(options(func(o *aggregate.Options) {
		o.Groupings = [][]string{{"region"}, {"region", "tier"}, {"tier", "region"}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Dimensions(); !slices.Equal(got, []string{"region", "tier"}) {
		t.Errorf("dimensions are %v", got)
	}
}

func apply(t *testing.T, s *aggregate.State, record string) {
	t.Helper()
	e, rejection := event.NewDecoder(event.Options{}).Decode([]byte(record), nil)
	if rejection == nil {
		_, rejection = s.Apply(e)
	}
	if rejection != nil {
		t.Fatalf("%s: %+v", record, rejection)
	}
}

func snapshot(id, account string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"test","type":"subscription.changed","subject":"` + account +
		`","time":"2026-01-05T00:00:00Z","data":{"subscription":"s1","status":"active","items":[` +
		`{"item":"x","product":"core","unit_price":"100","currency":"USD"}]}}`
}

// The size of a state is that of what it hands over to be stored, duplicates aside.
func TestBytesAreThoseOfTheKeptRecords(t *testing.T) {
	s, err := aggregate.New(options(nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c-is-longer", "a"} {
		apply(t, s, snapshot(id, "acme"))
	}
	want := 0
	for _, k := range s.TakeKept() {
		want += len(k.Key) + len(k.Value)
	}
	if got := s.Bytes(); want == 0 || got != int64(want) {
		t.Errorf("the state says %d bytes, its records have %d", got, want)
	}
	if more := s.TakeKept(); len(more) != 0 {
		t.Errorf("%d records are handed over twice", len(more))
	}
}

// An account has rows from its first flush on.
func TestAccountIsFoundOnceFlushed(t *testing.T) {
	s, err := aggregate.New(options(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, found := s.Account("acme"); found {
		t.Error("an account is found that never was")
	}
	apply(t, s, snapshot("a", "acme"))
	if _, found := s.Account("acme"); found {
		t.Error("an account is found that was not flushed")
	}
	s.AdvanceTo(event.At(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)))
	s.Flush()
	u, found := s.Account("acme")
	if !found || len(u.Movements) != 1 || len(u.Accounts) != 1 || len(u.Months) != 1 {
		t.Errorf("found %v, %d movements, %d accounts, %d months; want one of each", found, len(u.Movements), len(u.Accounts), len(u.Months))
	}
}

// What a checkpoint holds must be a record.
func TestRestoreRefusesDamage(t *testing.T) {
	s, err := aggregate.New(options(nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Restore([]byte("damage")); err == nil || !strings.Contains(err.Error(), event.ErrStored.Error()) {
		t.Errorf("error is %v", err)
	}
	e, rejection := event.NewDecoder(event.Options{}).Decode([]byte(strings.Replace(snapshot("a", "acme"), "USD", "EUR", 1)), nil)
	if rejection != nil {
		t.Fatal(rejection)
	}
	if err := s.Restore(e.AppendStored(nil)); err == nil || !strings.Contains(err.Error(), "missing_rate") {
		t.Errorf("a record without a rate is restored with error %v", err)
	}
}
