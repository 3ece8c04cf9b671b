"""Shows that the memory of an export does not grow with the history: peak memory of `fetch` over days of the same size.

Needs python3. From the project's root, after `cargo build --release`:

    python3 benches/memory.py --program target/release/session-risk --json memory.json

For each number of days the sandbox makes up so many sessions a day, and the whole of them is fetched several times, in
turn. Prints a line a run, then the medians, and how they stand to the first.
"""

import argparse
import os
import shutil
import statistics
import tempfile

import figures
from export import export, measured, sandbox, version


def fetched(program, url, key):
    """Seconds and peak memory in MB of one export of everything."""
    folder = tempfile.mkdtemp()
    try:
        command, options = export(program, url, key, os.path.join(folder, "lake"))
        seconds, _, memory, _ = measured(command, **options)
    finally:
        shutil.rmtree(folder)
    return {"seconds": seconds, "memory": memory}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions-a-day", type=int, default=20_000)
    arguments.add_argument("--days", type=int, nargs="+", default=[10, 100])
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--json", help="also write all figures into this file")
    options = arguments.parse_args()

    runs = {}
    for days in options.days:
        sessions = days * options.sessions_a_day
        server, url, key = sandbox(options.program, sessions, days=days)
        try:
            for _ in range(options.runs):
                run = fetched(options.program, url, key)
                runs.setdefault(sessions, []).append(run)
                print(f"{sessions} sessions of {days} days: {run['seconds']:.1f} s, {run['memory']:.0f} MB", flush=True)
        finally:
            server.kill()
            server.wait()
    medians = {sessions: statistics.median(run["memory"] for run in of_one) for sessions, of_one in runs.items()}
    first = next(iter(medians.values()))
    found = {
        "title": "Memory over size",
        "says": f"Peak memory of `fetch`, {options.sessions_a_day:,} sessions a day: medians of {options.runs} runs.",
        "versions": [version(options.program), figures.machine()],
        "head": ["sessions", "memory", "to the first"],
        "rows": [[f"{sessions:,}", f"{memory:.0f} MB", f"{memory / first:.2f}"] for sessions, memory in medians.items()],
        "runs": runs,
    }
    figures.tell(found, options.json)


if __name__ == "__main__":
    main()
