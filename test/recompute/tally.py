"""What movements add to an interval: the sums and counts of rules 9.1, and the ratios of 9.2-9.6."""
from ledger import PARTS, UPS

SHORT = ("day", "week", "rolling")  # intervals that show usage as one net change (rules 6.4)

CLASSES = {  # class: column and sign
    "opening": ("opening_balance", 1), "new": ("new_mrr", 1), "expansion": ("expansion_mrr", 1),
    "contraction": ("contraction_mrr", -1), "churn": ("churned_mrr", -1), "reactivation": ("reactivation_mrr", 1),
    "fx": ("fx_mrr", 1),
}
FLOWS = {
    "new_mrr": 1, "expansion_mrr": 1, "contraction_mrr": -1, "churned_mrr": -1, "reactivation_mrr": 1, "paused_mrr": -1,
    "resumed_mrr": 1, "transfer_in_mrr": 1, "transfer_out_mrr": -1, "fx_mrr": 1, "usage_change": 1,
}
AMOUNTS = list(FLOWS) + ["opening_balance", "confirmed_expansion_mrr"] + PARTS
FLOW_COUNTS = ("new", "churned", "reactivated", "paused", "resumed", "transferred_in", "transferred_out")
DISTINCT = ["expanding", "contracting"] + ["up_" + name for name in UPS]


class Tally:
    """One segment in one interval."""

    def __init__(self):
        self.sums = {}
        self.change = 0
        self.counts = {}
        self.opened = 0  # accounts that opening rows bring
        self.who = {name: set() for name in DISTINCT}
        self.expansion_of = {}  # by account

    def plus(self, column, amount):
        if amount:
            self.sums[column] = self.sums.get(column, 0) + amount

    def count(self, name, n=1):
        if n:
            self.counts[name] = self.counts.get(name, 0) + n

    def add(self, account, m, kind):
        """Books one row that counts in the segment."""
        self.change += m.change
        self.plus("paused_mrr", m.paused)
        self.plus("resumed_mrr", m.resumed)
        self._accounts(m)
        if m.usage and kind in SHORT:
            self.plus("usage_change", m.change)
            return
        if m.cls == "transfer":
            self.plus("transfer_in_mrr" if m.amount > 0 else "transfer_out_mrr", abs(m.amount))
        elif m.cls in CLASSES:
            column, sign = CLASSES[m.cls]
            self.plus(column, sign * m.amount)
        for name, amount in m.parts.items():
            self.plus(name, amount)
            if name.startswith("up_") and amount > 0:
                self.who[name].add(account)
        if m.cls == "expansion":
            self.who["expanding"].add(account)
            self.expansion_of[account] = self.expansion_of.get(account, 0) + m.amount
            if not m.unconfirmed:
                self.plus("confirmed_expansion_mrr", m.amount)
        elif m.cls == "contraction":
            self.who["contracting"].add(account)

    def _accounts(self, m):
        if m.half:
            self.count("transferred_in", m.after > 0)
            self.count("transferred_out", m.before > 0)
            return
        begins, ends = m.held_after and not m.held_before, m.held_before and not m.held_after
        self.count("new", m.cls == "new" and begins)
        # A rate alone may bring an account to 0 or from it; a win-back counts as one also where the
        # configuration calls it an expansion.
        self.count("churned", m.cls == "churn" or m.cls == "fx" and ends)
        self.count("reactivated", m.cls == "reactivation" or m.cls in ("expansion", "fx") and begins)
        if m.cls == "transfer":
            self.count("transferred_in", begins)
            self.count("transferred_out", ends)
        if m.cls == "opening":
            self.opened += begins - ends
        idle_before, idle_after = m.held_before and m.mrr_before == 0, m.held_after and m.mrr_after_it == 0
        self.count("paused", idle_after and not idle_before)
        self.count("resumed", idle_before and not idle_after)


