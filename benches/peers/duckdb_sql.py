"""Runs SQL over day files in DuckDB, and tells what each query took: the job comes as JSON on stdin, see reports.py.

The table `sessions` is set up as the program sets it up: timestamps as naive UTC, `created_date`, `in_range`.
"""

import json
import sys
import time

import duckdb

job = json.load(sys.stdin)
connection = duckdb.connect(config={"threads": job["threads"]})


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


told = []
for query in job["queries"]:
    began = time.monotonic()
    files = "[" + ", ".join(map(quoted, query["files"])) + "]"
    source = f"read_parquet({files}, hive_partitioning = true, hive_types = {{'created_date': DATE}})"
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    moments = [name for name, kind, *_ in described if kind == "TIMESTAMP WITH TIME ZONE"]
    naive = ", ".join(f'epoch_ms(epoch_ms("{name}")) AS "{name}"' for name in moments)
    in_range = f"created_date >= DATE {quoted(query['since'])} AS in_range"
    connection.execute(f"CREATE OR REPLACE VIEW sessions AS SELECT * REPLACE ({naive}), {in_range} FROM {source}")
    answer = quoted(f"{job['folder']}/{query['name']}.parquet")
    connection.execute(f"COPY ({query['sql']}) TO {answer} (FORMAT parquet)")
    told.append({"name": query["name"], "seconds": time.monotonic() - began})
json.dump({"version": f"DuckDB {duckdb.__version__}", "queries": told}, sys.stdout)
