"""JSON lines into one Parquet file a day by polars, streaming. Arguments: file, folder, threads. Prints the version."""

import os
import sys

file, folder, threads = sys.argv[1:4]
os.environ["POLARS_MAX_THREADS"] = threads

import polars as pl

from columns import BOOLEANS, MOMENTS, NUMBERS, RELATIONSHIPS, TEXTS, column

kinds = [(MOMENTS + TEXTS, pl.String), (BOOLEANS, pl.Boolean), (NUMBERS, pl.Float64)]
attributes = pl.Struct({name: kind for names, kind in kinds for name in names})
linked = pl.Struct({"data": pl.Struct({"id": pl.String})})
relationships = pl.Struct({name: linked for name in RELATIONSHIPS})
schema = {"id": pl.String, "attributes": attributes, "relationships": relationships}
attribute, relationship = pl.col("attributes").struct.field, pl.col("relationships").struct.field
moment = lambda name: attribute(name).str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="ms", time_zone="UTC")
sessions = pl.scan_ndjson(file, schema=schema).select(
    pl.col("id").alias("session_id"),
    *(relationship(name).struct.field("data").struct.field("id").alias(f"{name}_id") for name in RELATIONSHIPS),
    *(moment(name).alias(column(name)) for name in MOMENTS),
    *(attribute(name).alias(column(name)) for name in BOOLEANS + NUMBERS + TEXTS),
    attribute("created-at").str.slice(0, 10).alias("created_date"),
)
target = pl.PartitionBy(folder, key="created_date", include_key=False)
sessions.sink_parquet(target, compression="zstd", compression_level=1, mkdir=True, engine="streaming")
print(f"polars for Python {pl.__version__}")
