"""Runs the micro-benchmarks of `micro.rs` and tells what a session takes: decoding a page, merging a day's rows.

Needs Rust. From the project's root:

    python3 benches/micro.py --json micro.json
"""

import argparse
import json
import pathlib
import subprocess

import figures

ROOT = pathlib.Path(__file__).parent.parent


def target_folder():
    """Where cargo builds, and criterion leaves what it found."""
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    return pathlib.Path(json.loads(told)["target_directory"])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", help="also write all figures into this file")
    options = arguments.parse_args()

    subprocess.run(["cargo", "bench", "--locked", "--bench", "micro"], cwd=ROOT, check=True)
    rows, runs = [], {}
    for path in sorted((target_folder() / "criterion").glob("*/*/new/benchmark.json")):
        benchmark = json.loads(path.read_text())
        median = json.loads(path.with_name("estimates.json").read_text())["median"]
        sessions = benchmark["throughput"]["Elements"]
        low, middle, high = (
            nanoseconds / 1e3 / sessions
            for nanoseconds in (
                median["confidence_interval"]["lower_bound"],
                median["point_estimate"],
                median["confidence_interval"]["upper_bound"],
            )
        )
        name = f"{benchmark['group_id']}: {benchmark['function_id']}"
        rows.append([name, f"{sessions:,}", f"{middle:.2f} µs", f"{low:.2f}–{high:.2f} µs"])
        runs[name] = {"sessions": sessions, "median": median}
    found = {
        "title": "A session",
        "says": "Microseconds a session: medians, and their 95 % confidence intervals. Decoding is of the API's pages into "
        "record batches, on one core; merging reads a day's file, writes it anew and waits for the disk.",
        "versions": [figures.machine(1)],
        "head": ["benchmark", "sessions", "a session", "95 %"],
        "rows": rows,
        "runs": runs,
    }
    figures.tell(found, options.json)


if __name__ == "__main__":
    main()
