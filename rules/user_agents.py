"""Writes user_agents.json: the rules by which user agents are read, from PyPI's package ua-parser-builtins.

    pip install ua-parser==1.0.2 ua-parser-builtins==202610
    python3 rules/user_agents.py > rules/user_agents.json

The package has the rules of uap-core as they stood in a month, where that has releases every other year. Taken are those
for browsers and for systems, in their order, and of what they tell the name and the major version. Each rule gets the
words of which one is in every text that it matches: looking for words first is what makes hundreds of rules quick.
"""

import importlib.metadata
import json
import re
import re._parser as parser
import sys

from ua_parser_builtins.matchers import MATCHERS

# As whoever wrote the rules meant them, and as the other implementations read them.
CLASSES = {"d": "[0-9]", "D": "[^0-9]", "w": "[A-Za-z0-9_]", "W": "[^A-Za-z0-9_]"}


def linear(regex):
    """The same in ASCII, and with no end to repetitions of hundreds: those are to save engines that go back."""
    regex = re.sub(r"\\(.)", lambda found: CLASSES.get(found[1], found[0]), regex)
    return re.sub(r"(?<!\\)\{([01]),\d{3,}\}", lambda found: "*+"[int(found[1])], regex)


def words(parts):
    """Words of which one is in every text that these parts of an expression match; none where there is no such word."""
    sets, run = [], ""
    for kind, value in parts:
        if kind is parser.LITERAL:
            run += chr(value)
            continue
        sets, run = sets + [[run]] * bool(run), ""
        if kind is parser.SUBPATTERN:
            sets.append(words(value[3]))
        elif kind is parser.BRANCH:
            branches = [words(branch) for branch in value[1]]
            sets.append([word for branch in branches for word in branch] if all(branches) else [])
        elif kind in (parser.MAX_REPEAT, parser.MIN_REPEAT) and value[0] > 0:
            sets.append(words(value[2]))
    sets += [[run]] * bool(run)
    # Long ones are rare, and the fewer there are the better.
    return max(sets, key=lambda found: (min(map(len, found), default=0), -len(found)), default=[])


def rule(matcher, has_version):
    told = {"regex": linear(matcher.regex), "words": sorted(set(words(parser.parse(matcher.regex))))}
    if matcher.family != "$1":
        told["name"] = matcher.family
    if has_version and matcher.major is not None:
        told["major"] = matcher.major
    return json.dumps(told, ensure_ascii=False)


browsers, systems, _ = MATCHERS
distribution = importlib.metadata.distribution("ua-parser-builtins")
revision = distribution.locate_file("REVISION").read_text().strip()
notice = {
    "source": "https://github.com/ua-parser/uap-core",
    "version": f"ua-parser-builtins {distribution.version} of PyPI, uap-core {revision}",
    "license": "Apache-2.0, Copyright 2009 Google Inc.; see LICENSE-APACHE",
    "changes": "only browsers and systems, by name and major version; long repetitions without an end; words added",
}
parts = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in notice.items()]
for name, rules, has_version in (("browsers", browsers, True), ("systems", systems, False)):
    parts.append(f'"{name}": [\n' + ",\n".join(rule(each, has_version) for each in rules) + "\n]")
sys.stdout.write("{\n" + ",\n".join(parts) + "\n}\n")
