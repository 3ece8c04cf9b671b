"""An export as it is written by hand: requests, a list of dicts a page, pyarrow, one Parquet file a day.

Arguments: base URL, key, folder. Prints sessions and pages.
"""

import collections
import os
import sys
import urllib.parse

import pyarrow as pa
import pyarrow.parquet as pq
import requests

base_url, key, folder = sys.argv[1:4]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {key}"
session.headers["Key-Inflection"] = "snake"
days = collections.defaultdict(list)
parameters, count = {"page[size]": 100}, 0
while True:
    answer = session.get(f"{base_url}/inquiry-sessions", params=parameters, timeout=60)
    answer.raise_for_status()
    page = answer.json()
    count += 1
    for resource in page["data"]:
        row = {"session_id": resource["id"], **resource["attributes"]}
        for name, relationship in resource["relationships"].items():
            row[f"{name}_id"] = (relationship["data"] or {}).get("id")
        days[row["created_at"][:10]].append(row)
    if page["links"]["next"] is None:
        break
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(page["links"]["next"]).query)
    parameters["page[after]"] = query["page[after]"][0]
for day, rows in days.items():
    path = os.path.join(folder, "sessions", f"created_date={day}")
    os.makedirs(path)
    pq.write_table(pa.Table.from_pylist(rows), os.path.join(path, "sessions.parquet"), compression="zstd")
print(sum(map(len, days.values())), "sessions in", count, "pages")
