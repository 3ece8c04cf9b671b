"""Validates a running stand-in's answers against an OpenAPI 3.1 description.

usage: openapi.py BASE_URL KEY OPENAPI_JSON

Fetches pages of sessions, a single session, inquiries and rate limits, and validates each body against the
schema of that path's 200 response (OpenAPI 3.1 schemas are JSON Schema draft 2020-12). Prints every failure
and exits with 1 if there is any. Needs PyPI's jsonschema.
"""

import copy
import json
import sys
import urllib.parse
import urllib.request

from jsonschema import Draft202012Validator

PAGES = 30
SHOWN = 10


def fetch(base_url, key, path, **headers):
    headers = {"Authorization": f"Bearer {key}", "Key-Inflection": "kebab", **headers}
    request = urllib.request.Request(base_url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return reply, json.load(reply)


def cursor(link):
    """The cursor of a link, so that the next request can ask for its own page size."""
    return urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["page[after]"][0]


def main(base_url, key, description):
    with open(description, encoding="utf-8") as file:
        openapi = json.load(file)
    checked, failures = 0, []

    def validate(template, path, sparse=False):
        nonlocal checked
        response = openapi["paths"][template]["get"]["responses"]["200"]
        schema = response["content"]["application/json"]["schema"]
        # The components come along, so that "#/components/…" resolves within the schema's own document.
        schema = copy.deepcopy({**schema, "components": openapi["components"]})
        if sparse:
            # The description requires every attribute; a sparse fieldset is about leaving some out.
            schema["components"]["schemas"]["inquiry"]["properties"]["attributes"].pop("required", None)
        reply, body = fetch(base_url, key, path)
        checked += 1
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for error in validator.iter_errors(body):
            where = "/".join(str(step) for step in error.absolute_path)
            failures.append(f"{path} at {where}: {error.message[:300]}")
        for header in response["headers"]:
            if reply.headers[header] is None:
                failures.append(f"{path}: no header {header}")
        return body

    query, ids = "?page%5Bsize%5D=100", []
    for _ in range(PAGES):
        page = validate("/inquiry-sessions", "/inquiry-sessions" + query)
        ids += [row["id"] for row in page["data"]]
        if page["links"]["next"] is None:
            break
        after = urllib.parse.quote(cursor(page["links"]["next"]))
        query = f"?page%5Bsize%5D=100&page%5Bafter%5D={after}"
    if not ids:
        failures.append("no session to look at")
    validate("/inquiry-sessions", "/inquiry-sessions")
    for session in ids[:: max(1, len(ids) // 5)]:
        validate("/inquiry-sessions/{inquiry-session-id}", f"/inquiry-sessions/{session}")
    validate("/inquiries", "/inquiries?page%5Bsize%5D=100")
    validate("/inquiries", "/inquiries?fields%5Binquiry%5D=created-at,sessions", sparse=True)
    validate("/rate-limits", "/rate-limits")

    for failure in failures[:SHOWN]:
        print(failure)
    print(f"{checked} answers, {len(ids)} sessions, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
