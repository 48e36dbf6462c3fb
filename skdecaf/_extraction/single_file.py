"""Features of many photos into one file; an interrupted extraction continues where it stopped."""

# SPDX-License-Identifier: BSD-3-Clause
import os
import shutil
from importlib.metadata import version
from itertools import islice

from skdecaf._extraction.feature_files import names_file, require_format, suffix, write_features
from skdecaf._extraction.partial_features import PUBLISHING, PartialFeatures
from skdecaf._extraction.photos import StreamedImages
from skdecaf._inputs.sources import check_images
from skdecaf._inputs.value_range import require_value_range
from skdecaf._photo_estimator import compute_blobs
from skdecaf._utils.files import add_path_to_os_error, check_output, publish
from skdecaf._utils.threads import resolve_n_jobs
from skdecaf._utils.warnings import collect_unreadable
from skdecaf.images import ImageError

_FORMAT = 3  # increase it with every change to the meaning of the journal
_MIN_PHOTOS_AT_ONCE = 256


def check_outputs(output, overwrite):
    """Check that the features can be written, before the work."""
    require_format(output)
    check_output(output, overwrite, may_be_folder=suffix(output) == ".zarr")
    names = names_file(output)
    if names is not None:  # they are ours if an earlier run was killed before it moved the features
        check_output(names, overwrite or os.path.exists(os.path.join(f"{output}.part", PUBLISHING)))


def extract_to_file(
    photos, output, transformer, bar, report, *, first=0, finish=lambda n_rows, left_out: None, verbose=False
):
    """Write features of photos to a file, continuing where an earlier call was interrupted.

    Parameters
    ----------
    photos : iterable of sources
    output : str
        As `check_outputs` accepted it.
    transformer : DeCAFTransformer
        Fitted, with ``dropout=False``.
    bar : progress bar
    report : callable
        Called with a sentence about what an earlier call left.
    first : int
        Number of the first photo in messages about photos without a name.
    finish : callable
        Called with the number of rows and the photos left out before the stored rows are removed.
    verbose : bool
        Whether to show a progress bar of the writing.

    Returns
    -------
    n_rows, n_resumed : int
        Number of rows, and of photos that an earlier call finished. Without a row there is no file.
    left_out : dict of int to str
        Number of each photo without a row, and the reason.

    Raises
    ------
    ImageError
        If a photo cannot be read, with ``on_error="raise"``; the rows before it stay stored.
    """
    feature_names = [str(name) for name in transformer.get_feature_names_out()]
    with PartialFeatures(f"{output}.part", describe_features(transformer), len(feature_names)) as partial:
        photos = partial.resume(photos)
        n_resumed = partial.n_photos
        bar.skip(n_resumed)
        _report_state(partial, report)
        if transformer.on_error == "raise" and partial.left_out:
            raise ImageError(partial.left_out[min(partial.left_out)])
        n_at_once = max(_MIN_PHOTOS_AT_ONCE, 4 * transformer.batch_size * resolve_n_jobs(transformer.n_jobs))
        while some := list(islice(photos, n_at_once)):
            _compute(some, first + partial.n_photos, transformer, partial, bar)
        if partial.n_rows:
            _publish_features(partial, output, feature_names, verbose)
        finish(partial.n_rows, partial.left_out)
        partial.remove()
        return partial.n_rows, n_resumed, partial.left_out


def describe_features(transformer):
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


def _report_state(partial, report):
    if partial.n_photos:
        report(f"continuing after {partial.n_photos} photos, which an earlier run finished")
    if partial.discarded:
        report(
            f"warning: rows in {partial.folder!r} are damaged; computing them and those after them again"
            if partial.damaged
            else f"computing the rest of {partial.folder!r} again: the photos have changed since"
            if partial.n_photos
            else f"starting again: {partial.folder!r} was made with other options or of other photos"
        )


def _compute(photos, number, transformer, partial, bar):
    """Compute and store the features of the next photos, batch by batch."""
    checked = check_images(StreamedImages(photos, number))
    error = checked.errors[min(checked.errors)] if checked.errors and transformer.on_error == "raise" else None
    if error is not None:  # the photos before it are computed first
        photos = photos[: min(checked.errors)]
        checked = check_images(StreamedImages(photos, number))
    checked = require_value_range(checked, transformer.value_range_, transformer.on_error)
    first, done = partial.n_photos, 0

    def store(features, errors):
        nonlocal done
        start, done = done, done + len(features) + len(errors)
        partial.add(photos[start:done], features, {first + i: str(error) for i, error in errors.items()})
        bar.update(done - start)

    with collect_unreadable():
        compute_blobs(transformer, transformer.blobs_, checked, return_features=False, callback=store)
    if error is not None:
        raise error


def _publish_features(partial, output, feature_names, verbose):
    """Write the output inside the partial folder, then move it to its place."""
    temporary = os.path.join(partial.folder, f"complete{suffix(output)}")
    with add_path_to_os_error(temporary):
        write_features(temporary, partial.stored_rows(verbose), partial.stored_names(), feature_names, partial.left_out)
    names = names_file(output)
    if names is not None:
        # A .npy file never stands beside the names of another one.
        if os.path.exists(output):
            os.unlink(output)
        with open(os.path.join(partial.folder, PUBLISHING), "wb"):
            pass
        publish(names_file(temporary), names)
    if os.path.isdir(output):  # a .zarr folder, which may be overwritten
        shutil.rmtree(output)
    publish(temporary, output)
