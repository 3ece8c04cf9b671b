"""What a night costs on lakes of different ages: the second `fetch`, a day after the first, and the reports of a week.

Needs python3. From the project's root, after `cargo build --release`:

    python3 benches/nightly.py --program target/release/session-risk --json nightly.json

For each number of days the sandbox makes up as many sessions a day; all but the last day are fetched, then what a day
later is new or may have changed, and reports are made of the last week. Prints a line each, and then a table: requests,
seconds and CPU seconds of the night, and of the reports seconds, the bytes of the day files that they ask for, which are
mapped into memory, and the bytes that they read beside these.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import tempfile

import figures
from export import export, measured, sandbox, version
from lake import END

REPORTS = ["network_risk", "daily_trend", "clusters"]


def bytes_read():
    """Bytes that this process and those that it has waited for have read, from the disk or from its cache."""
    return int(re.search(r"rchar: (\d+)", pathlib.Path("/proc/self/io").read_text())[1])


def fetched(program, lake, now, sessions, days):
    """One run at a moment: seconds, CPU seconds and requests."""
    flags = ["--end", str(END), "--now", str(now)]
    server, url, key = sandbox(program, sessions, *flags, days=days)
    try:
        command, options = export(program, url, key, lake)
        seconds, cpu, _, said = measured(command, **options)
    finally:
        server.kill()
        server.wait()
    requests = int(re.search(r"in ([\d,]+) requests?", said)[1].replace(",", ""))
    return {"seconds": seconds, "cpu": cpu, "requests": requests}


def nights(program, days, sessions_a_day):
    """The first run, the night after it, and the reports."""
    with tempfile.TemporaryDirectory() as folder:
        lake = os.path.join(folder, "lake")
        both = [fetched(program, lake, now, days * sessions_a_day, days) for now in [END - datetime.timedelta(1), END]]
        command = [program, "report", *REPORTS, "--lake", lake, "--last", "7d", "--format", "json"]
        asked = subprocess.run([*command, "--explain"], stdout=subprocess.PIPE, check=True).stdout
        before = bytes_read()
        seconds, _, _, _ = measured([*command, "--output", os.path.join(folder, "out")])
        report = {"seconds": seconds, "files": json.loads(asked)["files"]["bytes"], "beside": bytes_read() - before}
        return {"first": both[0], "night": both[1], "report": report}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions-a-day", type=int, default=2_000)
    arguments.add_argument("--days", type=int, nargs="+", default=[10, 100, 400])
    arguments.add_argument("--json", help="also write all figures into this file")
    options = arguments.parse_args()

    runs, rows = {}, []
    for days in options.days:
        runs[days] = run = nights(options.program, days, options.sessions_a_day)
        first, night, report = run["first"], run["night"], run["report"]
        rows.append(
            [
                f"{days} days",
                f"{first['requests']:,}",
                f"{night['requests']:,}",
                f"{night['seconds']:.2f} s",
                f"{night['cpu']:.2f} s",
                f"{report['seconds']:.2f} s",
                f"{report['files'] / 1e3:,.0f} kB",
                f"{report['beside'] / 1e3:,.0f} kB",
            ]
        )
        print(" · ".join(rows[-1]), flush=True)
    found = {
        "title": "A night",
        "says": f"The second `fetch`, a day after the first, by the age of the lake, {options.sessions_a_day:,} sessions a "
        f"day, from the sandbox on the same machine; and {len(REPORTS)} reports of the last 7 days, with the bytes of the day "
        "files that they ask for and what they read beside them.",
        "versions": [version(options.program), figures.machine()],
        "head": ["lake", "requests at first", "requests", "time", "CPU", "reports", "day files", "beside"],
        "rows": rows,
        "runs": runs,
    }
    figures.tell(found, options.json)


if __name__ == "__main__":
    main()
