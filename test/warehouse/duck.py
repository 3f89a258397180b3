"""Fills DuckDB with the rows that `processor replay` printed, and holds its reports against PostgreSQL's.

duck.py FOLDER: rows.ndjson, tables.sql, views.sql and load.sql are there, and of each report REPORT.csv, as PostgreSQL has it.
"""

import csv
import os
import sys
from decimal import Decimal

import duckdb

REPORTS = ["mrr_by_day", "waterfall_by_month", "nrr_by_cohort", "expansion_by_type"]


def same(a, b):
    """DuckDB divides decimals as binary floats, so quotients may differ in the last digit."""
    a, b = "" if a is None else str(a), "" if b is None else str(b)
    if a.lower() in ("true", "false"):
        return a.lower()[0] == b
    try:
        return abs(Decimal(a) - Decimal(b)) <= Decimal("0.000001")
    except ArithmeticError:
        return a == b


def main(folder):
    os.chdir(folder)
    db = duckdb.connect()
    for name in ["tables.sql", "views.sql", "load.sql"]:
        with open(name, encoding="utf-8") as text:
            db.execute(text.read())
    wrong = 0
    for report in REPORTS:
        got = sorted(([*map(lambda v: "" if v is None else str(v), r)] for r in db.execute(f"SELECT * FROM {report}").fetchall()), key=lambda r: [*r[:2], r[2], r[3]])
        with open(report + ".csv", encoding="utf-8", newline="") as text:
            want = sorted(csv.reader(text), key=lambda r: [*r[:2], r[2], r[3]])
        differ = [(g, w) for g, w in zip(got, want) if len(g) != len(w) or not all(map(same, g, w))]
        print(f"{report} in DuckDB: {len(got)} rows, {len(differ)} differ")
        if differ:
            print("  DuckDB    ", differ[0][0], "\n  PostgreSQL", differ[0][1])
        wrong += len(differ) + abs(len(got) - len(want)) + (not got)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(sys.argv[1])
