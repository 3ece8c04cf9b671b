"""What a benchmark found: a table to read, and a file from which `run.py` makes a page."""

import json
import os
import pathlib
import platform


def machine(cores=None):
    """On what it was found."""
    model = next(
        (line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    count = os.cpu_count()
    return f"{model}, {cores or count} of {count} cores, Python {platform.python_version()}"


def tell(found, path=None):
    """Prints what was found: `title`, `says`, `versions`, `head` and `rows`; writes all of it as JSON, `runs` too."""
    print(f"\n{found['title']}: {found['says']}")
    print(", ".join(found["versions"]))
    lines = [found["head"], *found["rows"]]
    widths = [max(len(line[at]) for line in lines) for at in range(len(found["head"]))]
    for line in lines:
        first, *others = zip(line, widths)
        print("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip())
    if path:
        pathlib.Path(path).write_text(json.dumps(found, indent=2) + "\n")


def section(found):
    """The same for a page in Markdown."""
    row = lambda cells: "| " + " | ".join(cells) + " |"
    rule = ["---"] + ["---:"] * (len(found["head"]) - 1)
    lines = [f"## {found['title']}", "", found["says"], "", row(found["head"]), row(rule), *map(row, found["rows"])]
    return "\n".join([*lines, "", f"{', '.join(found['versions'])}.", ""])
