"""Downloads of single files from several addresses: resumed after interruptions, and verified before they appear."""

# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import errno
import hashlib
import os
import time
from dataclasses import dataclass, replace
from http import HTTPStatus

from skdecaf._utils.environment import is_offline
from skdecaf._utils.files import publish
from skdecaf._utils.locks import file_lock
from skdecaf._utils.progress import progress_bar

_MAX_FAILED_ROUNDS = 3  # over all addresses
_PAUSE = 0.5  # seconds before another round, doubled after each fruitless one
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 2**16
# Bounds of one call; the next call continues.
_MAX_REQUESTS = 200
_MAX_COPIES = 5  # received bytes per byte of the file
_MIN_TIME = 3600.0  # seconds, for a file of any size
_MIN_SPEED = 5_000  # bytes per second beyond that
LARGEST = 2**34  # bytes of a file of unknown size
_TEMPORARY_CLIENT_ERRORS = (408, 425, 429)
_NETWORK_SCHEMES = ("http", "https", "ftp")  # addresses that may answer later


@dataclass(frozen=True)
class PublishedFile:
    """A published file: its name, addresses (the best first), and digest (see `check_file`) and size if known."""

    name: str
    urls: tuple = ()
    digest: str | None = None
    size: int | None = None


class _MirrorError(Exception):
    """An address did not deliver the file, for this reason; ``final`` if asking again is useless."""

    def __init__(self, reason, final=False):
        super().__init__(reason)
        self.final = final


class _DownloadBudget:
    """The requests, bytes and seconds that one call may use, so that a slow server cannot block the call."""

    def __init__(self, size, largest):
        self.largest = largest if size is None else size
        self._n_requests, self._n_bytes = 0, 0
        self._seconds, self._begin = _MIN_TIME + self.largest / _MIN_SPEED, time.monotonic()
        self.is_used_up = False

    def use(self, n_requests=0, n_bytes=0):
        """Count requests and bytes."""
        self._n_requests, self._n_bytes = self._n_requests + n_requests, self._n_bytes + n_bytes
        for unit, used, most in (
            ("requests", self._n_requests, _MAX_REQUESTS),
            ("bytes", self._n_bytes, _MAX_COPIES * self.largest + _CHUNK),
            ("seconds", time.monotonic() - self._begin, self._seconds),
        ):
            if used > most:
                self.is_used_up = True
                raise _MirrorError(f"gave up after {most:,.0f} {unit}")


def check_file(path, digest, size=None):
    """Check that a file is the published one.

    Parameters
    ----------
    path : str or PathLike
    digest : str or None
        ``"sha256:<hex>"``, likewise "sha1" or "md5", or "git-sha1", git's identifier of a file's content. None checks
        the size only.
    size : int, optional
        Size in bytes.

    Raises
    ------
    ValueError
        If it is another file; the message names the difference.
    """
    n_bytes = os.path.getsize(path)
    if size is not None and n_bytes != size:
        raise ValueError(f"{str(path)!r} has {n_bytes:,} bytes instead of {size:,}")
    if digest is None:
        return
    algorithm, expected = digest.split(":")
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, lambda: _new_hash(algorithm, n_bytes)).hexdigest()
    if found != expected:
        raise ValueError(f"{str(path)!r} has the {algorithm} digest {found} instead of {expected}")


def _new_hash(algorithm, n_bytes):
    if algorithm == "git-sha1":
        return hashlib.sha1(b"blob %d\0" % n_bytes, usedforsecurity=False)
    return hashlib.new(algorithm, usedforsecurity=False)


def download(
    file,
    folder,
    *,
    largest=LARGEST,
    check=None,
    advice="",
    chosen_by="the environment variable SKDECAF_HOME",
    progress=True,
):
    """Download a file, unless it is there.

    The file appears when it is complete and verified. Until then its bytes are in ``<path>.part``, and the next call
    continues from there, in whichever process. Of several processes that ask for a file, one downloads and the others
    wait. Proxies come from the environment (``https_proxy`` and so on).

    Parameters
    ----------
    file : PublishedFile
        ``SKDECAF_OFFLINE`` leaves only the addresses that begin with ``file:``. A download without a digest is not
        resumed.
    folder : Path
        Created if it is missing.
    largest : int, optional
        The most bytes to accept if the file's size is unknown.
    check : callable, optional
        Called with the path of the downloaded file before it is renamed; raises a ValueError for a wrong file.
    advice : str, optional
        Alternative for the user, for the end of error messages.
    chosen_by : str, optional
        The setting that chooses another folder, for error messages.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OSError
        If no address delivers the right file, offline, or if the file cannot be written.
    """
    path, advice = folder / file.name, advice and f"; {advice}"
    if _is_intact(path, file):
        return path
    if is_offline():
        file = replace(file, urls=[url for url in file.urls if url.startswith("file:")])
        if not file.urls:
            raise OSError(f"{file.name} is not in {str(folder)!r}, and SKDECAF_OFFLINE is set{advice}")
    run = _Download(file, path, largest, check, progress)
    try:
        problems = run.finish()
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            f"cannot write {file.name} to {str(folder)!r}: {reason}{run.what_is_kept()}; {chosen_by} "
            "chooses another folder"
        ) from error
    if problems:
        reasons = "; ".join(f"{url}: {problem}" for url, problem in problems.items())
        raise OSError(f"{file.name} could not be downloaded ({reasons}){run.what_is_kept()}{advice}")
    return path


def _is_intact(path, file):
    if not path.exists():
        return False
    with contextlib.suppress(ValueError):
        check_file(path, file.digest, file.size)
        return True
    return False


