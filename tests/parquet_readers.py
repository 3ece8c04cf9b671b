"""Reads a Parquet file with other engines; the job comes as JSON on stdin, what each read goes as JSON to stdout."""

import datetime
import json
import sys

import duckdb
import polars
import pyarrow.parquet

path = json.load(sys.stdin)["path"]


def plain(value):
    if isinstance(value, datetime.datetime):
        utc = value.astimezone(datetime.timezone.utc)
        return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def told(types, rows):
    rows = [{name: plain(value) for name, value in row.items()} for row in rows]
    return {"types": {name: str(kind) for name, kind in types}, "rows": rows}


frame = polars.read_parquet(path)
table = pyarrow.parquet.read_table(path)
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
# Through Arrow, as DuckDB wants another package for moments of its own.
found = connection.sql("SELECT * FROM read_parquet(?)", params=[path]).to_arrow_table().to_pylist()
described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
footer = pyarrow.parquet.ParquetFile(path).metadata.metadata
footer = {key.decode(): value.decode() for key, value in footer.items()}
answer = {
    "duckdb": told([(name, kind) for name, kind, *_ in described], found),
    "polars": told(frame.schema.items(), frame.to_dicts()),
    "pyarrow": told([(field.name, field.type) for field in table.schema], table.to_pylist()),
    "footer": footer,
}
json.dump(answer, sys.stdout)
