"""Files that `fsspec` opens by their URLs: in object stores, on web servers, in clusters."""

# SPDX-License-Identifier: BSD-3-Clause
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from skdecaf._utils.extras import require

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at a URL, read whole each time it is opened.

    Parameters
    ----------
    url : str
    """

    url: str

    def __str__(self):
        return self.url

    def open(self, mode="rb"):
        """Open the file; every thread needs an object of its own."""
        return require("remote", f"the URL {self.url!r}").open(self.url, mode).open()


def resolve_url(path):
    """Return a `RemoteFile` for a URL, the local path for a ``file:`` URL, and other paths unchanged."""
    if not _SCHEME.match(path):
        return path
    scheme, host, local, *_ = urlsplit(path)
    if scheme == "file":
        return unquote(local) if host in ("", "localhost") else path
    return RemoteFile(path) if "://" in path else path
