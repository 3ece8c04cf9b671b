"""Reads a lake again and again, as a stranger's notebook does, until standard input ends.

reader.py duckdb|pyarrow LAKE prints a line once it has read, and in the end how often it did. It fails on any
error, on a session that is there twice, and on fewer rows than before.
"""

import sys
import threading

kind, lake = sys.argv[1:]
over = threading.Event()


def wait():
    sys.stdin.readline()
    over.set()


def with_duckdb():
    import duckdb

    rows, ids = duckdb.sql(
        f"select count(*), count(distinct session_id) from read_parquet('{lake}/sessions/**/*.parquet')"
    ).fetchall()[0]
    return rows, ids


def with_pyarrow():
    import pyarrow.compute
    import pyarrow.dataset

    column = pyarrow.dataset.dataset(f"{lake}/sessions", format="parquet").to_table(["session_id"])["session_id"]
    return len(column), pyarrow.compute.count_distinct(column).as_py()


threading.Thread(target=wait, daemon=True).start()
read = {"duckdb": with_duckdb, "pyarrow": with_pyarrow}[kind]
reads, most = 0, 0
while not over.is_set() or reads == 0:
    rows, ids = read()
    assert rows == ids, f"{rows - ids} sessions are there twice"
    assert rows >= most, f"{rows} rows, there were {most}"
    most = rows
    reads += 1
    if reads == 1:
        print(f"{rows} rows", flush=True)
print(reads)
