package row

import "processor/internal/aggregate"

// segmentKey is what rows of the rollup are about.
func (c *columns) segmentKey() {
	c.key("grouping", Text, "By what is split: all, region.")
	c.key("segment", Text, "Which part it is: all, eu, (none) where the attribute is missing.")
	c.key("interval_kind", Text, "day, week, month, quarter, year, rolling.")
	c.key("interval", Text, "2026-03-05, 2026-W10, 2026-03, 2026-Q1, 2026, 30d.")
}

// span are the instants of the interval; null in a row that is deleted.
func (c *columns) span() {
	c.null("starts_at", Timestamp, "The first instant of the interval.")
	c.null("ends_at", Timestamp, "The first instant after it.")
}

func (c *columns) completeness() {
	c.add("complete_shards", Integer, "From how many partitions it is complete.")
	c.add("shards", Integer, "How many there are.")
}

func metricsTable(topic Topic, doc string) Table {
	var c columns
	c.segmentKey()
	c.span()
	c.add("opening_mrr", Amount, "MRR before the interval, with the imported base.")
	c.flows()
	c.add("opening_balance", Amount, "The imported base that came within it; part of opening_mrr.")
	c.add("usage_change", Amount, "Net of usage in days, weeks and windows.")
	c.add("closing_mrr", Amount, "MRR at its end, or now.")
	c.add("committed_mrr", Amount, "MRR after every change that is known already.")
	c.add("confirmed_expansion_mrr", Amount, "Expansion without unconfirmed rises of usage.")
	c.add("usage_run_rate", Amount, "The usage in closing_mrr.")
	c.add("arr", Amount, "12 x closing_mrr.")
	c.types()
	c.add("non_recurring", Amount, "Charges that do not recur.")
	c.add("cohort_expansion_net", Amount, "Closing less opening of the accounts that had MRR at the opening.")
	c.counts()
	c.ratios()
	c.null("primary_driver", Text, "The type with at least 70 % of all up parts.")
	c.null("expansion_rate_band", Text, "Where expansion_rate lies among benchmarks.")
	c.null("share_band", Text, "Where expansion_share_of_gross_new lies.")
	c.null("nrr_band", Text, "Where nrr_12m lies.")
	c.null("target", Amount, "The planned expansion_mrr.")
	c.ratio("target_ratio", "expansion_mrr / target.")
	c.completeness()
	c.stamp()
	return Table{Topic: topic, Doc: doc, Columns: c}
}

// counts are the numbers of accounts.
func (c *columns) counts() {
	for _, one := range [...]struct{ name, doc string }{
		{"opening", "Accounts with MRR above 0 before it."},
		{"closing", "Accounts with MRR above 0 at its end."},
		{"new", "Accounts that paid for the first time."},
		{"churned", "Accounts that pay nothing any more."},
		{"reactivated", "Accounts that came back after churn."},
		{"paused", "Accounts that became paused as a whole."},
		{"resumed", "Accounts that ceased to be."},
		{"transferred_in", "Accounts that came into the segment, or came with all they have."},
		{"transferred_out", "Accounts that left the segment, or went with all they have."},
		{"expanding", "Distinct accounts that expanded."},
		{"contracting", "Distinct accounts that contracted."},
	} {
		c.add("accounts_"+one.name, Integer, one.doc)
	}
	for i, name := range aggregate.UpNames {
		c.add("accounts_up_"+name, Integer, "Distinct accounts with this part: "+upDocs[i]+".")
	}
}

