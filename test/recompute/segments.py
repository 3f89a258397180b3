"""Movements gathered by segment and interval."""
import bisect
import collections
import itertools

import calendars
from tally import Tally, figures

COHORT_WINDOWS = ("30d", "365d")


def escaped(value):
    """A dimension value as a part of a segment's name (outputs: movements)."""
    if value is None or value == "":
        return "(none)"
    return "".join("%%%02X" % ord(c) if c in "%," or ord(c) < 0x20 or ord(c) == 0x7F else c for c in value)


def segment(grouping, dims):
    if grouping == "all":
        return "all"
    return ",".join(escaped(dims.get(name)) for name in grouping.split(","))


class Series:
    """One segment of one grouping."""

    def __init__(self):
        self.tallies = collections.defaultdict(Tally)  # by kind and first date
        self.levels = []  # (instant, change of MRR, change of the number of paying accounts)
        self.first = None  # local date of the first row
        self.uncertain = False  # the rows do not say which accounts are held

    def settle(self):
        self.levels.sort(key=lambda level: level[0])
        self.times = [level[0] for level in self.levels]
        self.mrr = list(itertools.accumulate((level[1] for level in self.levels), initial=0))
        self.paying = list(itertools.accumulate((level[2] for level in self.levels), initial=0))

    def before(self, at):
        """MRR and paying accounts strictly before an instant."""
        i = bisect.bisect_left(self.times, at)
        return self.mrr[i], self.paying[i]


class Book:
    """All accounts; groupings are gathered when they are asked for."""

    def __init__(self, accounts, calendar, now):
        self.accounts, self.calendar, self.now = accounts, calendar, now
        self.today = calendar.date(now)
        self._groupings = {}
        self._retained = {}

    def grouping(self, name):
        if name not in self._groupings:
            self._groupings[name] = self._gather(name)
        return self._groupings[name]

    def _gather(self, grouping):
        series = collections.defaultdict(Series)
        for name, account in self.accounts.items():
            for m in account.rows:
                s = series[segment(grouping, m.dims)]
                date = self.calendar.date(m.at)
                s.first = min(s.first or date, date)
                s.uncertain = s.uncertain or account.uncertain
                if self._counts(grouping, m):
                    for kind in calendars.KINDS:
                        s.tallies[kind, self.calendar.first(kind, date)].add(name, m, kind)
            self._levels(grouping, account, series)
        for s in series.values():
            s.settle()
        return series

    @staticmethod
    def _counts(grouping, m):
        """Whether a row moves anything in the grouping: both halves of a transfer within one segment do not."""
        if m.inert:
            return False
        return not m.half or m.other is None or segment(grouping, m.dims) != segment(grouping, m.other.dims)

    @staticmethod
    def _levels(grouping, account, series):
        where, mrr = None, 0
        for state in account.states:
            there = segment(grouping, state.dims)
            if where is not None and there != where and mrr:
                series[where].levels.append((state.at, -mrr, -1))
                mrr = 0
            if state.mrr != mrr:
                series[there].levels.append((state.at, state.mrr - mrr, (state.mrr > 0) - (mrr > 0)))
            where, mrr = there, state.mrr

    def period(self, grouping, name, kind, first):
        """The figures of a calendar interval by its first date."""
        s = self.grouping(grouping)[name]
        after = self.calendar.next(kind, first)
        starts, ends = self.calendar.day_start(first), self.calendar.day_start(after)
        tally = s.tallies.get((kind, first)) or Tally()
        mrr, paying = s.before(starts)
        closing, closing_paying = s.before(min(ends, self.now + 1))
        previous = s.tallies.get((kind, self.calendar.first(kind, self._eve(first))))
        retention = {1: None, 12: None}
        if kind in calendars.LONG:
            last = self._eve(after) if ends <= self.now else self.today
            retention = {n: self._retention(grouping, name, last, min(ends, self.now + 1), n) for n in retention}
        f = figures(
            tally, mrr + tally.sums.get("opening_balance", 0), closing, paying + tally.opened, closing_paying,
            previous.sums.get("expansion_mrr", 0) if previous else 0, retention, kind,
        )
        f["cohort_expansion_net"] = self._cohort(grouping, name, starts, min(ends, self.now + 1))
        f["starts_at"], f["ends_at"] = calendars.written(starts), calendars.written(ends)
        return f, ends

    def window(self, grouping, name, window):
        """The figures of a rolling window, which ends at the watermark."""
        s = self.grouping(grouping)[name]
        start = calendars.window_start(window, self.now)
        tally, earlier = self._between(grouping, name, start, self.now), self._between(grouping, name, start - calendars.WINDOWS[window][0], start)
        mrr, paying = s.before(start + 1)
        closing, closing_paying = s.before(self.now + 1)
        retention = {1: None, 12: None}
        if window in COHORT_WINDOWS:
            retention = {n: self._retention(grouping, name, self.today, self.now + 1, n) for n in retention}
        f = figures(
            tally, mrr + tally.sums.get("opening_balance", 0), closing, paying + tally.opened, closing_paying,
            earlier.sums.get("expansion_mrr", 0), retention, "rolling",
        )
        f["cohort_expansion_net"] = self._cohort(grouping, name, start + 1, self.now + 1)
        f["starts_at"], f["ends_at"] = calendars.written(start), calendars.written(self.now)
        return f

    def _between(self, grouping, name, after, until):
        tally = Tally()
        for who, account in self.accounts.items():
            for m in account.rows:
                if after < m.at <= until and self._counts(grouping, m) and segment(grouping, m.dims) == name:
                    tally.add(who, m, "rolling")
        return tally

    @staticmethod
    def _eve(date):
        return date.fromordinal(date.toordinal() - 1)

    def _retention(self, grouping, name, last, end, months):
        """MRR of the cohort then, now, and the smaller of both (rules 9.3)."""
        key = grouping, last, end, months
        if key not in self._retained:
            then_at = self.calendar.day_start(self.calendar.next("day", calendars.months_before(last, months)))
            sums = collections.defaultdict(lambda: [0, 0, 0])
            for account in self.accounts.values():
                then, now = account.before(then_at), account.before(end)
                if then and then.mrr > 0:
                    to = sums[segment(grouping, then.dims)]
                    to[0] += then.mrr
                    to[1] += now.mrr
                    to[2] += min(then.mrr, now.mrr)
            self._retained[key] = sums
        return tuple(self._retained[key].get(name, (0, 0, 0)))

    def _cohort(self, grouping, name, starts, end):
        """closing - opening of the accounts with MRR at opening, opening rows included (rules 9.2)."""
        key = grouping, starts, end
        if key not in self._retained:
            sums = collections.defaultdict(int)
            for account in self.accounts.values():
                opens, ends = account.before(starts), account.before(end)
                mrr, dims = (opens.mrr, opens.dims) if opens else (0, None)
                for m in account.opened_in(starts, end):
                    if mrr <= 0:
                        dims = m.dims
                    mrr += m.change
                if mrr > 0:
                    sums[segment(grouping, dims)] += ends.mrr - mrr
            self._retained[key] = sums
        return self._retained[key].get(name, 0)
