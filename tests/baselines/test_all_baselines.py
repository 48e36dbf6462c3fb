"""What all transformers of skdecaf.baselines promise alike."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdecaf.baselines import GIST, LLC, BagOfVisualWords, HOGDescriptor
from skdecaf.images import Crop

LLC_SMALL = LLC(4, levels=(1, 2), n_descriptors=200, random_state=0)
WORDS_SMALL = BagOfVisualWords(4, descriptor="dense_sift", n_descriptors=200, random_state=0)
ESTIMATORS = [GIST(32, orientations=(2, 2), n_cells=2), HOGDescriptor(32, cell=8), LLC_SMALL, WORDS_SMALL]

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def pixels():
    """Photos of different sizes, one of them grey."""
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, (9, 7, 3), np.uint8), rng.integers(0, 256, (8, 11), np.uint8)]
    coarse += [rng.integers(0, 256, (10, 10, 3), np.uint8) for _ in range(2)]
    return [np.asarray(Image.fromarray(photo).resize((90, 70), Image.Resampling.BICUBIC)) for photo in coarse]


@each_estimator
def test_kinds_of_input_give_the_same_descriptors(estimator, pixels, tmp_path):
    paths = []
    for i, photo in enumerate(pixels):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(photo).save(paths[-1])
    fitted = clone(estimator).fit(pixels)
    expected = fitted.transform(pixels)
    assert expected.dtype == np.float32 and np.isfinite(expected).all() and np.ptp(expected, axis=0).max() > 0
    whole = [Crop(np.pad(photo, [(0, 1), (0, 1), (0, 0)][: photo.ndim]), (0, 0, 90, 70)) for photo in pixels]
    for X in (paths, [path.read_bytes() for path in paths], [Image.open(path) for path in paths], whole):
        np.testing.assert_array_equal(fitted.transform(X), expected)
    np.testing.assert_array_equal(clone(estimator).fit(paths).transform(pixels), expected)


@each_estimator
def test_other_photos_order_and_threads_change_nothing(estimator, pixels):
    photos = [np.roll(photo, 7 * i, axis=0) for photo in pixels for i in range(5)]
    fitted = clone(estimator).fit(photos)
    expected = fitted.transform(photos)
    order = np.random.default_rng(1).permutation(len(photos))
    threaded = clone(estimator).set_params(n_jobs=3).fit(photos)
    np.testing.assert_array_equal(threaded.transform([photos[i] for i in order]), expected[order])
    np.testing.assert_array_equal(fitted.transform(photos[3:4]), expected[3:4])
    assert fitted.transform([]).shape == (0, expected.shape[1])


@each_estimator
def test_bad_photos(estimator, pixels, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no photo")
    X = [pixels[0], broken, pixels[1], tmp_path / "missing.png"]
    with pytest.raises(ValueError, match="missing.png"):
        clone(estimator).fit(X)
    with pytest.raises(ValueError, match="broken.jpg"):
        clone(estimator).fit(X[:3]).transform(X[:3])
    lenient = clone(estimator).set_params(on_error="nan").fit(pixels)
    with pytest.warns(UserWarning, match="2 of 4 images cannot be read"):
        found = lenient.transform(X)
    np.testing.assert_array_equal(found[[0, 2]], lenient.transform([X[0], X[2]]))
    assert np.isnan(found[[1, 3]]).all()


@each_estimator
def test_pickles_names_and_frames(estimator, pixels):
    fitted = clone(estimator).fit(pixels)
    expected = fitted.transform(pixels)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(pixels), expected)
    names = fitted.get_feature_names_out()
    assert len(names) == expected.shape[1] and names[0] == f"{type(estimator).__name__.lower()}_0000"
    column = pd.DataFrame({"photo": pd.Series(pixels, index=[3, 1, 4, 2])})
    frame = clone(estimator).set_output(transform="pandas").fit_transform(column)
    assert list(frame.columns) == list(names) and list(frame.index) == [3, 1, 4, 2]
    np.testing.assert_array_equal(frame.to_numpy(), expected)


@each_estimator
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40), (40, 1, 3), (5, 400, 3)])
def test_odd_sizes_and_one_colour(estimator, shape, pixels):
    fitted = clone(estimator).fit(pixels)
    assert np.isfinite(fitted.transform([np.full(shape, 200, np.uint8)])).all()


@each_estimator
def test_not_fitted_and_missing_packages(estimator, pixels, monkeypatch):
    with pytest.raises(ValueError, match="not fitted"):
        clone(estimator).transform(pixels)
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    monkeypatch.setitem(__import__("sys").modules, "skimage.feature", None)
    if isinstance(estimator, GIST):
        clone(estimator).fit(pixels)
    else:
        with pytest.raises(ImportError, match=r"pip install \"skdecaf\[baselines\]\""):
            clone(estimator).fit(pixels)
