"""Times the export against its peers: whole processes, in turn, over one sandbox; ratios of each pair in one run.

Needs python3 with requests and pyarrow. From the project's root, after `cargo build --release`:

    python3 benches/export.py --program target/release/session-risk

Prints a line a run and then a table: median seconds, CPU seconds and peak memory of each, and the median ratio.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PEERS = pathlib.Path(__file__).parent / "peers"


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
    """Both in turn, `runs` times after one that does not count. Gives a row of the table."""
    server, url, key = sandbox(program, sessions, *flags)
    ours, theirs = [], []
    try:
        for run in range(runs + 1):
            for results, is_peer in [(ours, False), (theirs, True)]:
                folder = tempfile.mkdtemp()
                try:
                    if is_peer:
                        command, options = [sys.executable, str(PEERS / peer), url, key, folder], {}
                    else:
                        command, options = export(program, url, key, os.path.join(folder, "lake"))
                    seconds, cpu, memory, output = measured(command, **options)
                finally:
                    shutil.rmtree(folder)
                who = peer if is_peer else "session-risk"
                print(f"{name}: {who}: {seconds:.2f} s, {cpu:.2f} CPU, {memory:.0f} MB: {output.splitlines()[-1]}")
                if run > 0:
                    results.append((seconds, cpu, memory))
    finally:
        server.kill()
        server.wait()
    ratio = statistics.median(our[0] / their[0] for our, their in zip(ours, theirs))
    medians = [[statistics.median(column) for column in zip(*results)] for results in (ours, theirs)]
    return name, peer, medians, ratio


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions", type=int, default=200_000)
    arguments.add_argument("--runs", type=int, default=3)
    options = arguments.parse_args()
    common = (options.program, options.sessions, options.runs)
    rows = [
        pair(*common, "5 ms a reply", "bare_socket.py", ["--latency", "5ms"]),
        pair(*common, "no delay", "requests_pyarrow.py", []),
    ]
    print(f"\n{options.sessions} sessions, medians of {options.runs} runs: seconds, CPU seconds, MB")
    for name, peer, medians, ratio in rows:
        ours, theirs = ("{:.2f} s {:.2f} CPU {:.0f} MB".format(*median) for median in medians)
        print(f"{name:<14} session-risk {ours} | {peer} {theirs} | time {ratio:.2f}x of the peer's")


if __name__ == "__main__":
    main()
