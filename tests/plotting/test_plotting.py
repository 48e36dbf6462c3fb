"""Displays: what they keep, what they draw, and that they leave matplotlib as it is."""

# SPDX-License-Identifier: BSD-3-Clause
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from small_photos import photo_arrays, write_photos
from threadpoolctl import threadpool_limits
from tiny_networks import TINY, tiny_network

from skdecaf import DeCAFTransformer, Network
from skdecaf.images import cut_crops, fit_image
from skdecaf.model_selection import PerClassShuffleSplit
from skdecaf.plotting import (
    BlobDisplay,
    EmbeddingDisplay,
    FilterDisplay,
    LearningCurveByClassDisplay,
    OcclusionDisplay,
)
from skdecaf.weights import Architecture, FullyConnected, Preprocessing

pyplot = pytest.importorskip("matplotlib.pyplot")
LogNorm = pytest.importorskip("matplotlib.colors").LogNorm
to_rgba = pytest.importorskip("matplotlib.colors").to_rgba
MarkerStyle = pytest.importorskip("matplotlib.markers").MarkerStyle

PCA_TO_2 = PCA(2, svd_solver="full")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    pyplot.close("all")


@pytest.fixture(autouse=True)
def one_openmp_thread():
    """For a dozen points, threads of t-SNE do nothing but wait for each other."""
    with threadpool_limits(1, user_api="openmp"):
        yield


def blobs(n=12, n_features=6, n_classes=3, seed=0):
    """Features around a centre for each class, and the class of each row."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return generator.normal(size=(n_classes, n_features))[y] * 5 + generator.normal(size=(n, n_features)), y


def points_of(display):
    """What was scattered, in any order."""
    offsets = np.concatenate([np.asarray(points.get_offsets()) for points in display.points_])
    return offsets[np.lexsort(offsets.T)]


def in_order(positions):
    return positions[np.lexsort(np.asarray(positions).T)]


def colors_of(display):
    return np.concatenate([points.get_facecolors() for points in display.points_])


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# EmbeddingDisplay


def test_positions_are_those_of_tsne():
    X, y = blobs()
    display = EmbeddingDisplay.from_features(X, y, random_state=0)
    expected = TSNE(perplexity=11 / 3, random_state=0).fit_transform(X)
    np.testing.assert_array_equal(display.positions, expected)
    np.testing.assert_allclose(points_of(display), in_order(expected), rtol=1e-6)


def test_wide_features_are_projected_to_512_first():
    X, _ = blobs(n_features=600)
    display = EmbeddingDisplay.from_features(X, random_state=3)
    projected = GaussianRandomProjection(512, random_state=3).fit_transform(X)
    np.testing.assert_array_equal(display.positions, TSNE(perplexity=11 / 3, random_state=3).fit_transform(projected))


@pytest.mark.parametrize("columns", [3, 600])
def test_positions_are_an_array_where_transformers_give_frames(columns):
    features = np.random.default_rng(0).normal(size=(9, columns))
    expected = EmbeddingDisplay.from_features(features, random_state=0).positions
    with config_context(transform_output="pandas"):
        positions = EmbeddingDisplay.from_features(features, random_state=0).positions
    assert type(positions) is np.ndarray
    np.testing.assert_array_equal(positions, expected)


@pytest.mark.parametrize(
    "features",
    [
        np.ones((10, 5)),
        np.full((10, 5), 0.1),
        1e-200 * np.eye(10),
        np.ones((2, 3), np.float32),
        np.arange(10.0)[:, None],
    ],
    ids=["equal", "equal but for rounding", "underflow", "two photos", "one column"],
)
def test_features_without_two_principal_components_have_a_map(features):
    """Of equal rows, scikit-learn's t-SNE crashed the interpreter."""
    positions = EmbeddingDisplay.from_features(features, random_state=0).positions
    assert positions.shape == (len(features), 2) and np.isfinite(positions).all() and len(np.unique(positions)) > 2


def test_an_embedder_takes_the_place_of_tsne_and_of_the_projection():
    X, _ = blobs(n_features=600)
    display = EmbeddingDisplay.from_features(X, embedder=PCA_TO_2)
    np.testing.assert_allclose(display.positions, PCA_TO_2.fit_transform(X))


