"""Rows against what movements say of them."""
import bisect
import datetime

import calendars
import ledger
from tally import AMOUNTS, FLOWS, SKIPPED_METRICS, STAMP, Tally


class Comparison:
    """Counts figures and prints the first differences."""

    def __init__(self, show):
        self.compared = self.different = 0
        self.show = show

    def same(self, where, name, got, want):
        self.compared += 1
        if got != want:
            self.differs(where, "%s is %s, movements say %s" % (name, got, want))

    def differs(self, where, what):
        self.different += 1
        if self.different <= self.show:
            print("%s: %s" % (where, what))

    def row(self, where, row, figures, skipped):
        """Every column of a row."""
        for name, got in row.items():
            if name in skipped or name.endswith("_reason") and name[:-7] in figures:
                continue
            if name not in figures:
                self.differs(where, "nothing says what %s must be" % name)
                continue
            want = figures[name]
            if isinstance(want, tuple):
                value, reason = want
                self.same(where, name, got, None if value is None else amount(value))
                self.same(where, name + "_reason", row[name + "_reason"], reason)
            elif name in COUNTS or want is None or isinstance(want, (str, bool)):
                self.same(where, name, got, want)
            else:
                self.same(where, name, got, amount(want))
        for name in figures:
            if name not in row:
                self.differs(where, "the column %s is missing" % name)


COUNTS = {"accounts_opening", "accounts_closing"} | {"accounts_" + name for name in Tally().who} | {
    "accounts_" + name for name in ("new", "churned", "reactivated", "paused", "resumed", "transferred_in", "transferred_out")
}


# What depends on which accounts are held: paused lines in another currency are revalued without a row
# (rules 8), so that an opening or a transfer after it may leave that open.
HELD = ("accounts_opening", "accounts_paused", "accounts_resumed", "accounts_transferred_in", "accounts_transferred_out",
        "accounts_new", "accounts_reactivated", "logo_churn_rate", "upsell_rate", "cross_sell_rate", "breadth")


def amount(micros):
    """Millionths as rows have them."""
    return "%s%d.%06d" % ("-" if micros < 0 else "", abs(micros) // 1_000_000, abs(micros) % 1_000_000)


def accounts(check, rows, known, now):
    seen = set()
    for row in rows:
        seen.add(row["account"])
        account = known.get(row["account"])
        state = account.before(now + 1) if account else None
        where = "accounts " + row["account"]
        mrr = state.mrr if state else 0
        check.same(where, "mrr", row["mrr"], amount(mrr))
        check.same(where, "arr", row["arr"], amount(12 * mrr))
        if not (account and account.uncertain):
            # churned and never_paid are told apart by first_paid_at, which movements do not carry.
            status = row["status"] if row["status"] in ("paying", "paused") else "neither"
            check.same(where, "status", status, "paying" if mrr > 0 else "paused" if state and state.held else "neither")
        booked = [m for m in account.rows if not m.inert and m.moves] if account else []
        check.same(where, "last_class", row["last_class"], booked[-1].cls if booked else None)
        check.same(where, "last_movement_at", row["last_movement_at"], calendars.written(booked[-1].at) if booked else None)
        for name, value in (state.dims.items() if state else ()):
            check.same(where, "dim_" + name, row["dim_" + name], value)
        for window in (name[:-11] for name in row if name.endswith("_net_change")):
            start = calendars.window_start(window, now)
            inside = [m for m in account.rows if m.at > start] if account else []
            sold = [m for m in inside if not m.usage]
            check.same(where, window + "_net_change", row[window + "_net_change"], amount(sum(m.change for m in inside)))
            for column, cls, sign in (("_expansion_mrr", "expansion", 1), ("_contraction_mrr", "contraction", -1)):
                total = sum(sign * m.amount for m in sold if m.cls == cls)
                check.same(where, window + column, row[window + column], amount(total))
    for name in known:
        if name not in seen:
            check.differs("accounts " + name, "there is no row")


def months(check, rows, known, calendar, now, grace):
    due = set()
    for name, account in known.items():
        due.update((name, calendar.date(m.at).strftime("%Y-%m")) for m in account.rows)
    for row in rows:
        where = "account_months %s %s" % (row["account"], row["month"])
        due.discard((row["account"], row["month"]))
        first = datetime.date.fromisoformat(row["month"] + "-01")
        starts, ends = calendar.day_start(first), calendar.day_start(calendar.next("month", first))
        account = known.get(row["account"])
        tally, opens, closes, dims = Tally(), None, None, {}
        if account:
            at = [m.at for m in account.rows]
            for m in account.rows[bisect.bisect_left(at, starts):bisect.bisect_left(at, ends)]:
                if not m.inert and not m.half:  # moves between accounts only
                    tally.add(row["account"], m, "month")
            opens, closes = account.before(starts), account.before(ends)
            dims = opens.dims if opens else account.first_dims
        f = {name: tally.sums.get(name, 0) for name in AMOUNTS if name not in ("usage_change", "confirmed_expansion_mrr")}
        f["opening_mrr"] = (opens.mrr if opens else 0) + f["opening_balance"]
        f["closing_mrr"] = closes.mrr if closes else 0
        if f["opening_mrr"] + sum(sign * f.get(name, 0) for name, sign in FLOWS.items()) != f["closing_mrr"]:
            check.differs(where, "the movements do not close")
        f.update({"dim_" + name: value for name, value in dims.items()})
        f["final"] = now >= ends + grace
        skipped = STAMP + ("account", "month", "non_recurring") + tuple(name for name in row if name.startswith("dim_") and not dims)
        check.row(where, row, f, skipped)
    for name, month in sorted(due):
        check.differs("account_months %s %s" % (name, month), "there is no row")


def metrics(check, rows, book, grace):
    tracks = {}
    for row in rows:
        name = row["grouping"], row["segment"]
        where = "metrics %s=%s %s" % (name + (row["interval"],))
        kind = row["interval_kind"]
        if kind == "rolling":
            f, final = book.window(*name, row["interval"]), False
        else:
            first = book.calendar.date(calendars.instant(row["starts_at"]))
            f, ends = book.period(*name, kind, first)
            f["interval"] = book.calendar.name(kind, book.calendar.first(kind, first))
            final = book.now >= ends + (grace if kind in calendars.LONG else 0)
            tracks.setdefault(name + (kind,), []).append(first)
        f["final"] = final
        left_out = SKIPPED_METRICS + STAMP + ("grouping", "segment", "interval_kind")
        if kind == "rolling":
            left_out += ("interval",)
        if book.grouping(name[0])[name[1]].uncertain:
            left_out += HELD + tuple(column + "_reason" for column in HELD)
            f = {column: value for column, value in f.items() if column not in HELD}
        check.row(where, row, f, left_out)
    gaps(check, tracks, book)


def gaps(check, tracks, book):
    """Rows of every interval from the first movement to the watermark, without gaps."""
    for grouping in {name[0] for name in tracks} | {"all"}:
        for segment, series in book.grouping(grouping).items():
            if series.first is None:
                continue
            for kind in calendars.KINDS:
                firsts = sorted(tracks.get((grouping, segment, kind), []))
                at = book.calendar.first(kind, min([series.first] + firsts[:1]))
                want = []
                while at <= book.today:
                    want.append(at)
                    at = book.calendar.next(kind, at)
                check.same("metrics %s=%s %ss" % (grouping, segment, kind), "the intervals", firsts, want)
