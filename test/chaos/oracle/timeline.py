"""The movements of one account from its events (rules 3, 4, 5 and 7.2)."""
import collections
import datetime

from events import micros

COALESCE = datetime.timedelta(minutes=60)
DIMENSIONS = ("region", "plan_tier")
TYPED = ("expansion", "contraction", "none", "pause", "resume")
DOWN = {"seat": "seat", "upsell": "downgrade", "price_increase": "price_decrease", "renewal_uplift": "price_decrease"}


class Movement:
    def __init__(self, key, at, cls, dims, rule, change=0, before=0, after=0, paused=0, resumed=0, parts=None, owner=None):
        self.key, self.at, self.cls, self.dims, self.rule = key, at, cls, dims, rule
        self.change, self.before, self.after, self.paused, self.resumed = change, before, after, paused, resumed
        self.parts, self.owner = parts or {}, owner
        self.other = None  # of a transfer: the dims of the other half


class Attributes:
    """Dimension values over time: the first one also holds before (rules 7.2)."""

    def __init__(self, events):
        self.changes = []  # (instant, dims before, dims since, event)
        dims = {}
        for event in events:
            for name in DIMENSIONS:
                if name in event.attributes and name not in dims:
                    dims[name] = event.attributes[name]
        self.first = dict(dims)
        for event in events:
            if not any(name in event.attributes for name in DIMENSIONS):
                continue
            since = {**dims, **{n: v for n, v in event.attributes.items() if n in DIMENSIONS}}
            self.changes.append((event.effective, dims, since, event))
            dims = since

    def at(self, instant, including=True):
        dims = self.first
        for at, _, since, _ in self.changes:
            if at < instant or including and at == instant:
                dims = since
        return dims


def groups(events):
    """Changes that count as one (rules 3.3)."""
    gathered = []
    for event in events:
        first = gathered[-1][0] if gathered else None
        same = first is not None and event.effective - first.effective < COALESCE and event.effective.date() == first.effective.date()
        if same:
            gathered[-1].append(event)
        else:
            gathered.append([event])
    return gathered


class Account:
    """The fold."""

    def __init__(self, events, attributes):
        self.attributes = attributes
        self.snapshots = {}  # by subscription
        self.paid = None  # when held MRR first exceeded 0
        self.families, self.plans = set(), set()  # held at some time before
        self.mrr = 0
        self.movements = []
        pending = list(attributes.changes)
        for group in groups(events):
            while pending and pending[0][0] <= group[0].effective:
                self._transfer(*pending.pop(0))
            self._book(group)
        for change in pending:
            self._transfer(*change)

    def held(self):
        return {line.key: line for s in self.snapshots.values() if s.status != "canceled" for line in s.lines}

    def _amounts(self):
        counted = sum(line.mrr for s in self.snapshots.values() if s.status == "active" for line in s.lines)
        paused = sum(line.mrr for s in self.snapshots.values() if s.status == "paused" for line in s.lines)
        return counted, paused

    def _transfer(self, at, old, new, event):
        moved = self.mrr if old != new else 0
        for half, dims, other, sign in (("out", old, new, -1), ("in", new, old, 1)):
            row = Movement("transfer/%s/%s/%s" % (event.source, event.id, half), at, "transfer", dims, "7", change=sign * moved,
                           before=moved if sign < 0 else 0, after=moved if sign > 0 else 0)
            row.other = other
            self.movements.append(row)

    def _book(self, group):
        old, states = self.held(), {s.subscription: s.status for s in self.snapshots.values()}
        mrr, sleeping = self._amounts()
        for event in group:
            self.snapshots[event.subscription] = event
        new = self.held()
        mrr_after, sleeping_after = self._amounts()
        before, after = mrr + sleeping, mrr_after + sleeping_after
        amount, rise = after - before, sleeping_after - sleeping
        cls = self._class(before, after)
        paused, resumed = max(rise, 0), max(-rise, 0)
        if amount == 0 and rise:
            cls = "pause" if rise > 0 else "resume"
        parts, rule = {}, "4"
        if cls in TYPED:
            renewed = {e.subscription for e in group if e.renewal}
            parts, rule = typed(old, new, states, renewed, self.families, self.plans)
        if cls in TYPED and amount != sum(v if k.startswith("up_") else -v for k, v in parts.items()):
            raise AssertionError("the parts of %s do not sum" % group[0].id)
        if after > 0 and self.paid is None:
            self.paid = group[0].effective
        for line in new.values():
            self.families.add(line.family)
            self.plans.add(line.plan)
        at = group[0].effective
        dims = self.attributes.at(at)
        owner = "event/%s/%s" % (group[0].source, group[0].id)
        self.movements.append(Movement(owner, at, cls, dims, rule, amount + resumed - paused, mrr, mrr_after, paused, resumed, parts))
        for event in group[1:]:
            self.movements.append(Movement("event/%s/%s" % (event.source, event.id), at, "none", dims, "3.3", before=mrr_after, after=mrr_after, owner=owner))
        self.mrr = mrr_after

    def _class(self, before, after):
        if before == 0 and after > 0:
            return "new" if self.paid is None else "reactivation"
        if before > 0 and after == 0:
            return "churn"
        return "expansion" if after > before else "contraction" if after < before else "none"


def pairs(old, new):
    """Old and new held lines as partners, and what is left of both (rules 5)."""
    left_old, left_new, paired = dict(sorted(old.items())), dict(sorted(new.items())), []

    def pair(same):
        for key in list(left_new):
            for other in list(left_old):
                if same(left_old[other], left_new[key]):
                    paired.append((left_old.pop(other), left_new.pop(key)))
                    break

    pair(lambda a, b: a.key == b.key)
    pair(lambda a, b: a.key[0] == b.key[0] and a.family == b.family)
    pair(lambda a, b: a.plan == b.plan)
    pair(lambda a, b: a.family == b.family)
    return paired, left_old.values(), left_new.values()


def typed(old, new, states, renewed, families, plans):
    """The typed parts of a group and the rule that decided."""
    sums = collections.Counter()  # by (type, rule)
    paired, gone, come = pairs(old, new)
    held_families = {line.family for line in old.values()} | families
    held_plans = {line.plan for line in old.values()} | plans
    for a, b in paired:
        change = b.mrr - a.mrr
        if a.plan != b.plan:
            sums["upsell", "5.3", change > 0] += change
            continue
        price = 0
        if a.price != b.price:
            name = "renewal_uplift" if b.key[0] in renewed and b.price > a.price else "price_increase"
            price = change if a.quantity == b.quantity else micros(a.quantity * (b.price - a.price))
            sums[name, "5.4", price > 0] += price
        if a.quantity != b.quantity:
            sums["seat", "5.5", change - price > 0] += change - price
    for line in come:
        if states.get(line.key[0]) == "canceled":
            name = "other"  # "and the account pays": it holds MRR, as in rules 4, or the class would be another
        elif line.add_on:
            name = "add_on"
        elif line.family not in held_families:
            name = "cross_sell"
        elif line.plan in held_plans:
            name = "seat"
        else:
            name = "upsell"
        sums[name, "5.5", True] += line.mrr
    for line in gone:
        sums["removed", "5.5", False] -= line.mrr
    columns, totals = collections.Counter(), []
    for (name, rule, up), value in sums.items():
        if value == 0:
            continue
        columns["up_" + name if up else "down_" + DOWN.get(name, name)] += abs(value)
        totals.append((-abs(value), rule))
    return dict(columns), min(totals)[1] if totals else "4"