def test_classes_have_colours_and_a_legend():
    X, y = blobs()
    names = np.array(["ant", "bee", "cat"])[y]
    display = EmbeddingDisplay.from_features(X, names, embedder=PCA_TO_2)
    colors = colors_of(display)
    assert all(np.ptp(colors[y == label], axis=0).max() == 0 for label in range(3))
    assert len(np.unique(colors, axis=0)) == 3
    assert legend_of(display) == ["ant", "bee", "cat"]
    assert not display.plot(legend=False).ax_.get_legend()


def test_without_classes_there_is_one_colour_and_no_legend():
    display = EmbeddingDisplay(blobs()[0][:, :2]).plot()
    assert len(np.unique(colors_of(display), axis=0)) == 1 and display.ax_.get_legend() is None


def looks_of(display):
    """Colour and shape of each point, in the order of drawing."""
    return {
        (*color, points.get_paths()[0].vertices.tobytes())
        for points in display.points_
        for color in points.get_facecolors()
    }


@pytest.mark.parametrize("n_classes", [15, 20, 21, 40, 100, 120, 130])
def test_many_classes_can_be_told_apart(n_classes):
    positions = np.random.default_rng(0).normal(size=(260, 2))
    display = EmbeddingDisplay(positions, y=np.arange(260) % n_classes).plot()
    assert len(looks_of(display)) == n_classes
    np.testing.assert_allclose(points_of(display), in_order(positions))
    if n_classes > 120:
        assert display.ax_.get_legend() is None
        return
    handles = display.ax_.get_legend().legend_handles
    assert legend_of(display) == [str(label) for label in range(n_classes)]
    assert len({(handle.get_color(), handle.get_marker()) for handle in handles}) == n_classes


def test_a_point_has_the_colour_and_marker_of_its_class_in_the_legend():
    display = EmbeddingDisplay(np.column_stack([np.arange(100.0)] * 2), y=np.arange(100)).plot()
    for handle, label in zip(display.ax_.get_legend().legend_handles, range(100), strict=True):
        shape = MarkerStyle(handle.get_marker())
        expected = shape.get_path().transformed(shape.get_transform()).vertices
        (points,) = [points for points in display.points_ if [label, label] in points.get_offsets().tolist()]
        i = points.get_offsets().tolist().index([label, label])
        np.testing.assert_array_equal(points.get_paths()[0].vertices, expected)
        np.testing.assert_array_equal(points.get_facecolors()[i], to_rgba(handle.get_color()))


@pytest.mark.parametrize("options", [{"domains": ["a", "b"] * 20}, {"marker": "x"}])
def test_markers_that_are_taken_do_not_show_classes(options):
    domains = options.pop("domains", None)
    display = EmbeddingDisplay(np.random.default_rng(0).normal(size=(40, 2)), y=range(40), domains=domains)
    display.plot(**options)
    assert len(np.unique(colors_of(display), axis=0)) == 40
    assert domains is None or legend_of(display) == ["a", "b"]
    assert len(display.points_) == (1 if domains is None else 2)


@pytest.mark.parametrize("groups", [{0: "pet", 1: "pet", 2: "car"}, np.array(["pet", "pet", "car"] * 4)])
def test_groups_take_the_place_of_classes(groups):
    X, y = blobs()
    display = EmbeddingDisplay(X[:, :2], y=y, groups=groups).plot()
    assert display.groups.tolist() == ["pet", "pet", "car"] * 4
    colors = colors_of(display)
    assert legend_of(display) == ["car", "pet"]
    assert (colors[0] == colors[1]).all() and (colors[0] != colors[2]).any()


def test_domains_have_markers_of_their_own():
    X, y = blobs()
    domains = np.where(np.arange(12) < 5, "dslr", "webcam")
    display = EmbeddingDisplay(X[:, :2], y=y, domains=domains).plot()
    assert [len(points.get_offsets()) for points in display.points_] == [5, 7]
    shapes = [points.get_paths()[0].vertices.shape for points in display.points_]
    assert shapes[0] != shapes[1]
    assert legend_of(display) == ["0", "1", "2", "dslr", "webcam"]


