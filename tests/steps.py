"""Reckons a report with a step by other means: the day files by pyarrow, the figures by plain Python.

The job comes as JSON on stdin: the report's name, its files and the values of its parameters. The rows go as JSON to
stdout, in the report's order. Nothing here is fast: each figure is counted by its definition.
"""

import datetime
import json
import sys
from fractions import Fraction
from math import ceil

import pyarrow as pa
import pyarrow.parquet as pq

job = json.load(sys.stdin)
wanted = job["parameters"]


def sessions():
    """Every session as a dictionary; moments are milliseconds since 1970."""
    rows = []
    for path in job["files"]:
        table = pq.ParquetFile(path).read()
        for at, field in enumerate(table.schema):
            if pa.types.is_timestamp(field.type):
                assert field.type == pa.timestamp("ms", "UTC"), field
                table = table.set_column(at, field.name, table.column(at).cast(pa.int64()))
        rows.extend(table.to_pylist())
    return rows


def groups(rows, key):
    grouped = {}
    for row in rows:
        grouped.setdefault(key(row), []).append(row)
    return grouped


def moment(milliseconds):
    at = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(milliseconds=milliseconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}"


def nulls_last(value):
    return (value is None, value or "")


def nearest_rank(values, percent):
    """The smallest of the values that at least so many percent of them do not exceed."""
    if not values:
        return None
    return sorted(values)[ceil(Fraction(percent, 100) * len(values)) - 1]


def time_to_start(rows):
    told = []
    for device_type, of_type in groups(rows, lambda row: row["device_type"]).items():
        waits = [
            row["started_at"] // 1000 - row["created_at"] // 1000
            for row in of_type
            if row["started_at"] is not None
        ]
        quantiles = [nearest_rank(waits, percent) for percent in (50, 95)]
        told.append([device_type, len(of_type), len(waits), *quantiles])
    told.sort(key=lambda row: (-row[1], nulls_last(row[0])))
    return ["device_type", "sessions", "started", "median_seconds", "p95_seconds"], told


def address_velocity(rows):
    minute = 60_000
    told = []
    for address, of_address in groups(rows, lambda row: row["ip_address"]).items():
        if address is None:
            continue
        windows = {}
        for length in (5 * minute, 60 * minute, 24 * 60 * minute):
            windows[length] = [
                [row for row in of_address if first["created_at"] <= row["created_at"] < first["created_at"] + length]
                for first in of_address
            ]
        most = [max(len(window) for window in of_length) for of_length in windows.values()]
        if most[2] < wanted["min_burst"]:
            continue
        busiest = [
            first["created_at"]
            for first, window in zip(of_address, windows[60 * minute])
            if len(window) == most[1]
        ]
        told.append(
            [address, len(of_address), *most, moment(min(busiest)), inquiries(of_address)]
            + [max(inquiries(window) for window in of_length) for of_length in windows.values()]
        )
    told.sort(key=lambda row: (-row[3], -row[4], -row[2], -row[1], row[0]))
    columns = ["ip_address", "sessions", "most_5m", "most_1h", "most_24h", "busiest_hour", "inquiries"]
    return columns + ["inquiries_5m", "inquiries_1h", "inquiries_24h"], told


def inquiries(rows):
    return len({row["inquiry_id"] for row in rows} - {None})


REPORTS = {
    reckon.__name__: reckon
    for reckon in (time_to_start, address_velocity)
}

columns, told = REPORTS[job["report"]](sessions())
json.dump({"columns": columns, "rows": told}, sys.stdout)
