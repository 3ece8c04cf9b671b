"""Validates a document of reports against the schema, and what a schema cannot say.

Arguments: the schema and the document. Prints the number of reports and rows; ends with an error, whose words are the
first thing wrong, if the document does not fit.
"""

import datetime
import json
import sys

import jsonschema


def fits(value, data_type):
    """Whether a value that is not null is of its column's type."""
    if data_type == "boolean":
        return isinstance(value, bool)
    if data_type in ("integer", "number"):
        return isinstance(value, int if data_type == "integer" else (int, float)) and not isinstance(value, bool)
    if not isinstance(value, str):
        return False
    if data_type == "date":
        return datetime.date.fromisoformat(value).isoformat() == value
    if data_type == "timestamp":
        return datetime.datetime.fromisoformat(value).utcoffset() == datetime.timedelta(0)
    return True


def check(schema, document):
    """Raises an error if the document is none of the schema, or a row does not fit its columns."""
    jsonschema.Draft202012Validator.check_schema(schema)
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(document)
    for report in document["reports"]:
        types = {column["name"]: column["type"] for column in report["columns"]}
        for row in report["rows"]:
            if row.keys() != types.keys():
                raise ValueError(f"a row of {report['name']} has the columns {sorted(row)}")
            for name, value in row.items():
                if value is not None and not fits(value, types[name]):
                    raise ValueError(f"{name} of {report['name']} is {value!r}, which is no {types[name]}")
    return {
        "reports": len(document["reports"]),
        "rows": sum(len(report["rows"]) for report in document["reports"]),
    }


def main(schema, document):
    with open(schema, encoding="utf-8") as schema, open(document, encoding="utf-8") as document:
        try:
            counted = check(json.load(schema), json.load(document))
        except (jsonschema.ValidationError, ValueError) as error:
            sys.exit(str(error).splitlines()[0])
    print(json.dumps(counted))


if __name__ == "__main__":
    main(*sys.argv[1:])
