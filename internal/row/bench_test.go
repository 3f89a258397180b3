package row_test

import (
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/companytest"
	"processor/internal/event"
	"processor/internal/rollup"
	"processor/internal/row"
)

// benchRows are the rows of a made-up company of 50 accounts at the end of its year.
func benchRows(b *testing.B) (row.Encoder, aggregate.Updates, []rollup.Row) {
	b.Helper()
	s := companytest.State(b, 50, 500)
	updates := s.Flush()
	r := rollup.New(rollup.Options{Calendar: s.Calendar(), Windows: aggregate.Windows, UsageGrace: companytest.UsageGrace, Shards: 1})
	for i := range updates.Registers {
		u := &updates.Registers[i]
		if err := r.Put(0, s.Segment(u.Key.Segment), u.Key.Kind, u.Key.Index, u.Register, 1); err != nil {
			b.Fatal(err)
		}
	}
	r.SetWatermark(0, s.Watermark())
	var metrics []rollup.Row
	for rows, err := range r.Flush() {
		if err != nil {
			b.Fatal(err)
		}
		metrics = append(metrics, rows...)
	}
	return row.Encoder{Dimensions: s.Dimensions(), Windows: aggregate.Windows}, updates, metrics
}

// BenchmarkEncode writes rows with their keys. One operation is one row.
func BenchmarkEncode(b *testing.B) {
	w, u, metrics := benchRows(b)
	stamp := row.Stamp{Version: 1<<40 | 17, KnownAt: event.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	var buffer []byte
	for _, kind := range []struct {
		name   string
		rows   int
		encode func(i int)
	}{
		{"movement", len(u.Movements), func(i int) {
			buffer = w.Movement(w.MovementKey(buffer[:0], &u.Movements[i]), &u.Movements[i], stamp)
		}},
		{"account", len(u.Accounts), func(i int) {
			buffer = w.Account(w.AccountKey(buffer[:0], &u.Accounts[i]), &u.Accounts[i], stamp)
		}},
		{"month", len(u.Months), func(i int) {
			buffer = w.Month(w.MonthKey(buffer[:0], &u.Months[i]), &u.Months[i], stamp)
		}},
		{"metrics", len(metrics), func(i int) {
			buffer = w.Metric(w.MetricKey(buffer[:0], &metrics[i]), &metrics[i], stamp)
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				kind.encode(i % kind.rows)
			}
		})
	}
}
