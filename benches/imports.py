"""Times `import` against other readers of JSON lines: the same sessions into one Parquet file a day, two cores.

Needs python3 with the packages of `requirements.txt`. From the project's root, after `cargo build --release`:

    python3 benches/imports.py --program target/release/session-risk --json imports.json

The file of sessions is made first where it is not there, and kept. In each run each program goes over it in turn, in a
process of its own. The peers are told the attributes' types, know no unknown ones, and neither sort the rows nor join them
with stored ones. Prints a line a run, and then a table: median seconds, CPU seconds and peak memory, and the median of
the runs' ratios.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

import figures
from export import PEERS, measured, sandbox, version
from lake import pages

SCRIPTS = {"polars": "import_polars.py", "duckdb": "import_duckdb.py", "pyarrow": "import_pyarrow.py"}
THREADS = 2
DAYS = 100


def lines_of(program, folder, sessions):
    """The file of JSON lines with so many sessions; made if it is not there."""
    path = pathlib.Path(folder) / f"sessions-{sessions}.jsonl"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    server, url, key = sandbox(program, sessions, days=DAYS)
    partial = path.with_suffix(".partial")
    try:
        with partial.open("w") as lines:
            for body in pages(url, key):
                for resource in json.loads(body)["data"]:
                    lines.write(json.dumps(resource, separators=(",", ":"), ensure_ascii=False) + "\n")
    finally:
        server.kill()
        server.wait()
    partial.rename(path)
    return path


def imported(program, who, file):
    """Seconds, CPU seconds and peak MB of one import, and which version did it."""
    folder = tempfile.mkdtemp()
    try:
        if who == "session-risk":
            command = [program, "import", str(file), "--lake", os.path.join(folder, "lake")]
        else:
            command = [sys.executable, str(PEERS / SCRIPTS[who]), str(file), folder, str(THREADS)]
        seconds, cpu, memory, output = measured(command)
        files = list(pathlib.Path(folder).rglob("created_date=*/*.parquet"))
        size = sum(path.stat().st_size for path in files)
    finally:
        shutil.rmtree(folder)
    version = "" if who == "session-risk" else output.splitlines()[-1]
    return {"seconds": seconds, "cpu": cpu, "memory": memory, "files": len(files), "bytes": size, "version": version}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions", type=int, default=1_000_000)
    arguments.add_argument("--folder", default=os.path.expanduser("~/.cache/session-risk/bench-lines"))
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--peers", nargs="*", choices=SCRIPTS, default=list(SCRIPTS))
    arguments.add_argument("--json", help="also write all figures into this file")
    options = arguments.parse_args()

    file = lines_of(options.program, options.folder, options.sessions)
    # As many cores for each, on whichever machine.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    everyone = ["session-risk", *options.peers]
    runs = []
    for number in range(options.runs + 1):
        run = {who: imported(options.program, who, file) for who in everyone}
        told = (f"{who} {it['seconds']:.2f} s {it['cpu']:.2f} CPU {it['memory']:.0f} MB" for who, it in run.items())
        print(f"run {number}{'' if number else ' (does not count)'}: {', '.join(told)}", flush=True)
        runs += [run] if number else []
    peers = [runs[0][peer]["version"] for peer in options.peers]
    rows = []
    for who in everyone:
        middle = lambda what: statistics.median(run[who][what] for run in runs)
        ratio = statistics.median(run[who]["seconds"] / run["session-risk"]["seconds"] for run in runs)
        seconds, cpu, memory = f"{middle('seconds'):.2f} s", f"{middle('cpu'):.2f} s", f"{middle('memory'):.0f} MB"
        rows.append([who, seconds, f"{ratio:.2f}", cpu, memory, f"{middle('files'):.0f}", f"{middle('bytes') / 1e6:.0f} MB"])
    found = {
        "title": "Import",
        "says": f"{options.sessions:,} sessions as JSON lines ({file.stat().st_size / 1e6:,.0f} MB) into one Parquet file a "
        "day: medians of whole processes, and ratios to session-risk in the same run. The peers are told the types, "
        "and neither sort the rows nor keep what they do not know.",
        "versions": [version(options.program), *peers, figures.machine(THREADS)],
        "head": ["", "time", "to ours", "CPU", "memory", "files", "size"],
        "rows": rows,
        "runs": runs,
    }
    figures.tell(found, options.json)


if __name__ == "__main__":
    main()
