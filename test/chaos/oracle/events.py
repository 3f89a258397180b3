"""Records of the source topic to events: what is accepted, what is rejected and why (docs/movements.md,
input events), as far as the workload of test/chaos goes. A record that needs more than is known here is
refused with an exception, never guessed at.
"""
import datetime
import json
import re
from fractions import Fraction

UTC = datetime.timezone.utc
DAY = datetime.timedelta(days=1)
TYPES = ("account.changed", "subscription.changed", "charge.recorded", "signal.observed", "event.revoked")
STATUSES = ("trialing", "active", "past_due", "paused", "unpaid", "canceled")
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF")
CHARGES = {"one_off": 1, "service": 1, "credit": -1, "refund": -1, "tax": 0}
AMOUNT = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?\Z")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z\Z")


class Rejected(Exception):
    """The record's reason for the dead letters."""


def instant(text):
    """An instant, whole seconds being all that the workload uses (append times have milliseconds)."""
    if not isinstance(text, str) or not TIME.match(text):
        raise Rejected("bad_time")
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.datetime.strptime(text, form).replace(tzinfo=UTC)


def settled(at):
    """An effective_at within the last second of a day is the next midnight (rules 3.1)."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    return midnight if midnight - at <= datetime.timedelta(seconds=1) else at


def decimal(text):
    if not isinstance(text, str) or not AMOUNT.match(text):
        raise Rejected("bad_amount")
    return Fraction(text)


def canonical(text):
    """A decimal without trailing zeros (rules 10.4)."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def micros(value):
    """Half-even to millionths (rules 1.2), as a whole number."""
    scaled = value * 1_000_000
    whole, rest = divmod(scaled.numerator, scaled.denominator)
    twice = 2 * rest
    if twice > scaled.denominator or twice == scaled.denominator and whole % 2:
        whole += 1
    return whole


class Line:
    """A priced item of a snapshot."""

    def __init__(self, subscription, item, rates):
        for name in ("item", "product", "currency"):
            if name not in item:
                raise Rejected("missing_field")
        known = {"item", "product", "plan", "quantity", "unit_price", "currency", "interval", "add_on"}
        if set(item) - known:
            raise NotImplementedError("item fields %s" % sorted(set(item) - known))
        self.key = (subscription, item["item"])
        self.product = self.family = item["product"]
        self.plan = (item["product"], item.get("plan", ""))
        self.add_on = item.get("add_on", False)
        self.quantity = decimal(item.get("quantity", "1"))
        price = decimal(item["unit_price"])
        if item["currency"] not in CURRENCIES:
            raise Rejected("bad_currency")
        if item["currency"] not in rates:
            raise Rejected("missing_rate")
        interval = item.get("interval", {"unit": "month", "count": 1})
        months = interval["count"] * {"month": 1, "year": 12}[interval["unit"]]
        self.price = price * rates[item["currency"]] / months  # a unit's, a month, in the reporting currency
        self.mrr = micros(self.quantity * self.price)
        if self.mrr <= 0:
            raise NotImplementedError("a free line")


class Event:
    """An accepted event."""

    def __init__(self, envelope, rates):
        self.id, self.source, self.account = envelope["id"], envelope["source"], envelope["subject"]
        self.type, self.revision = envelope["type"], envelope.get("revision", 0)
        self.time = instant(envelope["time"])
        if self.type not in TYPES:
            raise Rejected("unknown_type")
        if envelope.get("sequence") is not None:
            raise NotImplementedError("sequence")
        data = envelope["data"]
        self.effective = settled(instant(data["effective_at"]) if "effective_at" in data else self.time)
        self.order = (self.effective, self.time, 0, self.source.encode(), self.id.encode())
        getattr(self, "_" + self.type.replace(".", "_"))(data, rates)
        self.content = json.dumps({"data": self._plain(data), "time": envelope["time"], "type": self.type}, sort_keys=True, separators=(",", ":"))

    def _plain(self, data):
        """The content as the workload's conflicts differ in it: quantities."""
        plain = dict(data)
        if "items" in plain:
            plain["items"] = [{**item, "quantity": canonical(item["quantity"])} for item in plain["items"]]
        return plain

    def _account_changed(self, data, rates):
        self.attributes = data.get("attributes", {})

    def _signal_observed(self, data, rates):
        pass

    def _event_revoked(self, data, rates):
        self.revokes = (self.account, data["revokes"]["source"], data["revokes"]["id"])

    def _charge_recorded(self, data, rates):
        if data["kind"] not in CHARGES:
            raise Rejected("bad_field")
        self.kind, self.amount = data["kind"], micros(decimal(data["amount"]) * rates[data["currency"]])

    def _subscription_changed(self, data, rates):
        if "subscription" not in data:
            raise Rejected("missing_field")
        if data.get("status") not in STATUSES:
            raise Rejected("bad_field")
        if data["status"] not in ("active", "paused", "canceled"):
            raise NotImplementedError("status " + data["status"])
        known = {"subscription", "status", "items", "effective_at", "renewal"}
        if set(data) - known:
            raise NotImplementedError("snapshot fields %s" % sorted(set(data) - known))
        self.subscription, self.status, self.renewal = data["subscription"], data["status"], data.get("renewal", False)
        self.lines = [Line(self.subscription, item, rates) for item in data.get("items", [])]
        if self.status == "canceled":
            self.lines = []


class Ledger:
    """What was accepted, by account: the counted revision of every identity (rules 10.4)."""

    def __init__(self, rates):
        self.rates = rates
        self.kept = {}  # identity to event
        self.revoked = set()
        self.accounts = set()
        self.rejected = {}  # (partition, offset) to reason
        self.uncertain = set()  # conflicts of what is revoked: whether they make a letter depends on arrival

    def read(self, record):
        at = (record["partition"], record["offset"])
        try:
            try:
                envelope = json.loads(record["value"])
            except ValueError:
                raise Rejected("not_json") from None
            event = Event(envelope, self.rates)
            if event.time > instant(record["appended"]) + DAY:
                raise Rejected("future_time")
            self._file(at, event)
            self.accounts.add(event.account)
        except Rejected as reason:
            self.rejected[at] = str(reason)

    def _file(self, at, event):
        if event.type == "event.revoked":
            self.revoked.add(event.revokes)
            return
        identity = (event.account, event.source, event.id)
        before = self.kept.get(identity)
        if before is None or event.revision > before.revision:
            self.kept[identity] = event
        elif event.revision == before.revision and event.content != before.content:
            if identity in self.revoked:
                self.uncertain.add(at)
            else:
                self.rejected[at] = "conflicting_duplicate"
            if event.content < before.content:
                self.kept[identity] = event

    def of(self, account, type_):
        """Events of a type in the order of rules 3.1, and those that were revoked."""
        mine = [(identity, e) for identity, e in self.kept.items() if e.account == account and e.type == type_]
        counted = sorted((e for identity, e in mine if identity not in self.revoked), key=lambda e: e.order)
        return counted, [e for identity, e in mine if identity in self.revoked]
