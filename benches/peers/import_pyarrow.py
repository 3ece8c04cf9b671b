"""JSON lines into one Parquet file a day by pyarrow. Arguments: file, folder, threads. Prints the version."""

import sys

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.json as pj

from columns import BOOLEANS, MOMENTS, NUMBERS, RELATIONSHIPS, TEXTS, column

file, folder, threads = sys.argv[1:4]
pa.set_cpu_count(int(threads))
kinds = [(MOMENTS, pa.timestamp("ms")), (TEXTS, pa.string()), (BOOLEANS, pa.bool_()), (NUMBERS, pa.float64())]
attributes = pa.struct([(name, kind) for names, kind in kinds for name in names])
linked = pa.struct([("data", pa.struct([("id", pa.string())]))])
relationships = pa.struct([(name, linked) for name in RELATIONSHIPS])
schema = pa.schema([("id", pa.string()), ("attributes", attributes), ("relationships", relationships)])
options = pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
table = pj.read_json(file, read_options=pj.ReadOptions(block_size=8 << 20), parse_options=options)
columns = {"session_id": table["id"]}
for name in RELATIONSHIPS:
    columns[f"{name}_id"] = pc.struct_field(table["relationships"], [name, "data", "id"])
for name in MOMENTS + TEXTS + BOOLEANS + NUMBERS:
    columns[column(name)] = pc.struct_field(table["attributes"], name)
columns["created_date"] = pc.strftime(columns["created_at"], "%Y-%m-%d")
ds.write_dataset(
    pa.table(columns),
    folder,
    format="parquet",
    file_options=ds.ParquetFileFormat().make_write_options(compression="zstd", compression_level=1),
    partitioning=ds.partitioning(pa.schema([("created_date", pa.string())]), flavor="hive"),
    existing_data_behavior="overwrite_or_ignore",
)
print(f"pyarrow {pa.__version__}")
