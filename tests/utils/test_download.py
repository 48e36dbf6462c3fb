"""Downloads: verified, atomic and resumed, whatever servers, disks and people do to them."""

# SPDX-License-Identifier: BSD-3-Clause
import errno
import hashlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import filelock
import numpy as np
import pytest
from folder_listing import names_in
from local_server import LocalServer, allow_only_the_loopback, eventually

from skdecaf._utils import download
from skdecaf._utils.download import PublishedFile, check_file
from skdecaf._utils.environment import cache_home
from skdecaf._utils.locks import file_lock

CONTENT = np.random.default_rng(0).bytes(700_001)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
SIZE = len(CONTENT)

# As another process runs it: the module stands alone.
FETCH_ALONE = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("download", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
path = pathlib.Path(sys.argv[2])
module.download(module.PublishedFile(path.name, sys.argv[4:], sys.argv[3]), path.parent)
"""


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch):
    allow_only_the_loopback(monkeypatch)


@pytest.fixture
def pauses(monkeypatch):
    """Pauses between attempts, which take no time here."""
    pauses = []
    monkeypatch.setattr(download, "_PAUSE", 0.01)
    sleep = download.time.sleep
    monkeypatch.setattr(download.time, "sleep", lambda seconds: (pauses.append(seconds), sleep(seconds)))
    return pauses


@pytest.fixture
def server():
    with LocalServer() as server:
        server.files["file.bin"] = CONTENT
        yield server


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "folder" / "file.bin"


def fetch(urls, path, digest, size=None, **options):
    path = Path(path)
    return download.download(PublishedFile(path.name, urls, digest, size), path.parent, **options)


def part_of(path):
    return path.with_name("file.bin.part")


def urls(server, *ways):
    return [server.url(how, "file.bin") for how in ways]


def start_fetching(path, *urls):
    command = [sys.executable, "-c", FETCH_ALONE, download.__file__, path, DIGEST, *urls]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


# What comes back


def test_a_file_is_brought_to_its_place_once(server, path):
    assert fetch(urls(server, "good"), path, DIGEST, SIZE) == path
    assert path.read_bytes() == CONTENT
    assert names_in(path.parent) == ["file.bin"]
    assert fetch(urls(server, "good"), str(path), DIGEST, SIZE) == path
    assert server.requests == [("good", 0)]


def test_a_file_that_is_another_one_is_replaced(server, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:-1] + b"?")
    fetch(urls(server, "good"), path, DIGEST, SIZE)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("how", ["moved", "chunked", "slow", "no-range"])
def test_ways_of_serving(how, server, path):
    for size in (SIZE, None):
        path.unlink(missing_ok=True)
        fetch(urls(server, how), path, DIGEST, size)
        assert path.read_bytes() == CONTENT


def test_a_file_on_disk(tmp_path, path):
    source = tmp_path / "the source.bin"
    source.write_bytes(CONTENT)
    fetch([source.as_uri()], path, DIGEST, SIZE)
    assert path.read_bytes() == CONTENT
    with pytest.raises(OSError, match="gone: No such file or directory"):
        fetch([f"{source.as_uri()}.gone"], path.with_name("other"), DIGEST)


def test_a_proxy_of_the_environment_is_asked(server, path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    fetch(["http://weights.invalid/good/file.bin"], path, DIGEST)
    assert path.read_bytes() == CONTENT
    assert server.hosts == ["weights.invalid"]


@pytest.mark.parametrize(
    ("digest", "content"),
    [  # the values that RFC 1321, RFC 3174, FIPS 180 and the book on git give
        ("md5:900150983cd24fb0d6963f7d28e17f72", b"abc"),
        ("sha1:a9993e364706816aba3e25717850c26c9cd0d89d", b"abc"),
        ("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", b"abc"),
        ("git-sha1:d670460b4b4aece5915caf5c68d12f560a9fe3e4", b"test content\n"),
        (None, b"whatever"),
    ],
    ids=lambda value: str(value).split(":")[0],
)
def test_digests(digest, content, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    check_file(path, digest, len(content))
    with pytest.raises(ValueError, match=rf"file' has {len(content)} bytes instead of 99"):
        check_file(path, digest, 99)
    if digest:
        path.write_bytes(content[::-1])
        with pytest.raises(ValueError, match=f"digest [0-9a-f]+ instead of {digest.split(':')[1]}"):
            check_file(path, digest)


def test_progress_goes_to_the_standard_error(server, path, capsys):
    fetch(urls(server, "good"), path, DIGEST)
    output, errors = capsys.readouterr()
    assert output == "" and "file.bin: 100%" in errors and "700k/700k" in errors
    path.unlink()
    fetch(urls(server, "good"), path, DIGEST, progress=False)
    assert capsys.readouterr() == ("", "")


# Servers that fail


@pytest.mark.parametrize("first", ["missing", "wrong", "nonsense", "odd"])
def test_the_next_address_is_asked(first, server, path, pauses):
    fetch(urls(server, first, "good"), path, DIGEST, SIZE)
    assert path.read_bytes() == CONTENT
    assert server.requests == [(first, 0), ("good", 0)] and pauses == []


def test_what_was_cut_off_is_continued(server, path, pauses):
    fetch(urls(server, "cut"), path, DIGEST, SIZE)
    assert path.read_bytes() == CONTENT
    starts = [first for _, first in server.requests]
    assert len(starts) > 5, "as long as something new comes, there is hope"
    assert starts == sorted(set(starts)) and SIZE - starts[-1] == 1


def test_what_was_cut_off_is_continued_at_another_address(server, path, pauses):
    fetch(urls(server, "cut", "good"), path, DIGEST)
    assert path.read_bytes() == CONTENT
    assert server.requests == [("cut", 0), ("good", (SIZE + 1) // 2)] and pauses == []


def test_a_server_that_falls_silent_is_asked_again(server, path, pauses, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT", 0.2)
    fetch(urls(server, "stall", "good"), path, DIGEST, SIZE)
    assert path.read_bytes() == CONTENT
    assert server.requests[1][1] > SIZE // 4


def test_a_busy_server_is_asked_again(server, path, pauses):
    fetch(urls(server, "busy"), path, DIGEST)
    assert path.read_bytes() == CONTENT and len(pauses) == 1


def test_patience_ends(server, path, pauses):
    server.server_close()  # nobody listens
    with pytest.raises(OSError, match="file.bin could not be downloaded .*refused.*; ask a friend"):
        fetch(urls(server, "good"), path, DIGEST, advice="ask a friend")
    assert pauses == [0.02, 0.04]
    assert names_in(path.parent) == []


def test_patience_ends_with_a_server_that_continues_with_other_bytes(server, path, pauses):
    for size in (SIZE, None):
        with pytest.raises(OSError, match="could not be downloaded"):
            fetch(urls(server, "liar"), path, DIGEST, size)
    assert len(server.requests) <= 12


def test_requests_bytes_and_seconds_are_bounded(server, path, pauses, monkeypatch):
    with pytest.raises(OSError, match="more than the 1,000,000 bytes"):
        fetch(urls(server, "endless"), path, DIGEST, largest=1_000_000)
    monkeypatch.setattr(download, "_MAX_REQUESTS", 2)
    with pytest.raises(OSError, match="gave up after 2 requests.*the next call continues"):
        fetch(urls(server, "cut"), path, DIGEST, SIZE)
    part_of(path).unlink()
    monkeypatch.setattr(download, "_MIN_TIME", 0.3)
    monkeypatch.setattr(download, "_MIN_SPEED", 10**9)
    begin = time.monotonic()
    with pytest.raises(OSError, match="gave up after 0 seconds"):
        fetch(urls(server, "drip", "good"), path, DIGEST, SIZE)
    assert time.monotonic() - begin < 5


def test_the_error_names_every_address_and_its_reason(server, path, pauses):
    with pytest.raises(OSError) as caught:
        fetch(urls(server, "missing", "wrong", "endless"), path, DIGEST, SIZE)
    message = str(caught.value)
    assert "/missing/file.bin: 404 Not Found" in message
    assert "/wrong/file.bin: another file than expected" in message and DIGEST.split(":")[1] in message
    assert f"/endless/file.bin: more than the {SIZE:,} bytes" in message
    assert "\n" not in message and pauses == [], "asking those again is useless"
    assert "continues" not in message and names_in(path.parent) == []


def test_a_file_of_another_size_is_not_even_downloaded(server, path, pauses):
    with pytest.raises(OSError, match=r"a file of 700,001 bytes instead of 700,000"):
        fetch(urls(server, "good"), path, DIGEST, SIZE - 1)
    assert names_in(path.parent) == []


def test_redirects_do_not_lead_to_local_files(server, path, pauses, monkeypatch):
    monkeypatch.setattr(server, "url", lambda how, name: Path(__file__).as_uri())
    with pytest.raises(OSError, match="302"):
        fetch([f"http://127.0.0.1:{server.server_port}/moved/file.bin"], path, None)


# Interruptions


@pytest.mark.parametrize(
    "url", ["/media/stick/file", "gopher://x/file", "http://[::1/x", "http://a:b/x", "http://a b/"]
)
def test_what_is_no_address_is_passed_over_once(url, server, path, pauses):
    fetch([url, *urls(server, "good")], path, DIGEST)
    assert path.read_bytes() == CONTENT
    with pytest.raises(OSError, match=re.escape(f"could not be downloaded ({url}: ")):
        fetch([url], path.with_name("other"), DIGEST)
    assert pauses == []


def test_an_interrupted_download_is_continued_by_the_next_call(server, path, monkeypatch):
    def interrupted(response):
        yield response.read(200_000)
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(download, "_chunks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch(urls(server, "good"), path, DIGEST, SIZE)
    assert names_in(path.parent) == ["file.bin.part"]
    fetch(urls(server, "good"), path, DIGEST, SIZE)
    assert path.read_bytes() == CONTENT and names_in(path.parent) == ["file.bin"]
    assert server.requests == [("good", 0), ("good", 200_000)]


@pytest.mark.parametrize(
    ("how", "asked"), [("good", [0, 0]), ("no-range", [0, 0])], ids=["server continues", "server starts anew"]
)
def test_without_a_digest_nothing_is_continued(how, asked, server, path):
    path.parent.mkdir(parents=True)
    part_of(path).write_bytes(CONTENT[:1000])
    fetch(urls(server, how), path, None)
    assert path.read_bytes() == CONTENT and server.requests == [(how, 0)]


@pytest.mark.parametrize("size", [SIZE, None])
@pytest.mark.parametrize(
    "begun",
    [CONTENT[:1000], b"of another version", bytes(SIZE), CONTENT, CONTENT + b"and more"],
    ids=["right", "wrong", "wrong and complete", "complete", "too long"],
)
@pytest.mark.parametrize("how", ["good", "no-range"])
def test_whatever_was_begun_the_right_file_comes(how, begun, size, server, path, pauses):
    path.parent.mkdir(parents=True)
    part_of(path).write_bytes(begun)
    fetch(urls(server, how), path, DIGEST, size)
    assert path.read_bytes() == CONTENT and names_in(path.parent) == ["file.bin"]
    if begun == CONTENT and size:
        assert server.requests == []


def test_a_killed_process_leaves_nothing_but_a_beginning(server, path):
    process = start_fetching(path, *urls(server, "slow"))
    eventually(lambda: part_of(path).exists() and part_of(path).stat().st_size > 200_000)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert names_in(path.parent) == ["file.bin.part"]
    fetch(urls(server, "good"), path, DIGEST, SIZE)
    assert path.read_bytes() == CONTENT
    assert server.requests[-1][1] >= 200_000


@pytest.mark.slow
def test_of_two_processes_one_downloads_and_one_waits(server, path):
    server.seconds_per_chunk = 0.03
    processes = [start_fetching(path, *urls(server, "slow")) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert path.read_bytes() == CONTENT and names_in(path.parent) == ["file.bin"]
    assert server.requests == [("slow", 0)]


# What is left


@pytest.mark.parametrize("how", ["missing", "wrong", "busy"])
def test_a_failed_download_leaves_nothing(how, server, path, pauses):
    with pytest.raises(OSError, match="could not be downloaded"):
        fetch([server.url(how, "none.bin")], path, DIGEST)
    assert names_in(path.parent) == []


def test_a_beginning_is_kept_and_the_message_says_so(server, path, pauses):
    server.files["file.bin"] = CONTENT[:-1]  # a copy that ends too early
    with pytest.raises(OSError, match=r"continues after the 700,000 bytes in '.*folder/file.bin.part'; ask a friend$"):
        fetch(urls(server, "chunked"), path, DIGEST, SIZE, advice="ask a friend")
    assert names_in(path.parent) == ["file.bin.part"]
    server.files["file.bin"] = CONTENT
    fetch(urls(server, "good"), path, DIGEST, SIZE)
    assert path.read_bytes() == CONTENT and server.requests[-1] == ("good", 700_000)


def test_a_beginning_that_nothing_vouches_for_is_not_kept(server, path, pauses, monkeypatch):
    def interrupted(response):
        yield response.read(200_000)
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_chunks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(urls(server, "good"), path, None)
    assert names_in(path.parent) == []


def test_a_check_by_the_caller_comes_before_the_name(server, path, pauses):
    seen = []

    def check(part):
        seen.append((part.read_bytes() == CONTENT, path.exists()))
        if len(seen) == 1:
            raise ValueError("a page of excuses")

    fetch(urls(server, "good", "chunked"), path, None, check=check)
    assert seen == [(True, False)] * 2 and path.read_bytes() == CONTENT
    seen.clear()
    with pytest.raises(OSError, match=r"another file than expected, a page of excuses\)$"):
        fetch(urls(server, "good"), path.with_name("other"), None, check=check)
    assert names_in(path.parent) == ["file.bin"]


# One at a time


def add_one(path):
    """What comes out wrong where two do it at once."""
    with file_lock(path):
        count = int(path.read_text()) if path.exists() else 0
        time.sleep(0.001)
        path.write_text(str(count + 1))


def test_one_thread_at_a_time(path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_one, [path] * 40))
    assert path.read_text() == "40"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_one_forked_process_at_a_time(path):
    """Also where they have the descriptor of a lock that was held when they were forked."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=add_one, args=(path,), daemon=True) for _ in range(8)]
    with file_lock(path):
        for process in processes:
            process.start()
        time.sleep(0.1)
        assert not path.exists()
    add_one(path)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert path.read_text() == "9"


# Disks and settings


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_a_full_disk(server, path, pauses):
    path.parent.mkdir(parents=True)
    part_of(path).symlink_to("/dev/full")
    with pytest.raises(OSError, match="cannot write file.bin to '.*folder': No space left.*SKDECAF_HOME"):
        fetch(urls(server, "good", "good"), path, DIGEST, SIZE)
    assert names_in(path.parent) == [] and pauses == [] and len(server.requests) == 1, "no mirror helps against that"


@pytest.mark.parametrize("operation", ["mkdir", "open", "replace"])
def test_a_folder_that_is_read_only(operation, server, path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    if operation == "open":
        monkeypatch.setattr(download, "open", refuse, raising=False)
    else:
        monkeypatch.setattr(os, operation, refuse)
    with pytest.raises(OSError, match="cannot write file.bin to '.*folder': Read-only file system; .*SKDECAF_HOME"):
        fetch(urls(server, "good"), path, DIGEST, SIZE)
    assert not path.exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (OSError(errno.ENOLCK, "No locks available"), "No locks available"),
        (NotImplementedError("FileSystem does not appear to support flock"), "the file system knows no locks"),
    ],
    ids=["no permission", "no locks", "no locks, for older versions"],
)
def test_a_folder_without_locks(error, said, server, path, monkeypatch):
    def refuse(lock):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with pytest.raises(OSError, match=rf"cannot write file.bin to '.*folder': {said}; .*SKDECAF_HOME chooses another"):
        fetch(urls(server, "good"), path, DIGEST, SIZE)
    assert server.requests == []


