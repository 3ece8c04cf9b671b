"""Times the export against its peers: whole processes, in turn, over one sandbox; ratios of each pair in one run.

Needs python3 with the packages of `requirements.txt`. From the project's root, after `cargo build --release`:

    python3 benches/export.py --program target/release/session-risk

Prints a line a run and then a table: median seconds, CPU seconds and peak memory of each, and the median ratio. The run
of a pair that comes first does not count, unless it is the only one.
"""

import argparse
import importlib.metadata
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import figures

PEERS = pathlib.Path(__file__).parent / "peers"
# What the sandbox does, the script, its flags, and whether it takes minutes.
PAIRS = {
    "bare socket": ("5 ms a reply", "bare_socket.py", ["--latency", "5ms"], False),
    "requests + pyarrow": ("no delay", "requests_pyarrow.py", [], False),
    "dlt rest_api": ("no delay", "dlt_rest_api.py", [], True),
}


def measured(command, **options):
    """Runs a command to its end: seconds, CPU seconds, peak memory in MB, and what it printed."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}:\n{output}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.strip()


def version(program):
    return subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def sandbox(program, sessions, *flags, days=90):
    shown = ["--sessions", str(sessions), "--days", str(days)]
    command = [program, "sandbox", *shown, "--limit", "off", "--no-gzip", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    url = key = None
    while not (url and key):
        for word in process.stdout.readline().split():
            url = word if word.startswith("http://") else url
            key = word if word.startswith("persona_") else key
    return process, url, key


def export(program, url, key, folder):
    command = [program, "fetch", "--lake", folder, "--base-url", url, "--max-rate", "100000000"]
    return command, {"env": {**os.environ, "PERSONA_API_KEY": key}}


def pair(program, sessions, runs, name, peer, flags):
    """Both in turn, `runs` times after one that does not count. Gives the counted runs, ours and theirs."""
    server, url, key = sandbox(program, sessions, *flags)
    counted = []
    try:
        for run in range(runs + 1 if runs > 1 else 1):
            both = []
            for is_peer in [False, True]:
                folder = tempfile.mkdtemp()
                try:
                    if is_peer:
                        command, options = [sys.executable, str(PEERS / peer), url, key, folder], {}
                    else:
                        command, options = export(program, url, key, os.path.join(folder, "lake"))
                    seconds, cpu, memory, output = measured(command, **options)
                finally:
                    shutil.rmtree(folder)
                who, last = peer if is_peer else "session-risk", output.splitlines()[-1]
                print(f"{name}: {who}: {seconds:.2f} s, {cpu:.2f} CPU, {memory:.0f} MB: {last}", flush=True)
                both.append({"seconds": seconds, "cpu": cpu, "memory": memory, "said": last})
            if run > 0 or runs == 1:
                counted.append(both)
    finally:
        server.kill()
        server.wait()
    return counted


def lines(name, peer, runs, sessions):
    """The two lines of the table for a pair."""
    for at, who in enumerate(["session-risk", peer]):
        middle = lambda what: statistics.median(both[at][what] for both in runs)
        ratio = lambda what: statistics.median(both[at][what] / both[0][what] for both in runs)
        yield [
            f"{name}: {who}",
            f"{middle('seconds'):.2f} s",
            f"{ratio('seconds'):.2f}",
            f"{middle('cpu') * 1e6 / sessions:.1f} µs",
            f"{ratio('cpu'):.2f}",
            f"{middle('memory'):.0f} MB",
        ]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions", type=int, default=200_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--peers", nargs="*", choices=PAIRS, default=list(PAIRS))
    arguments.add_argument("--json", help="also write all figures into this file")
    options = arguments.parse_args()

    packages = [f"{name} {importlib.metadata.version(name)}" for name in ["requests", "pyarrow", "dlt"]]
    rows, runs = [], {}
    for peer in options.peers:
        name, script, flags, is_slow = PAIRS[peer]
        found = pair(options.program, options.sessions, 1 if is_slow else options.runs, name, script, flags)
        rows += lines(name, peer, found, options.sessions)
        runs[peer] = found
    found = {
        "title": "Export",
        "says": f"`fetch` of {options.sessions:,} sessions from the sandbox on the same machine, no gzip, and peers that "
        "follow the same cursors: medians of whole processes, and ratios to session-risk in the same run.",
        "versions": [version(options.program), *packages, figures.machine()],
        "head": ["", "time", "to ours", "CPU a session", "to ours", "memory"],
        "rows": rows,
        "runs": runs,
    }
    figures.tell(found, options.json)


if __name__ == "__main__":
    main()