def test_a_highlighted_class_lies_in_colour_above_the_others_in_grey():
    X, y = blobs()
    display = EmbeddingDisplay(X[:, :2], y=y).plot(highlight=2)
    others, highlighted = display.points_
    assert len(others.get_offsets()) == 8
    np.testing.assert_allclose(highlighted.get_offsets(), X[y == 2, :2])
    assert np.ptp(others.get_facecolors()[:, :3]) == 0 and np.ptp(highlighted.get_facecolors()[:, :3]) > 0.5


def test_thumbnails_are_photos_that_do_not_cover_each_other(tmp_path):
    paths = write_photos(tmp_path, 9)
    side_by_side = np.column_stack([np.repeat([0.0, 1.0, 2.0], 3), np.tile([0.0, 1.0, 2.0], 3)])
    display = EmbeddingDisplay(side_by_side, y=np.arange(9) % 3, photos=paths).plot(thumbnails=True)
    assert sorted(display.thumbnails_) == list(range(9))
    picture = display.thumbnails_[4].offsetbox.get_data()
    expected = Image.open(paths[4]).resize(picture.shape[1::-1], Image.Resampling.BICUBIC)
    assert max(picture.shape) == 56
    np.testing.assert_array_equal(picture, np.asarray(expected))
    heap = EmbeddingDisplay(side_by_side / 1000 + [[5, 5]], photos=paths)
    heap.positions[8] = 0  # one lies far from the others
    assert list(heap.plot(thumbnails=True).thumbnails_) == [0, 8]


def test_photos_that_are_not_drawn_are_not_decoded(tmp_path):
    paths = write_photos(tmp_path, 4)
    for path in paths[1:]:
        (tmp_path / path).unlink()
    assert list(EmbeddingDisplay(np.zeros((4, 2)), photos=paths).plot(thumbnails=True).thumbnails_) == [0]


@pytest.mark.parametrize("dtype", [bool, np.uint16, np.float32, np.int64])
def test_thumbnails_of_arrays_of_every_type(dtype):
    photos = [np.zeros((5, 8), dtype), np.eye(8).astype(dtype)]
    display = EmbeddingDisplay(np.array([[0, 0], [9, 9.0]]), photos=photos).plot(thumbnails=True)
    black, cross = (display.thumbnails_[i].offsetbox.get_data() for i in range(2))
    assert black.shape == (35, 56, 3) and black.max() == 0 and cross.dtype == np.uint8


@pytest.mark.parametrize("photos", [None, np.zeros((3, 12))], ids=["none", "table"])
def test_thumbnails_without_photos_are_an_error(photos):
    with pytest.raises(ValueError, match="thumbnails need photos"):
        EmbeddingDisplay(np.zeros((3, 2)), photos=photos).plot(thumbnails=True)


def test_from_estimator_computes_the_features_of_photos(tmp_path):
    frame = pd.DataFrame({"photo": write_photos(tmp_path, 9)}, index=range(100, 109))
    y = pd.Series(["a", "b", "c"] * 3, index=frame.index)
    transformer, unfitted = DeCAFTransformer(weights=tiny_network()), DeCAFTransformer(weights=tiny_network())
    pipeline = make_pipeline(transformer, StandardScaler()).fit(frame)
    for given, reference in ((transformer, transformer), (unfitted, transformer), (pipeline, pipeline)):
        display = EmbeddingDisplay.from_estimator(given, frame, y, embedder=PCA_TO_2, thumbnails=True)
        expected = PCA_TO_2.fit_transform(reference.transform(frame))
        np.testing.assert_allclose(display.positions, expected, rtol=1e-4, atol=1e-5)
        assert display.photos is frame and display.thumbnails_
    assert not unfitted.__sklearn_is_fitted__()


def test_a_pipeline_that_ends_in_a_classifier_is_drawn_as_that_sees_photos():
    photos, y = photo_arrays(9), ["a", "b", "c"] * 3
    steps = DeCAFTransformer(weights=tiny_network()), VarianceThreshold(), SelectKBest(k=5)
    model = make_pipeline(*steps, LogisticRegression())
    expected = PCA_TO_2.fit_transform(make_pipeline(*steps).fit_transform(photos, y))
    for given in (model, clone(model).fit(photos, y)):
        display = EmbeddingDisplay.from_estimator(given, photos, y, embedder=PCA_TO_2)
        np.testing.assert_allclose(display.positions, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "estimator", [GaussianNB(), make_pipeline(GaussianNB()), TSNE()], ids=lambda e: type(e).__name__
)
def test_a_map_needs_a_transformer(estimator):
    with pytest.raises(TypeError, match=r"^EmbeddingDisplay\.from_estimator needs a transformer.* got "):
        EmbeddingDisplay.from_estimator(estimator, photo_arrays(6))


