"""Runs SQL over day files in polars for Python, and tells what each query took: as duckdb_sql.py does.

Its version is another one than the program's; SQL that it refuses has no seconds.
"""

import datetime
import json
import sys
import time

import polars as pl

job = json.load(sys.stdin)
told = []
for query in job["queries"]:
    began = time.monotonic()
    scan = pl.scan_parquet(query["files"], hive_partitioning=True)
    naive = scan.with_columns(pl.selectors.datetime(time_zone="*").dt.replace_time_zone(None))
    in_range = pl.col("created_date") >= datetime.date.fromisoformat(query["since"])
    context = pl.SQLContext(sessions=naive.with_columns(in_range=in_range))
    try:
        answer = context.execute(query["sql"]).collect(engine="streaming")
        answer.write_parquet(f"{job['folder']}/{query['name']}.parquet")
        seconds = time.monotonic() - began
    except pl.exceptions.PolarsError:
        seconds = None
    told.append({"name": query["name"], "seconds": seconds})
json.dump({"version": f"polars for Python {pl.__version__}", "queries": told}, sys.stdout)
