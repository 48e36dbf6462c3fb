"""Callbacks of scikit-learn 1.9: DeCAFTransformer tells them of its batches, alone and in a pipeline."""

# SPDX-License-Identifier: BSD-3-Clause
import pickle
import warnings

import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from small_photos import write_photos
from tiny_networks import tiny_network

from skdecaf import DeCAFTransformer

pytest.importorskip("sklearn.callback")
NETWORK = tiny_network()


class Recorder:
    """A callback that records what it is told."""

    max_propagation_depth = None

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        n_images = None if X is None else len(X)
        self.events.append(("begin", type(estimator).__name__, context.task_name, context.max_subtasks, n_images))

    def on_fit_task_end(self, estimator, context):
        self.events.append(("end", type(estimator).__name__, context.task_name))

    def of_transformer(self):
        return [event for event in self.events if "DeCAFTransformer" in event]


def events_of(n_batches, n_images):
    batch = [("begin", "DeCAFTransformer", "batch", 0, None), ("end", "DeCAFTransformer", "batch")]
    begin = ("begin", "DeCAFTransformer", "fit", n_batches, n_images)
    return [begin, *batch * n_batches, ("end", "DeCAFTransformer", "fit")]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("photos"))


def transformer(**parameters):
    return DeCAFTransformer(weights=NETWORK, **{"batch_size": 4, "n_jobs": 2} | parameters)


@pytest.mark.parametrize(
    ("dropout", "method", "n_batches"),
    [(True, "fit", 3), (True, "fit_transform", 3), (False, "fit", 0), ("mask", "fit_transform", 3)],
)
def test_a_fit_and_its_batches_are_told(dropout, method, n_batches, paths):
    recorder = Recorder()
    getattr(transformer(dropout=dropout).set_callbacks(recorder), method)(paths)
    assert recorder.events == ["setup", *events_of(n_batches, len(paths)), "teardown"]


def test_a_pipeline_passes_its_callbacks_on(paths):
    recorder = Recorder()
    pipeline = make_pipeline(transformer(), LogisticRegression()).set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a step without support for callbacks gives a warning
        pipeline.fit(paths, [i % 2 for i in range(len(paths))])
    assert recorder.of_transformer() == events_of(3, len(paths))
    assert not {"_skl_callbacks", "_callback_fit_ctx", "_parent_callback_ctx"} & vars(pipeline[0]).keys()


def test_a_failed_fit_is_torn_down(paths):
    recorder = Recorder()
    estimator = transformer().set_callbacks(recorder)
    with pytest.raises(ValueError, match="cannot be read"):
        estimator.fit([*paths, b"GIF89a"])
    assert recorder.events == [] or recorder.events[-1] == "teardown"
    assert ("end", "DeCAFTransformer", "fit") not in recorder.events


def test_clones_keep_callbacks_and_pickles_of_others_are_as_before(paths):
    recorder = Recorder()
    clone(transformer().set_callbacks(recorder)).fit(paths)
    assert recorder.events[-1] == "teardown"
    assert "callback" not in str(vars(transformer().fit(paths)))
    assert pickle.loads(pickle.dumps(DeCAFTransformer().set_callbacks(Recorder())))


def test_the_progress_bar_of_scikit_learn_moves_with_the_batches(paths, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    pipeline = make_pipeline(transformer(), LogisticRegression()).set_callbacks(ProgressBar())
    pipeline.fit(paths, [i % 2 for i in range(len(paths))])
    printed = capsys.readouterr().out
    assert "DeCAFTransformer - fit" in printed and "100%" in printed
