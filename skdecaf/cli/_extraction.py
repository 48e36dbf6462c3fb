"""Features of many photos into one file; an interrupted extraction continues where it stopped."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import shutil
from importlib.metadata import version
from typing import NamedTuple

from skdecaf._inputs.sources import check_images
from skdecaf._utils.extras import require
from skdecaf._utils.files import check_output, errors_naming, publish
from skdecaf._utils.progress import progress_bar
from skdecaf.cli._feature_files import names_file, suffix, write_features
from skdecaf.cli._partial_features import PartialFeatures
from skdecaf.cli._photos import PhotoFiles, bad_rows_expected
from skdecaf.images import ImageError

_PUBLISHING = "publishing"  # marks a partial folder whose files are being moved
_FORMAT = 2  # increase it with every change to the meaning of the journal


class Extraction(NamedTuple):
    """What `extract_to_file` did."""

    n_rows: int
    n_features: int
    n_resumed: int
    left_out: dict


def extract_to_file(photos, output, transformer, *, overwrite=False, verbose=False, report=lambda message: None):
    """Write features of photos to a file, continuing where an earlier call was interrupted.

    Parameters
    ----------
    photos : list of str
    output : str
        Path that ends in one of `skdecaf.cli._feature_files.FORMATS`. The file appears when it is complete, with
        ``FILE.json`` beside it if the format has no place for names.
    transformer : DeCAFTransformer
        With ``dropout=False``. Fitted here on the photos, to learn the range of their values. With
        ``on_error="nan"``, photos that cannot be read are left out.
    overwrite : bool
        Whether the output may replace a file.
    verbose : bool
        Whether to show a progress bar.
    report : callable
        Called with a sentence about what an earlier call left.

    Returns
    -------
    Extraction
        n_rows, n_features, n_resumed (number of photos that an earlier call finished) and left_out (path: reason).

    Raises
    ------
    ImageError
        If a photo cannot be read, with ``on_error="raise"``; the rows before it stay stored.
    ValueError
        If no photo can be read.
    """
    folder = f"{output}.part"
    _check_outputs(output, overwrite, folder)
    identities = [_identity(photo) for photo in photos]
    check_images(PhotoFiles(photos), transformer.on_error)
    transformer.fit(photos)
    feature_names = [str(name) for name in transformer.get_feature_names_out()]
    with PartialFeatures(folder, _describe(transformer), identities, len(feature_names)) as partial:
        _report_state(partial, len(photos), report)
        n_resumed = partial.n_photos
        if transformer.on_error == "raise" and partial.left_out:
            raise ImageError(partial.left_out[min(partial.left_out)])
        _compute_missing(photos, transformer, partial, verbose)
        if partial.n_rows == 0:
            shutil.rmtree(partial.folder)
            raise ValueError(f"none of the {len(photos)} photos can be read; the first: {partial.left_out[0]}")
        filenames = [photo for i, photo in enumerate(photos) if i not in partial.left_out]
        _publish_features(partial, output, filenames, feature_names)
        left_out = {photos[i]: reason for i, reason in partial.left_out.items()}
        return Extraction(partial.n_rows, len(feature_names), n_resumed, left_out)


def _check_outputs(output, overwrite, folder):
    if suffix(output) == ".parquet":
        require("parquet", "a Parquet file")
    check_output(output, overwrite)
    names = names_file(output)
    if names is not None:  # they are ours if an earlier run was killed before it moved the features
        check_output(names, overwrite or os.path.exists(os.path.join(folder, _PUBLISHING)))


def _identity(photo):
    """A text that changes when the photo does."""
    try:
        status = os.stat(photo)
    except (OSError, ValueError):
        return f"{photo}\0"
    return f"{photo}\0{status.st_size}\0{status.st_mtime_ns}"


def _describe(transformer):
    """Everything but the photos that determines a feature, on one machine."""
    return {
        "format": _FORMAT,
        "version": version("skdecaf"),
        "network": transformer.network_fingerprint_,
        "blobs": transformer.blobs_,
        "crops": transformer.crops,
        "resize": transformer.resize,
        "fast_decode": transformer.fast_decode,
        "value_range": transformer.value_range_,
    }


def _report_state(partial, n_photos, report):
    if partial.n_photos:
        report(f"continuing after {partial.n_photos} of {n_photos} photos, which an earlier run finished")
    if partial.discarded:
        report(
            f"warning: rows in {partial.folder!r} are damaged; computing them and those after them again"
            if partial.damaged
            else f"computing the rest of {partial.folder!r} again: the photos have changed since"
            if partial.n_photos
            else f"starting again: {partial.folder!r} was made with other options or of other photos"
        )


def _compute_missing(photos, transformer, partial, verbose):
    """Compute and store the missing features, batch by batch."""
    first = partial.n_photos
    checked = check_images(PhotoFiles(photos[first:]), transformer.on_error)

    def store(features, errors):
        n_done = len(features) + len(errors)
        bar.update(n_done)
        partial.add(partial.n_photos + n_done, features, {first + i: str(error) for i, error in errors.items()})

    with bad_rows_expected(), progress_bar(len(photos), verbose, done=first) as bar:
        transformer._activations(checked, return_features=False, callback=store)


def _publish_features(partial, output, filenames, feature_names):
    """Write the output inside the partial folder, then move it to its place."""
    temporary = os.path.join(partial.folder, f"complete{suffix(output)}")
    with errors_naming(temporary):
        write_features(temporary, partial.stored_rows(), filenames, feature_names)
    names = names_file(output)
    if names is not None:
        # A .npy file never stands beside the names of another one.
        if os.path.exists(output):
            os.unlink(output)
        with open(os.path.join(partial.folder, _PUBLISHING), "wb"):
            pass
        publish(names_file(temporary), names)
    publish(temporary, output)
    shutil.rmtree(partial.folder)
