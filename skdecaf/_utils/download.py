"""Downloads that are verified before anyone sees them, and that continue where an earlier one was interrupted.

This module knows neither networks nor data sets: it brings one file from one of several addresses to one place.
"""

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

_FRUITLESS_ROUNDS = 3  # over all addresses, one after the other
_PAUSE = 0.5  # seconds before another round, twice as many after each fruitless one
_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 2**16
_PASSING_CLIENT_ERRORS = (408, 425, 429)
_NETWORK_SCHEMES = ("http", "https", "ftp")  # of addresses that may answer another time


class _NotFromHere(Exception):
    """Why an address did not give the file; ``final`` where asking it again is useless."""

    def __init__(self, reason, final=False):
        super().__init__(reason)
        self.final = final


def cache_home():
    """Folder for what is downloaded: ``SKDECAF_HOME``, or the platform's folder for caches."""
    if folder := os.environ.get("SKDECAF_HOME"):
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("skdecaf"))


def is_offline():
    """Whether ``SKDECAF_OFFLINE`` forbids to ask the network."""
    return os.environ.get("SKDECAF_OFFLINE", "0") not in ("", "0")


def check_file(path, digest, size=None):
    """Check that a file is the one that was published.

    Parameters
    ----------
    path : str or PathLike
    digest : str or None
        ``"sha256:<hex>"``, likewise "sha1" or "md5", or "git-sha1", the id by which git knows a file's content; None
        trusts the size.
    size : int, optional
        In bytes.

    Raises
    ------
    ValueError
        If it is another file; the message says in what it differs.
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
    """Let one process, and one thread of it, work at a file or folder, while others wait.

    The lock is a hidden file beside it. It stays, since another process may be about to wait for it.

    Parameters
    ----------
    path : Path
        It need not exist; missing folders above it are made.

    Raises
    ------
    OSError
        If the lock cannot be made.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock = FileLock(path.with_name(f".{path.name}.lock")).acquire()
    except NotImplementedError as error:  # from the older versions, which have nothing to fall back to
        raise OSError(errno.ENOLCK, "the file system knows no locks") from error
    with lock:
        yield


def fetch(
    urls,
    path,
    digest,
    size=None,
    *,
    check=None,
    advice="",
    chosen_by="the environment variable SKDECAF_HOME",
    progress=True,
):
    """Bring a file to its place, unless it is there.

    It appears under its name when it is complete and verified. Until then its bytes are in ``<path>.part``, where the
    next call continues, whichever process makes it. Several processes may ask for one file at once: one downloads, the
    others wait for it. Proxies are those of the environment (``https_proxy`` and so on).

    Parameters
    ----------
    urls : sequence of str
        If the file is, the best first; ``file://`` is one of the ways. ``SKDECAF_OFFLINE`` leaves only that.
    path : str or PathLike
        If it belongs; missing folders are made.
    digest, size
        As for `check_file`. A download without a digest starts anew instead of being continued.
    check : callable, optional
        Is called with the path of what was downloaded before it gets its name, and raises a ValueError where it is
        something else.
    advice : str, optional
        What else to do, for the end of a message.
    chosen_by : str, optional
        What chooses another folder, for a message where this one cannot be written.
    progress : bool, default=True
        Whether to show a bar on the standard error.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    OSError
        If no address gives the right file, offline, or where it cannot be written.
    """
    path, advice = Path(path), advice and f"; {advice}"
    if _is_intact(path, digest, size):
        return path
    if is_offline():
        urls = [url for url in urls if url.startswith("file:")]
        if not urls:
            raise OSError(f"{path.name} is not in {str(path.parent)!r}, and SKDECAF_OFFLINE is set{advice}")
    try:
        problems = _fetch_locked(urls, path, digest, size, check, progress)
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


def _fetch_locked(urls, path, digest, size, check, progress):
    """Download while no other process does; return the problems of all addresses where none gives the right file."""
    part = _part(path)
    with exclusive(path):
        if _is_intact(path, digest, size):  # another process has just finished
            return {}
        if digest is None:  # nothing would show that the rest is of the same file
            part.unlink(missing_ok=True)
        try:
            return _from_mirrors(urls, path, digest, size, check, progress)
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


def _from_mirrors(urls, path, digest, size, check, progress):
    """Ask all addresses in turn, again and again until nothing new comes."""
    problems, remaining, fruitless = {}, list(urls), 0
    while remaining and fruitless < _FRUITLESS_ROUNDS:
        if problems:
            time.sleep(_PAUSE * 2**fruitless)
        before = _length(_part(path))
        for url in tuple(remaining):
            try:
                _from_mirror(url, path, digest, size, check, progress)
                return {}
            except _NotFromHere as problem:
                problems[url] = problem
                if problem.final:
                    remaining.remove(url)
        fruitless = 0 if _length(_part(path)) > before else fruitless + 1
    return problems


def _length(path):
    return path.stat().st_size if path.exists() else 0


def _from_mirror(url, path, digest, size, check, progress):
    part = _part(path)
    begun = _length(part)
    if begun != size:
        begun = _receive(url, part, begun, size, progress)
    try:
        check_file(part, digest, size)
        if check is not None:
            check(part)
    except ValueError as error:
        part.unlink()
        # What was there before may be to blame; without it, this address is.
        raise _NotFromHere(f"another file than expected, {error}", final=not begun) from None
    publish(part, path)


def _receive(url, part, begun, size, progress):
    """Append to ``part`` what it lacks; return how many of the ``begun`` bytes that it had are in use still."""
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
                n_bytes += len(chunk)
                if size is not None and n_bytes > size:
                    part.unlink()
                    raise _NotFromHere(f"more than the {size:,} bytes of the file", final=True)
                file.write(chunk)
                bar.update(len(chunk))
    if n_bytes < (total or size or 0):
        raise _NotFromHere(f"cut off after {n_bytes:,} of {total or size:,} bytes")
    return begun


def _open(url, begun):
    """Ask for what comes after the bytes that have ``begun`` a file."""
    from http.client import HTTPException, InvalidURL
    from urllib.error import HTTPError
    from urllib.parse import urlsplit
    from urllib.request import Request, build_opener

    headers = {"User-Agent": "skdecaf"} | ({"Range": f"bytes={begun}-"} if begun else {})
    try:
        # Unlike urlopen's, a new opener reads the proxies from the environment as it is now.
        return build_opener().open(Request(url, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and begun:
            return _open(url, 0)
        final = 400 <= error.code < 500 and error.code not in _PASSING_CLIENT_ERRORS
        raise _NotFromHere(f"{error.code} {error.reason}", final) from None
    except (InvalidURL, ValueError) as error:
        raise _NotFromHere(str(error), final=True) from None
    except (OSError, HTTPException) as error:
        raise _NotFromHere(_reason(error), final=urlsplit(url).scheme not in _NETWORK_SCHEMES) from None


def _place(response, begun):
    """Where in the file a response begins, and how long the file is, or None."""
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

    while True:
        try:
            chunk = response.read(_CHUNK)
        except (OSError, HTTPException) as error:
            raise _NotFromHere(_reason(error)) from None
        if not chunk:
            return
        yield chunk


def _reason(error):
    error = getattr(error, "reason", error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
