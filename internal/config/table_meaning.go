package config

// meaningKeys are those of what the numbers mean.
var meaningKeys = []key{
	{
		path: "reporting.currency", initial: "USD", check: checkCurrency,
		doc:   "Currency of every amount in rows (ISO 4217).",
		field: func(c *Config) any { return &c.Reporting.Currency },
	},
	{
		path: "reporting.time_zone", initial: "UTC", example: "America/New_York",
		doc:   "Zone whose midnights bound days, weeks, months, quarters and years.",
		field: func(c *Config) any { return &c.Reporting.TimeZone },
	},
	{
		path: "reporting.rates", example: `[{EUR: "1.08"}, {from: 2026-01-01, EUR: "1.10"}]`,
		doc: "Tables of what one unit of a currency is worth in the reporting currency, each from a " +
			"local date until the next; the one without `from` comes first and serves all earlier instants. " +
			"Positive decimals, up to 18 fractional digits. A later table keeps every currency of the one before.",
		field: func(c *Config) any { return &c.Reporting.Rates },
	},
	{
		path: "reporting.start", example: "2025-02-01",
		doc: "Local date up to whose first instant (included) everything booked is the imported base: " +
			"opening, never new or expansion.",
		field: func(c *Config) any { return &c.Reporting.Start },
	},
	{
		path: "reporting.fiscal_year_start", initial: "1", least: 1, most: 12,
		doc:   "Number of the month in which the fiscal year and its first quarter begin.",
		field: func(c *Config) any { return &c.Reporting.FiscalYearStart },
	},

	{
		path: "rules.coalesce", initial: "60m", most: int64(day),
		doc:   "Changes of an account less than this after the first of them are one change; 0m: none but simultaneous ones.",
		field: func(c *Config) any { return &c.Rules.Coalesce },
	},
	{
		path: "rules.day_factor", initial: "365/12", words: []string{"365/12", "365.25/12", "30"},
		doc:   "Days in a month, for prices per day.",
		field: func(c *Config) any { return &c.Rules.DayFactor },
	},
	{
		path: "rules.reactivation", initial: "reactivation", words: []string{"reactivation", "expansion"},
		doc:   "Class of a paying account that returns after churn.",
		field: func(c *Config) any { return &c.Rules.Reactivation },
	},
	{
		path: "rules.reactivation_within", example: "90d", least: 1, most: int64(36500 * day),
		doc:   "A return later than this after churn is new; no limit when absent.",
		field: func(c *Config) any { return &c.Rules.ReactivationWithin },
	},
	{
		path: "rules.past_due_for", example: "30d", least: 1, most: int64(36500 * day),
		doc:   "A subscription past due for longer than this is dropped; never when absent.",
		field: func(c *Config) any { return &c.Rules.PastDueFor },
	},
	{
		path: "rules.usage", initial: "normalised", words: []string{"normalised", "raw", "invoice_month", "exclude"},
		doc:   "How a month's usage becomes recurring revenue: normalised to 30.4375 days, or as billed (raw).",
		field: func(c *Config) any { return &c.Rules.Usage },
	},
	{
		path: "rules.usage_grace", initial: "12h", most: int64(31 * day),
		doc:   "How long after a month's end its usage is waited for before rows are final.",
		field: func(c *Config) any { return &c.Rules.UsageGrace },
	},
	{
		path: "rules.lateness", initial: "10m", most: int64(35 * day),
		doc:   "How far the watermark stays behind the latest event: what arrives within it restates nothing.",
		field: func(c *Config) any { return &c.Rules.Lateness },
	},

	{
		path: "groupings", example: "[[region], [plan_tier, region]]",
		doc: "Lists of 1 to 4 dimensions to split metrics by: account attributes, `cohort`, and `product_family` and " +
			"`motion`, which split only the up_ and down_ amounts. `all` is always there.",
		field: func(c *Config) any { return &c.Groupings },
	},
	{
		path: "values", example: "{region: [eu, us]}",
		doc: "Of a dimension, the values that are told apart: every other counts as `(other)`, a missing one stays " +
			"`(none)`. All values are told apart where a dimension is not named.",
		field: func(c *Config) any { return &c.Values },
	},
	{
		path: "windows", initial: "[1h, 24h, 7d, 30d, 90d, 365d]", words: windowNames(),
		doc:   "Rolling intervals that metrics are kept for.",
		field: func(c *Config) any { return &c.Windows },
	},

	{
		path: "targets", example: `[{month: 2026-03, expansion_mrr: "25000"}, {grouping: region, segment: eu, month: 2026-03, expansion_mrr: "9000"}]`,
		doc: "Planned expansion MRR of segments in months, shown as `target` and `target_ratio` (expansion_mrr / target) " +
			"in their rows. A quarter or year has the sum where all its months have one. Without grouping and segment: `all`.",
		field: func(c *Config) any { return &c.Targets },
	},
}
