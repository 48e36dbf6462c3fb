"""Decode the photos of `collections.csv` and store them as arrays, with the teacher's scores and features.

    python training/prepare_photos.py SNAPSHOTS photos DATA/photos --teacher
    python training/prepare_photos.py SNAPSHOTS tiny-imagenet DATA/tiny-imagenet
    python training/prepare_photos.py SNAPSHOTS mini-imagenet DATA/mini-imagenet

SNAPSHOTS holds a git repository (a clone with its history, or a bare one) for each row of the table, in the folder
``owner+name``. The output folder gets ``pixels.npy`` (uint8), ``labels.npy`` (number of the ILSVRC-2012 class that the
path names, or -1), and with ``--teacher`` ``scores.npy`` and ``features.npy`` (float16). An interrupted run
resumes where it stopped.
"""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import csv
import io
import json
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

from skdecaf.weights import resolve_network

COLLECTIONS = Path(__file__).with_name("collections.csv")
SIZES = {"photos": 144, "tiny-imagenet": 64, "mini-imagenet": 84}
SMALLEST_SIDE = 60

_IMAGE = re.compile(r"\.(jpe?g|png)$", re.IGNORECASE)
_VALIDATION = "ILSVRC2012_val"  # kept aside: photos of ImageNet's validation set are for tests only
_CLASS = re.compile(r"n\d{8}")
_BATCH = 16
_SAVE_EVERY = 100 * _BATCH


@dataclass(frozen=True)
class Blob:
    """A photo in a git repository."""

    git_dir: str
    digest: str
    path: str


def list_photos(snapshots, source):
    """List the photos of a source, in an order that mixes the repositories; the same in every run."""
    generator, seen, photos = random.Random(0), set(), []
    for row in csv.DictReader(COLLECTIONS.read_text().splitlines()):
        if row["source"] == source:
            found = _list_repository(snapshots / row["repository"].replace("/", "+"), row, seen)
            generator.shuffle(found)
            photos += found[: int(row["limit"] or len(found))]
    generator.shuffle(photos)
    return photos


def _list_repository(folder, row, seen):
    """List the photos in all commits of a repository, the largest version of each path."""
    git_dir = str(folder / ".git" if (folder / ".git").is_dir() else folder)
    objects = _git(git_dir, "rev-list", "--objects", "--all", "--missing=allow-any")
    wanted = [line.split(" ", 1) for line in objects.splitlines() if " " in line]
    wanted = [
        (digest, path)
        for digest, path in wanted
        if _IMAGE.search(path) and re.search(row["pattern"], path) and _VALIDATION not in path and digest not in seen
    ]
    sizes = _sizes(git_dir, [digest for digest, _ in wanted])
    largest = {}
    for digest, path in wanted:
        size = sizes.get(digest, -1)
        if size >= int(row["min_bytes"]) and size > largest.get(path, (-1, ""))[0]:
            largest[path] = size, digest
    seen.update(digest for _, digest in largest.values())
    return [Blob(git_dir, digest, path) for path, (_, digest) in sorted(largest.items())]


def _sizes(git_dir, digests):
    """The sizes of the blobs that the repository holds; a snapshot may lack some."""
    lines = (line.split() for line in _git(git_dir, "cat-file", "--batch-check", text="\n".join(digests)).splitlines())
    return {fields[0]: int(fields[2]) for fields in lines if len(fields) == 3}


def _git(git_dir, *command, text=None):
    result = subprocess.run(
        ["git", f"--git-dir={git_dir}", *command], input=text, capture_output=True, text=True, check=True
    )
    return result.stdout


class BlobReader:
    """Reads blobs of several repositories, with one git process for each."""

    def __init__(self):
        self._processes = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._processes.values():
            process.communicate()

    def read(self, blob):
        """Read the bytes of a blob."""
        if blob.git_dir not in self._processes:
            command = ["git", f"--git-dir={blob.git_dir}", "cat-file", "--batch"]
            self._processes[blob.git_dir] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process = self._processes[blob.git_dir]
        process.stdin.write(f"{blob.digest}\n".encode())
        process.stdin.flush()
        size = int(process.stdout.readline().split()[2])
        data = process.stdout.read(size)
        process.stdout.read(1)
        return data


