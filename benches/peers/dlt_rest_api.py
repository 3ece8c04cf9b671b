"""An export by dlt's rest_api source into Parquet files, as its documentation does it.

Arguments: base URL, key, folder. Prints sessions and pages, these as the source asked for them.
"""

import pathlib
import sys

import dlt
import pyarrow.parquet as pq
from dlt.sources.rest_api import rest_api_source

base_url, key, folder = sys.argv[1:4]
pages = 0


def count(response, *_, **__):
    global pages
    pages += 1


source = rest_api_source(
    {
        "client": {
            "base_url": f"{base_url}/",
            "auth": {"type": "bearer", "token": key},
            "paginator": {"type": "json_link", "next_url_path": "links.next"},
        },
        "resources": [
            {
                "name": "inquiry_sessions",
                "endpoint": {
                    "path": "inquiry-sessions",
                    "params": {"page[size]": 100},
                    "data_selector": "data",
                    "response_actions": [count],
                },
            }
        ],
    }
)
lake = pathlib.Path(folder).absolute()
pipeline = dlt.pipeline(
    "bench",
    pipelines_dir=str(lake / "pipelines"),
    destination=dlt.destinations.filesystem(bucket_url=(lake / "lake").as_uri()),
    dataset_name="sessions",
)
pipeline.run(source, loader_file_format="parquet").raise_on_failed_jobs()
files = (lake / "lake" / "sessions" / "inquiry_sessions").glob("*.parquet")
print(sum(pq.read_metadata(path).num_rows for path in files), "sessions in", pages, "pages")
