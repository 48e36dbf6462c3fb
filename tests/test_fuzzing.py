"""Readers on damaged and arbitrary bytes: hypothesis draws them, see `fuzz_targets` for what may happen."""

# SPDX-License-Identifier: BSD-3-Clause
import time

import pytest
from fuzz_targets import NEEDED, TARGETS, exercise
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

# Numbers at which lengths, counts and signs turn over, as files write them.
TELLING = [b"", b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff" * 4, b"\xff" * 8 + b"\x7f", b"\x00\x00\xc0\x7f", b"9" * 20]
DESCRIPTION = 3000  # most formats describe their arrays within the first bytes


class Content(bytes):
    """Too long to be printed; where a test fails, its temporary folder has the file ``fuzzed``."""

    def __repr__(self):
        return f"<{len(self):,} bytes>"


@st.composite
def damaged_files(draw, files):
    """A file with up to five runs of bytes replaced, and perhaps cut off."""
    data = bytearray(files[draw(st.integers(0, len(files) - 1))])
    for _ in range(draw(st.integers(0, 5))):
        places = st.integers(0, min(len(data), DESCRIPTION)) | st.integers(0, len(data))
        start = draw(places)
        end = start + draw(st.integers(0, 3) | st.integers(0, 200))
        elsewhere = draw(places)
        copied = st.just(bytes(data[elsewhere : elsewhere + draw(st.integers(0, 100))]))
        data[start:end] = draw(st.binary(max_size=8) | st.sampled_from(TELLING) | copied)
    length = draw(st.none() | st.integers(0, len(data)))
    return Content(data[:length])


def fuzz(name, folder, n_examples, number):
    """Try so many examples, others for each number."""
    pytest.importorskip(NEEDED.get(name, "skdecaf"))
    target = TARGETS[name]
    files = list(target.seeds(folder))

    @seed(number)
    @settings(max_examples=n_examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(damaged_files(files) | st.binary(max_size=300))
    def try_example(data):
        exercise(target, data, folder / "fuzzed")

    try_example()


@pytest.mark.parametrize("name", TARGETS)
def test_the_files_to_begin_with_are_read(name, tmp_path):
    pytest.importorskip(NEEDED.get(name, "skdecaf"))
    target = TARGETS[name]
    for data in target.seeds(tmp_path):
        (tmp_path / "fuzzed").write_bytes(target.file(data))
        target.read(tmp_path / "fuzzed")


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_read_or_refused(name, tmp_path):
    fuzz(name, tmp_path, 10, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_read_or_refused_for_twenty_seconds(name, tmp_path):
    end, number = time.monotonic() + 20, 1
    while time.monotonic() < end:
        fuzz(name, tmp_path, 100, number)
        number += 1
