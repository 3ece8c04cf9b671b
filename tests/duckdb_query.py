"""Runs one query in DuckDB over day files; the job comes as JSON on stdin, the rows go as JSON to stdout.

The table `sessions` is set up as every engine sets it up: timestamps as naive UTC, `created_date` from the path,
`in_range` from the range's first day.
"""

import datetime
import decimal
import json
import math
import sys

import duckdb

job = json.load(sys.stdin)
connection = duckdb.connect()


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


if job["files"]:
    files = "[" + ", ".join(map(quoted, job["files"])) + "]"
    source = f"read_parquet({files}, hive_partitioning = true, hive_types = {{'created_date': DATE}})"
    columns = "*"
else:
    # No day at all: the columns come from a file without rows.
    source = f"read_parquet({quoted(job['no_rows'])}, hive_partitioning = false)"
    columns = "*, DATE '1970-01-01' AS created_date"
described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
moments = [name for name, kind, *_ in described if kind == "TIMESTAMP WITH TIME ZONE"]
naive = ", ".join(f'epoch_ms(epoch_ms("{name}")) AS "{name}"' for name in moments)
columns = columns.replace("*", f"* REPLACE ({naive})", 1)
in_range = f"created_date >= DATE {quoted(job['since'])} AS in_range"
connection.execute(f"CREATE VIEW sessions AS SELECT *, {in_range} FROM (SELECT {columns} FROM {source})")


def plain(value):
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="milliseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


result = connection.execute(job["sql"])
names = [column[0] for column in result.description]
rows = [[plain(value) for value in row] for row in result.fetchall()]
json.dump({"columns": names, "rows": rows, "version": duckdb.__version__}, sys.stdout)
