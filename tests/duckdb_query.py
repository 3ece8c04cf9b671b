"""Runs one query in DuckDB over day files; the job comes as JSON on stdin, the rows go as JSON to stdout.

The table `sessions` is set up as every engine sets it up: timestamps as naive UTC, `created_date` from the path,
`in_range` from the range's first day. Sessions of the networks in `without`, each with its last day or null, are left
out of it.
"""

import datetime
import decimal
import ipaddress
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
connection.execute(f"CREATE VIEW every_session AS SELECT *, {in_range} FROM (SELECT {columns} FROM {source})")

networks = [(ipaddress.ip_network(network), last) for network, last in job.get("without", [])]


def is_left_out(text, day):
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network and (last is None or day.isoformat() <= last) for network, last in networks)


connection.execute("CREATE TABLE left_out (ip_address VARCHAR, created_date DATE)")
if networks:
    seen = connection.execute("SELECT DISTINCT ip_address, created_date FROM every_session WHERE ip_address IS NOT NULL")
    for row in seen.fetchall():
        if is_left_out(*row):
            connection.execute("INSERT INTO left_out VALUES (?, ?)", row)
connection.execute(
    "CREATE VIEW sessions AS SELECT * FROM every_session WHERE NOT EXISTS (SELECT 1 FROM left_out"
    " WHERE left_out.ip_address = every_session.ip_address AND left_out.created_date = every_session.created_date)"
)


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
