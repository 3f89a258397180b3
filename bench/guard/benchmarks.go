package main

// benchmark is one that is counted. What it takes is the difference between two runs of it, over the difference of
// their operations: what it makes before it begins is in both.
type benchmark struct {
	pkg       string // below internal/
	name      string // without "Benchmark"
	few, many int    // operations of the two runs
}

// benchmarks are all of them. Of the many operations there are so many that the noise of the set-up, some
// hundred thousand instructions, is below a few per cent of their count.
var benchmarks = []benchmark{
	{pkg: "event", name: "Decode/usage", few: 100, many: 10_000},
	{pkg: "event", name: "Decode/subscription", few: 100, many: 10_000},
	{pkg: "event", name: "AppendStored/usage", few: 100, many: 50_000},
	{pkg: "event", name: "AppendStored/subscription", few: 100, many: 50_000},

	{pkg: "aggregate", name: "Apply/account.changed", few: 100, many: 10_000},
	{pkg: "aggregate", name: "Apply/subscription.changed", few: 100, many: 10_000},
	{pkg: "aggregate", name: "Apply/usage.recorded", few: 100, many: 10_000},
	{pkg: "aggregate", name: "Apply/usage.statement", few: 100, many: 10_000},
	{pkg: "aggregate", name: "Apply/charge.recorded", few: 100, many: 10_000},
	{pkg: "aggregate", name: "Apply/signal.observed", few: 100, many: 10_000},
	{pkg: "aggregate", name: "Apply/event.revoked", few: 100, many: 10_000},

	{pkg: "aggregate", name: "Derive/account.changed", few: 100, many: 1000},
	{pkg: "aggregate", name: "Derive/subscription.changed", few: 100, many: 1000},
	{pkg: "aggregate", name: "Derive/usage.recorded", few: 100, many: 1000},
	{pkg: "aggregate", name: "Derive/usage.statement", few: 100, many: 1000},
	{pkg: "aggregate", name: "Derive/charge.recorded", few: 100, many: 1000},
	{pkg: "aggregate", name: "Derive/event.revoked", few: 100, many: 1000},

	{pkg: "aggregate", name: "Advance", few: 100, many: 1000},
	{pkg: "aggregate", name: "KeepDerived", few: 100, many: 20_000},
	{pkg: "aggregate", name: "Resume", few: 100, many: 2000},

	{pkg: "rollup", name: "Rollup", few: 100, many: 5000},
	{pkg: "rollup", name: "Partial", few: 100, many: 20_000},

	{pkg: "row", name: "Encode/movement", few: 100, many: 5000},
	{pkg: "row", name: "Encode/account", few: 100, many: 5000},
	{pkg: "row", name: "Encode/month", few: 100, many: 5000},
	{pkg: "row", name: "Encode/metrics", few: 100, many: 5000},
}
