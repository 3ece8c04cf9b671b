"""Times every report over a large lake against DuckDB and polars for Python: the same SQL on the same files, two cores.

Needs python3 with the packages of `requirements.txt`. From the project's root, after `cargo build --release`:

    python3 benches/reports.py --program target/release/session-risk --json reports.json

The lake is made first where it is not there, and kept. In each run every report goes through each program in turn, in a
process of its own, and then all of them through each program in one process. Prints a line each, and then a table: median
seconds, peak memory, and the median of the runs' ratios. Seconds are the whole process for session-risk, which also
computes the rates; for the peers they are without Python's start. Each writes its answers as Parquet files. A peer may
refuse the SQL. Of a report with a named step (`-- then:`) the peers run the SQL only, and the table marks it.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import figures
from export import PEERS, measured
from lake import END, lake_of

ROOT = pathlib.Path(__file__).parent.parent
PEER_SCRIPTS = {"duckdb": "duckdb_sql.py", "polars": "polars_sql.py"}
THREADS = 2
ALL = "all in one process"


def said(command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def reports_of(program, flags, names):
    """What each report runs and reads: its name, SQL and files, and whether a step follows the SQL."""
    explained = json.loads(said([program, "report", *names, *flags, "--explain", "--format", "json"]))
    files, before, since = explained["files"]["paths"], explained["files_before"]["paths"], explained["range"]["since"]
    print(f"{explained['files']['count']} day files, {explained['files']['bytes'] / 1e6:.0f} MB")
    reports = []
    for report in explained["reports"]:
        header = (ROOT / "queries" / f"{report['name']}.sql").read_text().split("\n\n")[0]
        stepped = re.search(r"^-- then:", header, re.MULTILINE) is not None
        first = datetime.date.fromisoformat(since) - datetime.timedelta(days=report["days_before"])
        read = [path for path in before if re.search(r"created_date=([\d-]+)", path)[1] >= first.isoformat()] + files
        reports.append({"name": report["name"], "sql": report["sql"], "files": read, "since": since, "stepped": stepped})
    return reports


def own_versions(program):
    """The program's and that of the query engine in it."""
    locked = re.search(r'name = "polars"\nversion = "([^"]+)"', (ROOT / "Cargo.lock").read_text())
    return {f"{said([program, '--version']).strip()} with polars crate {locked[1]}"}


def ours(program, flags, names):
    """Seconds and MB of a process that gives these reports."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, _, memory, _ = measured([program, "report", *names, *flags, "--format", "parquet", "--output", folder])
    return {"seconds": seconds, "memory": memory}


def theirs(peer, reports):
    """The same for a peer, and its version."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as job:
        job.write(json.dumps({"threads": THREADS, "folder": folder, "queries": reports}).encode())
        job.seek(0)
        _, _, memory, output = measured([sys.executable, str(PEERS / PEER_SCRIPTS[peer])], stdin=job)
    told = json.loads(output.splitlines()[-1])
    seconds = [query["seconds"] for query in told["queries"]]
    # Without one of them the sum says nothing.
    return {"seconds": None if None in seconds else sum(seconds), "memory": memory, "version": told["version"]}


def row(name, runs, peers):
    """The medians of one line of the table; none of a peer that refuses."""
    line = {"name": name}
    for who in ["session-risk", *peers]:
        parts = [(run[who]["seconds"], run[who]["memory"], run["session-risk"]["seconds"]) for run in runs]
        if any(seconds is None for seconds, _, _ in parts):
            line[who] = None
            continue
        parts = [(seconds, memory, own / seconds) for seconds, memory, own in parts]
        line[who] = dict(zip(["seconds", "memory", "ratio"], map(statistics.median, zip(*parts))))
    return line


def cells(line, peers):
    """A line of the table."""
    told = [line["name"]]
    for who in ["session-risk", *peers]:
        part = line[who]
        told += [f"{part['seconds']:.2f} s", f"{part['memory']:.0f} MB"] if part else ["refused", ""]
        if who != "session-risk":
            told.append(f"{part['ratio']:.2f}" if part else "")
    return told


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions", type=int, default=10_000_000)
    arguments.add_argument("--days", type=int, default=100)
    arguments.add_argument("--lake", default=os.path.expanduser("~/.cache/session-risk/bench-lake"))
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--peers", nargs="*", choices=PEER_SCRIPTS, default=list(PEER_SCRIPTS))
    arguments.add_argument("--reports", nargs="*", default=[], help="only these")
    arguments.add_argument("--json", help="also write all figures into this file")
    options = arguments.parse_args()

    lake = lake_of(options.program, options.lake, options.sessions, options.days)
    # As many cores for each, on whichever machine.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    flags = ["--lake", str(lake), "--last", f"{options.days}d", "--until", str(END)]
    reports = reports_of(options.program, flags, options.reports)
    parts = [(report["name"] + (" (SQL only)" if report["stepped"] else ""), [report]) for report in reports]
    runs, versions = {}, own_versions(options.program)
    for number in range(options.runs):
        for name, part in [*parts, (ALL, reports)]:
            names = [report["name"] for report in part]
            run = {"session-risk": ours(options.program, flags, names)}
            run |= {peer: theirs(peer, part) for peer in options.peers}
            versions |= {run[peer].pop("version") for peer in options.peers}
            runs.setdefault(name, []).append(run)
            seconds = lambda it: "refused" if it["seconds"] is None else f"{it['seconds']:.2f} s"
            told = ", ".join(f"{who} {seconds(it)} {it['memory']:.0f} MB" for who, it in run.items())
            print(f"run {number + 1}, load {os.getloadavg()[0]:.1f}: {name}: {told}", flush=True)

    rows = [row(name, of_one, options.peers) for name, of_one in runs.items()]
    found = {
        "title": "Reports",
        "says": f"Each report over {options.sessions:,} sessions of {options.days} days, and all of them in one process: "
        f"medians of {options.runs} runs, and of the runs' ratios of our time to a peer's. Ours is the whole process "
        "with rates, the peers' without Python's start; of a report with a step they run the SQL only. Each writes its "
        "answers as Parquet.",
        "versions": [*sorted(versions), figures.machine(THREADS)],
        "head": ["report", "time", "memory", *(word for peer in options.peers for word in (peer, "memory", "ratio"))],
        "rows": [cells(line, options.peers) for line in rows],
        "runs": runs,
    }
    figures.tell(found, options.json)


if __name__ == "__main__":
    main()
