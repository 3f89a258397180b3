package companytest

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/alert"
	"processor/internal/company"
	"processor/internal/event"
	"processor/internal/money"
	"processor/internal/replay"
	"processor/internal/row"
)

// Row is a row as it is printed and sent.
type Row struct {
	Topic      row.Topic
	Key, Value json.RawMessage
}

// Rows are rows of every kind but progress, as the encoders write them: those of a messy company, and alerts;
// and the tables of the configuration that they were made under.
func Rows(tb testing.TB) ([]row.Table, []Row) {
	tb.Helper()
	core := aggregate.Options{
		Currency: "USD", ReportingStart: event.NoTime, Coalesce: time.Hour, UsageGrace: UsageGrace,
		Groupings: [][]string{{"plan_tier", "cohort"}}, Windows: aggregate.Windows,
		Rates: []aggregate.RateTable{{From: event.NoTime, Rates: map[string]*big.Rat{"EUR": big.NewRat(123456789, 100000000), "JPY": big.NewRat(7, 1000)}}},
	}
	o := company.Defaults()
	o.End = event.At(o.Start.UTC().AddDate(0, 3, 0))
	o.Accounts, o.Events, o.Rare, o.Mess, o.Currencies = 30, 600, true, company.Whole, []string{"USD", "EUR", "JPY"}
	records, err := company.Collect(o)
	if err != nil {
		tb.Fatal(err)
	}
	run, err := replay.New(replay.Options{Core: core, AsOf: event.NoTime})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range records {
		run.Apply("events", int64(i), records[i].Value)
	}
	var out bytes.Buffer
	if _, err := run.Finish(&out); err != nil {
		tb.Fatal(err)
	}
	var rows []Row
	for line := range strings.Lines(out.String()) {
		var r Row
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, r)
		if r.Topic == row.TopicMetrics {
			rows = append(rows, Row{row.TopicVintage, r.Key, r.Value})
		}
	}
	state, err := aggregate.New(core)
	if err != nil {
		tb.Fatal(err)
	}
	return row.Tables(state.Dimensions(), core.Windows), append(rows, alertRows()...)
}

// alertRows are an alert of a rule, and one whose rule is gone.
func alertRows() []Row {
	rules := alert.Defaults()
	at := event.At(time.Date(2026, 3, 5, 12, 0, 0, 123456789, time.UTC))
	a := alert.Alert{
		Key: alert.Key{Rule: `a "rule"`, Grouping: "region", Segment: "ö,é"}, By: &rules[2], State: alert.Suspect, Since: at, PendingSince: at,
		FiredAt: event.NoTime, ResolvedAt: event.NoTime, Value: money.Units(-70), Base: money.Units(100), Fall: money.Micros(-1), Opening: money.Units(5000),
		Explanation: alert.Explanation{Types: []alert.Part{{Name: "seat", Before: money.Units(100), Now: money.Units(70)}}},
	}
	gone := a
	gone.By, gone.Deleted, gone.Rule = nil, true, "gone\n\x01"
	var w row.Encoder
	var rows []Row
	for _, one := range []*alert.Alert{&a, &gone} {
		rows = append(rows, Row{row.TopicAlerts, w.AlertKey(nil, one), w.Alert(nil, one, "USD", row.Stamp{Version: 7<<40 | 3, KnownAt: at})})
	}
	return rows
}