@pytest.mark.parametrize("container", [list, np.array, pd.Series, lambda y: pd.DataFrame({"class": y})])
def test_classes_come_in_any_container(container):
    labels = ["ant", "bee", "cat"] * 4
    display = EmbeddingDisplay(np.zeros((12, 2)), y=container(labels), domains=container(labels)).plot(highlight="bee")
    assert display.y.tolist() == display.domains.tolist() == labels
    assert legend_of(display) == ["others", "bee", "ant", "bee", "cat"]
    with pytest.raises(ValueError, match="y should be a 1d array"):
        EmbeddingDisplay(np.zeros((12, 2)), y=np.zeros((12, 2)))


def test_a_map_of_one_class():
    display = EmbeddingDisplay.from_features(blobs()[0], pd.Series(["ant"] * 12), embedder=PCA_TO_2)
    assert legend_of(display) == ["ant"] and len(np.unique(colors_of(display), axis=0)) == 1


@pytest.mark.parametrize("name", ["c", "color", "facecolor", "facecolors", "fc"])
def test_a_colour_of_ones_own_takes_the_place_of_those_of_classes(name):
    display = EmbeddingDisplay(np.eye(2), y=[0, 1]).plot(**{name: "red"})
    np.testing.assert_array_equal(np.unique(colors_of(display), axis=0), [[1, 0, 0, 1]])


@pytest.mark.parametrize("name", ["linewidths", "linewidth", "lw"])
def test_lines_around_points(name):
    points = EmbeddingDisplay(np.eye(2), y=[0, 1]).plot(**{name: 2, "edgecolors": "black"}).points_[0]
    assert set(points.get_linewidths()) == {2} and points.get_edgecolors()[:, :3].max() == 0
    assert len(np.unique(points.get_facecolors(), axis=0)) == 2


def test_a_marker_made_of_lines_is_seen():
    assert EmbeddingDisplay(np.eye(2)).plot(marker="x").points_[0].get_linewidths().min() > 0
    assert EmbeddingDisplay(np.eye(2)).plot().points_[0].get_linewidths().max() == 0


@pytest.mark.parametrize("positions", [np.zeros((3, 3)), np.zeros(3)])
def test_positions_have_two_columns(positions):
    with pytest.raises(ValueError, match="positions must have two columns"):
        EmbeddingDisplay(positions).plot()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"highlight": "dog"}, "highlight='dog' is not a class of y"),
        ({"thumbnails": True}, "thumbnails need photos"),
        ({"domains": range(12)}, "markers for 8 domains; domains has 12"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_the_map_is_computed(options, says):
    X, y = blobs()
    embedder = FunctionTransformer(lambda features: pytest.fail("computed"))
    with pytest.raises(ValueError, match=says):
        EmbeddingDisplay.from_features(X, y, embedder=embedder, **options)


def test_errors_come_before_the_features_are_computed():
    class Unused:
        def fit_transform(self, X, y=None):
            raise AssertionError

        transform = fit_transform

    photos = photo_arrays(6)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        EmbeddingDisplay.from_estimator(Unused(), photos, [0, 1])
    with pytest.raises(ValueError, match="no group for the class 1"):
        EmbeddingDisplay.from_estimator(Unused(), photos, [0, 1] * 3, groups={0: "pet"})
    with pytest.raises(ValueError, match="groups is a dict of classes, so y must be given"):
        EmbeddingDisplay.from_features(np.zeros((6, 3)), groups={0: "pet"})


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ValueError, match="highlight='dog' is not a class of y"):
        EmbeddingDisplay(np.zeros((3, 2)), y=["cat"] * 3).plot(highlight="dog")
    with pytest.raises(ValueError, match="markers for 8 domains; domains has 9"):
        EmbeddingDisplay(np.zeros((9, 2)), domains=range(9)).plot()


# LearningCurveByClassDisplay