def test_a_file_in_the_way(server, path):
    path.parent.parent.mkdir()
    path.parent.write_text("no folder")
    with pytest.raises(OSError, match="cannot write file.bin to '.*folder': File exists"):
        fetch(urls(server, "good"), path, DIGEST, SIZE)


def test_offline_only_files_are_asked_for(server, path, tmp_path, monkeypatch):
    monkeypatch.setenv("SKDECAF_OFFLINE", "1")
    with pytest.raises(OSError, match="file.bin is not in '.*folder', and SKDECAF_OFFLINE is set; go online"):
        fetch(urls(server, "good"), path, DIGEST, advice="go online")
    source = tmp_path / "source.bin"
    source.write_bytes(CONTENT)
    fetch([*urls(server, "good"), source.as_uri()], path, DIGEST)
    assert fetch(urls(server, "good"), path, DIGEST) == path, "it is there"
    assert server.requests == []
    path.unlink()
    monkeypatch.setenv("SKDECAF_OFFLINE", "0")
    fetch(urls(server, "good"), path, DIGEST)


def test_where_downloads_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    if sys.platform == "linux":
        assert cache_home() == tmp_path / "caches" / "skdecaf"
    monkeypatch.setenv("SKDECAF_HOME", str(tmp_path / "own"))
    assert cache_home() == tmp_path / "own"
    assert os.listdir(tmp_path) == [], "asking makes no folder"
