"""How much a model file unpacks to, found before it is unpacked."""

# SPDX-License-Identifier: BSD-3-Clause
import io
import json
import os
import zipfile

_SCHEMA = "schema.json"
# Bytes that even a small file may unpack to, and further bytes per byte of the file.
_SCHEMA_BYTES, _ARRAY_BYTES, _RATIO = 2**22, 2**26, 20


def check_size(path):
    """Refuse a skops file that is small and would take much memory and time.

    Its schema may refer to one array many times, and each time skops reads it.

    Parameters
    ----------
    path : str

    Raises
    ------
    ValueError
        If the file unpacks to more than it may, or is no archive with a schema. Damage may raise other errors.
    """
    free = _RATIO * os.path.getsize(path)
    with zipfile.ZipFile(path) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
        _check(sizes.get(_SCHEMA, 0), _SCHEMA_BYTES + free, "schema")
        n_bytes = 0
        for name in _files(json.loads(archive.read(_SCHEMA))):
            n_bytes += sizes.get(name, 0)
            _check(n_bytes, _ARRAY_BYTES + free, "arrays")
            if name.endswith(".npz") and name in sizes:
                n_bytes += _unpacked_size(archive.read(name))
        _check(n_bytes, _ARRAY_BYTES + free, "arrays")


def _check(n_bytes, most, kind):
    if n_bytes > most:
        raise ValueError(f"its {kind} unpack to more than {most:,} bytes")


def _files(tree):
    """Yield the names of files in a schema, each as often as it occurs."""
    remaining = [tree]
    while remaining:
        part = remaining.pop()
        if isinstance(part, dict):
            if isinstance(part.get("file"), str):
                yield part["file"]
            remaining += part.values()
        elif isinstance(part, list):
            remaining += part


def _unpacked_size(npz):
    """Size of the arrays of a sparse matrix."""
    with zipfile.ZipFile(io.BytesIO(npz)) as archive:
        return sum(entry.file_size for entry in archive.infolist())
