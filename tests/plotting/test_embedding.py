"""Maps of features."""

# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pandas as pd
import pytest
from displays import blobs, legend_of
from PIL import Image
from sklearn import config_context
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from small_photos import photo_arrays, write_photos
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer
from skdecaf.plotting import (
    EmbeddingDisplay,
)

to_rgba = pytest.importorskip("matplotlib.colors").to_rgba
MarkerStyle = pytest.importorskip("matplotlib.markers").MarkerStyle
PCA_TO_2 = PCA(2, svd_solver="full")


def points_of(display):
    """What was scattered, in any order."""
    offsets = np.concatenate([np.asarray(points.get_offsets()) for points in display.points_])
    return offsets[np.lexsort(offsets.T)]


def in_order(positions):
    return positions[np.lexsort(np.asarray(positions).T)]


def colors_of(display):
    return np.concatenate([points.get_facecolors() for points in display.points_])


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
