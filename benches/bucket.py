"""Shows what a report reads of a lake in a bucket: bytes that an S3 server sends for `report` over the last days.

Needs python3 with the packages of `requirements.txt`. From the project's root, after `cargo build --release`:

    python3 benches/bucket.py --program target/release/session-risk --json bucket.json

The sandbox's sessions are exported into a bucket of an S3 server on this machine, and the reports are computed over the
last days of it, each by itself and all together, through a wire that counts. A lake of four times as many days shows that
what lies before the range costs nothing.
"""

import argparse
import os
import pathlib
import socket
import subprocess
import sys
import threading
import urllib.request

import figures
from export import sandbox, version

SERVER = pathlib.Path(__file__).parent.parent / "tests" / "s3_server.py"
REPORTS = ["network_risk", "threat_by_country", "daily_trend", "inquiries_per_device"]


class Wire:
    """A port that leads to another one, and counts the bytes that come back."""

    def __init__(self, port):
        self.bytes, self.to = 0, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.pass_on, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.pass_on, args=(far, near, True), daemon=True).start()

    def pass_on(self, source, target, counts):
        try:
            while data := source.recv(1 << 16):
                if counts:
                    self.bytes += len(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def stored(wire, bucket):
    """The bytes of the day files in a bucket, by its listing."""
    with urllib.request.urlopen(f"http://127.0.0.1:{wire.to}/{bucket}?list-type=2&prefix=lake/sessions/") as answer:
        listed = answer.read().decode()
    return sum(int(part.split("<", 1)[0]) for part in listed.split("<Size>")[1:])


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--sessions-a-day", type=int, default=10_000)
    arguments.add_argument("--days", type=int, nargs="+", default=[100, 400])
    arguments.add_argument("--last", type=int, default=7)
    arguments.add_argument("--json", help="also write all figures into this file")
    options = arguments.parse_args()

    server = subprocess.Popen([sys.executable, SERVER], stdout=subprocess.PIPE, text=True)
    rows = []
    try:
        wire = Wire(int(server.stdout.readline()))
        told = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_REGION": "us-east-1"}
        told |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{wire.port}", "AWS_ALLOW_HTTP": "true"}
        for days in options.days:
            bucket = f"days-{days}"
            request = urllib.request.Request(f"http://127.0.0.1:{wire.to}/{bucket}", method="PUT")
            urllib.request.urlopen(request).close()
            api, url, key = sandbox(options.program, days * options.sessions_a_day, days=days)
            environment = {**os.environ, **told, "PERSONA_API_KEY": key, "SESSION_RISK_LAKE": f"s3://{bucket}/lake"}
            try:
                fetch = [options.program, "fetch", "--base-url", url, "--max-rate", "100000000"]
                subprocess.run(fetch, env=environment, check=True, capture_output=True)
            finally:
                api.kill()
                api.wait()
            lake = stored(wire, bucket)
            for names in [*([name] for name in REPORTS), []]:
                before = wire.bytes
                report = [options.program, "report", *names, "--last", f"{options.last}d", "--format", "json"]
                subprocess.run(report, env=environment, check=True, capture_output=True)
                read = wire.bytes - before
                name = names[0] if names else "all reports"
                row = [name, f"{days}", f"{lake / 1e6:.2f} MB", f"{read / 1e6:.2f} MB", f"{read / lake:.1%}"]
                print(", ".join(row), flush=True)
                rows.append(row)
    finally:
        server.kill()
        server.wait()
    found = {
        "title": "A lake in a bucket",
        "says": f"Bytes that an S3 server sends for reports over {options.last} days, {options.sessions_a_day:,} sessions a "
        "day, all else that is read of the lake among them.",
        "versions": [version(options.program), figures.machine()],
        "head": ["report", "days", "day files", "read", "share"],
        "rows": rows,
    }
    figures.tell(found, options.json)


if __name__ == "__main__":
    main()
