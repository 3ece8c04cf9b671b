"""Compares every value of a lake, as DuckDB reads it, with the JSON resources that it was fetched from.

Written from the API's documents alone: it knows nothing of how the program decodes. Arguments: the lake, a file
with a resource a line, and the command that brought them: fetch or import. Prints what was compared as JSON; ends with an error on the first difference.
"""

import datetime
import glob
import json
import sys

import duckdb

TEXT = """status ip-address user-agent os-name os-full-version device-type device-name browser-name
browser-full-version browser-fingerprint mobile-sdk-name mobile-sdk-full-version device-handoff-method threat-level
country-code country-name region-code region-name gps-precision gps-country-code ip-connection-type ip-isp
network-organization""".split()
BOOLEANS = "is-proxy is-tor is-datacenter is-vpn".split()
NUMBERS = "latitude longitude gps-latitude gps-longitude".split()
MOMENTS = "created-at started-at expired-at".split()
RELATED = {"inquiry": "inquiry_id", "device": "device_id", "network": "network_id"}
ATTRIBUTES = TEXT + BOOLEANS + NUMBERS + MOMENTS


def snake(name):
    return name.replace("-", "_")


def milliseconds(text):
    """Since 1970, without the calendar's own rounding of fractions; None where it is no moment with a zone."""
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return since // datetime.timedelta(milliseconds=1)


def expected(name, value):
    """The column's value, or None; and whether the value is of an unusual type and so belongs into `extra`."""
    if value is None:
        return None, False
    if name in MOMENTS:
        read = milliseconds(value) if isinstance(value, str) else None
        return read, read is None
    if name in BOOLEANS:
        fits = isinstance(value, bool)
    elif name in NUMBERS:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        value = float(value) if fits else value
    else:
        fits = isinstance(value, str)
    return (value, False) if fits else (None, True)


def related(relationship):
    """The related id, or None; and whether the relationship is of an unusual shape."""
    if relationship is None:
        return None, False
    if not isinstance(relationship, dict):
        return None, True
    data = relationship.get("data")
    if data is None:
        return None, False
    if isinstance(data, dict) and isinstance(data.get("id"), str):
        return data["id"], False
    return None, True


def columns(resource):
    """Every column that a resource makes, and what `extra` keeps of it."""
    attributes = resource.get("attributes") or {}
    relationships = resource.get("relationships") or {}
    extra = {"attributes": {}, "relationships": {}}
    row = {"session_id": resource["id"]}
    for name in ATTRIBUTES:
        row[snake(name)], unusual = expected(name, attributes.get(name))
        if unusual:
            extra["attributes"][snake(name)] = attributes[name]
    for name, column in RELATED.items():
        row[column], unusual = related(relationships.get(name))
        if unusual:
            extra["relationships"][name] = relationships[name]
    for kind, known, found in (("attributes", ATTRIBUTES, attributes), ("relationships", RELATED, relationships)):
        extra[kind].update({snake(name): value for name, value in found.items() if name not in known})
    return row, {kind: members for kind, members in extra.items() if members}


lake, lines, origin = sys.argv[1:]
with open(lines, encoding="utf-8", newline="\n") as file:
    resources = {resource["id"]: resource for resource in map(json.loads, filter(None, file.read().split("\n")))}
counted = {"sessions": 0, "dates": 0, "values": 0, "extra": 0, "nulls": 0}
connection = duckdb.connect()
found = set()
for path in sorted(glob.glob(lake + "/sessions/*/sessions.parquet")):
    date = path.split("created_date=")[1][:10]
    moments = ", ".join(f"epoch_ms({snake(name)}) AS {snake(name)}" for name in [*MOMENTS, "fetched-at"])
    result = connection.execute(f"SELECT * REPLACE ({moments}) FROM read_parquet('{path}', hive_partitioning = false)")
    names = [column[0] for column in result.description]
    counted["dates"] += 1
    for values in result.fetchall():
        stored = dict(zip(names, values))
        session = stored["session_id"]
        assert session not in found, f"{session} is there twice"
        found.add(session)
        row, extra = columns(resources[session])
        for column, value in row.items():
            same = stored[column] == value and type(stored[column]) is type(value)
            assert same, f"{session}, {column}: {stored[column]!r} in the lake, {value!r} in the JSON"
            counted["nulls" if value is None else "values"] += 1
        kept = json.loads(stored["extra"]) if stored["extra"] else {}
        assert kept == extra, f"{session}: extra is {kept!r}, not {extra!r}"
        counted["extra"] += sum(map(len, extra.values()))
        day = datetime.datetime.fromtimestamp(stored["created_at"] / 1000, datetime.timezone.utc)
        assert day.date().isoformat() == date, f"{session} lies on {date}"
        # Only an answer of the API says which environment it is of.
        assert bool(stored["environment_id"]) == (origin == "fetch"), session
        assert stored["fetched_at"] >= stored["created_at"], session
        assert set(names) - set(row) == {"environment_id", "fetched_at", "extra"}, names
missing = resources.keys() - found
assert not missing, f"{len(missing)} are missing, such as {min(missing)}"
counted["sessions"] = len(found)
json.dump(counted, sys.stdout)
