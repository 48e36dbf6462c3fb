"""Fuzz a target with atheris: ``python tests/fuzzing/fuzz.py caffe -max_total_time=600``.

The first argument is a key of ``TARGETS`` in ``tests/helpers/fuzz_targets.py``; the others are libFuzzer's. libFuzzer
writes inputs that crash to the working directory; pass such a file after the target to try it again.
"""

# SPDX-License-Identifier: BSD-3-Clause
import os
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
LIMITS = ["-rss_limit_mb=1500", "-timeout=10", "-max_len=200000"]
# libFuzzer copies values that are compared into its inputs. From these stores it would learn the checksum of a changed
# row, and no checksum protects a row from somebody who knows how it is computed.
WITH_CHECKSUMS = {"cache", "journal"}


def fuzz(name, arguments, folder):
    """Fuzz for ever, or as long as libFuzzer's arguments say; does not return."""
    # libFuzzer sees which branches of these packages are taken.
    with atheris.instrument_imports(include=["skdecaf", "PIL", "skops", "tarfile", "zipfile"]):
        from fuzz_targets import TARGETS, exercise

    target, corpus = TARGETS[name], Path(folder, "corpus")
    corpus.mkdir()
    for i, data in enumerate(target.seeds(Path(folder))):
        (corpus / str(i)).write_bytes(data)
        exercise(target, data, Path(folder, "fuzzed"))  # what is done once, such as loading weights, is not timed
    limits = [*LIMITS, "-use_cmp=0"] if name in WITH_CHECKSUMS else LIMITS
    files = [] if any(not argument.startswith("-") for argument in arguments) else [str(corpus)]
    atheris.Setup(
        [sys.argv[0], *limits, *arguments, *files], lambda data: exercise(target, data, Path(folder, "fuzzed"))
    )
    atheris.Fuzz()


if __name__ == "__main__":
    # libFuzzer ends its process at once, so the folder is another process's to remove.
    with tempfile.TemporaryDirectory() as folder:
        if os.fork() == 0:
            fuzz(sys.argv[1], sys.argv[2:], folder)
        status = os.waitstatus_to_exitcode(os.wait()[1])
    sys.exit(status)
