"""Downloads of single files from several addresses: resumed after interruptions, and verified before they appear."""

# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import errno
import hashlib
import os
import time
from http import HTTPStatus
from pathlib import Path

from skdecaf._utils.files import publish
from skdecaf._utils.progress import progress_bar

_MAX_FAILED_ROUNDS = 3  # over all addresses
_PAUSE = 0.5  # seconds before another round, doubled after each fruitless one
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 2**16
# Bounds of one call; the next call continues.
_MOST_REQUESTS = 200
_MOST_COPIES = 5  # received bytes per byte of the file
_LEAST_TIME = 3600.0  # seconds, for a file of any size
_LEAST_SPEED = 5_000  # bytes per second beyond that
LARGEST = 2**34  # bytes of a file of unknown size
_TEMPORARY_CLIENT_ERRORS = (408, 425, 429)
_NETWORK_SCHEMES = ("http", "https", "ftp")  # addresses that may answer later


class _NotFromHere(Exception):
    """Why an address did not deliver the file; ``final`` if asking again is useless."""

    def __init__(self, reason, final=False):
        super().__init__(reason)
        self.final = final


class _Allowance:
    """The requests, bytes and seconds that one call may use, so that a slow server cannot block the call."""

    def __init__(self, size, largest):
        self.largest = largest if size is None else size
        self._n_requests, self._n_bytes = 0, 0
        self._seconds, self._begin = _LEAST_TIME + self.largest / _LEAST_SPEED, time.monotonic()
        self.is_used_up = False

    def use(self, n_requests=0, n_bytes=0):
        """Count requests and bytes."""
        self._n_requests, self._n_bytes = self._n_requests + n_requests, self._n_bytes + n_bytes
        for unit, used, most in (
            ("requests", self._n_requests, _MOST_REQUESTS),
            ("bytes", self._n_bytes, _MOST_COPIES * self.largest + _CHUNK),
            ("seconds", time.monotonic() - self._begin, self._seconds),
        ):
            if used > most:
                self.is_used_up = True
                raise _NotFromHere(f"gave up after {most:,.0f} {unit}")


def cache_home():
    """The cache folder for downloads: ``SKDECAF_HOME``, or the platform's cache folder."""
    if folder := os.environ.get("SKDECAF_HOME"):
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("skdecaf"))


def is_offline():
    """Whether ``SKDECAF_OFFLINE`` forbids network access."""
    return os.environ.get("SKDECAF_OFFLINE", "0") not in ("", "0")


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