def test_the_curve_is_that_of_cross_validation():
    X, y = blobs(60)
    seeds = np.random.RandomState(0)
    display = LearningCurveByClassDisplay.from_estimator(
        GaussianNB(var_smoothing=1), X, y, n_train=[2, 5], n_splits=3, random_state=0
    )
    for n, scores in zip((2, 5), display.scores, strict=True):
        splits = PerClassShuffleSplit(n, n_splits=3, random_state=seeds.randint(2**31 - 1))
        expected = []
        for train, test in splits.split(X, y):
            predicted = GaussianNB(var_smoothing=1).fit(X[train], y[train]).predict(X[test])
            expected.append(balanced_accuracy_score(y[test], predicted))
        np.testing.assert_allclose(scores, expected)
    np.testing.assert_array_equal(display.line_.get_xdata(), [2, 5])
    np.testing.assert_allclose(display.line_.get_ydata(), 100 * display.scores.mean(axis=1))


def test_the_band_is_one_standard_deviation_to_either_side():
    scores = np.array([[0.2, 0.4], [0.5, 0.9]])
    display = LearningCurveByClassDisplay([1, 10], scores).plot()
    corners = display.band_.get_paths()[0].vertices
    at = {x: corners[corners[:, 0] == x, 1] for x in (1, 10)}
    np.testing.assert_allclose([at[1].min(), at[1].max(), at[10].min(), at[10].max()], [20, 40, 50, 90])
    assert display.ax_.get_ylabel() == "mean per-class accuracy (%)"
    assert display.ax_.get_legend() is None


def test_several_curves_on_one_axis():
    one = LearningCurveByClassDisplay([1, 2], [[0.1], [0.2]], name="one").plot()
    two = LearningCurveByClassDisplay([1, 2], [[0.2], [0.3]], name="two").plot(one.ax_, linestyle="--")
    two.plot(one.ax_, name="three")
    assert two.ax_ is one.ax_ and legend_of(one) == ["one", "two", "three"]
    assert len({line.get_color() for line in one.ax_.lines}) == 3
    assert one.ax_.lines[1].get_linestyle() == "--"


def test_keywords_of_the_line_go_by_their_short_names_too():
    line = LearningCurveByClassDisplay([1, 2], [[0.1], [0.2]]).plot(ms=3, c="red", ls=":").line_
    assert (line.get_markersize(), line.get_color(), line.get_linestyle()) == (3, "red", ":")


def test_a_score_of_ones_own_is_named():
    X, y = blobs(30)
    model = LogisticRegression()
    display = LearningCurveByClassDisplay.from_estimator(
        model, X, y, n_train=[3], n_test=2, n_splits=2, scoring="accuracy", random_state=1
    )
    splits = PerClassShuffleSplit(3, 2, 2, random_state=np.random.RandomState(1).randint(2**31 - 1))
    np.testing.assert_array_equal(display.scores[0], cross_val_score(model, X, y, cv=splits))
    assert display.ax_.get_ylabel() == "accuracy (%)" and display.name == "LogisticRegression"


class NeverFitted(GaussianNB):
    def fit(self, X, y):
        raise AssertionError("fitted")


def test_a_class_too_small_for_the_largest_size_is_found_before_anything_is_fitted():
    X, y = blobs(30)
    with pytest.raises(ValueError, match="every class needs 11 samples"):
        LearningCurveByClassDisplay.from_estimator(NeverFitted(), X, y, n_train=[1, 10])


@pytest.mark.parametrize("estimator", [PCA_TO_2, make_pipeline(StandardScaler())], ids=["alone", "pipeline"])
def test_a_curve_needs_a_classifier(estimator):
    X, y = blobs(30)
    with pytest.raises(TypeError, match="needs a classifier; got .* has no predict"):
        LearningCurveByClassDisplay.from_estimator(estimator, X, y, n_train=[1])


def test_a_fit_that_fails_is_raised_rather_than_drawn_as_a_gap():
    X, y = blobs(30)
    with pytest.raises(AssertionError, match="fitted"):
        LearningCurveByClassDisplay.from_estimator(NeverFitted(), X, y, n_train=[1, 2])


def test_a_curve_of_a_frame_and_classes_with_names():
    X, y = blobs(30)
    names = np.array(["ant", "bee", "cat"])[y]
    options = {"n_train": [2, 5], "n_splits": 2, "random_state": 0}
    frame = pd.DataFrame(X, index=range(7, 37), columns=list("abcdef"))
    of_frame = LearningCurveByClassDisplay.from_estimator(GaussianNB(), frame, pd.Series(names), **options)
    np.testing.assert_array_equal(
        of_frame.scores, LearningCurveByClassDisplay.from_estimator(GaussianNB(), X, y, **options).scores
    )


