"""Archives: extracted as a whole or not at all, whatever they hold, and nothing beside their folder is touched."""

# SPDX-License-Identifier: BSD-3-Clause
import gzip
import io
import os
import random
import signal
import stat
import subprocess
import sys
import tarfile
import zipfile

import pytest
from dataset_archives import tar_bytes, zip_bytes

from skdecaf._utils import archives
from skdecaf._utils.archives import Limits, archive_kind, extract

FILES = {"photos/cat/1.jpg": b"a cat", "photos/dog/1.jpg": b"a dog" * 10_000, "lists/empty.txt": b""}
LIMITS = Limits(n_bytes=1_000_000, n_members=20)

# As another process runs it: the module stands alone. It dies at the file of a number, or writes slowly.
EXTRACT_ALONE = """
import importlib.util, os, signal, sys, time
spec = importlib.util.spec_from_file_location("archives", sys.argv[1])
module = sys.modules["archives"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
write, written, die_at = module._write, [], int(sys.argv[4])

def write_and_die(source, path, size):
    written.append(path)
    if len(written) == die_at:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return write(source, path, size)

module._write = write_and_die
module.extract([sys.argv[2]], sys.argv[3], module.Limits(1_000_000, 20))
print(len(written))
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "new" / "folder"


def archive(tmp_path, content, name="archive"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def files_below(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_refused(archives, folder, match, limits=LIMITS):
    """Nothing is left of it, and nothing was written elsewhere."""
    before = files_below(folder.parent.parent)
    with pytest.raises(ValueError, match=match) as caught:
        extract(archives, folder, limits)
    assert "\n" not in str(caught.value) and str(archives[0]) in str(caught.value)
    assert files_below(folder.parent.parent) == before and os.listdir(folder.parent) == []


# Sound archives


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("zip", zip_bytes(FILES)),
        ("tar", tar_bytes(FILES, "")),
        ("gzip", tar_bytes(FILES, "gz")),
        ("bzip2", tar_bytes(FILES, "bz2")),
        ("gzip", tar_bytes({f"./{name}": content for name, content in FILES.items()})),
    ],
)
def test_kinds_are_told_by_their_content(kind, content, tmp_path, folder):
    path = archive(tmp_path, content)
    assert archive_kind(path) == kind
    assert extract([path], str(folder), LIMITS) == folder
    assert files_below(folder) == FILES
    assert not os.access(folder / "photos/cat/1.jpg", os.X_OK)


def test_a_tar_of_the_oldest_kind(tmp_path, folder):
    content = bytearray(tar_bytes({"1.jpg": b"a cat"}, ""))
    content[257:512] = bytes(255)
    content[148:156] = b"%06o\0 " % sum(content[:148] + b" " * 8 + content[156:512])
    path = archive(tmp_path, content)
    assert archive_kind(path) == "tar"
    extract([path], folder, LIMITS)
    assert files_below(folder) == {"1.jpg": b"a cat"}


def test_what_is_no_archive(tmp_path, folder):
    for content in (b"", b"<html>" * 200, b"P"):
        path = archive(tmp_path, content)
        assert archive_kind(path) is None
        check_refused([path], folder, "is not an archive; delete it")


def test_several_archives_and_archives_within_them(tmp_path, folder):
    within = {"set/photos.tar.gz": tar_bytes(FILES), "set/lists.zip": zip_bytes({"a.txt": b"a"}), "set/b.tar": b"none"}
    nested = zip_bytes(within)
    paths = [archive(tmp_path, nested, "one"), archive(tmp_path, tar_bytes({"notes.csv.gz": b"no tar"}), "two")]
    extract(paths, folder, LIMITS)
    expected = {f"set/{name}": content for name, content in FILES.items()}
    assert files_below(folder) == expected | {"set/a.txt": b"a", "set/b.tar": b"none", "notes.csv.gz": b"no tar"}


def test_hidden_files_are_left_out(tmp_path, folder):
    hidden = {"._cat.jpg": b"1", "photos/.DS_Store": b"2", "__MACOSX/photos/cat/1.jpg": b"3", ".git/config": b"4"}
    for content in (zip_bytes(hidden | FILES), tar_bytes(hidden | FILES)):
        extract([archive(tmp_path, content)], folder, LIMITS)
        assert files_below(folder) == FILES
        folder.rename(tmp_path / str(len(os.listdir(tmp_path))))


def test_modes_and_owners_are_those_of_new_files(tmp_path, folder):
    header = tarfile.TarInfo("set-uid")
    header.mode, header.uid = 0o4777, 12345
    extract([archive(tmp_path, tar_bytes({"set-uid": header}))], folder, LIMITS)
    status = (folder / "set-uid").stat()
    assert stat.S_IMODE(status.st_mode) & 0o7111 == 0 and status.st_uid == os.getuid()


def test_the_check_sees_everything_before_the_folder_is_there(tmp_path, folder):
    def check(partial):
        assert files_below(partial) == FILES and not folder.exists()
        raise ValueError("not what was expected")

    with pytest.raises(ValueError, match="not what was expected"):
        extract([archive(tmp_path, tar_bytes(FILES))], folder, LIMITS, check=check)
    assert os.listdir(folder.parent) == []


def test_all_is_on_the_disk_before_the_folder_is_there(tmp_path, folder, monkeypatch):
    seen = []
    monkeypatch.setattr(archives.os, "sync", lambda: seen.append((folder.exists(), len(files_below(folder.parent)))))
    extract([archive(tmp_path, tar_bytes(FILES))], folder, LIMITS)
    assert seen == [(False, len(FILES))]


# Hostile archives


@pytest.mark.parametrize("make", [tar_bytes, zip_bytes])
@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "photos/../../evil",
        "/evil",
        "//evil",
        "photos/..",
        "C:/evil",
        "..\\evil",
        "photos\\evil",
        "./../.evil",
    ],
)
def test_places_outside(name, make, tmp_path, folder):
    path = archive(tmp_path, make({"photos/good.jpg": b"", name: b"bad"}))
    check_refused([path], folder, "names .*, a place outside its folder; delete it")


@pytest.mark.parametrize("make", [tar_bytes, zip_bytes])
@pytest.mark.parametrize("name", ["x" * 300, "/".join(["x" * 200] * 30)[:5000]])
def test_names_that_are_too_long(name, make, tmp_path, folder):
    path = archive(tmp_path, make({"photos/good.jpg": b"", f"photos/{name}": b"long"}))
    check_refused([path], folder, "contains a name that is too long, 'xxx")


def special(kind, name="photos/x", target="/etc/passwd"):
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, target
    return header


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"]
)
@pytest.mark.parametrize("target", ["/etc/passwd", "good.jpg"])
def test_links_and_devices_in_a_tar(kind, target, tmp_path, folder):
    path = archive(tmp_path, tar_bytes({"good.jpg": b"1", "photos/x": special(kind, target=target)}))
    check_refused([path], folder, "'photos/x', which is neither a file nor a folder")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip(mode, tmp_path, folder):
    member = zipfile.ZipInfo("photos/x")
    member.external_attr = (mode | 0o777) << 16
    check_refused([archive(tmp_path, zip_bytes({member: b"/etc/passwd"}))], folder, "neither a file nor a folder")


def test_a_way_through_a_link(tmp_path, folder):
    content = tar_bytes({"way": special(tarfile.SYMTYPE, "way", str(tmp_path)), "way/evil": b"bad"})
    check_refused([archive(tmp_path, content)], folder, "neither a file nor a folder")


@pytest.mark.parametrize("second", ["photos/cat/1.jpg", "photos/./cat//1.jpg", "photos/cat/1.jpg/x", "photos/cat"])
def test_names_that_come_twice(second, tmp_path, folder):
    content = tar_bytes(FILES, "")[: 512 * 2] + tar_bytes({second: b"another"}, "")
    check_refused([archive(tmp_path, content)], folder, "twice, or as a file and a folder")


def test_bombs(tmp_path, folder):
    zeros = {"zeros": bytes(3_000_000)}
    for content in (
        zip_bytes(zeros),
        tar_bytes(zeros),
        tar_bytes(zeros, "bz2"),
        zip_bytes({"a.tgz": tar_bytes(zeros)}),
    ):
        path = archive(tmp_path, content)
        check_refused([path], folder, "more than the 1,000,000 bytes", LIMITS)
        check_refused([path], folder, "more than 100 times its own size", Limits(10**9, 20))
    many = {f"{i}": b"" for i in range(21)}
    for content in (zip_bytes(many), tar_bytes(many), tar_bytes({f".{name}": b"" for name in many})):
        check_refused([archive(tmp_path, content)], folder, "more than the 20 files and folders")


def test_limits_hold_for_all_archives_together(tmp_path, folder):
    paths = [archive(tmp_path, tar_bytes({name: bytes(600_000)}, ""), name) for name in "ab"]
    with pytest.raises(ValueError, match=r"b' contains more than the 1,000,000 bytes"):
        extract(paths, folder, LIMITS)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_headers_that_would_fill_the_memory(kind, tmp_path, folder):
    header = tarfile.TarInfo("long")
    header.type, header.size = kind, 2**33
    content = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(2**20))
    check_refused([archive(tmp_path, content)], folder, "has a header of 8,589,934,592 bytes")


def test_headers_without_end(tmp_path, folder):
    header = tarfile.TarInfo("long")
    header.type = tarfile.XHDTYPE
    content = gzip.compress(header.tobuf(tarfile.USTAR_FORMAT) * 5_000)
    check_refused([archive(tmp_path, content)], folder, "is damaged")


@pytest.mark.parametrize("name", ["1.jpg", ".hidden"])
def test_sizes_below_zero(name, tmp_path, folder):
    header = tarfile.TarInfo(name)
    header.pax_headers = {"size": "-1000000"}
    check_refused([archive(tmp_path, tar_bytes({name: header}))], folder, "of a negative size")


def test_sparse_files(tmp_path, folder):
    header = special(tarfile.GNUTYPE_SPARSE)
    check_refused([archive(tmp_path, tar_bytes({"x": header}))], folder, "neither a file nor a folder|is damaged")


def test_a_tar_that_goes_on_after_its_end(tmp_path, folder):
    check_refused([archive(tmp_path, gzip.compress(tar_bytes(FILES, "") + bytes(2**21)))], folder, "after its end")


@pytest.mark.parametrize("size", [3, 7])
def test_a_zip_with_a_wrong_size(size, tmp_path, folder):
    content = bytearray(zip_bytes({"1.jpg": b"a cat"}))
    for signature, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = content.index(signature) + offset
        assert content[at] == 5
        content[at] = size
    check_refused([archive(tmp_path, content)], folder, "is damaged|bytes instead of")


def test_a_zip_with_unusual_compression(tmp_path, folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive_file:
        archive_file.writestr("1.jpg", b"a cat")
    check_refused([archive(tmp_path, buffer.getvalue())], folder, "compressed in an unusual way")


# Damage


@pytest.mark.parametrize("make", [zip_bytes, tar_bytes, lambda files: tar_bytes(files, "bz2")])
def test_whatever_the_damage_it_is_one_sentence(make, tmp_path, folder):
    whole, draw = make(FILES | {"noise": random.Random(0).randbytes(300)}), random.Random(1)
    refused = 0
    for _ in range(40):
        content = bytearray(whole)
        if draw.random() < 0.3:
            del content[draw.randrange(len(content)) :]
        for _ in range(draw.choice([0, 1, 1, 3])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        try:
            extract([archive(tmp_path, content)], folder, LIMITS)
        except ValueError as error:
            refused += str(error).startswith(f"'{tmp_path}")
            assert os.listdir(folder.parent) == []
        else:
            folder.rename(tmp_path / str(draw.random()))
    assert refused > 20


# Interruptions


def start_extracting(path, folder, die_at=0):
    command = [sys.executable, "-c", EXTRACT_ALONE, archives.__file__, path, folder, str(die_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_process_leaves_nothing_under_the_name(tmp_path, folder):
    path = archive(tmp_path, tar_bytes(FILES))
    process = start_extracting(path, folder, die_at=3)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not folder.exists() and len(files_below(folder.parent / ".folder.partial")) == 2
    extract([path], folder, LIMITS)
    assert files_below(folder) == FILES
    assert os.listdir(folder.parent) == ["folder"]


def test_a_failing_disk_is_no_damage(tmp_path, folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left") as caught:
        extract([archive(tmp_path, tar_bytes(FILES))], folder, LIMITS)
    assert not isinstance(caught.value, ValueError) and os.listdir(folder.parent) == []
