#!/usr/bin/env python3
"""Recomputes what `processor replay` prints from its movements rows alone, and compares every figure.

    processor replay events.ndjson --config c.yaml | recompute.py --zone Europe/Berlin --fiscal 4 --grace 12

Account months, accounts and metrics (sums, counts, ratios, bands; every grouping, calendar interval and
rolling window) follow from movements by docs/movements.md, in whole numbers of millionths. What does not
follow from movements is skipped by name: charges (non_recurring), the known future (committed_mrr), the
level of usage (usage_run_rate). A column that is neither recomputed nor skipped is a difference.

It is written against the rules and shares nothing with the program. Prints how many figures it compared
and every difference; exit 1 on any, 2 when it cannot read its input.
"""
import argparse
import collections
import json
import sys

import calendars
import compare
import ledger
from segments import Book


def read(lines):
    """Rows by topic, without the dead letters."""
    topics = collections.defaultdict(list)
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            topics[record["topic"]].append(record["value"])
        except (ValueError, KeyError, TypeError) as problem:
            raise SystemExit("line %d is no row of replay: %s" % (number, problem))
    return topics


def accounts_of(rows, now, rate_dates):
    by_account = collections.defaultdict(list)
    for row in rows:
        movement = ledger.Movement(row)
        if movement.at <= now:
            by_account[row["account"]].append(movement)
        elif movement.change:
            raise SystemExit("%s %s counts after the watermark" % (row["account"], movement.key))
    return {name: ledger.Account(list_, rate_dates) for name, list_ in sorted(by_account.items())}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="?", default="-", help="output of replay, - for standard input")
    parser.add_argument("--zone", default="UTC", help="the reporting zone (reporting.time_zone)")
    parser.add_argument("--fiscal", type=int, default=1, metavar="MONTH", help="reporting.fiscal_year_start")
    parser.add_argument("--grace", type=int, default=12, metavar="HOURS", help="rules.usage_grace")
    parser.add_argument("--show", type=int, default=20, metavar="N", help="how many differences to print in full")
    options = parser.parse_args()
    if options.rows == "-":
        topics = read(sys.stdin)
    else:
        with open(options.rows, encoding="utf-8") as rows:
            topics = read(rows)

    everything = [row for topic in ("movements", "accounts", "account_months", "metrics") for row in topics[topic]]
    if not everything:
        print("no rows: nothing to compare")
        return 0
    known = {row["known_at"] for row in everything}
    if len(known) != 1:
        raise SystemExit("rows of %d watermarks: %s" % (len(known), sorted(known)[:3]))
    now = calendars.instant(known.pop())
    calendar = calendars.Calendar(options.zone, options.fiscal)
    rate_dates = sorted({calendars.instant(row["effective_at"]) for row in topics["movements"] if row["movement"].startswith("fx/")})
    accounts = accounts_of(topics["movements"], now, rate_dates)

    check = compare.Comparison(options.show)
    compare.accounts(check, topics["accounts"], accounts, now)
    compare.months(check, topics["account_months"], accounts, calendar, now, options.grace * 3600 * calendars.SECOND)
    compare.metrics(check, topics["metrics"], Book(accounts, calendar, now), options.grace * 3600 * calendars.SECOND)
    print("%d figures of %d rows compared, %d differ" % (check.compared, len(everything), check.different))
    return 1 if check.different else 0


if __name__ == "__main__":
    sys.exit(main())