func (c *columns) ratios() {
	c.ratio("expansion_rate", "expansion_mrr / opening_mrr.")
	c.ratio("expansion_share_of_gross_new", "Expansion / (new + reactivation + expansion).")
	for i, name := range aggregate.UpNames {
		c.ratio("share_"+name, "Part of all up parts: "+upDocs[i]+".")
	}
	c.ratio("growth_rate", "expansion_mrr / that of the interval before - 1.")
	c.ratio("mrr_growth_rate", "closing_mrr / opening_mrr - 1.")
	c.ratio("arpa", "closing_mrr / accounts_closing.")
	c.ratio("revenue_churn_rate", "churned_mrr / opening_mrr.")
	c.ratio("logo_churn_rate", "accounts_churned / accounts_opening.")
	c.ratio("upsell_rate", "accounts_up_upsell / accounts_opening.")
	c.ratio("cross_sell_rate", "accounts_up_cross_sell / accounts_opening.")
	c.ratio("clv", "arpa / revenue_churn_rate, of months.")
	c.ratio("nrr_1m", "Net revenue retention over a month.")
	c.ratio("grr_1m", "Gross revenue retention over a month.")
	c.ratio("nrr_12m", "Net revenue retention over 12 months.")
	c.ratio("grr_12m", "Gross revenue retention over 12 months.")
	c.ratio("top_share", "Part of expansion that the largest tenth of accounts made.")
	c.ratio("hhi", "Concentration of expansion, 0 to 1.")
	c.ratio("breadth", "accounts_expanding / accounts_opening.")
}

func signalMetricsTable() Table {
	var c columns
	c.segmentKey()
	c.key("signal", Text, "The name of the signal.")
	c.span()
	c.add("opened", Integer, "Signals that opened in the month.")
	c.add("converted", Integer, "Of them, those that an expansion followed.")
	c.add("missed", Integer, "Of them, those that ended without.")
	c.add("open", Integer, "Of them, those that are open.")
	c.add("accounts", Integer, "Accounts that had one.")
	c.add("accounts_converted", Integer, "Accounts that had one converted.")
	c.ratio("conversion_rate", "converted / (converted + missed).")
	c.ratio("activation_rate", "accounts_converted / accounts.")
	c.ratio("median_days_to_expand", "The median of days_to_expand.")
	c.add("accounts_with", Integer, "Accounts that paid before the month and had one open in it.")
	c.add("accounts_with_expanding", Integer, "Of them, those that expanded in it.")
	c.ratio("expanding_rate_with", "accounts_with_expanding / accounts_with.")
	c.ratio("expanding_rate_without", "The same of all other accounts.")
	c.ratio("lift", "expanding_rate_with / expanding_rate_without.")
	c.add("potential_mrr", Amount, "What the next steps of all that opened would cost.")
	c.add("open_potential_mrr", Amount, "The same of those that are open.")
	c.add("expansion_mrr", Amount, "What came of them.")
	c.ratio("potential_ratio", "expansion_mrr / potential_mrr.")
	c.completeness()
	c.stamp()
	return Table{Topic: TopicSignalMetrics, Doc: "What a signal came to in a segment and month.", Columns: c}
}

func alertsTable() Table {
	var c columns
	c.key("rule", Text, "The rule that says when it fires.")
	c.key("grouping", Text, "By what is split.")
	c.key("segment", Text, "The segment that slowed down.")
	c.add("state", Text, "ok, pending, firing, resolved, suspect.")
	c.null("suspect", Text, "Why the figures are doubted: data gap.")
	c.null("severity", Text, "The rule's severity.")
	c.null("metric", Text, "The figure that the rule looks at.")
	c.null("type", Text, "The type of expansion that it is of.")
	c.null("interval", Text, "The window that it looks at.")
	c.null("comparison", Text, "What it is compared with.")
	c.null("threshold", Ratio, "The fall at which it fires.")
	c.null("clear_threshold", Ratio, "The fall below which it resolves.")
	c.add("value", Amount, "The figure.")
	c.add("base", Amount, "What it is compared with.")
	c.add("fall", Ratio, "1 - value / base.")
	c.add("opening_mrr", Amount, "MRR of the segment before the window.")
	c.null("since", Timestamp, "Since when it is in this state.")
	c.null("pending_since", Timestamp, "Since when the condition holds.")
	c.null("fired_at", Timestamp, "When it began to fire.")
	c.null("resolved_at", Timestamp, "When it ended.")
	c.add("types", Text, "The types that made the fall: name: before -> now; ...")
	c.add("segments", Text, "The segments that made it.")
	c.add("accounts", Text, "The accounts that made it.")
	c.add("summary", Text, "All of it in a sentence.")
	c.stamp()
	return Table{Topic: TopicAlerts, Doc: "A change of state of an alert.", Columns: c, Log: true}
}
