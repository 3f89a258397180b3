package row

import "processor/internal/aggregate"

// upDocs and downDocs say what the types are, in the order of aggregate.UpNames and DownNames.
var (
	upDocs = [aggregate.UpTypes]string{
		"more seats of the same plan", "a dearer plan", "a product family that the account did not have", "an add-on", "more use of a metered line",
		"a higher price of the same plan", "a higher price at a renewal", "a higher price that was agreed before", "a smaller discount, or none",
		"a region that is new to the account", "a line that was free and is paid now", "anything else, such as a line that comes back",
	}
	downDocs = [aggregate.DownTypes]string{
		"fewer seats of the same plan", "a cheaper plan", "a line that ended while the account goes on", "less use of a metered line",
		"a lower price of the same plan", "a new or larger discount",
	}
)

// types are the typed parts, all of them positive.
func (c *columns) types() {
	for i, name := range aggregate.UpNames {
		c.add("up_"+name, Amount, "What MRR rose by: "+upDocs[i]+".")
	}
	for i, name := range aggregate.DownNames {
		c.add("down_"+name, Amount, "What MRR fell by: "+downDocs[i]+".")
	}
}

// flows are the sums by class.
func (c *columns) flows() {
	c.add("new_mrr", Amount, "MRR of accounts that never paid before.")
	c.add("expansion_mrr", Amount, "MRR by which paying accounts grew.")
	c.add("contraction_mrr", Amount, "MRR by which paying accounts shrank, positive.")
	c.add("churned_mrr", Amount, "MRR of accounts that pay nothing any more, positive.")
	c.add("reactivation_mrr", Amount, "MRR of accounts that came back after churn.")
	c.add("paused_mrr", Amount, "MRR that stopped to count, positive.")
	c.add("resumed_mrr", Amount, "MRR that counts again.")
	c.add("transfer_in_mrr", Amount, "MRR that came from another account or segment.")
	c.add("transfer_out_mrr", Amount, "MRR that went to another account or segment, positive.")
	c.add("fx_mrr", Amount, "Revaluation by a new rate table, with its sign.")
}

func movementsTable(dimensions []string) Table {
	var c columns
	c.key("account", Text, "The account.")
	c.key("movement", Text, "What moved it: event/, transfer/, usage/ or fx/ and its identity.")
	c.add("effective_at", Timestamp, "The instant at which it is booked.")
	c.add("class", Text, "opening, new, expansion, contraction, churn, reactivation, pause, resume, transfer, fx, none, scheduled, revoked.")
	c.add("change", Amount, "Change of MRR, with its sign; the sum over an account is its MRR.")
	c.add("mrr_before", Amount, "The account's MRR before it.")
	c.add("mrr_after", Amount, "The account's MRR after it.")
	c.add("paused", Amount, "MRR that stopped to count.")
	c.add("resumed", Amount, "MRR that counts again.")
	c.types()
	c.add("rule", Text, "The definition that decided.")
	c.add("inferred", Bool, "False where a motion renamed a part.")
	c.null("merged_into", Text, "The movement that this event became part of.")
	c.add("provisional", Bool, "Usage of an open month: it will move.")
	c.add("unconfirmed", Bool, "A rise of usage that the next month has not confirmed.")
	c.dims(dimensions, "at that instant")
	c.stamp()
	return Table{Topic: TopicMovements, Doc: "The fact table: every change of an account's MRR, one row per event, step, half of a move, month of usage and date of rates.", Columns: c}
}

func accountsTable(dimensions []string, windows []aggregate.Window) Table {
	var c columns
	c.key("account", Text, "The account.")
	c.null("name", Text, "The name that it was given.")
	c.add("status", Text, "paying, paused, churned, never_paid.")
	c.add("mrr", Amount, "MRR now.")
	c.add("committed_mrr", Amount, "MRR after every change that is known already.")
	c.add("arr", Amount, "12 x mrr.")
	c.add("usage_run_rate", Amount, "The usage in mrr.")
	c.null("first_paid_at", Timestamp, "When it first held something paid.")
	c.null("last_class", Text, "The class of its last movement with an amount.")
	c.null("last_movement_at", Timestamp, "When that was.")
	for _, w := range windows {
		for _, one := range [...]struct{ name, doc string }{
			{"expansion_mrr", "Expansion in the last " + w.Name + ", without usage."},
			{"contraction_mrr", "Contraction in the last " + w.Name + ", without usage, positive."},
			{"net_change", "Change of MRR in the last " + w.Name + ", with usage and everything else."},
		} {
			c = append(c, Column{Name: w.Name + "_" + one.name, Type: Amount, Late: true, Doc: one.doc})
		}
	}
	c.ratio("utilization", "The highest part of what it bought that it uses.")
	c.null("readiness_index", Integer, "How ready it is to expand, 0 to 100.")
	c.null("gated", Bool, "True while something speaks against asking.")
	c.dims(dimensions, "now")
	c.stamp()
	return Table{Topic: TopicAccounts, Doc: "Every account as it is now.", Columns: c}
}

func monthsTable(dimensions []string) Table {
	var c columns
	c.key("account", Text, "The account.")
	c.key("month", Text, "The month in the reporting zone, 2026-03.")
	c.add("opening_mrr", Amount, "MRR before the month.")
	c.flows()
	c.add("opening_balance", Amount, "The imported base that came within it; part of opening_mrr.")
	c.add("closing_mrr", Amount, "MRR at its end, or now.")
	c.types()
	c.add("non_recurring", Amount, "Charges that do not recur.")
	c.dims(dimensions, "before the month")
	c.stamp()
	return Table{Topic: TopicAccountMonths, Doc: "An account in a month in which it had a movement or a charge.", Columns: c}
}

func signalsTable(dimensions []string) Table {
	var c columns
	c.key("account", Text, "The account.")
	c.key("signal", Text, "What it is about, and since when.")
	c.add("name", Text, "usage, seats, team_growth, feature_request, feature_adopted, milestone, nps, health.")
	c.null("threshold", Integer, "Percent of the limit that was reached.")
	c.null("subscription", Text, "The subscription that it is about.")
	c.null("item", Text, "The item that it is about.")
	c.null("detail", Text, "The text of an observation, such as the feature.")
	c.add("opened_at", Timestamp, "Its instant.")
	c.null("ends_at", Timestamp, "From when on nothing converts it.")
	c.add("state", Text, "open, converted, missed.")
	c.null("closed_at", Timestamp, "Since when it is not open.")
	c.null("movement", Text, "The movement that converted it.")
	c.null("days_to_expand", Integer, "Whole days from the signal to that movement.")
	c.null("value", Amount, "What was used or observed when it opened.")
	c.null("bound", Amount, "Of how much.")
	c.ratio("utilization", "value / bound.")
	c.null("reached_on", Date, "The local date at which usage came to the limit.")
	c.null("projected_on", Date, "The local date at which it will, at this pace.")
	c.null("potential_mrr", Amount, "What the next step would cost.")
	c.add("expansion_mrr", Amount, "What the account expanded by.")
	c.null("gated_by", Text, "Why the account is gated, while the signal is open.")
	c.dims(dimensions, "when it opened")
	c.stamp()
	return Table{Topic: TopicSignals, Doc: "A sign that an account may expand, and what became of it.", Columns: c}
}
