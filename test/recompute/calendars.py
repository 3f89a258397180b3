"""Local dates and the intervals that metrics are told in, for one time zone and one fiscal year.

Instants are whole nanoseconds since 1970 UTC; a day is a datetime.date.
"""
import calendar
import datetime
import re
import zoneinfo

KINDS = ("day", "week", "month", "quarter", "year")
LONG = ("month", "quarter", "year")
SECOND = 10**9
DAY = 86400 * SECOND
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

# Rolling windows: length and step in nanoseconds.
WINDOWS = {
    "1h": (3600 * SECOND, 60 * SECOND),
    "24h": (DAY, 300 * SECOND),
    "7d": (7 * DAY, 3600 * SECOND),
    "30d": (30 * DAY, 3600 * SECOND),
    "90d": (90 * DAY, 3600 * SECOND),
    "365d": (365 * DAY, 3600 * SECOND),
}

_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z\Z")


def instant(text):
    """Nanoseconds of an RFC 3339 instant in UTC."""
    found = _INSTANT.match(text)
    if not found:
        raise ValueError("%r is no instant in UTC" % text)
    whole = datetime.datetime(*(int(n) for n in found.groups()[:6]), tzinfo=datetime.timezone.utc)
    return round((whole - EPOCH).total_seconds()) * SECOND + int((found.group(7) or "").ljust(9, "0"))


def written(at):
    """The instant as rows have it: no trailing zeros of the fraction."""
    text = (EPOCH + datetime.timedelta(seconds=at // SECOND)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = ("%09d" % (at % SECOND)).rstrip("0")
    return text + ("." + fraction if fraction else "") + "Z"


def last_of_month(date):
    return calendar.monthrange(date.year, date.month)[1]


def months_on(date, n):
    """The first of the month n months after that of a date."""
    number = date.year * 12 + date.month - 1 + n
    return datetime.date(number // 12, number % 12 + 1, 1)


def months_before(date, n):
    """The date n months earlier: the last of a month maps to a last, others are clamped (rules 9.3)."""
    first = months_on(date, -n)
    if date.day == last_of_month(date):
        return first.replace(day=last_of_month(first))
    return first.replace(day=min(date.day, last_of_month(first)))


class Calendar:
    def __init__(self, zone, fiscal):
        self.zone = zoneinfo.ZoneInfo(zone)
        self.fiscal = fiscal
        self._starts = {}
        self._dates = {}

    def date(self, at):
        """The local date of an instant."""
        second = at // SECOND
        if second not in self._dates:
            self._dates[second] = (EPOCH + datetime.timedelta(seconds=second)).astimezone(self.zone).date()
        return self._dates[second]

    def day_start(self, date):
        """The first instant at which clocks show the date, to the second, by bisection."""
        if date not in self._starts:
            middle = (datetime.datetime.combine(date, datetime.time(), datetime.timezone.utc) - EPOCH).days * 86400
            before, since = middle - 50 * 3600, middle + 50 * 3600
            while since - before > 1:
                probe = (before + since) // 2
                if self.date(probe * SECOND) >= date:
                    since = probe
                else:
                    before = probe
            self._starts[date] = since * SECOND
        return self._starts[date]

    def first(self, kind, date):
        """The first date of the interval of a kind in which a date lies."""
        if kind == "day":
            return date
        if kind == "week":
            return date - datetime.timedelta(days=date.weekday())
        if kind == "month":
            return date.replace(day=1)
        since = (date.month - self.fiscal) % (3 if kind == "quarter" else 12)
        return months_on(date, -since)

    def next(self, kind, first):
        """The first date of the interval after the one that starts at first."""
        if kind == "day" or kind == "week":
            return first + datetime.timedelta(days=1 if kind == "day" else 7)
        return months_on(first, {"month": 1, "quarter": 3, "year": 12}[kind])

    def name(self, kind, first):
        if kind == "day":
            return first.isoformat()
        if kind == "week":
            year, week, _ = first.isocalendar()
            return "%04d-W%02d" % (year, week)
        if kind == "month":
            return "%04d-%02d" % (first.year, first.month)
        year = self.first("year", first)
        if kind == "year":
            return "%04d" % year.year
        return "%04d-Q%d" % (year.year, ((first.month - year.month) % 12) // 3 + 1)


def window_start(name, now):
    """The exclusive start of the window that ends at now (rules 9.5)."""
    length, step = WINDOWS[name]
    return now - now % step - length