def test_ticks_are_the_numbers_that_were_asked_for():
    curve = LearningCurveByClassDisplay([1, 7, 30], np.ones((3, 2))).plot()
    assert curve.ax_.get_xticks().tolist() == [1, 7, 30]
    curve.figure_.draw_without_rendering()
    assert [label.get_text() for label in curve.ax_.get_xticklabels()] == ["1", "7", "30"]
    LearningCurveByClassDisplay([3, 7], np.ones((2, 2))).plot(curve.ax_)
    assert curve.ax_.get_xticks().tolist() == [1, 3, 7, 30]
    assert LearningCurveByClassDisplay([5], [[1.0]]).plot().ax_.get_xticks().tolist() == [5]


def test_ticks_whose_labels_would_overlap_are_left_out():
    ax = LearningCurveByClassDisplay(range(1, 101), np.ones((100, 2))).plot().ax_
    ticks = ax.get_xticks()
    assert 8 < len(ticks) < 18 and {1, 2, 100} <= set(ticks)
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


# FilterDisplay


def network_with_filters(**changes):
    preprocessing = Preprocessing((18, 20), (17, 19), **changes)
    return Network(TINY.layers, tiny_network().arrays, preprocessing)


@pytest.mark.parametrize("order, flip", [("RGB", False), ("BGR", False), ("RGB", True), ("BGR", True)])
def test_filters_are_red_green_blue_and_upright(order, flip):
    network = network_with_filters(channel_order=order, flip=flip)
    filters = FilterDisplay.from_weights(network).filters
    weight = network.arrays["conv1.weight"]
    red, top = (0 if order == "RGB" else 2), (-1 if flip else 0)
    assert filters.shape == (8, 5, 5, 3)
    for k in (0, 7):
        np.testing.assert_array_equal(filters[k, 0, :, 0], weight[k, red, top])


def test_tiles_of_filters_lie_in_rows_and_zero_is_grey():
    filters = np.zeros((5, 2, 2, 3))
    filters[3, 0, 1] = [2.0, -4.0, 0.0]
    picture = np.asarray(FilterDisplay(filters).plot().image_.get_array())
    assert picture.shape == (5, 8, 3)
    np.testing.assert_allclose(picture[:2, :2], 0.5)
    np.testing.assert_allclose(picture[3, 1], [0.75, 0.0, 0.5])
    np.testing.assert_allclose(picture[2], 1)  # between the rows


def test_filters_of_a_transformer_alone_or_in_a_pipeline():
    transformer = DeCAFTransformer(weights=tiny_network())
    expected = FilterDisplay.from_weights(tiny_network()).filters
    for estimator in (transformer, transformer.fit(photo_arrays(2)), make_pipeline(transformer, GaussianNB())):
        np.testing.assert_array_equal(FilterDisplay.from_estimator(estimator).filters, expected)


def test_a_network_without_convolution_has_no_filters():
    layers = (FullyConnected("fc6", 4),)
    network = Network.random(Architecture(layers, Preprocessing((4, 4), (4, 4))), 0)
    with pytest.raises(ValueError, match="does not begin with a convolution"):
        FilterDisplay.from_weights(network)


# BlobDisplay


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("precision", ["float32", "compact"])
def test_maps_are_the_blob_of_the_photo(fitted, precision):
    network, (photo,) = tiny_network(), photo_arrays(1)
    transformer = DeCAFTransformer(7, weights=network, crops="ten", precision=precision)
    if fitted:
        transformer.fit([photo])
    display = BlobDisplay.from_estimator(transformer, photo, blob="conv2", n_maps=5)
    expected = DeCAFTransformer("conv2", dropout=False, weights=network).fit_transform([photo])
    np.testing.assert_array_equal(display.maps.ravel(), expected[0])
    assert display.maps.shape == network.blob_shapes["conv2"] and transformer.layer == 7
    strength = np.square(display.maps).mean(axis=(1, 2))
    np.testing.assert_array_equal(strength[display.channels_], np.sort(strength)[::-1][:5])


