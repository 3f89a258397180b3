package company

// What the company sells and to whom. Prices are in hundredths of the currency per month.

// choice is a named value with its weight in a draw.
type choice struct {
	name   string
	weight int
}

var (
	regions    = []choice{{"eu", 34}, {"us", 40}, {"apac", 16}, {"latam", 10}}
	tiers      = []choice{{"smb", 55}, {"mid", 30}, {"enterprise", 15}}
	industries = []choice{
		{"software", 30}, {"retail", 18}, {"finance", 16}, {"health", 12}, {"manufacturing", 14}, {"education", 10},
	}
	channels   = []choice{{"direct", 45}, {"self_serve", 35}, {"partner", 20}}
	csModels   = []choice{{"pooled", 60}, {"digital", 25}, {"dedicated", 15}}
	lifecycles = []choice{{"onboarding", 30}, {"adopting", 40}, {"mature", 30}}
)

// The segment of the story (Options.Stall), as positions in regions and tiers.
const (
	stallRegion = 0
	stallTier   = 2
)

// regionOffset is what an account's working day is shifted by from UTC, in hours, by region.
var regionOffset = []int64{1, -5, 8, -3}

// tierShape is how large the customers of a tier are.
type tierShape struct {
	seatsMin, seatsMax int
	callsMin, callsMax int    // metered calls a day
	planWeights        [3]int // of corePlans
	intervalWeights    [3]int // of intervals
}

var tierShapes = []tierShape{
	{2, 24, 400, 3000, [3]int{80, 20, 0}, [3]int{80, 5, 15}},
	{20, 140, 2000, 20_000, [3]int{25, 70, 5}, [3]int{40, 20, 40}},
	{100, 700, 15_000, 150_000, [3]int{0, 30, 70}, [3]int{10, 15, 75}},
}

// intervals are the billing intervals in months; a year is sold for the price of ten months.
var intervals = []int{1, 3, 12}

var intervalPrice = []int64{1, 3, 10}

type plan struct {
	name       string
	priceMinor int64 // a seat and month
}

// product is something sold by the seat; its subscriptions carry its letter in their ids.
type product struct {
	name  string
	item  string
	plans []plan
}

// The two products sold by the seat; the second one is what cross-sell adds.
var products = []product{
	{"workspace", "seats", []plan{{"team", 1200}, {"business", 2400}, {"enterprise", 4500}}},
	{"insights", "analyst-seats", []plan{{"standard", 1800}, {"plus", 3200}, {"plus", 3200}}},
}

// addOns are flat lines beside the seats of the first product.
var addOns = []plan{{"sso", 9000}, {"audit-log", 14_000}, {"premium-support", 35_000}}

// The metered product: graduated tiers in ten-thousandths of the currency per call.
const (
	callsItem  = "api-calls"
	callsMeter = "api_calls"
)

var callTiers = []struct{ upTo, price int64 }{{100_000, 20}, {1_000_000, 12}, {0, 8}}

// ratedMinor is what the calls beyond the included ones cost, in hundredths.
func ratedMinor(billable int64) int64 {
	var sum, from int64
	for _, tier := range callTiers {
		upTo := tier.upTo
		if upTo == 0 || upTo > billable {
			upTo = billable
		}
		if upTo > from {
			sum += (upTo - from) * tier.price
			from = upTo
		}
	}
	return sum / 100
}

var (
	firstWords = []string{
		"Amber", "Birch", "Cedar", "Cobalt", "Copper", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo",
		"Juniper", "Kestrel", "Lumen", "Maple", "Meadow", "Nimbus", "Opal", "Orchard", "Pebble", "Quarry", "River",
		"Saffron", "Summit", "Tidal", "Umber", "Velvet", "Willow",
	}
	secondWords = []string{
		"Analytics", "Bank", "Clinics", "Dynamics", "Foods", "Freight", "Games", "Health", "Labs", "Logistics",
		"Media", "Motors", "Outfitters", "Partners", "Robotics", "Schools", "Studios", "Systems", "Tools", "Works",
	}
	features = []string{"api-keys", "dark-mode", "export", "scim", "webhooks", "workflows"}
)
