#!/usr/bin/env python3
"""The final rows of a run, from its events alone.

    oracle.py --as-of 2026-11-22T10:00:00Z --rate EUR=1.08 [--letters letters.ndjson] log.ndjson rows.ndjson

log.ndjson has the records of the source topic as they lie there, rows.ndjson the latest row of every key of
the output topics, letters.ndjson the dead letters' positions and reasons. Movements (class, amounts, parts, rule, dimensions), account
months, accounts (MRR, status) and the months of `all`, `region` and `plan_tier,region` are computed anew from
the rules, for what the workload of test/chaos uses, in whole millionths and exact fractions, and compared with
the rows to the last digit. It shares nothing with the program. Exit 1 on any difference.
"""
import argparse
import collections
import datetime
import json
import sys
from fractions import Fraction

import figures
from events import CHARGES, UTC, Ledger, instant
from timeline import Account, Attributes

GROUPINGS = ("all", "region", "plan_tier,region")


def text(micros):
    return "%s%d.%06d" % ("-" if micros < 0 else "", abs(micros) // 1_000_000, abs(micros) % 1_000_000)


def written(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Check:
    def __init__(self, rows, show):
        self.rows = {(r["topic"], json.dumps(r["key"], sort_keys=True)): r["value"] for r in rows}
        self.met = collections.Counter()
        self.figures = self.wrong = 0
        self.show = show

    def row(self, topic, key, want):
        """Compares the figures wanted of one row; amounts are given in millionths."""
        row = self.rows.get((topic, json.dumps(key, sort_keys=True)))
        if row is None:
            self.differs(topic, key, "is missing")
            return
        self.met[topic] += 1
        for name, value in want.items():
            self.figures += 1
            if isinstance(value, int) and not isinstance(value, bool) and not name.startswith("accounts_"):
                value = text(value)
            if row[name] != value:
                self.differs(topic, key, "%s is %s, the events say %s" % (name, row[name], value))

    def differs(self, topic, key, what):
        self.wrong += 1
        if self.wrong <= self.show:
            print("%s %s: %s" % (topic, json.dumps(key), what))

    def no_more(self, topic, wanted=lambda value: True):
        """There are no other rows than those that were looked at."""
        there = sum(1 for (t, _), value in self.rows.items() if t == topic and wanted(value))
        if there != self.met[topic]:
            self.differs(topic, {}, "%d rows, the events make %d" % (there, self.met[topic]))


PARTS = ["up_" + n for n in ("seat", "upsell", "cross_sell", "add_on", "usage", "price_increase", "renewal_uplift", "contract_ramp",
                             "discount_expiry", "geographic", "feature_adoption", "other")]
PARTS += ["down_" + n for n in ("seat", "downgrade", "removed", "usage", "price_decrease", "discount")]
SUMS = ["new_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr", "reactivation_mrr", "paused_mrr", "resumed_mrr", "transfer_in_mrr",
        "transfer_out_mrr", "fx_mrr", "opening_balance", "non_recurring"] + PARTS


def movements(check, name, account, revoked):
    rows = list(account.movements)
    for m in rows:
        want = {
            "effective_at": written(m.at), "class": m.cls, "rule": m.rule, "change": m.change, "mrr_before": m.before, "mrr_after": m.after,
            "paused": m.paused, "resumed": m.resumed, "merged_into": m.owner, "deleted": False,
        }
        want.update({part: m.parts.get(part, 0) for part in PARTS})
        want.update({"dim_" + n: m.dims.get(n) for n in ("region", "plan_tier")})
        check.row("movements", {"account": name, "movement": m.key}, want)
    for e in revoked:
        key = "event/%s/%s" % (e.source, e.id)
        check.row("movements", {"account": name, "movement": key}, {
            "effective_at": written(e.effective), "class": "revoked", "change": 0, "mrr_before": 0, "mrr_after": 0, "rule": "10.4",
        })


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--as-of", required=True, type=instant)
    parser.add_argument("--rate", action="append", default=[], help="CURRENCY=RATE into USD")
    parser.add_argument("--letters", help="dead letters: position and reason, one a line")
    parser.add_argument("--show", type=int, default=20)
    parser.add_argument("log")
    parser.add_argument("rows")
    options = parser.parse_args()
    rates = {"USD": Fraction(1), **{c: Fraction(r) for c, r in (one.split("=") for one in options.rate)}}
    ledger = Ledger(rates)
    with open(options.log, encoding="utf-8") as log:
        for line in log:
            ledger.read(json.loads(line))
    with open(options.rows, encoding="utf-8") as rows:
        check = Check([json.loads(line) for line in rows], options.show)
    if options.letters:
        letters(check, ledger, options.letters)
    compute(check, ledger, options.as_of)
    print("%d figures of %d rows from %d accounts compared, %d differ" % (check.figures, sum(check.met.values()), len(ledger.accounts), check.wrong))
    return 1 if check.wrong else 0


def letters(check, ledger, path):
    got = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            letter = json.loads(line)
            got[letter["partition"], letter["offset"]] = letter["reason"]
    for at in sorted(set(got) | set(ledger.rejected)):
        check.figures += 1
        if at not in ledger.uncertain and got.get(at) != ledger.rejected.get(at):
            check.differs("dead-letters", at, "reason is %s, the events say %s" % (got.get(at), ledger.rejected.get(at)))


def compute(check, ledger, now):
    per_account, per_segment = figures.Months(), figures.Months()
    paying = collections.defaultdict(list)  # by segment owner: (instant, change of the number of paying accounts)
    by_account = collections.defaultdict(list)
    for identity, event in ledger.kept.items():
        by_account[event.account].append((identity, event))
    for name in sorted(ledger.accounts):
        mine = by_account[name]
        counted = lambda kind: sorted((e for i, e in mine if e.type == kind and i not in ledger.revoked), key=lambda e: e.order)
        revoked = [e for i, e in mine if e.type == "subscription.changed" and i in ledger.revoked]
        attributes = Attributes(counted("account.changed"))
        account = Account(counted("subscription.changed"), attributes)
        movements(check, name, account, revoked)
        gather(name, account, revoked, counted("charge.recorded"), per_account, per_segment, paying)
        held = sum(account._amounts())
        status = "paying" if account.mrr else "paused" if held else "churned" if account.paid else "never_paid"
        check.row("accounts", {"account": name}, {
            "mrr": account.mrr, "arr": 12 * account.mrr, "committed_mrr": account.mrr, "status": status,
            "first_paid_at": written(account.paid) if account.paid else None,
        })
        months_of(check, name, account, per_account, now)
    check.no_more("movements")
    check.no_more("accounts")
    check.no_more("account_months")
    segments(check, per_segment, paying, now)


def gather(name, account, revoked, charges, per_account, per_segment, paying):
    for e in revoked:
        per_account.touch(name, e.effective)
        for grouping in GROUPINGS:
            per_segment.touch((grouping, figures.segment(grouping, account.attributes.at(e.effective))), e.effective)
    for m in account.movements:
        flows = figures.flows(m)
        per_account.add(name, m.at, m.change, {} if m.cls == "transfer" else flows)
        for grouping in GROUPINGS:
            owner = (grouping, figures.segment(grouping, m.dims))
            f = collections.Counter(flows)
            if m.cls == "transfer":
                if figures.segment(grouping, m.other) == owner[1]:
                    per_segment.touch(owner, m.at)
                    continue
                f["transfer_in_mrr" if m.change > 0 else "transfer_out_mrr"] += abs(m.change)
            if m.cls in figures.COUNTED:
                f[figures.COUNTED[m.cls]] += 1
            per_segment.add(owner, m.at, m.change, f)
            if (m.before > 0) != (m.after > 0):
                paying[owner].append((m.at, 1 if m.after > 0 else -1))
    for charge in charges:
        value = {"non_recurring": CHARGES[charge.kind] * charge.amount}
        per_account.add(name, charge.time, 0, value)
        for grouping in GROUPINGS:
            per_segment.add((grouping, figures.segment(grouping, account.attributes.at(charge.time))), charge.time, 0, value)


def bounds(name):
    first = datetime.datetime.strptime(name + "-01", "%Y-%m-%d").replace(tzinfo=UTC)
    return first, figures.next_month(first)


def months_of(check, name, account, per_account, now):
    for (owner, label), sums in [item for item in per_account.sums.items() if item[0][0] == name]:
        first, end = bounds(label)
        want = {column: sums.get(column, 0) for column in SUMS}
        want["opening_mrr"], want["closing_mrr"] = per_account.level(owner, first), per_account.level(owner, end)
        want["final"] = now >= end + figures.GRACE
        want.update({"dim_" + n: account.attributes.at(first, including=False).get(n) for n in ("region", "plan_tier")})
        check.row("account_months", {"account": name, "month": label}, want)


def segments(check, per_segment, paying, now):
    for owner, label in sorted(per_segment.seen.items()):
        at = label
        while at <= figures.month(now):
            first, end = bounds(at)
            sums = per_segment.sums.get((owner, at), {})
            want = {column: sums.get(column, 0) for column in SUMS}
            want.update({column: sums.get(column, 0) for column in figures.COUNTED.values()})
            want["opening_mrr"], want["closing_mrr"] = per_segment.level(owner, first), per_segment.level(owner, end)
            want["committed_mrr"] = want["closing_mrr"]
            want["accounts_opening"] = sum(n for when, n in paying[owner] if when < first)
            want["accounts_closing"] = sum(n for when, n in paying[owner] if when < end)
            want["final"] = now >= end + figures.GRACE
            check.row("metrics", {"grouping": owner[0], "segment": owner[1], "interval_kind": "month", "interval": at}, want)
            at = figures.month(end)
    check.no_more("metrics", lambda row: row["interval_kind"] == "month")


if __name__ == "__main__":
    sys.exit(main())
