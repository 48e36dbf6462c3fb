"""LLC and BagOfVisualWords against their formulas, descriptor by descriptor."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from scipy.optimize import minimize

from skdecaf.baselines import LLC, BagOfVisualWords
from skdecaf.baselines._codebook import nearest_words
from skdecaf.baselines._llc import local_codes, pool_over_pyramid
from skdecaf.baselines._local_descriptors import dense_sift

cv2 = pytest.importorskip("cv2")
RNG = np.random.default_rng(0)


def textured(shape=(70, 90), seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (shape[0] // 5, shape[1] // 5, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))


@pytest.mark.parametrize("n", [1, 3, 7])
def test_nearest_words_are_the_nearest(n):
    descriptors, words = RNG.normal(size=(20, 5)), RNG.normal(size=(7, 5))
    distances = np.linalg.norm(descriptors[:, np.newaxis] - words, axis=2)
    expected = np.argsort(distances, axis=1)[:, :n]
    assert_array_equal(np.sort(nearest_words(descriptors, words, n), axis=1), np.sort(expected, axis=1))


def test_learning_a_codebook_shows_its_progress_if_asked(capsys):
    photos = [textured(seed=i) for i in range(3)]
    LLC(5, random_state=0, verbose=True).fit(photos)
    out, err = capsys.readouterr()
    assert out == "" and "3/3" in err and "k-means: 100%" in err


def test_codes_minimise_the_regularised_error():
    """They minimise ‖x - Σ w b‖² + λ trace(C) ‖w‖² with Σ w = 1, up to the factor that makes them sum to 1."""
    descriptors, words = RNG.normal(size=(4, 6)), RNG.normal(size=(4, 3, 6))
    found = local_codes(descriptors, words, 0.01)
    for x, b, weights in zip(descriptors, words, found, strict=True):
        trace = np.sum((b - x) ** 2)

        def error(w, x=x, b=b, trace=trace):
            return np.sum((x - w @ b) ** 2) + 0.01 * trace * np.sum(w**2)

        total = {"type": "eq", "fun": lambda w: w.sum() - 1}
        best = minimize(error, np.full(3, 1 / 3), constraints=total, options={"ftol": 1e-14}, method="SLSQP")
        assert_allclose(weights, best.x, atol=1e-5)


def test_a_word_that_is_the_descriptor_gets_all_the_weight():
    words = RNG.normal(size=(1, 4, 6))
    assert_allclose(local_codes(words[:, 2], words, 1e-8), [[0, 0, 1, 0]], atol=1e-4)
    assert_allclose(local_codes(words[:, 0], np.repeat(words[:, :1], 4, axis=1), 1e-4), 0.25)


def test_pyramid_keeps_the_largest_weight_of_each_cell():
    places, words = RNG.uniform(size=(50, 2)), RNG.integers(0, 6, (50, 3))
    weights = RNG.normal(size=(50, 3))
    found = pool_over_pyramid(places, words, weights, (1, 2, 4), 6)
    expected = []
    for level in (1, 2, 4):
        for row in range(level):
            for column in range(level):
                inside = [int(y * level) == row and int(x * level) == column for y, x in places]
                for word in range(6):
                    values = weights[inside][words[inside] == word]
                    expected.append(max([0, *values]))
    assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(70, 90), (16, 16), (9, 40)])
def test_dense_sift_is_opencvs_on_a_grid(shape):
    grey = textured((75, 95)).mean(axis=2).astype(np.uint8)[: shape[0], : shape[1]]
    places, descriptors = dense_sift(grey, 6, 16)
    rows, columns = (max(side, 16) for side in shape)
    assert len(places) == len(descriptors) == ((rows - 16) // 6 + 1) * ((columns - 16) // 6 + 1)
    assert_allclose(np.linalg.norm(descriptors, axis=1), 1, rtol=1e-5)
    assert places.min() > 0 and places.max() < 1
    assert_allclose(places.min(axis=0) + places.max(axis=0), 1, atol=6 / min(rows, columns))  # the grid is centred


def test_dense_sift_histograms_gradients():
    """Stripes have their weight in the two bins of gradients across them, in all 16 cells."""
    grey = np.tile(np.rint(127 + 100 * np.cos(np.arange(64) * 2 * np.pi / 8)).astype(np.uint8), (64, 1))
    _, descriptors = dense_sift(grey, 6, 16)
    by_orientation = descriptors.reshape(len(descriptors), 16, 8)
    across = by_orientation[:, :, [0, 4]].sum(axis=2)
    assert across.min() > 0.1  # least in the corners of the photo
    assert np.all(by_orientation[:, :, [1, 2, 3, 5, 6, 7]].sum(axis=2) < 0.2 * across)


def test_one_colour_has_no_gradients():
    _, descriptors = dense_sift(np.full((40, 40), 90, np.uint8), 6, 16)
    assert not descriptors.any()


def test_llc_is_coding_then_pooling():
    photo = textured()
    llc = LLC(8, n_neighbors=3, levels=(1, 2), random_state=0, n_descriptors=100).fit([photo])
    places, descriptors = dense_sift(np.rint(photo.mean(axis=2)).astype(np.uint8), 6, 16)
    dense = np.zeros((len(descriptors), 8))
    for code, x in zip(dense, descriptors.astype(float), strict=True):
        nearest = np.argsort(np.linalg.norm(llc.codebook_ - x, axis=1))[:3]
        offsets = llc.codebook_[nearest].astype(float) - x
        covariance = offsets @ offsets.T
        solved = np.linalg.solve(covariance + 1e-4 * np.trace(covariance) * np.eye(3), np.ones(3))
        code[nearest] = solved / solved.sum()
    whole = dense.max(axis=0)
    cells = [dense[((places >= 0.5) == [row, column]).all(axis=1)].max(axis=0) for row in (0, 1) for column in (0, 1)]
    expected = np.maximum(np.concatenate([whole, *cells]), 0)
    assert_allclose(llc.transform([photo])[0], expected / np.linalg.norm(expected), atol=1e-4)


def test_large_photos_are_reduced():
    photo = textured((300, 200))
    reduced = np.asarray(Image.fromarray(photo).resize((100, 150), Image.Resampling.BILINEAR))
    llc = LLC(8, max_side=150, random_state=0, n_descriptors=300).fit([reduced])
    assert_allclose(llc.transform([photo]), llc.transform([reduced]), atol=1e-6)


@pytest.mark.parametrize("kind", ["sift", "orb", "dense_sift"])
def test_counts_are_of_the_nearest_words(kind):
    photos = [textured((150, 160), seed) for seed in range(3)]
    words = BagOfVisualWords(6, descriptor=kind, random_state=0).fit(photos)
    counts = words.transform(photos)
    for photo, found in zip(photos, counts, strict=True):
        grey = np.rint(photo.mean(axis=2)).astype(np.uint8)
        if kind == "sift":
            descriptors = cv2.SIFT_create().detectAndCompute(grey, None)[1]
            descriptors = descriptors / np.linalg.norm(descriptors, axis=1)[:, np.newaxis]
        elif kind == "orb":
            descriptors = np.unpackbits(cv2.ORB_create().detectAndCompute(grey, None)[1], axis=1)
        else:
            descriptors = dense_sift(grey, 6, 16)[1]
        distances = np.linalg.norm(descriptors[:, np.newaxis].astype(float) - words.codebook_, axis=2)
        assert len(descriptors) > 5
        assert np.abs(np.bincount(distances.argmin(axis=1), minlength=6) - found).max() <= 1  # ties


def test_photos_without_interest_points():
    plain, photo = np.full((60, 60), 90, np.uint8), textured((150, 160))
    words = BagOfVisualWords(6, random_state=0).fit([photo])
    assert not words.transform([plain]).any()
    with pytest.raises(ValueError, match="the photos have no interest points"):
        BagOfVisualWords().fit([plain])


def test_seed_decides_and_few_descriptors_give_few_words():
    photo = textured((20, 30))
    one, same, other = (LLC(3, random_state=seed).fit([photo]).codebook_ for seed in (0, 0, 1))
    assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert len(LLC(1000, random_state=0).fit([photo]).codebook_) == 3