def ratio(above, below):
    """Millionths, half to even; None over nothing."""
    if below == 0:
        return None
    if below < 0:
        above, below = -above, -below
    whole, rest = divmod(above * 1_000_000, below)
    if 2 * rest > below or 2 * rest == below and whole % 2:
        whole += 1
    return whole


def band(value, good, great, best):
    if value is None:
        return None
    for name, reached in (("best", value > best), ("great", value >= great), ("good", value >= good)):
        if reached:
            return name
    return "below_benchmark"


def figures(tally, opening, closing, accounts_opening, accounts_closing, expansion_before, retention, kind):
    """Every figure of a metrics row by its column. Amounts and ratios are millionths, a ratio is a
    pair with its reason. retention is by months then, now and kept, or None where not defined."""
    f = {column: tally.sums.get(column, 0) for column in AMOUNTS}
    n = {name: tally.counts.get(name, 0) for name in FLOW_COUNTS}
    n.update({name: len(who) for name, who in tally.who.items()})
    n["opening"], n["closing"] = accounts_opening, accounts_closing
    f["opening_mrr"], f["closing_mrr"], f["arr"] = opening, closing, 12 * closing

    def put(name, above, below, reason="zero_base"):
        value = ratio(above, below)
        f[name] = (value, None if value is not None else reason)

    expansion = f["expansion_mrr"]
    put("expansion_rate", expansion, opening)
    put("expansion_share_of_gross_new", expansion, f["new_mrr"] + f["reactivation_mrr"] + expansion)
    put("growth_rate", expansion - expansion_before, expansion_before)
    put("mrr_growth_rate", closing - opening, opening)
    put("arpa", closing, n["closing"] * 1_000_000)
    put("revenue_churn_rate", f["churned_mrr"], opening)
    put("logo_churn_rate", n["churned"], n["opening"])
    put("upsell_rate", n["up_upsell"], n["opening"])
    put("cross_sell_rate", n["up_cross_sell"], n["opening"])
    ups = sum(f["up_" + name] for name in UPS)
    f["primary_driver"] = None
    for name in UPS:
        put("share_" + name, f["up_" + name], ups)
        if ups and 10 * f["up_" + name] >= 7 * ups:
            f["primary_driver"] = name
    for months, base in retention.items():
        then, now, kept = base or (0, 0, 0)
        reason = "zero_base" if base else "not_defined"
        put("nrr_%dm" % months, now, then, reason)
        put("grr_%dm" % months, kept, then, reason)
    _month_only(f, n, tally, put, kind)
    f.update({"accounts_" + name: count for name, count in n.items()})
    return f


def _month_only(f, n, tally, put, kind):
    for name in ("expansion_rate_band", "share_band", "nrr_band"):
        f[name] = None
    if kind != "month":
        for name in ("clv", "top_share", "hhi", "breadth"):
            f[name] = (None, "not_defined")
        return
    expansion, largest = f["expansion_mrr"], sorted(tally.expansion_of.values(), reverse=True)[:10]
    defined = f["opening_mrr"] != 0
    # arpa / revenue_churn_rate = closing x opening / (accounts x churned), rounded once.
    put("clv", f["closing_mrr"] * f["opening_mrr"], f["churned_mrr"] * n["closing"] * 1_000_000 if defined else 0)
    put("top_share", sum(largest), expansion)
    put("hhi", sum(amount * amount for amount in tally.expansion_of.values()), expansion * expansion)
    put("breadth", n["expanding"], n["opening"])
    f["expansion_rate_band"] = band(f["expansion_rate"][0], 20_000, 30_000, 50_000)
    f["share_band"] = band(f["expansion_share_of_gross_new"][0], 200_000, 300_000, 500_000)
    f["nrr_band"] = band(f["nrr_12m"][0], 1_000_000, 1_100_000, 1_300_000)


# Columns that movements do not determine, by name.
SKIPPED_METRICS = ("non_recurring", "committed_mrr", "usage_run_rate", "target", "target_ratio", "target_ratio_reason", "complete_shards", "shards")
STAMP = ("version", "known_at", "restated", "deleted")
