"""Checks of weights files before they are read."""

# SPDX-License-Identifier: BSD-3-Clause
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError, safe_open

# AlexNet in float64, the largest network of the family, has 488 million bytes.
MAX_BYTES = 512 * 2**20


@contextmanager
def weights_file(path):
    """Yield the absolute path of a file that exists and is not too large; a ValueError raised within names the file."""
    path = Path(path).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"no network at {str(path)!r}; check the path")
    with add_path_to_value_error(path):
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ValueError(f"{size:,} bytes are more than a network of the AlexNet family has ({MAX_BYTES:,})")
        yield path


@contextmanager
def open_safetensors(path, hint=""):
    """Open a safetensors file; any damage is a ValueError whose message ends with the hint."""
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(f"not a safetensors file: {error}{hint}") from None


@contextmanager
def add_path_to_value_error(path):
    """Put the path in front of the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None