def decode_photo(data, size):
    """Decode a photo, upright and in RGB, at a side of at least ``size`` where it has one."""
    image = Image.open(io.BytesIO(data))
    image.draft("RGB", (size, size))
    image = ImageOps.exif_transpose(image).convert("RGB")
    if min(image.size) < SMALLEST_SIDE:
        raise ValueError(f"it has only {image.size[0]} × {image.size[1]} pixels")
    return image


def resized(image, size):
    """Warp an image to a square array."""
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


class PreparedPhotos:
    """The arrays of a source on disk, and how far they are filled.

    Parameters
    ----------
    folder : Path
    n_photos : int
        Listed; those that cannot be read leave empty rows at the end.
    size : int
    outputs : dict of str to int
        Names and lengths of the teacher's outputs.
    """

    def __init__(self, folder, n_photos, size, outputs):
        folder.mkdir(parents=True, exist_ok=True)
        self.state_file = folder / "state.json"
        is_new = not self.state_file.exists()
        self.state = {"n_seen": 0, "n_photos": 0} if is_new else json.loads(self.state_file.read_text())
        shapes = {"pixels": (np.uint8, (size, size, 3)), "labels": (np.int16, ())}
        shapes |= {name: (np.float16, (length,)) for name, length in outputs.items()}
        self.arrays = {
            name: np.lib.format.open_memmap(
                folder / f"{name}.npy", "w+" if is_new else "r+", dtype if is_new else None,
                (n_photos, *shape) if is_new else None,
            )
            for name, (dtype, shape) in shapes.items()
        }  # fmt: skip

    def append(self, **values):
        """Fill the next rows."""
        start, stop = self.state["n_photos"], self.state["n_photos"] + len(values["labels"])
        for name, rows in values.items():
            self.arrays[name][start:stop] = rows
        self.state["n_photos"] = stop

    def save(self, n_seen):
        """Write the arrays, and then how far they are filled."""
        for array in self.arrays.values():
            array.flush()
        self.state["n_seen"] = n_seen
        temporary = self.state_file.with_suffix(".part")
        temporary.write_text(json.dumps(self.state))
        temporary.replace(self.state_file)


def prepare(blobs, folder, size, teacher, teacher_size, outputs):
    """Decode photos, ask the teacher, and store both."""
    classes = {identifier: number for number, (identifier, _) in enumerate(resolve_network("mini").labels)}
    prepared, n_bad = PreparedPhotos(folder, len(blobs), size, outputs), 0
    start = prepared.state["n_seen"]
    with BlobReader() as reader, tqdm(total=len(blobs), initial=start, unit="photos", smoothing=0.01) as bar:
        for first in range(start, len(blobs), _BATCH):
            chunk, images, labels = blobs[first : first + _BATCH], [], []
            for blob in chunk:
                try:
                    images.append(decode_photo(reader.read(blob), max(size, teacher_size)))
                except Exception as error:  # a photo of the web may fail in any way; the run goes on without it
                    n_bad += 1
                    tqdm.write(f"{blob.path}: {error}")
                    continue
                found = _CLASS.search(blob.path)
                labels.append(classes.get(found.group(), -1) if found else -1)
            if images:
                pixels = np.stack([resized(image, size) for image in images])
                asked = teacher([resized(image, teacher_size) for image in images]) if teacher else ()
                prepared.append(pixels=pixels, labels=labels, **dict(zip(outputs, asked, strict=True)))
            bar.update(len(chunk))
            if (first + len(chunk)) % _SAVE_EVERY == 0:
                prepared.save(first + len(chunk))
        prepared.save(len(blobs))
    print(f"{prepared.state['n_photos']} photos; {n_bad} could not be read")


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snapshots", type=Path)
    parser.add_argument("source", choices=SIZES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--teacher", action="store_true", help="store the teacher's scores and features as well")
    parser.add_argument("--threads", type=int, default=0, help="of the teacher (default: all)")
    options = parser.parse_args(arguments)
    teacher, teacher_size, outputs = None, 0, {}
    if options.teacher:
        from teacher import N_FEATURES, N_SCORES, SIZE, Teacher

        teacher, teacher_size, outputs = (
            Teacher(_BATCH, options.threads), SIZE, {"scores": N_SCORES, "features": N_FEATURES}
        )  # fmt: skip
    blobs = list_photos(options.snapshots, options.source)
    prepare(blobs, options.folder, SIZES[options.source], teacher, teacher_size, outputs)


if __name__ == "__main__":
    main()