class _Download:
    """The download of one file to a path; the parameters are those of `download`."""

    def __init__(self, file, path, largest, check, progress):
        self.file, self.path, self.check, self.progress = file, path, check, progress
        self.part = path.with_name(f"{path.name}.part")
        self.budget = _DownloadBudget(file.size, largest)

    def what_is_kept(self):
        """End of a message about the bytes that the next call will use."""
        n_bytes = _length(self.part)
        return f"; the next call continues after the {n_bytes:,} bytes in {str(self.part)!r}" if n_bytes else ""

    def finish(self):
        """Download while no other process does; return the problem of each address if all fail."""
        with file_lock(self.path):
            if _is_intact(self.path, self.file):  # another process has just finished
                return {}
            if self.file.digest is None:  # nothing would prove that the rest belongs to the same file
                self.part.unlink(missing_ok=True)
            try:
                return self._from_mirrors()
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    self.part.unlink(missing_ok=True)
                raise
            finally:
                if self.file.digest is None or not _length(self.part):
                    self.part.unlink(missing_ok=True)

    def _from_mirrors(self):
        """Ask all addresses in turn, until rounds bring nothing new."""
        problems, remaining, fruitless, longest = {}, list(self.file.urls), 0, _length(self.part)
        while remaining and fruitless < _MAX_FAILED_ROUNDS:
            if problems:
                time.sleep(_PAUSE * 2**fruitless)
            for url in tuple(remaining):
                try:
                    self._from_mirror(url)
                    return {}
                except _MirrorError as problem:
                    problems[url] = problem
                    if problem.final:
                        remaining.remove(url)
                    if self.budget.is_used_up:
                        return problems
            # A part that was discarded and grows again is not new.
            fruitless = 0 if _length(self.part) > longest else fruitless + 1
            longest = max(longest, _length(self.part))
        return problems

    def _from_mirror(self, url):
        begun = _length(self.part)
        if begun != self.file.size:
            begun = self._receive(url, begun)
        try:
            check_file(self.part, self.file.digest, self.file.size)
            if self.check is not None:
                self.check(self.part)
        except ValueError as error:
            self.part.unlink()
            # Bytes of an earlier download may be wrong; without any, this address is.
            raise _MirrorError(f"another file than expected, {error}", final=not begun) from None
        publish(self.part, self.path)

    def _receive(self, url, begun):
        """Append the missing bytes to the part; return how many of its ``begun`` bytes are still used."""
        self.budget.use(n_requests=1)
        with _open(url, begun) as response:
            begun, total = _place(response, begun)
            if None not in (self.file.size, total) and total != self.file.size:
                raise _MirrorError(f"a file of {total:,} bytes instead of {self.file.size:,}", final=True)
            total = total or self.file.size
            n_bytes = self._append(response, begun, total)
        if n_bytes < (total or 0):
            raise _MirrorError(f"cut off after {n_bytes:,} of {total:,} bytes")
        return begun

    def _append(self, response, begun, total):
        """Append the bytes of a response to the part; return the part's length."""
        n_bytes = begun
        with (
            open(self.part, "ab" if begun else "wb") as file,
            progress_bar(total, self.progress, done=begun, unit="B", name=self.path.name) as bar,
        ):
            for chunk in _chunks(response):
                self.budget.use(n_bytes=len(chunk))
                n_bytes += len(chunk)
                if n_bytes > self.budget.largest:
                    self.part.unlink()
                    raise _MirrorError(f"more than the {self.budget.largest:,} bytes of the file", final=True)
                file.write(chunk)
                bar.update(len(chunk))
        return n_bytes


def _length(path):
    return path.stat().st_size if path.exists() else 0


def _open(url, begun):
    """Request a file from byte ``begun``."""
    from http.client import HTTPException, InvalidURL
    from urllib.error import HTTPError
    from urllib.parse import urlsplit
    from urllib.request import Request, build_opener

    headers = {"User-Agent": "skdecaf"} | ({"Range": f"bytes={begun}-"} if begun else {})
    try:
        # Unlike urlopen, a new opener reads the proxies from the current environment.
        return build_opener().open(Request(url, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and begun:
            return _open(url, 0)
        final = 400 <= error.code < 500 and error.code not in _TEMPORARY_CLIENT_ERRORS
        raise _MirrorError(f"{error.code} {error.reason}", final) from None
    except (InvalidURL, ValueError) as error:
        raise _MirrorError(str(error), final=True) from None
    except (OSError, HTTPException) as error:
        raise _MirrorError(_reason(error), final=urlsplit(url).scheme not in _NETWORK_SCHEMES) from None


def _place(response, begun):
    """The offset at which a response begins, and the size of the file, or None."""
    is_part = response.status == HTTPStatus.PARTIAL_CONTENT
    header = response.headers.get("Content-Range" if is_part else "Content-Length", "")
    try:
        if not is_part:
            return 0, int(header) if header else None
        place, total = header.removeprefix("bytes ").split("/")
        if int(place.split("-")[0]) != begun:
            raise ValueError
        return begun, None if total == "*" else int(total)
    except ValueError:
        raise _MirrorError(f"asked for bytes from {begun} on, it sends {header!r}") from None


def _chunks(response):
    from http.client import HTTPException

    read = getattr(response, "read1", response.read)  # does not wait for a whole chunk
    while True:
        try:
            chunk = read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _MirrorError(_reason(error)) from None
        if not chunk:
            return
        yield chunk


def _reason(error):
    error = getattr(error, "reason", error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
