"""Write switcher.json, the list of versions for the menu of the documentation.

    python .ci/switcher.py FOLDER ADDRESS

FOLDER has one folder of pages per version, such as 0.1.0 and 0.2.0, and is published at ADDRESS. The newest version is
marked as the preferred one.
"""

# SPDX-License-Identifier: BSD-3-Clause
import json
import re
import sys
from pathlib import Path


def list_versions(folder, address):
    """Entries of switcher.json, the newest version first."""
    names = [path.name for path in Path(folder).iterdir() if re.fullmatch(r"\d+(\.\d+)+", path.name)]
    names.sort(key=lambda name: [int(part) for part in name.split(".")], reverse=True)
    entries = [{"name": name, "version": name, "url": f"{address.rstrip('/')}/{name}/"} for name in names]
    for entry in entries[:1]:
        entry |= {"name": f"{entry['version']} (stable)", "preferred": True}
    return entries


if __name__ == "__main__":
    folder, address = sys.argv[1:]
    Path(folder, "switcher.json").write_text(json.dumps(list_versions(folder, address), indent=2) + "\n", "utf-8")
