"""JSON with names of files that may not be text, and files of it."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import re

from skdecaf._utils.files import atomic_write


def to_json(value, **options):
    """JSON with real characters; bytes of names that are not UTF-8 are surrogates, which `os.fsencode` turns back."""
    text = json.dumps(value, ensure_ascii=False, **options)
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def write_json(path, value):
    """Write a file of JSON, which appears under its name when it is complete."""
    with atomic_write(path) as temporary:
        temporary.write_text(to_json(value), encoding="utf-8")


def read_json(path):
    """Read a file that holds a dict; ValueError if it does not."""
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value