def test_maps_and_photo_are_upright_where_the_network_reverses_the_rows():
    flipping = network_with_filters(flip=True)
    photo = np.asarray(photo_arrays(1)[0])
    display = BlobDisplay.from_estimator(DeCAFTransformer(weights=flipping), photo, blob="conv1")
    read = DeCAFTransformer("conv1", dropout=False, weights=flipping).fit_transform([photo])
    np.testing.assert_array_equal(display.maps[:, ::-1].ravel(), read[0])
    plain = BlobDisplay.from_estimator(DeCAFTransformer(weights=network_with_filters()), photo[::-1], blob="conv1")
    np.testing.assert_array_equal(display.maps, plain.maps[:, ::-1])
    np.testing.assert_array_equal(display.photo, plain.photo[::-1])


def test_maps_of_a_pipeline_are_those_of_its_transformer():
    photos = photo_arrays(6)
    transformer = DeCAFTransformer(weights=tiny_network())
    pipeline = make_pipeline("passthrough", make_pipeline(transformer, StandardScaler()), GaussianNB())
    expected = BlobDisplay.from_estimator(transformer, photos[0], blob="conv2").maps
    for estimator in (pipeline, clone(pipeline).fit(photos, [0, 1] * 3)):
        np.testing.assert_array_equal(BlobDisplay.from_estimator(estimator, photos[0], blob="conv2").maps, expected)


@pytest.mark.parametrize("estimator", [PCA_TO_2, make_pipeline(PCA_TO_2, GaussianNB())], ids=["PCA", "Pipeline"])
def test_maps_and_filters_need_a_decaf_transformer(estimator):
    says = rf"from_estimator needs a DeCAFTransformer or a pipeline with one as a step; got {type(estimator).__name__}"
    with pytest.raises(TypeError, match=f"^BlobDisplay.{says}"):
        BlobDisplay.from_estimator(estimator, photo_arrays(1)[0])
    with pytest.raises(TypeError, match=f"^FilterDisplay.{says}"):
        FilterDisplay.from_estimator(estimator)


def test_a_photo_of_floats_is_read_as_those_that_fit_saw():
    network, photos = tiny_network(), [photo / 100.0 for photo in photo_arrays(3)]
    transformer = DeCAFTransformer("conv1", dropout=False, weights=network).fit(photos)
    display = BlobDisplay.from_estimator(transformer, photos[0] / 2, blob="conv1")
    np.testing.assert_array_equal(display.maps.ravel(), transformer.transform([photos[0] / 2])[0])


@pytest.mark.slow
def test_maps_of_random_weights_are_those_of_the_fitted_network():
    (photo,) = photo_arrays(1)
    transformer = DeCAFTransformer("conv1", dropout=False, weights="random").fit([photo])
    display = BlobDisplay.from_estimator(transformer, photo, blob="conv1")
    np.testing.assert_array_equal(display.maps.ravel(), transformer.transform([photo])[0])


def test_a_new_figure_shows_the_photo_as_the_network_reads_it():
    generator = np.random.default_rng(0)
    photo = generator.integers(0, 256, (90, 60, 3), dtype=np.uint8)
    for resize in ("warp", "crop"):
        display = BlobDisplay.from_estimator(
            DeCAFTransformer(resize=resize, weights=tiny_network()), photo, blob="conv1"
        )
        preprocessing = tiny_network().preprocessing
        expected = cut_crops(
            fit_image(photo, preprocessing.resize, resize, preprocessing.resample), preprocessing.crop, "center"
        )
        (image,) = display.photo_ax_.get_images()
        np.testing.assert_array_equal(image.get_array(), expected[0])
        display.figure_.draw_without_rendering()
        assert display.photo_ax_.get_position().x1 <= display.ax_.get_position().x0
    _, ax = pyplot.subplots()
    assert display.plot(ax).photo_ax_ is None and display.ax_ is ax


def test_the_strongest_maps_come_first():
    maps = np.zeros((6, 2, 3))
    maps[4], maps[1, 0, 0] = 2.0, 3.0
    display = BlobDisplay(maps, blob="conv9").plot(n_maps=2)
    assert display.channels_.tolist() == [4, 1]
    picture = display.image_.get_array().filled(np.nan)
    np.testing.assert_array_equal(picture[:2, :3], maps[4])
    np.testing.assert_array_equal(picture[:2, 4:], maps[1])
    assert [text.get_text() for text in display.ax_.texts] == ["4", "1"]
    assert display.ax_.get_title() == "2 strongest maps of conv9, 2 × 3"