@contextlib.contextmanager
def exclusive(path):
    """Let one process and thread work on a file or folder, while others wait.

    The lock is a hidden file beside it. It is never deleted, since another process may be waiting for it.

    Parameters
    ----------
    path : Path
        It need not exist; missing parent folders are created.

    Raises
    ------
    OSError
        If the lock cannot be created.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path.with_name(f".{path.name}.lock")).acquire()
    except NotImplementedError as error:  # raised by older versions, which have no fallback
        raise OSError(errno.ENOLCK, "the file system knows no locks") from error
    with lock:
        yield


def fetch(
    urls,
    path,
    digest,
    size=None,
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
    urls : sequence of str
        Addresses of the file, the best first. ``SKDECAF_OFFLINE`` leaves those that begin with ``file:``.
    path : str or PathLike
        Destination; missing folders are created.
    digest, size
        As for `check_file`. A download without a digest is not resumed.
    largest : int, optional
        The most bytes to accept if ``size`` is None.
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
    path, advice = Path(path), advice and f"; {advice}"
    if _is_intact(path, digest, size):
        return path
    if is_offline():
        urls = [url for url in urls if url.startswith("file:")]
        if not urls:
            raise OSError(f"{path.name} is not in {str(path.parent)!r}, and SKDECAF_OFFLINE is set{advice}")
    try:
        problems = _fetch_locked(urls, path, digest, size, _Allowance(size, largest), check, progress)
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(
            f"cannot write {path.name} to {str(path.parent)!r}: {reason}{_what_is_kept(path)}; {chosen_by} "
            "chooses another folder"
        ) from error
    if problems:
        reasons = "; ".join(f"{url}: {problem}" for url, problem in problems.items())
        raise OSError(f"{path.name} could not be downloaded ({reasons}){_what_is_kept(path)}{advice}")
    return path


def _fetch_locked(urls, path, digest, size, allowance, check, progress):
    """Download while no other process does; return the problem of each address if all fail."""
    part = _part(path)
    with exclusive(path):
        if _is_intact(path, digest, size):  # another process has just finished
            return {}
        if digest is None:  # nothing would prove that the rest belongs to the same file
            part.unlink(missing_ok=True)
        try:
            return _from_mirrors(urls, path, digest, size, allowance, check, progress)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                part.unlink(missing_ok=True)
            raise
        finally:
            if digest is None or not _length(part):
                part.unlink(missing_ok=True)


def _what_is_kept(path):
    n_bytes = _length(_part(path))
    return f"; the next call continues after the {n_bytes:,} bytes in {str(_part(path))!r}" if n_bytes else ""


def _part(path):
    return path.with_name(f"{path.name}.part")


def _is_intact(path, digest, size):
    if not path.exists():
        return False
    with contextlib.suppress(ValueError):
        check_file(path, digest, size)
        return True
    return False


def _from_mirrors(urls, path, digest, size, allowance, check, progress):
    """Ask all addresses in turn, until rounds bring nothing new."""
    problems, remaining, fruitless, longest = {}, list(urls), 0, _length(_part(path))
    while remaining and fruitless < _MAX_FAILED_ROUNDS:
        if problems:
            time.sleep(_PAUSE * 2**fruitless)
        for url in tuple(remaining):
            try:
                _from_mirror(url, path, digest, size, allowance, check, progress)
                return {}
            except _NotFromHere as problem:
                problems[url] = problem
                if problem.final:
                    remaining.remove(url)
                if allowance.is_used_up:
                    return problems
        # A part that was discarded and grows again is not new.
        fruitless = 0 if _length(_part(path)) > longest else fruitless + 1
        longest = max(longest, _length(_part(path)))
    return problems


def _length(path):
    return path.stat().st_size if path.exists() else 0


def _from_mirror(url, path, digest, size, allowance, check, progress):
    part = _part(path)
    begun = _length(part)
    if begun != size:
        begun = _receive(url, part, begun, size, allowance, progress)
    try:
        check_file(part, digest, size)
        if check is not None:
            check(part)
    except ValueError as error:
        part.unlink()
        # Bytes of an earlier download may be wrong; without any, this address is.
        raise _NotFromHere(f"another file than expected, {error}", final=not begun) from None
    publish(part, path)


def _receive(url, part, begun, size, allowance, progress):
    """Append the missing bytes to ``part``; return how many of its ``begun`` bytes are still used."""
    allowance.use(n_requests=1)
    with _open(url, begun) as response:
        begun, total = _place(response, begun)
        if None not in (size, total) and total != size:
            raise _NotFromHere(f"a file of {total:,} bytes instead of {size:,}", final=True)
        n_bytes = begun
        with (
            open(part, "ab" if begun else "wb") as file,
            progress_bar(total or size, progress, done=begun, unit="B", name=part.stem) as bar,
        ):
            for chunk in _chunks(response):
                allowance.use(n_bytes=len(chunk))
                n_bytes += len(chunk)
                if n_bytes > allowance.largest:
                    part.unlink()
                    raise _NotFromHere(f"more than the {allowance.largest:,} bytes of the file", final=True)
                file.write(chunk)
                bar.update(len(chunk))
    if n_bytes < (total or size or 0):
        raise _NotFromHere(f"cut off after {n_bytes:,} of {total or size:,} bytes")
    return begun


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
        raise _NotFromHere(f"{error.code} {error.reason}", final) from None
    except (InvalidURL, ValueError) as error:
        raise _NotFromHere(str(error), final=True) from None
    except (OSError, HTTPException) as error:
        raise _NotFromHere(_reason(error), final=urlsplit(url).scheme not in _NETWORK_SCHEMES) from None


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
        raise _NotFromHere(f"asked for bytes from {begun} on, it sends {header!r}") from None


def _chunks(response):
    from http.client import HTTPException

    read = getattr(response, "read1", response.read)  # does not wait for a whole chunk
    while True:
        try:
            chunk = read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _NotFromHere(_reason(error)) from None
        if not chunk:
            return
        yield chunk


def _reason(error):
    error = getattr(error, "reason", error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
