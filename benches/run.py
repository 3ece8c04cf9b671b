"""Runs all benchmarks and writes `docs/benchmarks.md` from what they found. Takes an hour or two on an idle machine.

Needs Rust and python3 with venv; the peers are installed into `~/.cache/session-risk`. From the project's root:

    python3 benches/run.py

The figures are kept as JSON beside the peers, one file a benchmark. `--only imports` runs one of them anew, and makes the
page of its figures and of those that are kept of the others.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import venv

import figures

ROOT = pathlib.Path(__file__).parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "session-risk"
BENCHMARKS = ["export", "imports", "micro", "reports", "nightly", "memory", "bucket", "files"]
PAGE = """# Benchmarks

Written by `benches/run.py`, which measures all of it anew; each table names its machine and versions. Times are of whole
processes that run in turn, ratios of pairs in one run: look at these, seconds are a machine's own. How each is measured
stands at the top of its script in `benches/`.
"""


def program():
    """Builds the program and says where it is."""
    command = ["cargo", "build", "--release", "--locked", "--message-format", "json"]
    told = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    messages = map(json.loads, told.splitlines())
    return next(found["executable"] for found in messages if found.get("executable"))


def python():
    """A Python with the peers."""
    needed = (ROOT / "benches" / "requirements.txt").read_bytes()
    folder = CACHE / f"bench-{hashlib.sha256(needed).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        pip = [folder / "bin" / "pip", "install", "--quiet", "--requirement", ROOT / "benches" / "requirements.txt"]
        subprocess.run(pip, check=True)
        (folder / "complete").touch()
    return folder / "bin" / "python"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", nargs="*", choices=BENCHMARKS, default=BENCHMARKS)
    options = arguments.parse_args()

    kept = CACHE / "benchmarks"
    kept.mkdir(parents=True, exist_ok=True)
    binary, interpreter = program(), python()
    for name in options.only:
        script = ROOT / "benches" / f"{name}.py"
        flags = [] if name == "micro" else ["--program", binary]
        subprocess.run([interpreter, script, *flags, "--json", kept / f"{name}.json"], check=True)
    found = [json.loads((kept / f"{name}.json").read_text()) for name in BENCHMARKS if (kept / f"{name}.json").exists()]
    page = ROOT / "docs" / "benchmarks.md"
    page.parent.mkdir(exist_ok=True)
    page.write_text("\n".join([PAGE, *map(figures.section, found)]))
    print(page)


if __name__ == "__main__":
    sys.exit(main())