def test_a_norm_has_limits_of_its_own():
    maps = np.arange(1.0, 13).reshape(3, 2, 2)
    for options in ({"norm": LogNorm()}, {"norm": "log", "vmin": 1}):
        image = BlobDisplay(maps).plot(**options).image_
        assert isinstance(image.norm, LogNorm) and (image.norm.vmin, image.norm.vmax) == (1, 12)
    plain = BlobDisplay(maps).plot(norm=None).image_
    assert plain.norm.vmax == np.percentile(maps, 99) and BlobDisplay(maps).plot(vmax=5).image_.norm.vmax == 5


def test_a_photo_that_cannot_be_read_has_no_maps(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"no photo")
    transformer = DeCAFTransformer(weights=tiny_network(), on_error="nan")
    with pytest.raises(ValueError, match="photo.jpg"):
        BlobDisplay.from_estimator(transformer, tmp_path / "photo.jpg", blob="conv2")


def test_a_blob_without_maps_is_refused():
    (photo,) = photo_arrays(1)
    transformer = DeCAFTransformer(weights=tiny_network())
    with pytest.raises(ValueError, match="'fc6' has no maps; blobs with maps are conv1_pre, conv1"):
        BlobDisplay.from_estimator(transformer, photo, blob="fc6")
    with pytest.raises(ValueError, match="there is no layer 'conv9'"):
        BlobDisplay.from_estimator(transformer, photo, blob="conv9")


@pytest.mark.parametrize("n_maps", [0, -1])
def test_at_least_one_map_is_drawn(n_maps):
    with pytest.raises(ValueError, match=f"n_maps == {n_maps}, must be >= 1"):
        BlobDisplay(np.ones((3, 2, 2))).plot(n_maps=n_maps)


# All of them

DISPLAYS = [
    EmbeddingDisplay(np.arange(6.0).reshape(3, 2), y=[0, 1, 1]),
    LearningCurveByClassDisplay([1, 2], [[0.5, 0.6], [0.7, 0.8]]),
    FilterDisplay(np.ones((3, 2, 2, 3))),
    BlobDisplay(np.ones((3, 2, 2))),
    OcclusionDisplay(np.zeros((4, 6, 3), np.uint8), np.ones((2, 3)), size=0.5, label="cat"),
]
each_display = pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: type(display).__name__)


@each_display
def test_plot_draws_where_it_is_told_and_returns_the_display(display):
    figure, ax = pyplot.subplots()
    assert display.plot(ax) is display
    assert display.figure_ is figure and display.ax_ is ax
    assert display.plot().figure_ is not figure  # and a second time, elsewhere
    display.figure_.draw_without_rendering()


@each_display
def test_without_matplotlib_the_extra_is_named(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=rf'^{type(display).__name__} needs .* pip install "skdecaf\[plot\]"$'):
        display.plot()


def test_without_matplotlib_nothing_is_computed(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    X, y = blobs()
    embedder = FunctionTransformer(lambda features: pytest.fail("computed"))
    with pytest.raises(ImportError, match="^EmbeddingDisplay needs"):
        EmbeddingDisplay.from_features(X, y, embedder=embedder)
    with pytest.raises(ImportError, match="^LearningCurveByClassDisplay needs"):
        LearningCurveByClassDisplay.from_estimator(NeverFitted(), X, y, n_train=[1])


@each_display
def test_plot_leaves_the_settings_of_matplotlib_alone(display):
    import matplotlib

    before = dict(matplotlib.rcParams)
    display.plot()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
@pytest.mark.parametrize("random_state", [3, np.random.RandomState(3)])
def test_random_filters_before_fit_are_those_of_fit(random_state):
    transformer = DeCAFTransformer(weights="random", dropout=False, random_state=random_state)
    before = FilterDisplay.from_estimator(transformer).filters
    assert np.array_equal(FilterDisplay.from_estimator(transformer).filters, before)
    transformer.fit([np.zeros((4, 4, 3), np.uint8)])
    assert np.array_equal(FilterDisplay.from_estimator(transformer).filters, before)
