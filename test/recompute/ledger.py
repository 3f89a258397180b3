"""The movements rows of accounts, in booked order, and the state after each instant."""
import bisect
import urllib.parse

import calendars

UPS = (
    "seat", "upsell", "cross_sell", "add_on", "usage", "price_increase", "renewal_uplift", "contract_ramp",
    "discount_expiry", "geographic", "feature_adoption", "other",
)
DOWNS = ("seat", "downgrade", "removed", "usage", "price_decrease", "discount")
PARTS = ["up_" + name for name in UPS] + ["down_" + name for name in DOWNS]


def micros(text):
    """An amount with six fractional digits as a whole number of millionths."""
    whole, _, fraction = text.partition(".")
    if len(fraction) != 6:
        raise ValueError("%r is no amount with six fractional digits" % text)
    return int(whole + fraction)


class Movement:
    """One row, with what rules 3.4 and 7.2 say about its kind."""

    def __init__(self, row):
        self.key = row["movement"]
        self.at = calendars.instant(row["effective_at"])
        self.cls = row["class"]
        self.change = micros(row["change"])
        self.before = micros(row["mrr_before"])
        self.after = micros(row["mrr_after"])
        self.paused = micros(row["paused"])
        self.resumed = micros(row["resumed"])
        self.amount = self.change - self.resumed + self.paused
        self.parts = {name: micros(row[name]) for name in PARTS if row[name] != "0.000000"}
        self.dims = {name[4:]: value for name, value in row.items() if name.startswith("dim_")}
        self.unconfirmed = row["unconfirmed"]
        # Rows that state a fact without moving anything: merged, scheduled, revoked, superseded.
        self.inert = row["merged_into"] is not None or self.cls in ("scheduled", "revoked") or row["rule"] == "superseded"
        self.usage = self.key.startswith("usage/")
        self.half = self.key.rpartition("/")[2] if self.key.startswith("transfer/") else None
        self.other = None  # the other half
        self.moves = bool(self.change or self.paused or self.resumed or self.parts)

    def rank(self):
        """The order within an instant (rules 7.2): transfers, fx, groups, usage by item."""
        if self.half:
            return (0,)
        if self.key.startswith("fx/"):
            return (1,)
        if self.usage:
            return (3,) + tuple(urllib.parse.unquote_to_bytes(part) for part in self.key.split("/")[1:])
        return (2,)


class State:
    """What holds after everything of one instant."""

    def __init__(self, at, mrr, held, dims):
        self.at, self.mrr, self.held, self.dims = at, mrr, held, dims


class Account:
    """The rows of one account up to the watermark."""

    def __init__(self, rows, rate_dates):
        self.rows = sorted(rows, key=lambda m: (m.at, m.rank()))
        self.first_dims = {}
        self._pair()
        self._walk(sorted(rate_dates))

    def _pair(self):
        halves = {}
        for m in self.rows:
            if m.half:
                halves.setdefault(m.key.rpartition("/")[0], []).append(m)
        for pair in halves.values():
            if len(pair) == 2:
                pair[0].other, pair[1].other = pair[1], pair[0]

    def _walk(self, rate_dates):
        """States by instant, and for each row whether MRR was held before and after it."""
        self.states, self.times = [], []
        mrr = on_hold = 0
        held, drifted, dims, paid = False, False, None, False
        self.uncertain = False
        for m in self.rows:
            while rate_dates and rate_dates[0] <= m.at:  # paused lines are revalued without a row (rules 8)
                rate_dates = rate_dates[1:]
                drifted = drifted or on_hold != 0
            if dims is None:
                dims = self.first_dims = self._before_first(m)
            m.held_before, m.mrr_before = held, mrr
            if not m.inert:
                mrr += m.change
                on_hold += m.paused - m.resumed
                if not m.half:
                    held = self._held(m, held, mrr, on_hold, drifted)
                    if not held:
                        on_hold, drifted = 0, False
            paid = paid or held
            m.held_after, m.mrr_after_it = held, mrr
            state = State(m.at, mrr, held, dims)
            if self.times and self.times[-1] == m.at:
                self.states[-1] = state
            else:
                dims = self._after(m.at, dims)
                state.dims = dims
                self.states.append(state)
                self.times.append(m.at)
        self.paid = paid

    def _held(self, m, held, mrr, on_hold, drifted):
        """Whether MRR is held after a row: its class says, or else the sums do."""
        if m.cls == "churn":
            return False
        if m.cls in ("new", "reactivation", "expansion", "contraction"):
            return True
        if m.cls in ("opening", "transfer"):
            if drifted and mrr == 0:
                self.uncertain = True
            return mrr + on_hold > 0
        if m.cls == "fx":
            return mrr > 0 or on_hold > 0
        return held

    def _before_first(self, first):
        """An attribute's first value also holds before it, so the first row's dims do. Of several changes at
        one instant, the chain begins at the dims that are left more often than they are reached."""
        halves = [m for m in self.rows if m.at == first.at and m.half]
        ins = [m.dims for m in halves if m.half == "in"]
        outs = [m.dims for m in halves if m.half == "out"]
        for dims in outs:
            if outs.count(dims) > ins.count(dims):
                return dims
        # A closed chain starts anywhere on it; the rows that are no halves tell where it ends.
        return first.dims if not halves else self._end_of_ring(halves)

    def _end_of_ring(self, halves):
        others = [m.dims for m in self.rows if m.at == halves[0].at and not m.half]
        return others[0] if others else [m for m in self.rows if m.half == "out"][0].dims

    def _after(self, at, dims):
        """The dims after the transfers of an instant: the end of the chain from old to new ones."""
        chain = [m for m in self.rows[self._place(at):self._place(at + 1)] if m.half == "out" and m.other]
        degree = {}
        for m in chain:
            for sign, d in ((-1, m.dims), (1, m.other.dims)):
                name = tuple(sorted(d.items(), key=str))
                degree[name] = (degree.get(name, (0, d))[0] + sign, d)
        for balance, d in degree.values():
            if balance > 0:
                return d
        return dims

    def _place(self, at):
        return bisect.bisect_left(self.rows, at, key=lambda m: m.at)

    def before(self, at):
        """The state strictly before an instant, or None."""
        i = bisect.bisect_left(self.times, at)
        return self.states[i - 1] if i else None

    def opened_in(self, starts, end):
        """The rows of class opening in [starts, end)."""
        return [m for m in self.rows[self._place(starts):self._place(end)] if m.cls == "opening"]
