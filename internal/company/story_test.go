package company

import (
	"encoding/json"
	"strconv"
	"testing"

	"processor/internal/event"
)

// native is the part of an event that the story is told by.
type native struct {
	Type    string
	Subject string
	Data    struct {
		Attributes   map[string]string
		Subscription string
		Status       string
		Items        []struct {
			Item, Plan, Quantity string
		}
	}
}

// seatGrowth sums the seats added to existing lines of the same plan, by "region/tier" of the
// account, from one instant to another.
func seatGrowth(t *testing.T, records []Record, from, to event.Time) map[string]int {
	t.Helper()
	attributes := map[string]map[string]string{}
	seats := map[string]int{}
	growth := map[string]int{}
	for _, rec := range records {
		var ev native
		if err := json.Unmarshal(rec.Value, &ev); err != nil {
			t.Fatalf("%v: %s", err, rec.Value)
		}
		if ev.Type == "account.changed" {
			if attributes[ev.Subject] == nil {
				attributes[ev.Subject] = map[string]string{}
			}
			for name, value := range ev.Data.Attributes {
				attributes[ev.Subject][name] = value
			}
		}
		if ev.Type != "subscription.changed" || ev.Data.Status != "active" {
			continue
		}
		for _, line := range ev.Data.Items {
			if line.Item != "seats" && line.Item != "analyst-seats" {
				continue
			}
			quantity, err := strconv.Atoi(line.Quantity)
			if err != nil {
				t.Fatal(err)
			}
			key := ev.Data.Subscription + line.Item + line.Plan
			before := seats[key]
			seats[key] = quantity
			if before > 0 && quantity > before && rec.Time >= from && rec.Time < to {
				of := attributes[ev.Subject]
				growth[of["region"]+"/"+of["plan_tier"]] += quantity - before
			}
		}
	}
	return growth
}

// The story that slowdown alerts are shown with: one segment stops buying seats two months
// before the end, and it is the only one.
func TestOneSegmentStalls(t *testing.T) {
	o := Defaults()
	records := collect(t, o)
	stall := o.Stall()
	before := event.At(stall.From.UTC().AddDate(0, -stallMonths, 0))
	earlier := seatGrowth(t, records, before, stall.From)
	later := seatGrowth(t, records, stall.From, o.End)

	stalled := stall.Region + "/" + stall.PlanTier
	if earlier[stalled] < 100 {
		t.Errorf("%s grew by only %d seats in the two months before: nothing to stall", stalled, earlier[stalled])
	}
	if later[stalled]*5 > earlier[stalled] {
		t.Errorf("%s still grows by %d seats after %d", stalled, later[stalled], earlier[stalled])
	}
	all, allBefore := 0, 0
	for _, region := range regions {
		for _, tier := range tiers {
			segment := region.name + "/" + tier.name
			t.Logf("%-18s %6d %6d", segment, earlier[segment], later[segment])
			if segment == stalled {
				continue
			}
			all, allBefore = all+later[segment], allBefore+earlier[segment]
			if later[segment] == 0 {
				t.Errorf("%s does not grow in the last two months", segment)
			}
		}
	}
	if all*10 < allBefore*8 {
		t.Errorf("the other segments together slow down as well: %d seats after %d", all, allBefore)
	}
}

func TestExpansionOutweighsContraction(t *testing.T) {
	o := Defaults()
	ups, downs := 0, 0
	seats := map[string]int{}
	for _, rec := range collect(t, o) {
		var ev native
		if err := json.Unmarshal(rec.Value, &ev); err != nil {
			t.Fatal(err)
		}
		if ev.Type != "subscription.changed" || len(ev.Data.Items) == 0 {
			continue
		}
		quantity, err := strconv.Atoi(ev.Data.Items[0].Quantity)
		if err != nil {
			t.Fatal(err)
		}
		before, known := seats[ev.Data.Subscription]
		seats[ev.Data.Subscription] = quantity
		switch {
		case known && quantity > before:
			ups++
		case known && quantity < before:
			downs++
		}
	}
	if ups < 3*downs || downs == 0 {
		t.Errorf("%d rises and %d falls of seats: rises must dominate, falls exist", ups, downs)
	}
}

// At a standstill the customers of the segment buy nothing new at all; elsewhere they do, and without the
// option they do there as well.
func TestOneSegmentStandsStill(t *testing.T) {
	bought := func(standstill bool) (inside, outside int) {
		o := Defaults()
		o.Standstill = standstill
		stall := o.Stall()
		segment := map[string]string{}
		before := map[string]string{} // of a subscription's lines: the products and plans
		for _, rec := range collect(t, o) {
			var ev native
			if err := json.Unmarshal(rec.Value, &ev); err != nil {
				t.Fatal(err)
			}
			if ev.Data.Attributes["region"] != "" {
				segment[ev.Subject] = ev.Data.Attributes["region"] + "/" + ev.Data.Attributes["plan_tier"]
			}
			if ev.Type != "subscription.changed" || ev.Data.Status != "active" {
				continue
			}
			var plans string
			for _, line := range ev.Data.Items {
				plans += line.Item + "=" + line.Plan + " "
			}
			was, known := before[ev.Data.Subscription]
			before[ev.Data.Subscription] = plans
			if known && len(plans) > len(was) && rec.Time >= stall.From {
				if segment[ev.Subject] == stall.Region+"/"+stall.PlanTier {
					inside++
				} else {
					outside++
				}
			}
		}
		return inside, outside
	}
	inside, outside := bought(true)
	usual, _ := bought(false)
	if inside > 0 || outside < 50 || usual == 0 {
		t.Errorf("%d customers of the segment bought more, %d of the others, %d without the option", inside, outside, usual)
	}
}
