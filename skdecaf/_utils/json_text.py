"""JSON with names of files that may not be text."""

# SPDX-License-Identifier: BSD-3-Clause
import json
import re


def to_json(value, **options):
    """JSON with real characters; bytes of names that are not UTF-8 are surrogates, which `os.fsencode` turns back."""
    text = json.dumps(value, ensure_ascii=False, **options)
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)
