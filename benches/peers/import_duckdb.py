"""JSON lines into one Parquet file a day by DuckDB. Arguments: file, folder, threads. Prints the version."""

import sys

import duckdb

from columns import BOOLEANS, MOMENTS, NUMBERS, RELATIONSHIPS, TEXTS, column

file, folder, threads = sys.argv[1:4]


def struct(fields):
    return "STRUCT(" + ", ".join(f'"{name}" {kind}' for name, kind in fields) + ")"


kinds = [(MOMENTS, "TIMESTAMPTZ"), (TEXTS, "VARCHAR"), (BOOLEANS, "BOOLEAN"), (NUMBERS, "DOUBLE")]
attributes = struct((name, kind) for names, kind in kinds for name in names)
relationships = struct((name, 'STRUCT("data" STRUCT(id VARCHAR))') for name in RELATIONSHIPS)
columns = f"{{id: 'VARCHAR', attributes: '{attributes}', relationships: '{relationships}'}}"
chosen = [
    "id AS session_id",
    *(f'relationships."{name}"."data".id AS {name}_id' for name in RELATIONSHIPS),
    *(f'attributes."{name}" AS {column(name)}' for names, _ in kinds for name in names),
    'CAST(attributes."created-at" AT TIME ZONE \'UTC\' AS DATE) AS created_date',
]
connection = duckdb.connect(config={"threads": threads, "preserve_insertion_order": False})
connection.execute("SET TimeZone = 'UTC'")
connection.execute(
    f"COPY (SELECT {', '.join(chosen)} FROM read_json('{file}', format = 'newline_delimited', columns = {columns})) "
    f"TO '{folder}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (created_date))"
)
print(f"DuckDB {duckdb.__version__}")
