"""Shows why the day files are encoded as they are: the same days written in other ways, and reports over each.

Needs python3 with the packages of `requirements.txt`. From the project's root, after `cargo build --release`:

    python3 benches/files.py --program target/release/session-risk --json files.json

A lake of 100,000 sessions a day is made and kept. Each way of writing rewrites its files with pyarrow, the one that the
program has chosen too, and all reports are computed over them, in turn. Prints a line a run, and then a table: bytes,
seconds of one core to write them, and seconds of the reports, with the ratio to the chosen way's in the same run.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import tempfile
import time

import pyarrow
import pyarrow.parquet as pq

import figures
from export import measured, version
from lake import END, lake_of

UNIQUE = ["session_id", "inquiry_id", "device_id", "network_id", "ip_address"]
MOMENTS = ["created_at", "started_at", "expired_at"]
# As `src/lake/writer.rs` has it: zstd of level 1, 128 Ki rows a group, newest first, no dictionary of what hardly repeats,
# moments as differences.
CHOSEN = {
    "compression": "zstd",
    "compression_level": 1,
    "row_group_size": 1 << 17,
    "plain": UNIQUE,
    "deltas": MOMENTS,
    "by": None,
}
WAYS = {
    "as chosen": {},
    "zstd level 3": {"compression_level": 3},
    "zstd level 9": {"compression_level": 9},
    "snappy": {"compression": "snappy", "compression_level": None},
    "not compressed": {"compression": "none", "compression_level": None},
    "row groups of 16 Ki rows": {"row_group_size": 1 << 14},
    "dictionaries of moments": {"deltas": []},
    "dictionaries of all columns": {"plain": [], "deltas": []},
    "no dictionaries, moments as they are": {"plain": None, "deltas": []},
    "ordered by device": {"by": "device_id"},
}


def write(table, path, compression, compression_level, row_group_size, plain, deltas, by):
    """Writes a day's rows in one of the ways."""
    table = table.sort_by(by) if by else table
    without = table.column_names if plain is None else [*plain, *deltas]
    dictionaries = [name for name in table.column_names if name not in without]
    pq.write_table(
        table,
        path,
        compression=compression,
        compression_level=compression_level,
        row_group_size=row_group_size,
        use_dictionary=dictionaries or False,
        column_encoding={name: "DELTA_BINARY_PACKED" for name in deltas},
        store_schema=False,
    )


def rewritten(lake, way, folder):
    """A copy of the lake in one of the ways: bytes of its day files, and seconds that it took to write them."""
    shutil.copytree(lake / "_session_risk", folder / "_session_risk")
    seconds = 0
    for path in sorted(lake.glob("sessions/*/*.parquet")):
        target = folder / path.relative_to(lake)
        target.parent.mkdir(parents=True)
        table = pq.ParquetFile(path).read()
        began = time.process_time()
        write(table, target, **{**CHOSEN, **way})
        seconds += time.process_time() - began
    return sum(path.stat().st_size for path in folder.glob("sessions/*/*.parquet")), seconds


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions", type=int, default=1_000_000)
    arguments.add_argument("--days", type=int, default=10)
    arguments.add_argument("--lake", default=os.path.expanduser("~/.cache/session-risk/bench-days"))
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--json", help="also write all figures into this file")
    options = arguments.parse_args()

    lake = lake_of(options.program, options.lake, options.sessions, options.days)
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        for at, (name, way) in enumerate(WAYS.items()):
            folder = scratch / f"lake-{at}"
            size, writing = rewritten(lake, way, folder)
            found[name] = {"lake": str(folder), "bytes": size, "writing": writing, "reports": []}
        for number in range(options.runs):
            for name, one in found.items():
                days = ["--last", f"{options.days}d", "--until", str(END)]
                command = [options.program, "report", "--lake", one["lake"], *days, "--format", "parquet"]
                seconds, _, _, _ = measured([*command, "--output", str(scratch / "out")])
                one["reports"].append(seconds)
                print(f"run {number + 1}: {name}: {one['bytes'] / 1e6:.0f} MB, reports {seconds:.2f} s", flush=True)
    chosen = found["as chosen"]
    rows = []
    for name, one in found.items():
        ratio = statistics.median(seconds / own for seconds, own in zip(one["reports"], chosen["reports"]))
        rows.append(
            [
                name,
                f"{one['bytes'] / 1e6:.1f} MB",
                f"{one['bytes'] / chosen['bytes']:.2f}",
                f"{one['writing']:.1f} s",
                f"{statistics.median(one['reports']):.2f} s",
                f"{ratio:.2f}",
            ]
        )
    figures.tell(
        {
            "title": "Encoding of the day files",
            "says": f"{options.sessions:,} sessions of {options.days} days, rewritten by pyarrow in other ways than the one "
            "chosen, and all reports over them: medians, and ratios to the chosen way in the same run.",
            "versions": [version(options.program), f"pyarrow {pyarrow.__version__}", figures.machine()],
            "head": ["way", "size", "to chosen", "writing", "reports", "to chosen"],
            "rows": rows,
            "runs": found,
        },
        options.json,
    )


if __name__ == "__main__":
    main()
