package aggregate_test

import (
	"fmt"
	"testing"
	"time"

	"processor/internal/aggregate"
	"processor/internal/event"
)

// An account with more entries than effects are remembered of adds the same to every register, derived at
// once or bit by bit.
func TestRegistersOfALongHistory(t *testing.T) {
	const entries = 2500
	atOnce, bitByBit := newState(t), newState(t)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range entries {
		at := start.Add(time.Duration(i) * 2 * time.Hour)
		record := fmt.Sprintf(`{"specversion":"1.0","id":"e%d","source":"test","type":"subscription.changed","subject":"acme","time":%q,`+
			`"data":{"subscription":"s1","status":"active","items":[{"item":"x","product":"core","quantity":"%d","unit_price":"10","currency":"USD"}]}}`,
			i, at.Format(time.RFC3339), 1+i*i%17)
		apply(t, atOnce, record)
		apply(t, bitByBit, record)
		if i%400 == 399 {
			bitByBit.AdvanceTo(event.At(at))
			bitByBit.Flush()
		}
	}
	end := event.At(start.Add(entries * 2 * time.Hour))
	registers := func(s *aggregate.State) map[aggregate.RegisterKey]string {
		s.AdvanceTo(end)
		all := map[aggregate.RegisterKey]string{}
		for _, r := range s.Everything().Registers {
			all[r.Key] = fmt.Sprint(r.Register.Sums, r.Register.Counts)
		}
		return all
	}
	want, got := registers(bitByBit), registers(atOnce)
	if len(want) < 200 || len(got) != len(want) {
		t.Fatalf("%d registers at once, %d bit by bit", len(got), len(want))
	}
	for key, figures := range want {
		if got[key] != figures {
			t.Errorf("%+v: at once %s, bit by bit %s", key, got[key], figures)
		}
	}
}
