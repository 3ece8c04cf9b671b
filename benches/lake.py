"""Makes a lake of made-up sessions of any size, for the benchmarks.

The sandbox makes them up, some days at a time, since it keeps what it shows in memory; their pages are imported. So the
day files are those that the program itself writes, and the same flags give the same sessions. It takes about a minute
for a million.

    python3 benches/lake.py --program target/release/session-risk --sessions 10000000 --days 100 bench-lake
"""

import argparse
import datetime
import http.client
import json
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

from export import sandbox

END = datetime.date(2026, 11, 20)
# About this many sessions are made up at once, with two gigabytes of memory.
AT_ONCE = 1_000_000
NEXT = re.compile(rb'"next":"[^"]*after%5D=([^"]+)"\}\}$')


def pages(url, key):
    """The bodies of all pages, one after another."""
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port)
    after = ""
    while after is not None:
        path = f"{place.path}/inquiry-sessions?page%5Bsize%5D=100{after}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status} {body[:200]}")
        yield body
        cursor = NEXT.search(body[-200:])
        after = "&page%5Bafter%5D=" + cursor[1].decode() if cursor else None


def apart(body, seed):
    """A page with more addresses: a home's is its device's own, a carrier's its seed's, as people are.

    The sandbox has some 80,000 for them, which is few for ten million sessions: each home would be that of dozens.
    """
    pieces, done = [], 0
    at = body.find(b'"198.1')
    while at >= 0:
        if body.startswith(b"9", at + 6):
            block = b'"100.%d.' % (64 + seed % 64)
        else:
            # The last letter of the device's id, which stands behind the attributes.
            block = b'"10.%d.' % ((seed + body[body.find(b'"dev_', at) + 28]) % 256)
        pieces += [body[done:at], block]
        done = at + len('"198.18.')
        at = body.find(b'"198.1', done)
    return b"".join([*pieces, body[done:]])


def fill(program, lake, seed, sessions, days, end):
    """Imports so many sessions of so many days, of which `end` is the last."""
    server, url, key = sandbox(program, sessions, "--seed", str(seed), "--end", str(end), days=days)
    try:
        command = [program, "import", "-", "--lake", str(lake), "--fetched-at", f"{END + datetime.timedelta(1)}T00:00:00Z"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as run:
            for body in pages(url, key):
                run.stdin.write(apart(body, seed))
        if run.returncode != 0:
            sys.exit(f"{command} ended with {run.returncode}")
    finally:
        server.kill()
        server.wait()


def lake_of(program, folder, sessions, days):
    """The lake in this folder; made if it is not there, or is another one."""
    folder = pathlib.Path(folder)
    asked = {"version": 3, "sessions": sessions, "days": days, "end": str(END)}
    note = folder / "bench.json"
    if note.exists() and json.loads(note.read_text()) == asked:
        return folder
    if folder.exists() and not note.exists():
        sys.exit(f"{folder} is something other than a lake of the benchmarks")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    note.write_text("{}")
    done = left = 0
    for seed in range(1, days + 1):
        if left >= days:
            break
        chunk = min(max(1, days * AT_ONCE // sessions), days - left)
        share = sessions * (left + chunk) // days - done
        fill(program, folder, seed, share, chunk, END - datetime.timedelta(left))
        done, left = done + share, left + chunk
        print(f"{done} of {sessions} sessions", file=sys.stderr)
    note.write_text(json.dumps(asked))
    return folder


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions", type=int, default=10_000_000)
    arguments.add_argument("--days", type=int, default=100)
    arguments.add_argument("lake")
    options = arguments.parse_args()
    lake_of(options.program, options.lake, options.sessions, options.days)


if __name__ == "__main__":
    main()
