"""Months of accounts and of segments from movements and charges (rules 9.1)."""
import collections
import datetime

FLOWS = {
    "new": ("new_mrr", 1), "expansion": ("expansion_mrr", 1), "contraction": ("contraction_mrr", -1), "churn": ("churned_mrr", -1),
    "reactivation": ("reactivation_mrr", 1),
}
COUNTED = {"new": "accounts_new", "churn": "accounts_churned", "reactivation": "accounts_reactivated"}
GRACE = datetime.timedelta(hours=12)


def month(at):
    return at.strftime("%Y-%m")


def next_month(first):
    return (first.replace(day=28) + datetime.timedelta(days=4)).replace(day=1)


def flows(movement):
    """What a movement adds to the sums of an interval, transfers apart."""
    f = collections.Counter(movement.parts)
    f["paused_mrr"], f["resumed_mrr"] = movement.paused, movement.resumed
    if movement.cls in FLOWS:
        name, sign = FLOWS[movement.cls]
        f[name] += sign * (movement.change - movement.resumed + movement.paused)
    return f


def segment(grouping, dims):
    return ",".join(dims.get(name) or "(none)" for name in grouping.split(",")) if grouping != "all" else "all"


class Months:
    """Sums by owner (an account, or a segment of a grouping) and month."""

    def __init__(self):
        self.sums = collections.defaultdict(collections.Counter)
        self.levels = collections.defaultdict(list)  # by owner: (instant, change)
        self.seen = {}  # by owner: the first month

    def touch(self, owner, at):
        first = month(at)
        self.seen[owner] = min(first, self.seen.get(owner, first))
        return self.sums[owner, first]

    def add(self, owner, at, change, figures):
        self.touch(owner, at).update(figures)
        if change:
            self.levels[owner].append((at, change))

    def level(self, owner, before):
        return sum(change for at, change in self.levels[owner] if at < before)
